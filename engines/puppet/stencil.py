"""Stencil: a soft-edged polygon through which one picture is put into another."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from omote.engines.kernels import Bytes, Floats
from omote.engines.puppet.unrolled import lay_over

SHIFT = 4
"Bits of a corner's position that are fractions of a pixel."
ROOM = 4
"Pixels around the polygon, beside those of its soft edge."


@dataclass(frozen=True, slots=True, eq=False)
class Stencil:
    """A rectangle of a picture and how much of it is inside the polygon."""

    left: int
    top: int
    alpha: Bytes
    "(h, w), 255 inside."

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the picture that it covers."""
        rows, columns = self.alpha.shape
        return slice(self.top, self.top + rows), slice(self.left, self.left + columns)

    def places(self) -> Floats:
        """(h, w, 2): positions of its pixels' middles in the picture, counted from the corner."""
        rows, columns = self.alpha.shape
        x, y = np.meshgrid(np.arange(columns) + self.left + 0.5, np.arange(rows) + self.top + 0.5)
        return np.stack([x, y], -1)

    def faded(self, share: float) -> "Stencil":
        """The same with only so much of it, 0..1."""
        less = np.asarray(cv2.convertScaleAbs(self.alpha, alpha=min(share, 1.0)), np.uint8)
        return replace(self, alpha=less)

    def put(self, content: Bytes, picture: Bytes) -> None:
        """Put `content` (h, w, k) into a picture of as many channels."""
        part = picture[self.place]
        made = np.ascontiguousarray(part)
        lay_over(np.ascontiguousarray(content), self.alpha, made, made)
        part[:] = made


def stencil(corners: Floats, shape: tuple[int, ...], soft: float) -> Stencil | None:
    """Of a polygon (n, 2) in a picture of `shape`, its edge `soft` pixels; None outside of it."""
    height, width = shape[:2]
    room = ROOM + int(2 * soft)
    low = np.maximum(np.floor(corners.min(0)).astype(int) - room, 0)
    high = np.minimum(np.ceil(corners.max(0)).astype(int) + room, (width, height))
    if (high - low < 3).any():
        return None
    alpha = np.zeros((high[1] - low[1], high[0] - low[0]), np.uint8)
    at = np.round((corners - low - 0.5) * (1 << SHIFT)).astype(np.int32)
    cv2.fillPoly(alpha, [at], (255,), cv2.LINE_AA, SHIFT)
    if soft:
        alpha = _softened(alpha, soft)
    return Stencil(int(low[0]), int(low[1]), alpha)


def _softened(alpha: Bytes, soft: float) -> Bytes:
    """Over much of a picture the stack blur is as good, and quicker."""
    if soft < 2:
        return np.asarray(cv2.GaussianBlur(alpha, (0, 0), soft), np.uint8)
    side = 2 * round(soft * 6**0.5) - 1
    return np.asarray(cv2.stackBlur(alpha, (side, side)), np.uint8)


def ramp(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on, smooth in between."""
    part = min(1.0, max(0.0, (value - low) / (high - low)))
    return part * part * (3 - 2 * part)
