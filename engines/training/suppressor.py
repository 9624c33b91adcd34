"""Suppressor: reflections taken away without learning, to compare with.

After Yang, Ma, Zheng, Cai and Xu, "Fast single image reflection suppression via convex optimization"
(2019): weak slopes are dropped, and the picture with the slopes that are left is found in one step
among the cosine waves.
"""

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats

WEAK = 0.02
"Slopes below this, of values 0..1 a pixel, are taken for a reflection's."

LOYAL = 1e-3
"How much the result must resemble the picture beside."


def suppressed(picture: Bytes) -> Bytes:
    """(h, w, 3) without its weak slopes; h and w are even."""
    values = picture.astype(np.float32) / np.float32(255)
    planes = [_poisson(np.ascontiguousarray(values[..., channel])) for channel in range(3)]
    made = np.stack(planes, axis=2)
    return np.asarray(np.clip(made * 255 + 0.5, 0, 255), np.uint8)


def _poisson(plane: Floats) -> Floats:
    height, width = plane.shape
    strong = _bends(_bends(plane, WEAK), 0.0)
    waves = _waves(height, width)
    wanted = cv2.dct(strong) + LOYAL * cv2.dct(plane)
    return np.asarray(cv2.idct(wanted / (waves**2 + LOYAL)), np.float32)


def _bends(plane: Floats, weak: float) -> Floats:
    """The divergence of the slopes that are not weaker than `weak`; nothing flows over the border."""
    made = np.zeros_like(plane)
    for axis in (0, 1):
        slope = np.diff(plane, axis=axis)
        slope = np.where(np.abs(slope) < weak, 0, slope)
        before, after = [(0, 0), (0, 0)], [(0, 0), (0, 0)]
        before[axis], after[axis] = (1, 0), (0, 1)
        made += np.pad(slope, after) - np.pad(slope, before)
    return made


@cache
def _waves(height: int, width: int) -> NDArray[np.float32]:
    """What `_bends` makes of each cosine wave."""
    down, across = (2 * np.cos(np.pi * np.arange(n) / n) - 2 for n in (height, width))
    return np.asarray(down[:, None] + across, np.float32)
