"""Edges: a small alpha brought to the picture's size, its edge drawn where the colours change.

Around the edge, the mean colours of what is surely the person and of what surely is not are known;
a pixel's place on the line between the two is its alpha. How far that is trusted depends on how
far apart the colours are, against how mixed each side is: on busy backgrounds, where a guided
filter smears, the small alpha stays as it was.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.i420 import I420
from omote.engines.kernels import Bytes, Floats, Steps, kernel, spread, steps

EMPTY, FULL, EDGE = 0, 1, 2
"Kinds of blocks: nothing of the person, nothing but the person, both."

BLOCK = 8
"Side of a block in chroma pixels."

LENIENCE = np.float32(1.5)
"How much less what is plainly seen moves a sure pixel."

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
    alpha: Floats, picture: I420, feather: float = 0, coarser: int = 0, age_s: float = 0
) -> Alpha:
    """Bring `alpha`, (any h, w) 0..1, to the picture's size; `feather` is a radius in pixels."""
    own = np.stack(picture.level(picture.coarse + coarser))
    low = np.asarray(cv2.resize(alpha, own.shape[:0:-1]), np.float32)
    inside, outside = (np.empty((*low.shape, 4), np.uint8) for _ in range(2))
    squares = np.empty((2, *low.shape), np.float32)
    weigh(own, low, inside, outside, squares)
    line = np.empty((5, *low.shape), np.float32)
    colours = np.empty((2, 3, *low.shape), np.float32)
    near = np.empty(low.shape, np.float32)
    solve(
        own,
        _around(inside, WINDOW),
        _around(outside, WINDOW),
        _around(inside, 3 * WINDOW),
        _around(outside, 3 * WINDOW),
        _around(squares[0], WINDOW),
        _around(squares[1], WINDOW),
        line,
        colours[0],
        colours[1],
        near,
    )
    sure = cv2.convertScaleAbs(alpha, alpha=255)
    half = np.asarray(cv2.resize(sure, (picture.width // 2, picture.height // 2)), np.uint8)
    blocks = np.empty((-(-half.shape[0] // BLOCK), -(-half.shape[1] // BLOCK)), np.uint8)
    classify(half, blocks)
    down, across = (steps(*sizes) for sizes in zip(half.shape, low.shape, strict=True))
    around = cv2.dilate((blocks == EDGE).astype(np.uint8), np.ones((3, 3), np.uint8))
    refine(half, np.asarray(around, np.uint8), *picture.rows, line, down, across)
    if feather > 1:
        half = np.asarray(cv2.stackBlur(half, (2 * int(feather / 2) + 1,) * 2), np.uint8)
    classify(half, blocks)
    return Alpha(half, blocks, low, colours[0], colours[1], near, picture, age_s)


def _around(values: NDArray[Any], radius: int) -> Floats:
    """Sums over a square window; outside of the map there is nothing."""
    side, nothing = (2 * radius + 1, 2 * radius + 1), cv2.BORDER_CONSTANT
    sums = cv2.boxFilter(values, cv2.CV_32F, side, normalize=False, borderType=nothing)
    return np.asarray(sums, np.float32)


@kernel
def weigh(own: Bytes, alpha: Floats, inside: Bytes, outside: Bytes, squares: Floats) -> None:
    """Y, U, V, 1 of what surely is the person, and is not, else 0; and Y² + U² + V² of each."""
    for j in range(alpha.shape[0]):
        for i in range(alpha.shape[1]):
            one = np.uint8(alpha[j, i] > np.float32(0.95))
            other = np.uint8(alpha[j, i] < np.float32(0.05))
            a, b, c = own[0, j, i], own[1, j, i], own[2, j, i]
            inside[j, i, 0], inside[j, i, 1] = one * a, one * b
            inside[j, i, 2], inside[j, i, 3] = one * c, one
            outside[j, i, 0], outside[j, i, 1] = other * a, other * b
            outside[j, i, 2], outside[j, i, 3] = other * c, other
            square = np.float32(np.int32(a) * a + np.int32(b) * b + np.int32(c) * c)
            squares[0, j, i], squares[1, j, i] = one * square, other * square


@kernel
def solve(
    own: Bytes,
    inside: Floats,
    outside: Floats,
    far_inside: Floats,
    far_outside: Floats,
    squares_inside: Floats,
    squares_outside: Floats,
    line: Floats,
    foreground: Floats,
    background: Floats,
    near: Floats,
) -> None:
    """From sums over windows, the colours of either side and the line between them.

    Where there is nothing sure of a side near, what is farther away counts, then its `own` colour.

    `line` (5, h, w): alpha = l0 Y + l1 U + l2 V + l3, colours 0..255, alpha 0..255; l4 is how far
    to trust it, 0..1.
    """
    little, least = np.float32(0.02), np.float32(0.001)
    nothing, one = np.float32(0), np.float32(1)
    sharpen, start, noise = np.float32(255 * 1.25), np.float32(-255 * 0.125), np.float32(6)
    for j in range(line.shape[1]):
        for i in range(line.shape[2]):
            n, m = inside[j, i, 3], outside[j, i, 3]
            for_n = one / (n + little * far_inside[j, i, 3] + least)
            for_m = one / (m + little * far_outside[j, i, 3] + least)
            for k in range(3):
                here = least * np.float32(own[k, j, i])
                person = inside[j, i, k] + little * far_inside[j, i, k] + here
                rest = outside[j, i, k] + little * far_outside[j, i, k] + here
                foreground[k, j, i], background[k, j, i] = person * for_n, rest * for_m
            for k in range(5):
                line[k, j, i] = nothing
            near[j, i] = nothing
            if n < 2 or m < 2:
                continue
            of_n, of_m = one / n, one / m
            spread = squares_inside[j, i] * of_n + squares_outside[j, i] * of_m
            apart, middle = nothing, nothing
            for k in range(3):
                f, b = inside[j, i, k] * of_n, outside[j, i, k] * of_m
                spread -= f * f + b * b
                line[k, j, i] = f - b
                apart += (f - b) * (f - b)
                middle += (f - b) * b
            # An eighth of the line is cut off at either end: noise there is not hair.
            scale = sharpen / (apart + noise)
            for k in range(3):
                line[k, j, i] *= scale
            line[3, j, i] = start - middle * scale
            between = np.float32(4) * n * m / ((n + m) * (n + m))
            near[j, i] = min(max((between - np.float32(0.7)) * np.float32(3.3), nothing), one)
            trust = apart / (apart + np.float32(3) * max(spread, nothing) + noise)
            line[4, j, i] = near[j, i] * trust


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


@kernel
def refine(
    alpha: Bytes,
    blocks: Bytes,
    y: Bytes,
    u: Bytes,
    v: Bytes,
    line: Floats,
    down: Steps,
    across: Steps,
) -> None:
    """Move a chroma-size alpha, at its edges, towards what the line says, in place."""
    height, width = alpha.shape
    wide = np.empty((5, int(np.max(down[1][:8] - down[0][0])) + 3, width), np.float32)
    for row in range(blocks.shape[0]):
        first, last = row * 8, min(row * 8 + 8, height)
        top, bottom = down[0][first], down[1][last - 1]
        kinds, block = blocks[row], 0
        while block < kinds.size:
            kind, start = kinds[block], block * 8
            while block < kinds.size and kinds[block] == kind:
                block += 1
            if kind == 0:
                continue
            stop = min(block * 8, width)
            spread(line, top, bottom, across, start, stop, wide)
            for j in range(first, last):
                _move(
                    alpha[j, start:stop],
                    y[2 * j, 2 * start : 2 * stop],
                    y[2 * j + 1, 2 * start : 2 * stop],
                    u[j, start:stop],
                    v[j, start:stop],
                    wide,
                    start,
                    down[0][j] - top,
                    down[1][j] - top,
                    down[2][j],
                )


@kernel
def _move(
    alpha: Bytes,
    y: Bytes,
    y2: Bytes,
    u: Bytes,
    v: Bytes,
    wide: Floats,
    start: int,
    above: int,
    below: int,
    part: np.float32,
) -> None:
    quarter, half, most = np.float32(0.25), np.float32(0.5), np.float32(255)
    none, one = np.float32(0), np.float32(1)
    stop = start + alpha.size
    a0, a1 = wide[0, above, start:stop], wide[0, below, start:stop]
    b0, b1 = wide[1, above, start:stop], wide[1, below, start:stop]
    c0, c1 = wide[2, above, start:stop], wide[2, below, start:stop]
    d0, d1 = wide[3, above, start:stop], wide[3, below, start:stop]
    t0, t1 = wide[4, above, start:stop], wide[4, below, start:stop]
    for i in range(alpha.size):
        upper = np.float32(y[2 * i]) + np.float32(y[2 * i + 1])
        luma = quarter * (upper + np.float32(y2[2 * i]) + np.float32(y2[2 * i + 1]))
        seen = (a0[i] + (a1[i] - a0[i]) * part) * luma
        seen += (b0[i] + (b1[i] - b0[i]) * part) * np.float32(u[i])
        seen += (c0[i] + (c1[i] - c0[i]) * part) * np.float32(v[i])
        seen += d0[i] + (d1[i] - d0[i]) * part
        seen = min(max(seen, none), most)
        trust = t0[i] + (t1[i] - t0[i]) * part
        before = np.float32(alpha[i])
        # A sure pixel is overruled only by a colour that is plainly of the other side.
        risen = min(max((before - np.float32(2.5)) * np.float32(1 / 28), none), one)
        fallen = min(max((most - np.float32(2.5) - before) * np.float32(1 / 28), none), one)
        darker = max(most - (most - seen) * LENIENCE, none)
        lighter = min(seen * LENIENCE, most)
        seen = darker + (seen - darker) * risen
        seen = lighter + (seen - lighter) * fallen
        alpha[i] = np.uint8(before + (seen - before) * trust + half)


KERNELS = (weigh, solve, classify, refine)
