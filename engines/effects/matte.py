"""Matte: which pixels are the person. Computes, draws nothing."""

from dataclasses import replace
from typing import ClassVar, Literal

from pydantic import Field

from omote.engines import effect
from omote.engines.effect import Rung
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels, Size
from omote.streams.frame import Frame

SIZES: dict[str, Size] = {"square": (256, 256), "landscape": (256, 144)}
"What each net takes, width and height, pixels."


class Matte:
    """Sets `frame.matte`: a segmentation net, smoothed where nothing moves."""

    name: ClassVar[str] = "matte"

    class Params(effect.Params):
        """Which net, and how its alpha is shaped."""

        model: Literal["auto", "square", "landscape"] = Field(
            "auto", description="The net; auto takes the one shaped like the picture."
        )
        orientation: Literal[0, 90, 180, 270] = Field(
            0, description="Clockwise turn, in degrees, that puts the person upright for the net."
        )
        smoothing: float = Field(
            0.5, ge=0, le=1, description="How much alpha is steadied where nothing moves, 0 to 1."
        )
        threshold: float = Field(
            0.5, ge=0.1, le=0.9, description="The net's certainty at which the edge lies, 0 to 1."
        )
        contrast: float = Field(
            0.2, ge=0, le=1, description="How much narrower the edge becomes, 0 to 1."
        )

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._models, self._pixels = models, pixels
        self._past: Floats | None = None

    def __call__(self, frame: Frame, params: Params, rung: Rung) -> Frame:
        """The frame with its matte."""
        net = _net(frame, params, rung)
        small = self._pixels.small(frame.picture, SIZES[net])
        alpha = self._models[f"selfie_{net}"]({"picture": small[None]})["alpha"][0, :, :, 0]
        self._past = alpha
        return replace(frame, matte=self._pixels.guided_upsample(alpha, frame.picture))

    def reset(self) -> None:
        """Forget the previous alpha."""
        self._past = None

    def close(self) -> None:
        """Nothing to let go of."""


def _net(frame: Frame, params: Matte.Params, rung: Rung) -> str:
    if rung >= Rung.MODEL:
        return "landscape"
    if params.model != "auto":
        return params.model
    across = frame.picture.width > frame.picture.height
    return "landscape" if across else "square"
