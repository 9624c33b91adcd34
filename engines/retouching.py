"""Retouching: skin made smoother and more even, its features kept.

Small changes of light on the skin are taken out, large ones (eyes, lips, the nose's edge) stay:
what is left by an edge-preserving mean is bounded before it is removed.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines.i420 import I420, Bytes, blank
from omote.engines.kernels import Floats

RADIUS = 0.012
"Of the mean, a share of the picture's height."
FEATURE = 10.0
"Changes of light of this size, levels of 255, begin to be features."


@dataclass(frozen=True, slots=True)
class Touch:
    """How much of each, 0 is none."""

    smooth: float
    "0..1."
    even: float
    "0..1: how far colours go towards their mean around."
    light: float
    "-1..1: darker or lighter."


def retouched(picture: I420, skin: Floats, touch: Touch) -> I420:
    """The picture with `skin` (any h, w), 0..1, retouched; nothing else is changed."""
    made = blank(picture.width, picture.height, picture.colours)
    for there, here in zip(made.planes, picture.planes, strict=True):
        np.copyto(there, here)
    for index, (source, target) in enumerate(zip(picture.planes, made.planes, strict=True)):
        box = _box(skin, source.shape[1], source.shape[0])
        if box is None:
            return made
        weight = cv2.resize(skin, source.shape[::-1], interpolation=cv2.INTER_LINEAR)[box]
        radius = max(1, round(RADIUS * source.shape[0]))
        part = np.ascontiguousarray(source[box]).astype(np.float32)
        if index == 0:
            part = _smoothed(part, weight * touch.smooth, radius)
            part += weight * touch.light * np.float32(24) * _middling(part)
        else:
            part += weight * touch.even * (_mean(part, 3 * radius) - part)
        target[box] = _bytes(part)
    return made


def _smoothed(luma: Floats, weight: Floats, radius: int) -> Floats:
    mean = _mean(luma, radius)
    variance: Floats = np.maximum(_mean(luma * luma, radius) - mean * mean, 0)
    # Guided by itself (He, Sun and Tang, 2010): flat where little changes, itself where much does.
    slope: Floats = variance / (variance + np.float32(FEATURE**2))
    base = _mean(slope, radius) * luma + _mean(mean - slope * mean, radius)
    detail = np.clip(luma - base, -FEATURE, FEATURE)
    return np.asarray(luma - weight * detail, np.float32)


def _middling(luma: Floats) -> Floats:
    """1 for middle light, 0 for black and white, so that nothing is clipped."""
    share = luma * np.float32(1 / 255)
    return 4 * share * (1 - share)


def _mean(values: Floats, radius: int) -> Floats:
    side = (2 * radius + 1, 2 * radius + 1)
    return np.asarray(cv2.blur(values, side, borderType=cv2.BORDER_REPLICATE), np.float32)


def _bytes(values: Floats) -> Bytes:
    return np.asarray(cv2.convertScaleAbs(np.maximum(values, 0)), np.uint8)


def _box(skin: Floats, width: int, height: int) -> tuple[slice, slice] | None:
    """Where there is any, in pixels of a plane."""
    rows, columns = (np.flatnonzero((skin > 0.02).any(axis)) for axis in (1, 0))
    if not rows.size:
        return None
    down, across = height / skin.shape[0], width / skin.shape[1]
    top, bottom = int((rows[0] - 1) * down), int((rows[-1] + 2) * down)
    left, right = int((columns[0] - 1) * across), int((columns[-1] + 2) * across)
    return slice(max(top, 0), bottom), slice(max(left, 0), right)
