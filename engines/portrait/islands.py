"""Islands: parts of a mask that are nobody, and holes in it that are somebody."""

import cv2
import numpy as np

from omote.engines.kernels import Floats

SPECK = 0.003
"Islands with less surely known person than this share of the frame are none."
HOLE = 0.0003
"Holes with less surely known background than this share of the frame are none."


def mended(alpha: Floats) -> Floats:
    """Islands with hardly anybody surely there are lamps; people are not half transparent inside."""
    return 1 - _without_islands(1 - _without_islands(alpha, 0.1, SPECK), 0.25, HOLE)


def _without_islands(values: Floats, above: float, least: float) -> Floats:
    """Parts `above` a value taken out in which less than `least` of the frame is above 0.9."""
    few = cv2.resize(values, (values.shape[1] // 2, values.shape[0] // 2))
    count, labels = cv2.connectedComponents((few > above).astype(np.uint8))
    sure = np.bincount(labels.ravel(), weights=(few > 0.9).ravel(), minlength=count)
    islands = sure < least * few.size
    islands[0] = False
    if not islands.any():
        return values
    gone = cv2.dilate(islands[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    kept = 1 - cv2.resize(gone, values.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return values * kept


def shaped(alpha: Floats, threshold: float, contrast: float) -> Floats:
    """Threshold in the middle, and steeper around it; 0 and 1 stay."""
    low, high = threshold * contrast, 1 - (1 - threshold) * contrast
    bent = np.interp(CERTAINTIES, (low, threshold, high), (0.0, 0.5, 1.0))
    return np.asarray(cv2.LUT(cv2.convertScaleAbs(alpha, alpha=255), bent), np.float32)


CERTAINTIES = np.arange(256) / 255
