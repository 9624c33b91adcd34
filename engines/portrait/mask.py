"""Mask: P, the person as the cheap net sees him, carried from frame to frame.

The net looks at every fourth picture or so. In between its alpha is carried along by the motion
seen at a small size.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from omote.engines import motion
from omote.engines.effect import Rung
from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.motion import Motion
from omote.engines.pixels import Pixels, Size
from omote.engines.portrait.islands import mended
from omote.engines.portrait.parameters import Basics
from omote.engines.upright import Upright
from omote.streams.frame import Frame, Picture

SIZES: dict[str, Size] = {"square": (256, 256), "landscape": (256, 144)}
"What each net takes, width and height, pixels."
LONG = 128
"Long side of the pictures in which motion is looked for, pixels."
REUSED = 6
"Frames from one inference to the next on the rung REUSE and below it."
ENOUGH = 12
"Small pixels that must be surprising near the edge for the net to look again at once."
GROWN = 0.1
"Change of the person's area, a share, for which the net looks again at once."
CUT = 0.4
"Share of the picture in which something else is seen, from which on it is another scene."


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is known of a frame."""

    alpha: Floats
    "(h, w), 0..1: P; the same object as before when nothing moved."
    luma: Bytes
    "The picture, small."
    looked_at: Bytes
    "The one the net saw."
    area: float
    "Share of the frame that P covered when the net looked."
    arrived: float
    "When that arrived, seconds."
    age: int
    "Frames since, with the next."
    moved: Motion | None = None
    "Since the frame before; None when nothing did, or there is none."
    is_new: bool = False
    "Another scene, or the first frame: what was known before says nothing."


class Mask:
    """P of frame after frame."""

    def __init__(self, models: Models, pixels: Pixels, asked: Callable[[str], None]) -> None:
        """`asked` is told the name of each net that runs."""
        self._models, self._pixels, self._asked = models, pixels, asked
        self._eye = motion.Eye()
        self._past: Seen | None = None

    def __call__(self, frame: Frame, params: Basics, rung: Rung, smoothing: float) -> Seen:
        """The next frame's; `smoothing` 0..1 steadies where nothing moves."""
        self._past = seen = self._now(frame, params, rung, smoothing)
        return seen

    def forget(self) -> None:
        """The next frame is the first."""
        self._past = None

    def _now(self, frame: Frame, params: Basics, rung: Rung, smoothing: float) -> Seen:
        luma, past = self._luma(frame.picture), self._past
        if past is None or past.luma.shape != luma.shape:
            return self._first(frame, luma, params, rung)
        if motion.still(past.looked_at, luma):
            return replace(past, luma=luma, moved=None, is_new=False)
        moved = self._eye.motion(past.luma, luma)
        if moved.surprise.mean() > CUT:
            return replace(self._first(frame, luma, params, rung), moved=moved)
        carried = motion.carried(past.alpha, moved.flow)
        if not _due(past, moved, carried, params, rung):
            return replace(
                past, alpha=carried, luma=luma, age=past.age + 1, moved=moved, is_new=False
            )
        alpha = self._inferred(frame.picture, params, rung)
        if alpha.shape == carried.shape:
            alpha = _steadied(carried, alpha, moved, smoothing)
        return Seen(alpha, luma, luma, float(alpha.mean()), frame.arrived, 1, moved)

    def _first(self, frame: Frame, luma: Bytes, params: Basics, rung: Rung) -> Seen:
        alpha = self._inferred(frame.picture, params, rung)
        return Seen(alpha, luma, luma, float(alpha.mean()), frame.arrived, 1, is_new=True)

    def _luma(self, picture: Picture) -> Bytes:
        scale = LONG / max(picture.width, picture.height)
        size = round(picture.width * scale), round(picture.height * scale)
        small = self._pixels.small(picture, size)
        return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)

    def _inferred(self, picture: Picture, params: Basics, rung: Rung) -> Floats:
        """What the net makes of a picture, (h, w) 0..1, mended."""
        upright, net = Upright(params.orientation), _net(picture, params, rung)
        width, height = SIZES[net]
        small = self._pixels.small(picture, (height, width) if upright.across else (width, height))
        self._asked(name := f"selfie_{net}")
        alpha = self._models[name]({"picture": upright.picture(small)[None]})["alpha"][0, :, :, 0]
        return mended(upright.back(alpha))


def _net(picture: Picture, params: Basics, rung: Rung) -> str:
    if rung >= Rung.MODEL:
        return "landscape"
    if params.model != "auto":
        return params.model
    sides = picture.width, picture.height
    width, height = sides[::-1] if Upright(params.orientation).across else sides
    return "landscape" if width > 1.3 * height else "square"


def _due(past: Seen, moved: Motion, carried: Floats, params: Basics, rung: Rung) -> bool:
    """Whether the net must look again."""
    if rung >= Rung.REUSE:
        return past.age >= max(params.reuse, REUSED)
    if past.age >= params.reuse or abs(float(carried.mean()) - past.area) > GROWN * past.area:
        return True
    outside = cv2.resize(carried, moved.surprise.shape[::-1]) < 0.95
    # What changes inside the person, a mouth or an eye, leaves the outline alone.
    return int((moved.surprise * outside > 0.5).sum()) > ENOUGH


def _steadied(carried: Floats, alpha: Floats, moved: Motion, smoothing: float) -> Floats:
    """Slowly where nothing moves and little changes, at once where something new is seen."""
    surprise = cv2.resize(moved.surprise, alpha.shape[::-1])
    least = 1 - 0.9 * smoothing
    follow = least + (1 - least) * np.maximum(surprise, np.abs(alpha - carried))
    return np.asarray(carried + follow * (alpha - carried), np.float32)
