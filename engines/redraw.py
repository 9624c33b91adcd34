"""Redraw: alpha drawn anew along the colours of a part of the picture, as fine as hair."""

from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines.i420 import I420, Bytes

HAZE = 0.1
"Alpha below this is none, and above one less this is all: what the filter leaves behind."
CLEARED = np.clip((np.arange(256) - 255 * HAZE) / (1 - 2 * HAZE) + 0.5, 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
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
        fine = cv2.ximgproc.guidedFilter(guide, there.copy(), radius, eps, scale=0.5)
        np.copyto(there, cv2.LUT(fine, CLEARED))
