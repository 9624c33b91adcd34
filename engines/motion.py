"""Motion: where a picture's parts went since the one before, small and cheap."""

from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats

Number = TypeVar("Number", np.uint8, np.float32)

NOISE = 3.0
"Differences of light below this are noise, in levels of 255 averaged over 3 x 3 small pixels."
QUIET = 2.0
"Differences below this are no motion either, in the same levels over 5 x 5."
SURE = 9.0
"Differences above this are another thing, no doubt."

_NEIGHBOURS = np.ones((3, 3), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """What became of the previous picture, at the small size it was looked at."""

    flow: Floats
    "(h, w, 2): for each pixel now, x and y from there to where it was, in small pixels."
    surprise: Floats
    "(h, w): how surely what is seen cannot come from there, 0..1."


class Eye:
    """Sees motion between the pictures given to it, one after another."""

    def __init__(self) -> None:
        self._search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)

    def motion(self, before: Bytes, now: Bytes, guess: Floats | None = None) -> Motion:
        """From two luma pictures (h, w) of one size; `guess` is a flow to begin the search with."""
        flow = np.zeros((*now.shape, 2), np.float32) if guess is None else guess.copy()
        self._search.calc(now, before, flow)
        # What is far away has moved, even if by chance it looks like what was here.
        far = np.abs(flow).max(2) - 1
        flow *= np.clip(np.maximum(_moving(before, now), far), 0, 1)[..., None]
        expected = taken(before, flow)
        # At an edge half a pixel changes much: what is between the neighbours is no surprise.
        above = cv2.subtract(now, cv2.dilate(expected, _NEIGHBOURS))
        below = cv2.subtract(cv2.erode(expected, _NEIGHBOURS), now)
        difference = cv2.blur(cv2.max(above, below), (3, 3)).astype(np.float32)
        return Motion(flow, np.clip((difference - NOISE) / (SURE - NOISE), 0, 1))


def _moving(before: Bytes, now: Bytes) -> Floats:
    """(h, w): 0 where there is no more change than noise, where a search finds motion by chance."""
    change = cv2.blur(cv2.absdiff(now, before), (5, 5)).astype(np.float32)
    moving = np.clip((change - QUIET) / (NOISE - QUIET), 0, 1)
    return np.asarray(cv2.blur(cv2.dilate(moving, _NEIGHBOURS), (5, 5)), np.float32)


def carried(alpha: Floats, flow: Floats) -> Floats:
    """A map (h, w) or (h, w, n) of any size, moved as the flow says."""
    height, width = alpha.shape[:2]
    steps = flow.copy()
    steps[..., 0] *= width / flow.shape[1]
    steps[..., 1] *= height / flow.shape[0]
    return taken(alpha, cv2.resize(steps, (width, height)))


def taken(
    values: NDArray[Number], flow: NDArray[Any], outside: int = cv2.BORDER_REPLICATE
) -> NDArray[Number]:
    """(h, w) or (h, w, n), each value taken from where the flow, of the same size, points."""
    height, width = values.shape[:2]
    sources = _here(width, height) + flow
    together: Any = None  # one map of both x and y, which OpenCV's types do not know
    found: Any = cv2.remap(values, sources, together, cv2.INTER_LINEAR, borderMode=outside)
    return np.asarray(found, values.dtype)


def still(before: Bytes, now: Bytes) -> bool:
    """Whether two luma pictures differ by noise alone, everywhere."""
    return bool(cv2.blur(cv2.absdiff(now, before), (5, 5)).max() < NOISE)


@cache
def _here(width: int, height: int) -> Floats:
    """(h, w, 2): each pixel's own x and y."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
