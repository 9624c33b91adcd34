"""Contours: a face as a drawing, which tells a net where everything goes."""

import cv2
import numpy as np

from omote.engines.faces.topology import (
    LEFT_BROW,
    LEFT_EYE,
    LEFT_IRIS,
    LEFT_RIM,
    LIPS_INNER,
    LIPS_OUTER,
    NOSE,
    OVAL,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGHT_IRIS,
    RIGHT_RIM,
)
from omote.engines.kernels import Bytes, Floats

FRACTION = 4
"Bits of a corner's position that are fractions of a pixel."
NOSTRILS = (98, 97, 2, 326, 327)
"Below the nose, from its right wing to its left one."
HALF = 128


def drawn(landmarks: Floats, side: int, size: int) -> Bytes:
    """The face mask (size, size, 3) of landmarks (478, 3) in pixels of a square `side` wide.

    First channel: contour, brows and nose as lines; second: eyes, their irises brighter; third: lips,
    what is between them brighter.
    """
    at = np.round((landmarks[:, :2] * (size / side) - 0.5) * (1 << FRACTION)).astype(np.int32)
    lines, eyes, lips = (np.zeros((size, size), np.uint8) for _ in range(3))
    for contour, closed in (
        (OVAL, True),
        (RIGHT_BROW, True),
        (LEFT_BROW, True),
        (NOSE, False),
        (NOSTRILS, False),
    ):
        cv2.polylines(lines, [at[list(contour)]], closed, (255,), 1, cv2.LINE_AA, FRACTION)
    _add_eye(eyes, at, RIGHT_EYE, RIGHT_IRIS, RIGHT_RIM)
    _add_eye(eyes, at, LEFT_EYE, LEFT_IRIS, LEFT_RIM)
    _fill(lips, at[list(LIPS_OUTER)], HALF)
    _fill(lips, at[list(LIPS_INNER)], 255)
    return cv2.merge([lines, eyes, lips]).astype(np.uint8)


def _add_eye(
    into: Bytes, at: np.ndarray, contour: tuple[int, ...], iris: int, rim: tuple[int, ...]
) -> None:
    """What is seen of the iris: lids cover it."""
    opening, disc = np.zeros_like(into), np.zeros_like(into)
    _fill(opening, at[list(contour)], HALF)
    radius = int(np.linalg.norm(at[list(rim)] - at[iris], axis=1).mean())
    middle = (int(at[iris, 0]), int(at[iris, 1]))
    cv2.circle(disc, middle, radius, (255,), -1, cv2.LINE_AA, FRACTION)
    within = cv2.multiply(opening, disc, scale=1 / 256)
    cv2.add(into, cv2.add(opening, within), into)


def _fill(into: Bytes, corners: np.ndarray, value: int) -> None:
    cv2.fillPoly(into, [corners], (value,), cv2.LINE_AA, FRACTION)
