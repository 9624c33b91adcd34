"""Background: what is behind the person, out of focus or replaced."""

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from omote.engines import effect
from omote.engines.composition import Edge
from omote.engines.effect import Rung
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.streams.frame import Frame


class Background:
    """Puts the person, as `frame.matte` tells, before another background."""

    name: ClassVar[str] = "background"

    class Params(effect.Params):
        """Which background, and how the person is set before it."""

        mode: Literal["blur"] = Field("blur", description="What is shown behind the person.")
        strength: float = Field(
            0.6,
            ge=0,
            le=1,
            description="Blur from slight to strong; its sigma is 0.5 to 4 % of the frame's height.",
        )
        decontaminate: float = Field(
            1.0, ge=0, le=1, description="How much old background is taken out of the edge, 0 to 1."
        )
        light_wrap: float = Field(
            0.2, ge=0, le=1, description="How much light of the new background reaches the edge."
        )

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._pixels = pixels

    def __call__(self, frame: Frame, params: Params, rung: Rung) -> Frame:
        """The frame with another picture; its matte must be there."""
        if frame.matte is None:
            raise ValueError("no matte yet: put `matte` before `background` in the chain")
        sigma = frame.picture.height * (0.005 + 0.035 * params.strength)
        behind = self._pixels.blur(frame.picture, sigma, frame.matte)
        edge = Edge(params.decontaminate, params.light_wrap)
        shown = self._pixels.composite(frame.picture, frame.matte, behind, edge)
        return replace(frame, picture=shown)

    def reset(self) -> None:
        """No past."""

    def close(self) -> None:
        """Nothing to let go of."""
