"""Redraw: alpha drawn anew along the colours of a part of the picture, as fine as hair."""

from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines.i420 import I420, Bytes
from omote.engines.kernels import Floats

HAZE = 0.1
"Alpha below this is none, and above one less this is all: what the filter leaves behind."
CLEARED = np.clip((np.arange(256) - 255 * HAZE) / (1 - 2 * HAZE) + 0.5, 0, 255).astype(np.uint8)
EXPLAINED = (0.2, 0.6)
"""Share of alpha's variance that colours explain, at which the drawing begins to count, and wholly
does: before busy things they explain little, and what is drawn is rags."""
CLOSE = 0.004
"How far from alpha more of it may be drawn, or holes from holes, a share of the height."
MOST_HAIR, MOST_HOLE = 4, 12
"""How many times as much of either may be drawn as there is of it so close by: a black bar that
touches a black shirt is no sleeve. Holes may be more, for there are some between hairs."""
COARSE = 4
"Pixels a side for each in which explained variance is counted."


@dataclass(frozen=True, slots=True, eq=False)
class Redraw:
    """Where and how; sides and radius are shares of the picture's."""

    left: float
    top: float
    right: float
    bottom: float
    radius: float
    "How far around colours are compared, a share of the height."
    contrast: float
    "Changes of light below this are no edge, 0..1."
    where: Floats
    "(h, w) of the box, any size: how much the drawing may count, 0..1."

    def laid(self, half: Bytes, picture: I420) -> None:
        """Into an alpha of chroma size, in place; see `omote.engines.portrait.guided`."""
        height, width = half.shape
        rows = slice(int(self.top * height), round(self.bottom * height))
        columns = slice(int(self.left * width), round(self.right * width))
        there, radius = half[rows, columns], round(self.radius * height)
        if radius < 1 or min(there.shape) < 4 * radius:
            return
        guide = cv2.merge([plane[rows, columns] for plane in picture.level(1)])
        eps = (255 * self.contrast) ** 2
        coarse = there.copy()
        made = cv2.ximgproc.guidedFilter(guide, coarse, radius, eps, scale=0.5)
        fine = np.asarray(made, np.uint8)
        trust = self._trust(fine, coarse, radius)
        fine = bounded(np.asarray(cv2.LUT(fine, CLEARED), np.uint8), coarse, round(CLOSE * height))
        np.copyto(there, cv2.blendLinear(fine, coarse, trust, 1 - trust))

    def _trust(self, fine: Bytes, coarse: Bytes, radius: int) -> Floats:
        """(h, w), 0..1: by how much of the alpha colours explain, and where it may count at all."""
        height, width = coarse.shape
        few = width // COARSE, height // COARSE
        explained, whole = (_variance(each, few, radius // COARSE) for each in (fine, coarse))
        low, high = EXPLAINED
        share = np.clip(((explained + 1) / (whole + 1) - low) / (high - low), 0, 1)
        share *= cv2.resize(self.where, few)
        return np.asarray(cv2.resize(share, (width, height)), np.float32)


def _variance(alpha: Bytes, size: tuple[int, int], radius: int) -> Floats:
    """At a small size, in squares of that radius there."""
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    side = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(small, side)
    return np.asarray(cv2.blur(small * small, side) - mean * mean, np.float32)


def bounded(fine: Bytes, coarse: Bytes, reach: int) -> Bytes:
    """No alpha far from where it was, no hole far from where there was none; `reach` in pixels."""
    side = 2 * max(1, reach) + 1
    around = cv2.blur(coarse, (side, side))
    most = cv2.convertScaleAbs(around, alpha=MOST_HAIR)
    hole = cv2.convertScaleAbs(cv2.bitwise_not(around), alpha=MOST_HOLE)
    return np.asarray(cv2.max(cv2.min(fine, most), cv2.bitwise_not(hole)), np.uint8)
