"""Deglaring: the effect that takes glare off: which part of the picture, how much, how often.

The net's layer is known small, is calm over time, and is subtracted from the full-size planes.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field

from omote.engines import effect
from omote.engines.effect import Rung
from omote.engines.interference import Interference
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.streams.frame import Face, Frame, Picture

SELDOM = {Rung.FULL: 1, Rung.REUSE: 4, Rung.MODEL: 6, Rung.SIZE: 8}
"The least number of frames from one look of the net to the next, from each rung on."

EYES = ((33, 133), (362, 263))
"Landmarks of the outer and inner corners of each eye."

LENS = (1.05, 0.85)
"Half width and half height of a lens, in widths of the eye behind it."

SOFT = 2.0
"How softly a region ends, pixels of the layer."

BRIGHTER = 2.0
"How much brighter the layer is drawn where it is shown by itself."

Target = Literal["frame", "face", "spectacles"]


class Deglare:
    """Takes reflections and stray light off the picture."""

    name: ClassVar[str] = "deglare"

    class Params(effect.Params):
        """How much of the glare, and where."""

        strength: float = Field(
            1.0, ge=0, le=1, description="Share of the glare found that is taken away, 0 to 1."
        )
        target: Target = Field(
            "frame",
            description="Everywhere, or only on faces or their spectacles, if faces are tracked.",
        )
        every: int = Field(
            3, ge=1, le=15, description="Frames from one look for glare to the next."
        )
        view: Literal["result", "layer", "split"] = Field(
            "result",
            description="The result, the layer found (twice as bright), or as it was on the left.",
        )

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._pixels = pixels
        self._interference = Interference(models["deglare"], pixels)

    def __call__(self, frame: Frame, params: Params, rung: Rung) -> Frame:
        """The frame with another picture."""
        picture = frame.picture
        found = self._interference.layer(picture, max(params.every, _seldom(rung)))
        where = region(frame.faces, params.target, picture, found.shape[:2])
        return replace(frame, picture=self._shown(picture, found * where, params))

    def _shown(self, picture: Picture, layer: Floats, params: Params) -> Picture:
        if params.view == "layer":
            bright = np.clip(layer * BRIGHTER, 0, 255).astype(np.uint8)
            size = picture.width, picture.height
            return self._pixels.from_rgb(np.asarray(cv2.resize(bright, size), np.uint8), picture)
        if params.view == "split":
            layer[:, : layer.shape[1] // 2] = 0
        return self._pixels.without(picture, layer * np.float32(params.strength))

    def reset(self) -> None:
        """Forget the layer."""
        self._interference.reset()

    def close(self) -> None:
        """Nothing to let go of."""


def _seldom(rung: Rung) -> int:
    return max(least for from_, least in SELDOM.items() if rung >= from_)


def region(
    faces: Sequence[Face], target: Target, picture: Picture, shape: tuple[int, ...]
) -> Floats:
    """(h, w, 1) of a shape, 0..1: where glare is taken away."""
    if target == "frame":
        return np.ones((*shape, 1), np.float32)
    mask = np.zeros(shape, np.uint8)
    scale = np.array([shape[1] / picture.width, shape[0] / picture.height])
    for face in faces:
        for outline in _outlines(face, target):
            cv2.fillConvexPoly(mask, np.round(outline * scale).astype(np.int32), (255,))
    soft = cv2.GaussianBlur(mask, (0, 0), SOFT).astype(np.float32) / 255
    return np.asarray(soft[..., None], np.float32)


def _outlines(face: Face, target: Target) -> list[Floats]:
    """(n, 2) each, in the picture's pixels."""
    points = face.landmarks[:, :2].astype(np.float32)
    if target == "face":
        return [np.asarray(cv2.convexHull(points)[:, 0], np.float32)]
    return [_lens(points[outer], points[inner]) for outer, inner in EYES]


def _lens(outer: Floats, inner: Floats) -> Floats:
    """(24, 2): an ellipse before an eye, as wide as spectacles are."""
    along = inner - outer
    across = np.array([-along[1], along[0]])
    turns = np.linspace(0, 2 * np.pi, 24, endpoint=False)[:, None]
    ring = LENS[0] * np.cos(turns) * along + LENS[1] * np.sin(turns) * across
    return np.asarray((outer + inner) / 2 + ring, np.float32)
