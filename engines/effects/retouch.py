"""Retouch: smoother, more even skin, inside the portrait alone."""

from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np
from pydantic import Field

from omote.engines import effect
from omote.engines.effect import Rung
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.engines.retouching import Touch
from omote.streams.frame import Frame

LONG = 160
"Long side of the map of skin, pixels."
LEAST, MOST = np.array((40, 137, 85)), np.array((255, 175, 130))
"Luma, Cr and Cb of skin, as cameras and screens show it (ITU-R BT.601, full range)."


class Retouch:
    """Smooths skin and evens its tone."""

    name: ClassVar[str] = "retouch"
    follows: ClassVar[tuple[str, ...]] = ("matte",)

    class Params(effect.Params):
        """How much."""

        smooth: float = Field(
            0.5, ge=0, le=1, description="How much pores, wrinkles and noise are taken out, 0 to 1."
        )
        even: float = Field(
            0.3, ge=0, le=1, description="How much reddish and pale places are evened out, 0 to 1."
        )
        light: float = Field(
            0.1, ge=-1, le=1, description="How much lighter the skin becomes; darker below 0."
        )

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._pixels = pixels

    def __call__(self, frame: Frame, params: Params, rung: Rung) -> Frame:
        """The frame with another picture; the frame itself where there is nothing to do."""
        touch = Touch(params.smooth, params.even, params.light)
        if rung >= Rung.SIZE or touch == Touch(0, 0, 0):
            return frame
        picture = self._pixels.retouched(frame.picture, self._skin(frame), touch)
        return replace(frame, picture=picture)

    def _skin(self, frame: Frame) -> Floats:
        """(h, w), 0..1: what has the colour of skin, is of the person, and of its class if known."""
        if frame.matte is None:
            raise ValueError("there is no matte: put the effect matte before retouch")
        picture = frame.picture
        scale = LONG / max(picture.width, picture.height)
        size = round(picture.width * scale), round(picture.height * scale)
        colours = cv2.cvtColor(self._pixels.small(picture, size), cv2.COLOR_RGB2YCrCb)
        alike = cv2.inRange(colours, LEAST, MOST).astype(np.float32) / 255
        skin = cv2.min(cv2.blur(alike, (5, 5)), self._pixels.low(frame.matte, size))
        if frame.skin is not None:
            skin = cv2.min(
                cv2.dilate(skin, np.ones((5, 5), np.uint8)), cv2.resize(frame.skin, size)
            )
        return np.asarray(skin, np.float32)

    def reset(self) -> None:
        """No past."""

    def close(self) -> None:
        """Nothing to let go of."""
