"""Softness: the old background out of focus, seen past the person and not smeared by him."""

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.composition import Soft
from omote.engines.edges import Alpha
from omote.engines.i420 import I420, Bytes, Planes, halved
from omote.engines.kernels import Floats, kernel

WEIGHTS = np.clip(255 * (1 - 5 * np.arange(256) / 255), 0, 255).astype(np.uint8)
"How much a pixel counts by its alpha: from a fifth on its colours are too mixed."

GLOW = (12 + 243 * (np.arange(256) / 255) ** 4).astype(np.uint8)
"How much a pixel counts by its luma in a lens: light adds up where luma does not."

Integers = NDArray[np.int32]

LEAST = np.array([16e-6, 128e-6, 128e-6, 255e-6], np.float32)
"Black, where there is no background at all."


def gaussian(picture: I420, matte: Alpha, sigma: float, coarser: int = 0) -> Soft:
    """`sigma` in pixels, on a picture at least four times smaller."""
    number = _level(sigma / 2) + coarser
    parts = _weighted(picture, matte, number)
    cells = sigma / 2**number
    window = cv2.getGaussianKernel(2 * int(3 * cells) + 1, cells, cv2.CV_32F)
    sums = cv2.sepFilter2D(parts, cv2.CV_32F, window, window, borderType=cv2.BORDER_REFLECT)
    return Soft(picture.width, picture.height, _means(np.asarray(sums, np.float32)))


def disc(picture: I420, matte: Alpha, radius: float, coarser: int = 0) -> Soft:
    """As a lens of that radius, in pixels, draws it: every bright point becomes a disc."""
    number = _level(radius / 4) + coarser
    cells = radius / 2**number
    reach = int(cells) + 1
    parts = _weighted(picture, matte, number)
    glow = GLOW[picture.level(number)[0]]
    height, width = glow.shape
    totals = np.empty((height + 2 * reach, (width + 2 * reach + 1) * 4), np.int32)
    add_up(parts, glow, reach, totals)
    halves = np.sqrt(np.maximum(cells * cells - np.arange(-reach, reach + 1) ** 2, 0))
    sums = np.zeros((height, width, 4), np.float32)
    roll(totals, halves.astype(np.float32), sums)
    return Soft(picture.width, picture.height, _means(sums))


def _level(finest: float) -> int:
    """The level at which `finest` pixels are one; never finer than the second."""
    return max(2, int(np.log2(max(finest, 1))))


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
    around = cv2.resize(few, (width, height), interpolation=cv2.INTER_LINEAR)
    y, u, v = np.empty((3, height, width), np.uint8)
    divide(sums, np.asarray(around, np.float32), y, u, v)
    return y, u, v


@kernel
def divide(sums: Floats, around: Floats, y: Bytes, u: Bytes, v: Bytes) -> None:
    """Both (h, w, 4) added up; the first three by the last."""
    half, most = np.float32(0.5), np.float32(255)
    for j in range(y.shape[0]):
        parts, more = sums[j], around[j]
        for i in range(y.shape[1]):
            share = most / (parts[i, 3] + more[i, 3])
            y[j, i] = np.uint8(min((parts[i, 0] + more[i, 0]) * share + half, most))
            u[j, i] = np.uint8(min((parts[i, 1] + more[i, 1]) * share + half, most))
            v[j, i] = np.uint8(min((parts[i, 2] + more[i, 2]) * share + half, most))


@kernel
def add_up(parts: Bytes, glow: Bytes, reach: int, totals: Integers) -> None:
    """Running totals of each row of `parts` (h, w, 4) times `glow`, mirrored at the frame's rim."""
    height, width = glow.shape
    for j in range(-reach, height + reach):
        row = min(abs(j) if j < height else abs(2 * height - 2 - j), height - 1)
        total = totals[j + reach]
        total[:4] = 0
        for i in range(-reach, width + reach):
            column = min(abs(i) if i < width else abs(2 * width - 2 - i), width - 1)
            weight = np.int32(glow[row, column])
            at = 4 * (i + reach)
            for k in range(4):
                total[at + 4 + k] = total[at + k] + weight * np.int32(parts[row, column, k])


@kernel
def roll(totals: Integers, halves: Floats, sums: Floats) -> None:
    """Sums over a disc, whose rows are `halves` wide to either side, from what `add_up` gave."""
    height, width = sums.shape[:2]
    reach = halves.size // 2
    for j in range(height):
        target = sums[j].reshape(width * 4)
        for k in range(halves.size):
            if halves[k] == 0:
                continue
            half = int(halves[k])
            part = halves[k] - np.float32(half)
            first, last = (reach - half) * 4, (reach + half + 1) * 4
            row = totals[j + k]
            starts, ends = row[first : first + width * 4], row[last : last + width * 4]
            before, after = row[first - 4 : first - 4 + width * 4], row[last + 4 :]
            for i in range(target.size):
                within = np.float32(ends[i] - starts[i])
                wider = np.float32(after[i] - before[i])
                target[i] += within + part * (wider - within)


KERNELS = (divide, add_up, roll)
