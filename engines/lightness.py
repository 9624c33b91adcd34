"""Lightness: how light a picture is and how noisy, from a few of its tiles."""

import cv2
import numpy as np

from omote.engines.i420 import FULL_RANGE, I420

TILE = 32
"Side of a tile, pixels."
APART = 5
"Every so many tiles one is looked at, each way."
QUIET = 0.25
"The share of tiles that show noise and little else."
_MASK = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)


def measured(picture: I420) -> tuple[float, float]:
    """Mean luma, 0..1, and the noise's standard deviation, levels of 255.

    Noise after Immerkaer, "Fast noise variance estimation" (1996), in the quieter tiles: what is
    left of a picture when slopes are taken out.
    """
    luma = picture.planes[0]
    black, white = (0, 255) if picture.colours.range == FULL_RANGE else (16, 235)
    mean = (float(luma[::16, ::16].mean()) - black) / (white - black)
    noises = []
    for top in range(0, max(luma.shape[0] - TILE, 1), APART * TILE):
        for left in range(0, max(luma.shape[1] - TILE, 1), APART * TILE):
            tile = luma[top : top + TILE, left : left + TILE]
            if tile.min() > black + 4 and tile.max() < white - 4:  # what is clipped shows none
                slopes = cv2.filter2D(tile, cv2.CV_32F, _MASK)
                noises.append(cv2.norm(slopes, cv2.NORM_L1) / slopes.size * 1.2533 / 6)
    noise = float(np.quantile(noises, QUIET)) if noises else 0.0
    return min(max(mean, 0.0), 1.0), noise
