"""Shapes: growing, shrinking and softening small maps; radii in pixels of the map."""

from functools import cache

import cv2
import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats


def dilated(values: Floats, radius: float) -> Floats:
    """The largest value within `radius`; below half a pixel, the same."""
    return _morphed(cv2.MORPH_DILATE, values, radius)


def eroded(values: Floats, radius: float) -> Floats:
    """The smallest value within `radius`; nothing is eaten away from the frame's rim."""
    return _morphed(cv2.MORPH_ERODE, values, radius)


def blurred(values: Floats, radius: float) -> Floats:
    """Means over a square of that radius; below half a pixel, the same."""
    side = 2 * round(radius) + 1
    if side == 1:
        return values
    return np.asarray(cv2.blur(values, (side, side), borderType=cv2.BORDER_REPLICATE), np.float32)


def resized(values: Floats, size: tuple[int, int]) -> Floats:
    """At another size, width and height."""
    if values.shape == size[::-1]:
        return values
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)


def ramp(values: Floats, low: float, high: float) -> Floats:
    """0 up to `low`, 1 from `high` on, straight between."""
    return np.asarray(np.clip((values - low) / max(high - low, 1e-6), 0, 1), np.float32)


def _morphed(kind: int, values: Floats, radius: float) -> Floats:
    if round(radius) == 0:
        return values
    return np.asarray(cv2.morphologyEx(values, kind, _disc(round(radius))), np.float32)


@cache
def _disc(radius: int) -> Bytes:
    side = 2 * radius + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)), np.uint8)
