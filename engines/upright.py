"""Upright: pictures turned for a network, and what it says turned back."""

from dataclasses import dataclass

import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats


@dataclass(frozen=True, slots=True)
class Upright:
    """A clockwise turn of 0, 90, 180 or 270 degrees that puts the person upright."""

    degrees: int

    @property
    def across(self) -> bool:
        """Whether width and height change places."""
        return self.degrees in (90, 270)

    def picture(self, lying: Bytes) -> Bytes:
        """A picture (h, w, 3), upright."""
        return np.ascontiguousarray(np.rot90(lying, -self.degrees // 90))

    def back(self, values: Floats) -> Floats:
        """A map (h, w) or (h, w, n) of the upright picture, as the picture lies."""
        return np.ascontiguousarray(np.rot90(values, self.degrees // 90))
