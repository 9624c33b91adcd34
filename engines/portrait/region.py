"""Region: the part of the frame around the hair, in shares of the frame's sides."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.kernels import Floats


@dataclass(frozen=True, slots=True)
class Region:
    """A box; 0, 0, 1, 1 is the whole frame."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def area(self) -> float:
        """Share of the frame."""
        return (self.right - self.left) * (self.bottom - self.top)

    def moved(self, x: float, y: float) -> "Region":
        """Elsewhere, in shares of the frame; it may stick out."""
        return Region(self.left + x, self.top + y, self.right + x, self.bottom + y)

    def clipped(self) -> "Region":
        """What of it lies in the frame."""
        left, top = max(self.left, 0.0), max(self.top, 0.0)
        return Region(left, top, max(min(self.right, 1.0), left), max(min(self.bottom, 1.0), top))

    def pixels(self, width: int, height: int) -> tuple[int, int, int, int]:
        """Left, top, right, bottom in whole pixels of a map of that size, at least one each way."""
        left, top = int(self.left * width), int(self.top * height)
        right, bottom = round(self.right * width), round(self.bottom * height)
        return left, top, max(right, left + 1), max(bottom, top + 1)

    def cut(self, values: Floats, size: tuple[int, int]) -> Floats:
        """This part of a map of the whole frame, at `size` (width, height)."""
        left, top, right, bottom = self.pixels(values.shape[1], values.shape[0])
        return np.asarray(cv2.resize(values[top:bottom, left:right], size), np.float32)


def around(outline: Floats, head: Floats, growth: float) -> Region | None:
    """The outline's box `growth` times as large, the outline in its middle, the whole head in it.

    `head`: hair and face. None without an outline.
    """
    box = _box(outline > 0.1)
    if box is None:
        return None
    height, width = outline.shape
    x, y = _middle(outline)
    half_x, half_y = (box[2] - box[0]) * growth / 2, (box[3] - box[1]) * growth / 2
    whole = _box(head > 0.5) or box
    left, top = min(x - half_x, whole[0]), min(y - half_y, whole[1])
    right, bottom = max(x + half_x, whole[2]), max(y + half_y, whole[3])
    return Region(left / width, top / height, right / width, bottom / height).clipped()


def _box(mask: NDArray[np.bool_]) -> tuple[int, int, int, int] | None:
    columns, rows = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not columns.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _middle(values: Floats) -> tuple[float, float]:
    total = float(values.sum())
    x = float(values.sum(0) @ (np.arange(values.shape[1]) + 0.5)) / total
    y = float(values.sum(1) @ (np.arange(values.shape[0]) + 0.5)) / total
    return x, y
