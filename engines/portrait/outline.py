"""Outline: the band in which hair ends and the background begins."""

import cv2
import numpy as np

from omote.engines.kernels import Floats
from omote.engines.portrait.shapes import dilated, eroded


def outline(hair: Floats, person: Floats, grow: float, shrink: float) -> Floats:
    """`clip(dilate(H) - erode(P), 0, 1)`; radii in pixels of the maps."""
    return np.asarray(np.clip(dilated(hair, grow) - eroded(person, shrink), 0, 1), np.float32)


def without_specks(values: Floats, least: float, above: float = 0.1) -> Floats:
    """Only the parts above `above` whose area is at least `least`, a share of the frame."""
    seen = (values > above).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(seen, connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] >= least * values.size
    kept[0] = False
    return np.asarray(np.where(kept[labels], values, 0), np.float32)
