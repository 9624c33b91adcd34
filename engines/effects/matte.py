"""Matte: which pixels are the person. Computes, draws nothing.

A net looks at every second picture or so. In between, its alpha is carried along by the motion seen
at a small size, and the picture's colours draw the edge anew each time, so reuse hardly shows.
"""

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import cv2
import numpy as np
from pydantic import Field

from omote.engines import effect, motion
from omote.engines.depth.fusion import Fusion
from omote.engines.effect import Rung
from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.motion import Motion
from omote.engines.pixels import Pixels, Size
from omote.streams.frame import Frame, Picture

SIZES: dict[str, Size] = {"square": (256, 256), "landscape": (256, 144)}
"What each net takes, width and height, pixels."

LONG = 128
"Long side of the pictures in which motion is looked for, pixels."

REUSED = 4
"Frames from one inference to the next on the rung REUSE and below it."

ENOUGH = 12
"Small pixels that must be surprising for the net to look again at once."

SPECK = 0.003
"Islands with less surely known person than this share of the frame are none."

HOLE = 0.0003
"Holes with less surely known background than this share of the frame are none."


CUT = 0.4
"Share of the picture in which something else is seen, from which on it is another scene."


@dataclass(frozen=True, slots=True, eq=False)
class _Past:
    alpha: Floats
    "(h, w), 0..1, of the latest picture, before it is shaped."
    luma: Bytes
    "The latest picture."
    looked_at: Bytes
    "The one the net saw."
    arrived: float
    "When that arrived, seconds."
    age: int
    "Frames since, with the next."


