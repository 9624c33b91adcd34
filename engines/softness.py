"""Softness: the old background out of focus, seen past the person and not smeared by him."""

import cv2
import numpy as np

from omote.engines.composition import Soft
from omote.engines.edges import Alpha
from omote.engines.i420 import I420, Planes, halved
from omote.engines.kernels import Bytes, Floats

WEIGHTS = np.clip(255 * (1 - 2 * np.arange(256) / 255), 0, 255).astype(np.uint8)
"How much a pixel counts by its alpha: half transparent ones, whose colours are mixed, do not."

LEAST = np.array([16e-6, 128e-6, 128e-6, 255e-6], np.float32)
"Black, where there is no background at all."


def gaussian(picture: I420, matte: Alpha, sigma: float, least: int = 2) -> Soft:
    """`sigma` in pixels; what is computed is at least 2 ** `least` times smaller."""
    number = _level(picture, sigma, least)
    parts = _weighted(picture, matte, number)
    cells = sigma / 2**number
    window = cv2.getGaussianKernel(2 * int(3 * cells) + 1, cells, cv2.CV_32F)
    sums = cv2.sepFilter2D(parts, cv2.CV_32F, window, window, borderType=cv2.BORDER_REFLECT)
    return Soft(picture.width, picture.height, _means(np.asarray(sums, np.float32)))


def _level(picture: I420, sigma: float, least: int) -> int:
    """The coarsest level at which `sigma` is still two pixels."""
    return max(least, int(np.log2(max(sigma, 1) / 2)))


def _weighted(picture: I420, matte: Alpha, number: int) -> Bytes:
    """(h, w, 4): Y, U, V and 1, each times how much the pixel counts."""
    alpha = matte.half
    for _ in range(number - 1):
        alpha = halved(alpha)
    weight = cv2.LUT(alpha, WEIGHTS)
    parts = [cv2.multiply(plane, weight, scale=1 / 255) for plane in picture.level(number)]
    return np.asarray(cv2.merge([*parts, weight]), np.uint8)


def _means(sums: Floats) -> Planes:
    """What was summed with weights, by the weights; deep inside the person, what is around."""
    height, width = sums.shape[:2]
    few = cv2.resize(sums, (5, 3), interpolation=cv2.INTER_AREA)
    few = few * np.float32(1e-3) + few.mean((0, 1)) * np.float32(1e-5) + LEAST
    sums = sums + cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR)
    means: Bytes = (sums[..., :3] * (255 / sums[..., 3:])).astype(np.uint8)
    y, u, v = np.moveaxis(means, 2, 0).copy()
    return y, u, v
