"""Interference: the layer of light that lies over a picture, found by a net, steady over time.

The net looks at every n-th picture, small. In between, its layer is carried along by the motion
seen, and what it says anew is let in slowly where nothing moves, so that the layer is calm.
"""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from omote.engines import motion
from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats
from omote.engines.model import Model
from omote.engines.motion import Motion
from omote.engines.pixels import Pixels, Size
from omote.streams.frame import Picture

AREA = 256 * 144
"Pixels that the net is shown."

STEP = 16
"Sides of what it is shown are multiples of this."

LONG = 128
"Long side of the pictures in which motion is looked for, pixels."

FAINT = 2.0
"Levels of 255: a layer as faint is the net's own unrest, and left alone; much more is believed."

UNSURE, SURE = 0.3, 0.6
"Certainties of glare at which nothing, and at which all of a layer is believed."

CALM = 0.25
"Share of the difference that is let in at each look where nothing moves."

CUT = 0.4
"Share of the picture in which something else is seen, from which on it is another scene."


@dataclass(frozen=True, slots=True, eq=False)
class _Past:
    layer: Floats
    "(h, w, 3), levels, of the latest picture."
    luma: Bytes
    "The latest picture."
    age: int
    "Frames since the net looked, with the next."


class Interference:
    """Sees the pictures of one stage in order, and says what lies over each."""

    def __init__(self, model: Model, pixels: Pixels) -> None:
        self._model, self._pixels = model, pixels
        self._eye = motion.Eye()
        self._past: _Past | None = None

    def layer(self, picture: Picture, every: int) -> Floats:
        """(h, w, 3): levels of RGB that are too much; the net looks at one picture of `every`."""
        self._past = self._now(picture, every)
        return self._past.layer

    def reset(self) -> None:
        """Forget the past."""
        self._past = None

    def _now(self, picture: Picture, every: int) -> _Past:
        luma, past = self._luma(picture), self._past
        size = shown_size(picture)
        if past is None or past.layer.shape[:2] != size[::-1] or past.luma.shape != luma.shape:
            return _Past(self._seen(picture, size), luma, 1)
        if motion.still(past.luma, luma):
            carried, moved = past.layer, None
        else:
            moved = self._eye.motion(past.luma, luma)
            carried = motion.carried(past.layer, moved.flow)
        cut = moved is not None and moved.surprise.mean() > CUT
        if past.age < every and not cut:
            return replace(past, layer=carried, luma=luma, age=past.age + 1)
        layer = self._seen(picture, size)
        return _Past(layer if cut else _steadied(carried, layer, moved), luma, 1)

    def _luma(self, picture: Picture) -> Bytes:
        scale = LONG / max(picture.width, picture.height)
        size = round(picture.width * scale), round(picture.height * scale)
        small = self._pixels.small(picture, size)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)

    def _seen(self, picture: Picture, size: Size) -> Floats:
        found = self._model({"picture": self._pixels.small(picture, size)[None]})
        return believed(found["excess"][0], found["certainty"][0])


def shown_size(picture: Picture) -> Size:
    """Width and height that the net is shown: the picture's proportions, nearly."""
    wide = (AREA * picture.width / picture.height) ** 0.5
    sides = wide, wide * picture.height / picture.width
    width, height = (max(round(side / STEP), 1) * STEP for side in sides)
    return width, height


def believed(excess: Floats, certainty: Floats) -> Floats:
    """What is taken of the net's word: `excess` (h, w, 3) in levels, `certainty` (h, w, 1), 0..1.

    Glare only ever adds light.
    """
    trust = np.clip((certainty - UNSURE) / (SURE - UNSURE), 0, 1)
    seen = np.maximum(excess * trust, FAINT)
    return np.asarray(seen - FAINT**2 / seen, np.float32)


def _steadied(carried: Floats, layer: Floats, moved: Motion | None) -> Floats:
    """Slowly where nothing moves and little differs, at once where something new is seen."""
    size = layer.shape[1], layer.shape[0]
    differs = np.abs(cv2.blur(layer - carried, (9, 9))).max(2) / 40
    if moved is not None:
        differs = np.maximum(differs, cv2.resize(moved.surprise, size))
    follow = CALM + (1 - CALM) * np.clip(differs, 0, 1)
    return np.asarray(carried + follow[..., None] * (layer - carried), np.float32)
