"""Targets: the parts of a picture in which glare is taken away: all of it, faces, spectacles, skin."""

from collections.abc import Iterable, Sequence
from typing import Literal

import cv2
import numpy as np

from omote.engines.faces.topology import (
    LEFT_BROW,
    LEFT_CORNERS,
    LEFT_EYE,
    LIPS_OUTER,
    OVAL,
    RIGHT_BROW,
    RIGHT_CORNERS,
    RIGHT_EYE,
)
from omote.engines.kernels import Floats
from omote.streams.frame import Face, Picture

LENS = (1.05, 0.85)
"Half width and half height of a lens, in widths of the eye behind it."

SOFT = 2.0
"How softly a region ends, pixels of the layer."

FEATURES = (LEFT_EYE, RIGHT_EYE, LEFT_BROW, RIGHT_BROW, LIPS_OUTER)
"What of a face is no skin."

Target = Literal["frame", "face", "spectacles"]
Shape = tuple[int, int]
"Height and width of a layer."


def region(faces: Sequence[Face], target: Target, picture: Picture, shape: Shape) -> Floats:
    """(h, w, 1) of a shape, 0..1: where glare is taken away."""
    if target == "frame":
        return np.ones((*shape, 1), np.float32)
    outlines = [outline for face in faces for outline in _outlines(face, target)]
    return _softened(_filled(outlines, picture, shape))


def skin(faces: Sequence[Face], picture: Picture, shape: Shape) -> Floats:
    """(h, w, 1) of a shape, 0..1: the skin of faces, without eyes, brows and lips."""
    made = _filled([_points(face, OVAL) for face in faces], picture, shape)
    features = [_hull(_points(face, part)) for face in faces for part in FEATURES]
    return _softened(cv2.subtract(made, _filled(features, picture, shape)))


def _filled(outlines: Iterable[Floats], picture: Picture, shape: Shape) -> cv2.typing.MatLike:
    mask = np.zeros(shape, np.uint8)
    scale = np.array([shape[1] / picture.width, shape[0] / picture.height])
    for outline in outlines:
        cv2.fillPoly(mask, [np.round(outline * scale).astype(np.int32)], (255,))
    return mask


def _softened(mask: cv2.typing.MatLike) -> Floats:
    soft = cv2.GaussianBlur(mask, (0, 0), SOFT).astype(np.float32) / 255
    return np.asarray(soft[..., None], np.float32)


def _outlines(face: Face, target: Target) -> list[Floats]:
    """(n, 2) each, in the picture's pixels."""
    if target == "face":
        return [_hull(face.landmarks[:, :2])]
    return [_lens(*_points(face, corners)) for corners in (RIGHT_CORNERS, LEFT_CORNERS)]


def _points(face: Face, indices: Sequence[int]) -> Floats:
    return np.asarray(face.landmarks[list(indices), :2], np.float32)


def _hull(points: Floats) -> Floats:
    return np.asarray(cv2.convexHull(points.astype(np.float32))[:, 0], np.float32)


def _lens(one: Floats, other: Floats) -> Floats:
    """(24, 2): an ellipse before an eye, as wide as spectacles are."""
    along = other - one
    across = np.array([-along[1], along[0]])
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    ring = LENS[0] * np.cos(turns) * along + LENS[1] * np.sin(turns) * across
    return np.asarray((one + other) / 2 + ring, np.float32)
