"""Scores: how near a picture is to another, by the usual definitions. Pictures are (h, w, 3)."""

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.kernels import Floats

Picture = NDArray[np.uint8] | Floats
"RGB, 0..255."


def psnr(picture: Picture, truth: Picture) -> float:
    """Peak signal to noise, dB; 100 where there is no difference."""
    error = float(np.mean((np.float64(picture) - np.float64(truth)) ** 2))
    return 100.0 if error < 255**2 * 1e-10 else float(10 * np.log10(255**2 / error))


def aligned(picture: Picture, truth: Picture) -> Floats:
    """The picture with the one gain and offset per channel that bring it nearest to the truth.

    What is gained by that alone is the merit of a veil taken off, not of structure separated.
    """
    made = np.empty(picture.shape, np.float32)
    for channel in range(picture.shape[2]):
        values = np.float64(picture[..., channel])
        wanted = np.float64(truth[..., channel])
        spread = values.var()
        gain = np.mean((values - values.mean()) * (wanted - wanted.mean())) / max(spread, 1e-9)
        made[..., channel] = np.clip((values - values.mean()) * gain + wanted.mean(), 0, 255)
    return made


def aligned_psnr(picture: Picture, truth: Picture) -> float:
    """Peak signal to noise after `aligned`, dB."""
    return psnr(aligned(picture, truth), truth)


def ssim(picture: Picture, truth: Picture) -> float:
    """Structural similarity of the luma, Gaussian window of sigma 1.5, after Wang et al. 2004."""
    x, y = _luma(picture), _luma(truth)
    mean_x, mean_y = _around(x), _around(y)
    var_x, var_y = _around(x * x) - mean_x**2, _around(y * y) - mean_y**2
    both = _around(x * y) - mean_x * mean_y
    low, high = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    likeness = (2 * mean_x * mean_y + low) * (2 * both + high)
    return float(np.mean(likeness / ((mean_x**2 + mean_y**2 + low) * (var_x + var_y + high))))


def gradient_error(picture: Picture, truth: Picture) -> float:
    """Mean difference of the luma's slopes, levels of 255 per pixel."""
    x, y = _luma(picture), _luma(truth)
    return float(np.mean([np.mean(np.abs(np.diff(x - y, axis=axis))) for axis in (0, 1)]))


def _luma(picture: Picture) -> Floats:
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    return np.asarray(np.float32(picture) @ weights, np.float32)


def _around(values: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(values, (11, 11), 1.5), np.float32)
