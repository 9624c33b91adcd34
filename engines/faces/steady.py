"""Steady: filters that hold still what rests and let through what moves.

One-euro filters (Casiez, Roussel and Vogel, CHI 2012): a low pass whose cutoff rises with speed.
"""

import math

import numpy as np

from omote.engines.kernels import Floats


class OneEuro:
    """Filters rows of numbers; the cutoff of a row rises with the row's own speed."""

    def __init__(self, rest_hz: float, rise: float, speed_hz: float = 1.0) -> None:
        """`rest_hz`: cutoff at rest; `rise`: hertz a unit of speed; `speed_hz`: speed's own."""
        self._rest, self._rise, self._speed_hz = rest_hz, rise, speed_hz
        self._values: Floats | None = None
        self._speed: Floats | None = None

    def __call__(self, values: Floats, seconds: float, unit: float = 1.0) -> Floats:
        """The steadied `values` (n, k), `seconds` after the last; speed counts in `unit`s."""
        if self._values is None or self._speed is None:
            self._values, self._speed = values, np.zeros_like(values)
            return values
        moved = (values - self._values) / (seconds * unit)
        self._speed = self._speed + share(self._speed_hz, seconds) * (moved - self._speed)
        fast = np.linalg.norm(self._speed, axis=1, keepdims=True)
        follow = share(self._rest + self._rise * fast, seconds)
        self._values = np.asarray(self._values + follow * (values - self._values), np.float32)
        return self._values

    def reset(self) -> None:
        """Forget the past."""
        self._values = self._speed = None


def share(cutoff: Floats | float, seconds: float) -> Floats:
    """How much of the way to a new value a low pass goes, 0..1."""
    turns = 2 * math.pi * np.asarray(cutoff, np.float32) * seconds
    return np.asarray(turns / (turns + 1), np.float32)
