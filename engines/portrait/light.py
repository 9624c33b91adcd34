"""Light: whether it is dark, from the camera's message or from the picture itself."""

import math
from dataclasses import dataclass

from omote.streams.frame import Scene

SLACK = 0.25
"To change its mind the estimate must be this share beyond a limit."
FOLLOW = 0.1
"How much of each new measurement is believed."


@dataclass(frozen=True, slots=True)
class Limits:
    """From where on it is dark."""

    iso: float
    "Sensitivity of a message, above it."
    luma: float
    "Mean luma of the picture, 0..1, below it."
    noise: float
    "Standard deviation of the noise, levels of 255, above it."


class Light:
    """The scene of each frame: what was told while that is fresh, otherwise an estimate."""

    def __init__(self) -> None:
        self._luma = self._noise = math.nan
        self._dark = False

    def measure(self, luma: float, noise: float, limits: Limits) -> None:
        """Take in the mean luma (0..1) and the noise (levels) of a picture."""
        first = math.isnan(self._luma)
        self._luma = luma if first else self._luma + FOLLOW * (luma - self._luma)
        self._noise = noise if first else self._noise + FOLLOW * (noise - self._noise)
        slack = 0.0 if first else SLACK if not self._dark else -SLACK
        is_dark = self._luma < limits.luma * (1 - slack)
        self._dark = is_dark or self._noise > limits.noise * (1 + slack)

    def scene(self, told: Scene, limits: Limits, now: float) -> Scene:
        """The scene to work by; `now` in seconds of `time.monotonic()`."""
        if told.origin == "message":
            return told
        if math.isnan(self._luma):
            return told
        return Scene(low_light=self._dark, origin="estimate", since=now)

    def forget(self) -> None:
        """Another scene."""
        self._luma = self._noise = math.nan
        self._dark = False


def is_dark(scene: Scene, limits: Limits) -> bool:
    """Whether edges in this light are doubtful: low light, or a sensitivity above the limit."""
    if scene.low_light is not None:
        return scene.low_light
    return scene.iso is not None and scene.iso > limits.iso
