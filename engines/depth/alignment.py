"""Alignment: a depth frame as effects want it, in the picture's view, small, and upright like it."""

from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from omote.engines.depth.registration import Registered, Registration, Size, softened
from omote.engines.kernels import Floats
from omote.streams.calibration import ALIGNED, Calibration, read_calibration
from omote.streams.depth import DepthFrame

Interpolation = Literal["linear", "nearest"]

LONG = 320
"Long side of what effects take, pixels."


class Alignment:
    """Of one stage: keeps what depends on sizes and calibration alone, and the last map."""

    def __init__(self) -> None:
        self._calibration = ALIGNED
        self._register: Registration | None = None
        self._last: tuple[DepthFrame, Interpolation, float, Registered] | None = None

    def calibrate(self, told: Mapping[str, Any] | None) -> None:
        """As a sender says; None: it is aligned. Raises `omote.streams.calibration.BadCalibration`."""
        self._register = self._last = None
        self._calibration = ALIGNED
        if told is not None:
            self._calibration = read_calibration(told)

    @property
    def calibration(self) -> Calibration:
        """What is in use."""
        return self._calibration

    def __call__(
        self, frame: DepthFrame, picture: Size, interpolation: Interpolation, blur: float
    ) -> Registered:
        """The depth of a picture of that size, at `small_size` of it; `blur` is its sigma, pixels."""
        target = small_size(picture)
        register = self._register
        if register is None or (register.source, register.target) != (frame.size, target):
            register = self._register = Registration(self._calibration, frame.size, target)
            self._last = None
        if self._last is not None and self._last[:3] == (frame, interpolation, blur):
            return self._last[3]
        made = register(frame, smooth=interpolation == "linear")
        if blur > 0:
            made = softened(made, blur)
        self._last = frame, interpolation, blur, made
        return made


def small_size(picture: Size) -> Size:
    """The size of a picture's depth map."""
    scale = min(1.0, LONG / max(picture))
    return max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))


def upright(values: Floats, rotation: int, mirror: bool) -> Floats:
    """A map turned clockwise by 0, 90, 180 or 270 degrees, and then mirrored, as its picture is."""
    turned = np.rot90(values, -rotation // 90)
    return np.ascontiguousarray(turned[:, ::-1] if mirror else turned)
