"""Scores: how near what is shown comes to what it should be, and whose face it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from omote.engines.faces.topology import (
    LEFT_CORNERS,
    LEFT_EYE,
    LIPS_OUTER,
    RIGHT_CORNERS,
    RIGHT_EYE,
)
from omote.engines.kernels import Bytes, Floats
from omote.engines.training.scores import psnr, ssim
from omote.server.bench.puppet.cases import FACE, SIDE, face_box

Box = tuple[int, int, int, int]
"Left, top, right, bottom, pixels."
MOUTH = (112, 80)
EYES = (176, 64)
"Width and height of boxes in which a face is as high as `FACE`."
MOVES = ("jaw", "smile", "blink")
LEAST_MOVE = 0.015
"Of the eyes' distance: how much a face must change (standard deviation) to be compared at all."


@dataclass(frozen=True, slots=True)
class Nearness:
    """Of one picture to the truth."""

    psnr: float
    "Of the whole square, dB."
    psnr_face: float
    ssim_face: float
    psnr_mouth: float
    psnr_eyes: float


def nearness(shown: Bytes, truth: Bytes, landmarks: Floats) -> Nearness:
    """Of squares (`SIDE`, `SIDE`, 3); `landmarks` are the truth's."""
    boxes = boxes_of(landmarks)
    face, mouth, eyes = ((cut(shown, box), cut(truth, box)) for box in boxes.values())
    return Nearness(psnr(shown, truth), psnr(*face), ssim(*face), psnr(*mouth), psnr(*eyes))


def boxes_of(landmarks: Floats) -> Mapping[str, Box]:
    """Face, mouth and eyes."""
    left, top = face_box(landmarks)
    return {
        "face": (left, top, left + FACE, top + FACE),
        "mouth": _around(landmarks[list(LIPS_OUTER), :2], MOUTH),
        "eyes": _around(landmarks[list(RIGHT_EYE + LEFT_EYE), :2], EYES),
    }


def _around(points: Floats, size: tuple[int, int]) -> Box:
    middle = (points.min(0) + points.max(0)) / 2
    room = np.array([SIDE, SIDE]) - size
    left, top = np.clip(np.round(middle - np.array(size) / 2), 0, room).astype(int)
    return int(left), int(top), int(left) + size[0], int(top) + size[1]


def cut(rgb: Bytes, box: Box) -> Bytes:
    """A part of a picture, as a picture of its own."""
    left, top, right, bottom = box
    return np.ascontiguousarray(rgb[top:bottom, left:right])


def eyes_apart(points: Floats) -> float:
    """Distance of the eyes' middles in landmarks (n, 2 or 3)."""
    right, left = (points[list(corners)].mean(0) for corners in (RIGHT_CORNERS, LEFT_CORNERS))
    return float(np.linalg.norm(left - right))


def landmark_distance(shown: Floats, truth: Floats) -> float:
    """Mean distance of landmarks (468, 3) in the picture, % of the eyes' distance."""
    apart = np.linalg.norm(shown[:, :2] - truth[:, :2], axis=1).mean()
    return 100 * float(apart) / eyes_apart(truth[:, :2])


def moves(points: Floats) -> dict[str, float]:
    """How far a face (468, 3) opens its jaw, draws its mouth wide and its lids apart."""
    unit = eyes_apart(points)

    def apart(one: int, other: int) -> float:
        return float(np.linalg.norm(points[one] - points[other])) / unit

    return {
        "jaw": apart(13, 14),
        "smile": apart(61, 291),
        "blink": (apart(159, 145) + apart(386, 374)) / 2,
    }


def agreement(shown: Sequence[Floats], driver: Sequence[Floats]) -> dict[str, float | None]:
    """Correlation of each of the `moves` over all frames; None where the driver hardly makes it."""
    found: dict[str, float | None] = {}
    made, wanted = ([moves(points) for points in each] for each in (shown, driver))
    for name in MOVES:
        one, other = (np.array([each[name] for each in side]) for side in (made, wanted))
        found[name] = None if other.std() < LEAST_MOVE else _correlation(one, other)
    return found


def _correlation(one: Floats, other: Floats) -> float:
    return round(float(np.corrcoef(one, other)[0, 1]), 3) if one.std() > 1e-6 else 0.0
