"""Steadiness: an edge that keeps still where the picture does, and follows at once where it moves."""

import cv2
import numpy as np

from omote.engines.i420 import I420, Bytes
from omote.engines.kernels import Floats, Steps, kernel, steps

NOISE = 5.5
"""Levels of 255 of the picture's coarse level: up to here, times the amount squared, a change is
noise; from twice as much on it is motion."""
TREMOR, MOVE = 28, 110
"Changes of alpha, likewise: up to here tremor, from there something moved after all."
LEAST = 0.08
"However steady, so much of each new alpha counts."

_REACH = np.ones((3, 3), np.uint8)


def steady(alpha: Bytes, before: Bytes, where: Bytes, now: I420, then: I420, amount: float) -> None:
    """Bring a chroma-size alpha, in place, towards the one of the frame before.

    In blocks for which `where` is not 0. Where the pictures differ by noise alone, the new one
    counts for (1 - `amount`) squared.
    """
    lights = [each.level(now.coarse)[0] for each in (now, then)]
    change = cv2.dilate(cv2.absdiff(*lights), _REACH)
    least = max((1 - amount) ** 2, LEAST)
    levels = np.arange(256) / amount**2
    moved = np.clip(levels / NOISE - 1, 0, 1)
    # Hair before a wall of nearly its colour moves without much change of light.
    own = np.clip((levels - TREMOR) / (MOVE - TREMOR), 0, 1).astype(np.float32)
    follow = cv2.LUT(change, (least + (1 - least) * moved).astype(np.float32))
    down, across = (steps(*sizes) for sizes in zip(alpha.shape, follow.shape, strict=True))
    hold(alpha, before, where, np.asarray(follow, np.float32), own, down, across)


@kernel
def hold(
    alpha: Bytes,
    before: Bytes,
    where: Bytes,
    follow: Floats,
    own: Floats,
    down: Steps,
    across: Steps,
) -> None:
    """Between `before` and `alpha` as `follow`, or `own` by their difference, says; in place."""
    height, width = alpha.shape
    half = np.float32(0.5)
    for j in range(height):
        above, below, part = follow[down[0][j]], follow[down[1][j]], down[2][j]
        kinds, row, earlier = where[j // 8], alpha[j], before[j]
        for block in range(kinds.size):
            if kinds[block] == 0:
                continue
            for i in range(block * 8, min(block * 8 + 8, width)):
                left, right, between = across[0][i], across[1][i], across[2][i]
                upper = above[left] + (above[right] - above[left]) * between
                lower = below[left] + (below[right] - below[left]) * between
                share = upper + (lower - upper) * part
                difference = np.float32(row[i]) - np.float32(earlier[i])
                share = max(share, own[np.int32(abs(difference))])
                row[i] = np.uint8(np.float32(earlier[i]) + share * difference + half)


KERNELS = (hold,)
