"""Steadiness: an edge that keeps still where the picture does, and follows at once where it moves."""

import cv2
import numpy as np

from omote.engines.i420 import I420, Bytes
from omote.engines.kernels import Floats, Steps, kernel, steps

NOISE, SURE = 2.0, 4.0
"Levels of 255, of pixels of the picture's coarse level: up to here noise, from there motion."
TREMOR, MOVE = 10, 40
"Changes of alpha, levels of 255: up to here tremor, from there something moved after all."
LEAST = 0.08
"However steady, so much of each new alpha counts."

_REACH = np.ones((3, 3), np.uint8)
_MOTION = np.clip((np.arange(256) - NOISE) / (SURE - NOISE), 0, 1)
# Hair before a wall of nearly its colour moves without much change of light.
_OWN = np.clip((np.arange(256) - TREMOR) / (MOVE - TREMOR), 0, 1).astype(np.float32)


def steady(alpha: Bytes, before: Bytes, where: Bytes, now: I420, then: I420, amount: float) -> None:
    """Bring a chroma-size alpha, in place, towards the one of the frame before.

    In blocks for which `where` is not 0. Where the pictures differ by noise alone, the new one
    counts for (1 - `amount`) squared.
    """
    lights = [each.level(now.coarse)[0] for each in (now, then)]
    change = cv2.dilate(cv2.absdiff(*lights), _REACH)
    least = max((1 - amount) ** 2, LEAST)
    follow = cv2.LUT(change, (least + (1 - least) * _MOTION).astype(np.float32))
    down, across = (steps(*sizes) for sizes in zip(alpha.shape, follow.shape, strict=True))
    hold(alpha, before, where, np.asarray(follow, np.float32), _OWN, down, across)


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