class Matte:
    """Finds the person, for the effects that come after it."""

    name: ClassVar[str] = "matte"

    class Params(effect.Params):
        """Which net, how often, and how its alpha is shaped."""

        model: Literal["auto", "square", "landscape"] = Field(
            "auto", description="The net; auto takes the one shaped like the picture."
        )
        orientation: Literal[0, 90, 180, 270] = Field(
            0, description="Clockwise turn, in degrees, that puts the person upright for the net."
        )
        smoothing: float = Field(
            0.6, ge=0, le=1, description="How much alpha is steadied where nothing moves, 0 to 1."
        )
        reuse: int = Field(
            2, ge=1, le=10, description="Frames from one inference to the next while all goes well."
        )
        threshold: float = Field(
            0.5, ge=0.1, le=0.9, description="The net's certainty at which the edge lies, 0 to 1."
        )
        contrast: float = Field(
            0.2, ge=0, le=1, description="How much narrower the edge becomes, 0 to 1."
        )
        feather: float = Field(
            0.0, ge=0, le=2, description="Added softness of the edge, in percent of the height."
        )

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._models, self._pixels = models, pixels
        self._eye = motion.Eye()
        self._past: _Past | None = None
        self._fusion = Fusion()

    def __call__(self, frame: Frame, params: Params, rung: Rung) -> Frame:
        """The frame with its matte."""
        self._past = past = self._now(frame, params, rung)
        picture = frame.picture
        shaped = _shaped(past.alpha, params.threshold, params.contrast)
        matte = self._pixels.guided_upsample(
            self._fusion(shaped, past.alpha, frame.depth, frame.arrived),
            picture,
            feather=picture.height * params.feather / 100,
            coarser=int(rung >= Rung.SIZE),
            age_s=frame.arrived - past.arrived,
        )
        return replace(frame, matte=matte)

    def _now(self, frame: Frame, params: Params, rung: Rung) -> _Past:
        luma, past = self._luma(frame.picture), self._past
        if past is None or past.luma.shape != luma.shape:
            alpha = self._inferred(frame.picture, params, rung)
            return _Past(alpha, luma, luma, frame.arrived, 1)
        if motion.still(past.looked_at, luma):
            return replace(past, luma=luma)
        moved = self._eye.motion(past.luma, luma)
        carried = motion.carried(past.alpha, moved.flow)
        if not _due(past, moved, carried, params, rung):
            return replace(past, alpha=carried, luma=luma, age=past.age + 1)
        alpha = self._inferred(frame.picture, params, rung)
        if alpha.shape == carried.shape:
            alpha = _steadied(carried, alpha, moved, params.smoothing)
        return _Past(alpha, luma, luma, frame.arrived, 1)

    def _luma(self, picture: Picture) -> Bytes:
        scale = LONG / max(picture.width, picture.height)
        size = round(picture.width * scale), round(picture.height * scale)
        small = self._pixels.small(picture, size)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)

    def _inferred(self, picture: Picture, params: Params, rung: Rung) -> Floats:
        """What the net makes of a picture, (h, w) 0..1, mended."""
        net = _net(picture, params, rung)
        width, height = SIZES[net]
        across = params.orientation in (90, 270)
        small = self._pixels.small(picture, (height, width) if across else (width, height))
        upright = np.ascontiguousarray(np.rot90(small, -params.orientation // 90))
        alpha = self._models[f"selfie_{net}"]({"picture": upright[None]})["alpha"][0, :, :, 0]
        return _mended(np.ascontiguousarray(np.rot90(alpha, params.orientation // 90)))

    def reset(self) -> None:
        """Forget the previous alpha."""
        self._past = None
        self._fusion.reset()

    def close(self) -> None:
        """Nothing to let go of."""


def _net(picture: Picture, params: Matte.Params, rung: Rung) -> str:
    if rung >= Rung.MODEL:
        return "landscape"
    if params.model != "auto":
        return params.model
    sides = picture.width, picture.height
    width, height = sides[::-1] if params.orientation in (90, 270) else sides
    return "landscape" if width > 1.3 * height else "square"


def _due(past: _Past, moved: Motion, carried: Floats, params: Matte.Params, rung: Rung) -> bool:
    """Whether the net must look again."""
    if rung >= Rung.REUSE:
        return past.age >= max(params.reuse, REUSED)
    outside = cv2.resize(carried, moved.surprise.shape[::-1]) < 0.95
    # What changes inside the person, a mouth or an eye, leaves the outline alone.
    return past.age >= params.reuse or int((moved.surprise * outside > 0.5).sum()) > ENOUGH


def _steadied(carried: Floats, alpha: Floats, moved: Motion, smoothing: float) -> Floats:
    """Slowly where nothing moves and little changes, at once where something new is seen."""
    if moved.surprise.mean() > CUT:
        return alpha
    surprise = cv2.resize(moved.surprise, alpha.shape[::-1])
    least = 1 - 0.9 * smoothing
    follow = least + (1 - least) * np.maximum(surprise, np.abs(alpha - carried))
    return np.asarray(carried + follow * (alpha - carried), np.float32)


def _mended(alpha: Floats) -> Floats:
    """Islands with hardly anybody surely there are lamps; people are not half transparent inside."""
    return 1 - _without_islands(1 - _without_islands(alpha, 0.1, SPECK), 0.25, HOLE)


def _without_islands(values: Floats, above: float, least: float) -> Floats:
    """Parts `above` a value taken out in which less than `least` of the frame is above 0.9."""
    few = cv2.resize(values, (values.shape[1] // 2, values.shape[0] // 2))
    count, labels = cv2.connectedComponents((few > above).astype(np.uint8))
    sure = np.bincount(labels.ravel(), weights=(few > 0.9).ravel(), minlength=count)
    islands = sure < least * few.size
    islands[0] = False
    if not islands.any():
        return values
    gone = cv2.dilate(islands[labels].astype(np.uint8), np.ones((3, 3), np.uint8))
    kept = 1 - cv2.resize(gone, values.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return values * kept


def _shaped(alpha: Floats, threshold: float, contrast: float) -> Floats:
    """Threshold in the middle, and steeper around it; 0 and 1 stay."""
    low, high = threshold * contrast, 1 - (1 - threshold) * contrast
    bent = np.interp(CERTAINTIES, (low, threshold, high), (0.0, 0.5, 1.0))
    return np.asarray(cv2.LUT(cv2.convertScaleAbs(alpha, alpha=255), bent), np.float32)


CERTAINTIES = np.arange(256) / 255
