"""Metrics: an alpha held against the true one, by the definitions of the matting papers.

Units as in the evaluation of "Robust High-Resolution Video Matting" (Lin et al., 2022): MAD and MSE
times 1000, gradient and connectivity sums divided by 1000, dtSSD times 100. All alphas are float32
(H, W), 0..1. The sums grow with the picture: compare them at one size alone.
"""

import math
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

SIGMA = 1.4
"Of the Gaussian whose derivative measures gradients, pixels."
LEVELS = 10
"Thresholds of the connectivity error."
APART = 0.15
"Distance from the connected part, in alpha, that counts as unconnected."
LAGS = (-3, -2, -1, 0, 1, 2, 3)


def mad(alpha: Floats, truth: Floats, where: Mask | None = None) -> float:
    """Mean absolute difference, times 1000; 0 where nothing is asked for."""
    return 1e3 * _mean(np.abs(alpha - truth), where)


def mse(alpha: Floats, truth: Floats, where: Mask | None = None) -> float:
    """Mean squared difference, times 1000."""
    return 1e3 * _mean(np.square(alpha - truth), where)


def gradient(alpha: Floats, truth: Floats) -> float:
    """Summed squared difference of Gaussian gradient magnitudes, over 1000."""
    return float(np.square(_steepness(alpha) - _steepness(truth)).sum()) / 1e3


def connectivity(alpha: Floats, truth: Floats) -> float:
    """Summed difference of how far each pixel is from the part that both share, over 1000."""
    common = cv2.min(alpha, truth)
    shared = np.ones_like(truth)
    undecided = np.ones(truth.shape, bool)
    for level in range(1, LEVELS + 1):
        outside = undecided & ~_largest(common >= level / LEVELS)
        shared[outside] = (level - 1) / LEVELS
        undecided &= ~outside
    return float(np.abs(_apart(alpha, shared) - _apart(truth, shared)).sum()) / 1e3


def dtssd(alpha: Floats, before: Floats, truth: Floats, truth_before: Floats) -> float:
    """Root mean squared difference of what changed since the frame before, times 100."""
    change = (alpha - before) - (truth - truth_before)
    return 100 * math.sqrt(float(np.square(change).mean()))


def iou(alpha: Floats, truth: Floats) -> float:
    """Intersection over union at 0.5; 1 when both are empty."""
    ours, theirs = alpha >= 0.5, truth >= 0.5
    union = int((ours | theirs).sum())
    return int((ours & theirs).sum()) / union if union else 1.0


def flicker(alpha: Floats, before: Floats, still: Mask) -> float:
    """Mean change since the frame before where nothing moved, times 1000."""
    return 1e3 * _mean(np.abs(alpha - before), still)


def lag(alphas: Sequence[Floats], truths: Sequence[Floats]) -> int:
    """By how many frames the alphas are late: the offset whose truths they resemble most."""
    return min(LAGS, key=lambda late: (_error_if(late, alphas, truths), abs(late)))


def outline(alpha: Floats, region: Floats) -> Mask:
    """Where the edge of a `region` lies, such as the hair: it grown, less the person shrunk."""
    reach = max(3, round(0.02 * alpha.shape[0])) | 1
    around = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    grown = cv2.dilate((region > 0.05).astype(np.uint8), around)
    shrunk = cv2.erode((alpha > 0.95).astype(np.uint8), around)
    return np.asarray(grown > shrunk, bool)


def _mean(values: Floats, where: Mask | None) -> float:
    if where is None:
        return float(values.mean())
    return float(values[where].mean()) if where.any() else 0.0


def _steepness(alpha: Floats) -> Floats:
    """(H, W): magnitude of the gradient of an alpha stretched to 0..1."""
    low, high = float(alpha.min()), float(alpha.max())
    stretched = (alpha - low) / (high - low) if high > low else np.zeros_like(alpha)
    smooth, slope = _kernels()
    edge = cv2.BORDER_REPLICATE
    across = cv2.sepFilter2D(stretched, -1, slope, smooth, borderType=edge)
    down = cv2.sepFilter2D(stretched, -1, smooth, slope, borderType=edge)
    return np.asarray(cv2.magnitude(across, down), np.float32)


def _kernels() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A Gaussian and its derivative, each of norm 1, cut off where they fall below a hundredth."""
    half = math.ceil(SIGMA * math.sqrt(-2 * math.log(math.sqrt(2 * math.pi) * SIGMA * 1e-2)))
    at = np.arange(-half, half + 1, dtype=np.float64)
    smooth = np.exp(-(at**2) / (2 * SIGMA**2))
    slope = -at * smooth
    return smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)


def _largest(mask: Mask) -> Mask:
    """The largest connected part of `mask`, sides touching."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(
        mask.astype(np.uint8), connectivity=4
    )
    if count == 1:
        return np.zeros_like(mask)
    biggest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(labels == biggest, bool)


def _apart(alpha: Floats, shared: Floats) -> Floats:
    difference = alpha - shared
    return np.asarray(1 - difference * (difference >= APART), np.float32)


def _error_if(late: int, alphas: Sequence[Floats], truths: Sequence[Floats]) -> float:
    """Mean squared error against the truth `late` frames ago."""
    pairs = [(i, i - late) for i in range(len(alphas)) if 0 <= i - late < len(truths)]
    if not pairs:
        return math.inf
    return float(np.mean([mse(alphas[i], truths[j]) for i, j in pairs]))
