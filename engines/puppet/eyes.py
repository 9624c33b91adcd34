"""Eyes: eyeballs under lids. Lids close over what is there; irises move where the driver looks."""

import cv2
import numpy as np

from omote.engines.faces.topology import (
    LEFT_CORNERS,
    LEFT_EYE,
    LEFT_IRIS,
    LEFT_RIM,
    RIGHT_CORNERS,
    RIGHT_EYE,
    RIGHT_IRIS,
    RIGHT_RIM,
)
from omote.engines.kernels import Bytes, Floats
from omote.engines.puppet.stencil import ramp, stencil

EYES = (
    (RIGHT_EYE, RIGHT_CORNERS, RIGHT_IRIS, RIGHT_RIM),
    (LEFT_EYE, LEFT_CORNERS, LEFT_IRIS, LEFT_RIM),
)
CLOSING = (0.2, 0.5)
"How far open an eye is, of the photograph's, where its ball is gone and where it is all there."
Frame = tuple[Floats, Floats]
LASHES = 0.12
"Height of the lashes over an eye's width."
REACH = 2.6
"Radii of an iris over which its motion fades out."


def drawn(rgb: Bytes, made: Bytes, corner: tuple[int, int], here: Floats, there: Floats) -> None:
    """Put both eyes of a photograph `rgb` into a part of the result that begins at `corner`."""
    for contour, corners, iris, rim in EYES:
        hole = stencil(there[list(contour), :2] - corner, made.shape, 0.6)
        if hole is None:
            continue
        frames = _frame(here, corners), _frame(there, corners)
        opened = _height(there, contour, frames[1]) / max(_height(here, contour, frames[0]), 1e-3)
        maps = _maps(hole.places() + corner, here, there, frames, opened, iris, rim)
        ball = cv2.remap(rgb, maps[0], maps[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        seen = ramp(opened, *CLOSING)
        if seen < 1:
            _close(made, there[list(contour), :2] - corner, 1 - seen)
        hole.faded(seen).put(np.asarray(ball, np.uint8), made)


def _close(made: Bytes, contour: Floats, share: float) -> None:
    """Lay the skin of the upper lid, from above its lashes, over what is left between the lids."""
    size = contour.max(0) - contour.min(0)
    hole = stencil(contour, made.shape, max(0.8, 0.03 * float(size[0])))
    if hole is None:
        return
    rows, columns = hole.alpha.shape
    up = min(hole.top, round(float(size[1]) + LASHES * float(size[0])))
    lid = made[hole.top - up : hole.top - up + rows, hole.left : hole.left + columns].copy()
    hole.faded(share).put(lid, made)


def _maps(
    places: Floats,
    here: Floats,
    there: Floats,
    frames: tuple[Frame, Frame],
    opened: float,
    iris: int,
    rim: tuple[int, ...],
) -> tuple[Floats, Floats]:
    """For each place (h, w, 2) between the lids, where in the photograph its piece of eyeball is."""
    frame_here, frame_there = frames
    stretch = max(1.0, opened)
    # In the eye's own frame: from one corner (0, 0) to the other (1, 0).
    places = (places - frame_there[1]) @ np.linalg.inv(frame_there[0]).T
    places[..., 1] /= stretch
    was = np.linalg.inv(frame_here[0]) @ (here[iris, :2] - frame_here[1])
    now = np.linalg.inv(frame_there[0]) @ (there[iris, :2] - frame_there[1])
    now[1] /= stretch
    radius = float(np.linalg.norm(here[list(rim), :2] - here[iris, :2], axis=1).mean())
    radius /= float(np.linalg.norm(frame_here[0][:, 0]))
    gaze = (now - was) * (1, min(1.0, opened))
    away = np.linalg.norm(places - (was + gaze), axis=-1, keepdims=True) / (REACH * radius)
    moved = places - gaze * np.clip(1 - away**2, 0, 1) ** 0.5
    source = moved @ frame_here[0].T + frame_here[1] - 0.5
    return np.asarray(source[..., 0], np.float32), np.asarray(source[..., 1], np.float32)


def _frame(points: Floats, corners: tuple[int, int]) -> Frame:
    """Axes (2, 2) along and across an eye, as columns, and where it begins."""
    start, along = points[corners[0], :2], points[corners[1], :2] - points[corners[0], :2]
    return np.array([[along[0], -along[1]], [along[1], along[0]]]), start


def _height(points: Floats, contour: tuple[int, ...], frame: Frame) -> float:
    across = (points[list(contour), :2] - frame[1]) @ np.linalg.inv(frame[0]).T
    return float(across[:, 1].max() - across[:, 1].min())
