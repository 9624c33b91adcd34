"""Deglare: veils, flare and soft reflections of a pane made weaker, and the shine of skin.

A net's layer of light is known small, is calm over time, and is subtracted from the full-size
planes.
"""

from dataclasses import replace
from typing import ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field

from omote.engines import effect, pyramid, targets
from omote.engines.effect import Rung
from omote.engines.interference import Interference, shown_size
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.engines.shine import shine
from omote.streams.frame import Frame, Picture

SELDOM = {Rung.FULL: 1, Rung.REUSE: 4, Rung.MODEL: 6, Rung.SIZE: 8}
"The least number of frames from one look of the net to the next, from each rung on."

BRIGHTER = 2.0
"How much brighter the layer is drawn where it is shown by itself."


class Deglare:
    """Takes stray light off the picture."""

    name: ClassVar[str] = "deglare"
    needs_faces: ClassVar[bool] = True
    "Unless its parameters say otherwise."

    class Params(effect.Params):
        """How much of the glare, and where."""

        strength: float = Field(
            1.0, ge=0, le=1, description="Share of the glare found that is taken away, 0 to 1."
        )
        shine: float = Field(
            0.0, ge=0, le=1, description="Share of the shine on faces' skin taken away, 0 to 1."
        )
        target: targets.Target = Field(
            "frame", description="Where glare is taken away: everywhere, on faces, on spectacles."
        )
        every: int = Field(
            3, ge=1, le=15, description="Frames from one look for glare to the next."
        )
        view: Literal["result", "layer", "split"] = Field(
            "result",
            description="The result, the layer found (twice as bright), or as it was on the left.",
        )

        @property
        def uses_faces(self) -> bool:
            """Whether it matters where faces are."""
            return self.target != "frame" or self.shine > 0

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._pixels = pixels
        self._interference = Interference(models["deglare"], pixels)

    def __call__(self, frame: Frame, params: Params, rung: Rung) -> Frame:
        """The frame with another picture; the frame itself where nothing is to be taken."""
        width, height = shown_size(frame.picture)
        layer = np.zeros((height, width, 3), np.float32)
        if params.strength > 0:
            layer = self._found(frame, params, rung)
        if params.shine > 0 and frame.faces:
            layer = layer + self._shine(frame, layer) * np.float32(params.shine)
        if params.view == "split":
            layer[:, : width // 2] = 0
        if params.view == "layer":
            return replace(frame, picture=self._drawn(layer, frame.picture))
        return replace(frame, picture=self._without(frame, layer)) if layer.any() else frame

    def _found(self, frame: Frame, params: Params, rung: Rung) -> Floats:
        seldom = max(least for from_, least in SELDOM.items() if rung >= from_)
        found = self._interference.layer(frame.picture, max(params.every, seldom))
        height, width = found.shape[:2]
        where = targets.region(frame.faces, params.target, frame.picture, (height, width))
        return np.asarray(found * where * np.float32(params.strength), np.float32)

    def _shine(self, frame: Frame, glare: Floats) -> Floats:
        """(h, w, 3): levels of it, glare being gone."""
        height, width = glare.shape[:2]
        small = self._pixels.small(frame.picture, (width, height))
        bare = np.clip(small - glare, 0, 255).astype(np.uint8)
        return shine(bare, targets.skin(frame.faces, frame.picture, (height, width)))

    def _drawn(self, layer: Floats, like: Picture) -> Picture:
        bright = np.clip(layer * BRIGHTER, 0, 255).astype(np.uint8)
        large = cv2.resize(bright, (like.width, like.height))
        return self._pixels.from_rgb(np.asarray(large, np.uint8), like)

    def _without(self, frame: Frame, layer: Floats) -> Picture:
        if not frame.alone:
            return self._pixels.without(frame.picture, layer)
        made = pyramid.without(self._pixels.rgb(frame.picture), layer)
        return self._pixels.from_rgb(made, frame.picture)

    def reset(self) -> None:
        """Forget the layer."""
        self._interference.reset()

    def close(self) -> None:
        """Nothing to let go of."""
