"""Steadiness: an edge that keeps still where the picture does, and follows at once where it moves."""

import cv2
import numpy as np

from omote.engines.i420 import I420, Bytes

LEVEL = 2
"Of the pictures that are compared."
NOISE, SURE = 2.0, 4.0
"Levels of 255, averaged over 3 x 3 small pixels: up to here noise, from there motion."
TREMOR, MOVE = 10, 40
"Changes of alpha, levels of 255: up to here tremor, from there something moved after all."
LEAST = 0.08
"However steady, so much of each new alpha counts."

_REACH = np.ones((7, 7), np.uint8)


def steadied(alpha: Bytes, before: Bytes, now: I420, then: I420, steady: float) -> Bytes:
    """A chroma-size alpha between itself and the one of the frame before.

    Where the pictures differ by noise alone, the new one counts for (1 - `steady`) squared.
    """
    change = cv2.blur(cv2.absdiff(now.level(LEVEL)[0], then.level(LEVEL)[0]), (3, 3))
    change = cv2.dilate(change, _REACH)
    least = max((1 - steady) ** 2, LEAST)
    levels = np.clip((np.arange(256) - NOISE) / (SURE - NOISE), 0, 1)
    follow = cv2.LUT(change, (least + (1 - least) * levels).astype(np.float32))
    share = cv2.resize(follow, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)
    # Hair before a wall of nearly its colour moves without much change of light.
    own = np.clip((np.arange(256) - TREMOR) / (MOVE - TREMOR), 0, 1).astype(np.float32)
    share = cv2.max(share, cv2.LUT(cv2.absdiff(alpha, before), own))
    return np.asarray(cv2.blendLinear(alpha, before, share, 1 - share), np.uint8)
