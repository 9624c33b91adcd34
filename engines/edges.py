"""Edges: a small alpha brought to the picture's size, its edge drawn where the colours change.

`omote.engines.colour_lines` tells how.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines import steadiness
from omote.engines.colour_lines import colour, refine, solve, weigh
from omote.engines.i420 import I420
from omote.engines.kernels import Bytes, Floats, kernel, steps
from omote.engines.redraw import CLOSE, Redraw, bounded

EMPTY, FULL, EDGE = 0, 1, 2
"Kinds of blocks: nothing of the person, nothing but the person, both."

BLOCK = 8
"Side of a block in chroma pixels."

WINDOW = 4
"Colours are gathered this many coarse pixels around, three times as far where there are none."


@dataclass(frozen=True, slots=True, eq=False)
class Alpha:
    """A plane of the CPU backend: alpha at chroma size, which measures better than at full size."""

    half: Bytes
    "(H/2, W/2), 0..255."
    blocks: Bytes
    "(H/16, W/16) rounded up: EMPTY, FULL or EDGE."
    low: Floats
    "(h, w) of the picture's coarse level, 0..1."
    foreground: Floats
    "(3, h, w): mean Y, U, V of the person around."
    background: Floats
    "(3, h, w): mean Y, U, V of the rest around."
    near: Floats
    "(h, w): how near the edge is, 0..1."
    of: I420
    "The picture it was drawn on."
    age_s: float = 0.0
    "Seconds since the picture it was inferred from; 0: this one."

    @property
    def inferred(self) -> bool:
        """Whether a net looked at this very picture."""
        return self.age_s == 0

    @property
    def width(self) -> int:
        """Columns, pixels."""
        return self.of.width

    @property
    def height(self) -> int:
        """Rows, pixels."""
        return self.of.height


def drawn(
    alpha: Floats,
    picture: I420,
    feather: float = 0,
    coarser: int = 0,
    age_s: float = 0,
    redraw: Redraw | None = None,
    before: Alpha | None = None,
    steady: float = 0,
) -> Alpha:
    """Bring `alpha`, (any h, w) 0..1, to the picture's size; `feather` is a radius in pixels.

    `steady`, 0..1: how much is kept of `before` where the picture keeps still.
    """
    own = np.stack(picture.level(picture.coarse + coarser))
    low = np.asarray(cv2.resize(alpha, own.shape[:0:-1]), np.float32)
    bytes_ = cv2.convertScaleAbs(alpha, alpha=255)
    half = np.asarray(cv2.resize(bytes_, (picture.width // 2, picture.height // 2)), np.uint8)
    colours = _colours(own, low)
    blocks = np.empty((-(-half.shape[0] // BLOCK), -(-half.shape[1] // BLOCK)), np.uint8)
    classify(half, blocks)
    beside = np.asarray(cv2.dilate((blocks == EDGE).view(np.uint8), _NEIGHBOURS), np.uint8)
    down, across = (steps(*sizes) for sizes in zip(half.shape, low.shape, strict=True))
    vague = half.copy()
    refine(half, beside, *picture.rows, colours.line, down, across)
    half = bounded(half, vague, round(CLOSE * half.shape[0]))
    if redraw is not None:
        redraw.laid(half, picture)
    if feather > 1:
        half = np.asarray(cv2.stackBlur(half, (2 * int(feather / 2) + 1,) * 2), np.uint8)
    if redraw is not None or feather > 1:
        classify(half, blocks)
        beside = (blocks == EDGE).view(np.uint8)
    if before is not None and steady > 0 and before.half.shape == half.shape:
        either = beside | (before.blocks == EDGE).view(np.uint8)
        steadiness.steady(half, before.half, either, picture, before.of, steady)
    classify(half, blocks)
    return Alpha(
        half, blocks, low, colours.foreground, colours.background, colours.near, picture, age_s
    )


_NEIGHBOURS = np.ones((3, 3), np.uint8)


class _Colours(NamedTuple):
    foreground: Floats
    background: Floats
    near: Floats
    line: Floats
    "As `solve` makes it."


def _colours(own: Bytes, low: Floats) -> _Colours:
    """What the colours on either side of the edge are, and what they say of alpha."""
    inside, outside = (np.empty((*low.shape, 4), np.uint8) for _ in range(2))
    squares = np.empty((2, *low.shape), np.float32)
    weigh(own, low, inside, outside, squares)
    close, far = ([_around(side, r) for side in (inside, outside)] for r in (WINDOW, 3 * WINDOW))
    foreground, background = (np.empty((3, *low.shape), np.float32) for _ in range(2))
    colour(own, close[0], far[0], foreground)
    colour(own, close[1], far[1], background)
    line, near = np.empty((5, *low.shape), np.float32), np.empty(low.shape, np.float32)
    mixed = [_around(side, WINDOW) for side in squares]
    solve(close[0], close[1], mixed[0], mixed[1], line, near)
    return _Colours(foreground, background, near, line)


def _around(values: NDArray[Any], radius: int) -> Floats:
    """Sums over a square window; outside of the map there is nothing."""
    side, nothing = (2 * radius + 1, 2 * radius + 1), cv2.BORDER_CONSTANT
    sums = cv2.boxFilter(values, cv2.CV_32F, side, normalize=False, borderType=nothing)
    return np.asarray(sums, np.float32)


@kernel
def classify(alpha: Bytes, blocks: Bytes) -> None:
    """Tell the blocks of a chroma-size alpha apart, one pixel around each included."""
    height, width = alpha.shape
    least, most = np.empty(width, np.uint8), np.empty(width, np.uint8)
    for row in range(blocks.shape[0]):
        least[:] = 255
        most[:] = 0
        for j in range(max(row * 8 - 1, 0), min(row * 8 + 9, height)):
            for i in range(width):
                least[i] = min(least[i], alpha[j, i])
                most[i] = max(most[i], alpha[j, i])
        for column in range(blocks.shape[1]):
            low, high = np.uint8(255), np.uint8(0)
            for i in range(max(column * 8 - 1, 0), min(column * 8 + 9, width)):
                low = min(low, least[i])
                high = max(high, most[i])
            blocks[row, column] = 0 if high == 0 else 1 if low == 255 else 2


KERNELS = (weigh, colour, solve, classify, refine)
