"""Layers: blur that grows with the distance from the person's plane, where a depth map tells it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.composition import Layered, Soft
from omote.engines.i420 import I420, Bytes
from omote.engines.kernels import Floats

LONG = 160
"Long side of the map of amounts, pixels."
LEAST = 0.05
"Metres below which a depth is none."


def amounts(metres: NDArray[np.float32], alpha: Floats) -> Floats | None:
    """How far out of focus each place is, 0..1, (h, w) of `alpha`; None where nobody's depth is known.

    As in a lens focused on the person: |1 - D/d|, D being the person's distance and d what is seen
    there. Where the person stands, and where no depth is known, it is as around.
    """
    height, width = alpha.shape
    step = max(metres.shape[0] // (2 * height), 1)
    metres = metres[::step, ::step]
    known = (np.isfinite(metres) & (metres > LEAST)).astype(np.float32)
    nearness = np.where(known > 0, 1 / np.maximum(metres, LEAST), 0).astype(np.float32)
    share = cv2.resize(known, (width, height), interpolation=cv2.INTER_AREA)
    near = cv2.resize(np.nan_to_num(nearness), (width, height), interpolation=cv2.INTER_AREA)
    mean = near / np.maximum(share, 1e-6)
    person = mean[(alpha > 0.9) & (share > 0.5)]
    if not person.size:
        return None
    amount = np.minimum(np.abs(1 - mean / np.median(person)), 1)
    weight = share * np.clip(1 - 5 * alpha, 0, 1)
    return _filled(amount.astype(np.float32), weight.astype(np.float32))


def _filled(values: Floats, weight: Floats) -> Floats:
    """Where the weight is small, the mean of what is around; 1 where there is nothing."""
    sums, total = values * weight, weight
    for radius in (3, 15, 60):
        side = (2 * radius + 1, 2 * radius + 1)
        few = 0.01 / radius
        sums = sums + few * cv2.blur(values * weight, side)
        total = total + few * cv2.blur(weight, side)
    return np.asarray((sums + 1e-6) / (total + 1e-6), np.float32)


def layered(picture: I420, amount: Floats, near: Soft, far: Soft) -> Layered:
    """The picture where `amount` is 0, `near` at a half, `far` at 1; between them mixed."""
    height, width = near.planes[0].shape
    levels = np.asarray(cv2.resize(amount, (width, height)), np.float32)
    beyond = np.clip(2 * levels - 1, 0, 1)
    y, u, v = (
        np.asarray(slight + beyond * (_large(strong, (width, height)) - slight), np.uint8)
        for slight, strong in zip(near.planes, far.planes, strict=True)
    )
    sharpness = np.asarray(np.clip(1 - 2 * amount, 0, 1) * 128 + 0.5, np.uint8)
    return Layered(picture.width, picture.height, (y, u, v), picture, sharpness)


def _large(plane: Bytes, size: tuple[int, int]) -> Floats:
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR), np.float32)
