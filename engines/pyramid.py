"""Pyramid: a layer taken off a picture by the book, level by level, for stills and to compare with.

The picture is made smaller and smaller, and what each step loses is kept. The layer is taken from
the smallest; then the details come back, less where they are the layer's own.
"""

from itertools import pairwise

import cv2
import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats
from omote.engines.subtraction import slopes

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def without(picture: Bytes, layer: Floats) -> Bytes:
    """(H, W, 3) RGB less a `layer` (h, w, 3) of levels; `omote.engines.subtraction` is the fast way."""
    levels = [picture.astype(np.float32)]
    for size in _sizes((picture.shape[1], picture.shape[0]), (layer.shape[1], layer.shape[0])):
        levels.append(_resized(levels[-1], size))
    details = [fine - _resized(few, _size(fine)) for fine, few in pairwise(levels)]
    slope = slopes(levels[-1] @ LUMA, layer @ LUMA)
    made = levels[-1] - layer
    for detail in reversed(details):
        made = _resized(made, _size(detail)) + detail * _resized(slope, _size(detail))[..., None]
    return np.asarray(np.clip(made + 0.5, 0, 255), np.uint8)


def _sizes(large: tuple[int, int], small: tuple[int, int]) -> list[tuple[int, int]]:
    """From the first step's to the smallest: each at least half of the one before."""
    sizes = []
    while large[0] > 2 * small[0]:
        large = large[0] // 2, large[1] // 2
        sizes.append(large)
    return [*sizes, small]


def _size(picture: Floats) -> tuple[int, int]:
    return picture.shape[1], picture.shape[0]


def _resized(picture: Floats, size: tuple[int, int]) -> Floats:
    fewer = size[0] < picture.shape[1]
    way = cv2.INTER_AREA if fewer else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=way), np.float32)
