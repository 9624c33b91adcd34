"""Colour lines: what a pixel's colour says of its alpha.

Around the edge, the mean colours of what is surely the person and of what surely is not are known;
a pixel's place on the line between the two is its alpha. How far that is trusted depends on how
far apart the colours are, against how mixed each side is: on busy backgrounds, where a guided
filter smears, the small alpha stays as it was.
"""

import numpy as np

from omote.engines.kernels import Bytes, Floats, Steps, kernel, spread

LENIENCE = np.float32(1.5)
"How much less what is plainly seen moves a sure pixel."


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
def colour(own: Bytes, close: Floats, far: Floats, means: Floats) -> None:
    """Mean Y, U, V of a side, (3, h, w), from its sums over a small and a large window.

    Where there is nothing sure of it close by, what is farther away counts, then a pixel's own.
    """
    little, least = np.float32(0.02), np.float32(0.001)
    for j in range(means.shape[1]):
        for i in range(means.shape[2]):
            share = np.float32(1) / (close[j, i, 3] + little * far[j, i, 3] + least)
            for k in range(3):
                here = least * np.float32(own[k, j, i])
                means[k, j, i] = (close[j, i, k] + little * far[j, i, k] + here) * share


@kernel
def solve(
    inside: Floats,
    outside: Floats,
    squares_inside: Floats,
    squares_outside: Floats,
    line: Floats,
    near: Floats,
) -> None:
    """From sums over windows, the line between the colours of either side.

    `line` (5, h, w): alpha = l0 Y + l1 U + l2 V + l3, colours 0..255, alpha 0..255; l4 is how far
    to trust it, 0..1. `near` (h, w): how near the edge is, 0..1.
    """
    nothing, one = np.float32(0), np.float32(1)
    sharpen, start, noise = np.float32(255 * 1.25), np.float32(-255 * 0.125), np.float32(6)
    line[:] = nothing
    near[:] = nothing
    for j in range(near.shape[0]):
        for i in range(near.shape[1]):
            n, m = inside[j, i, 3], outside[j, i, 3]
            if n < 2 or m < 2:
                continue
            of_n, of_m = one / n, one / m
            mixed = squares_inside[j, i] * of_n + squares_outside[j, i] * of_m
            apart, middle = nothing, nothing
            for k in range(3):
                f, b = inside[j, i, k] * of_n, outside[j, i, k] * of_m
                mixed -= f * f + b * b
                line[k, j, i] = f - b
                apart += (f - b) * (f - b)
                middle += (f - b) * b
            # A tenth of the line is cut off at either end: noise there is not hair.
            scale = sharpen / (apart + noise)
            for k in range(3):
                line[k, j, i] *= scale
            line[3, j, i] = start - middle * scale
            between = np.float32(4) * n * m / ((n + m) * (n + m))
            near[j, i] = min(max((between - np.float32(0.7)) * np.float32(3.3), nothing), one)
            trust = apart / (apart + np.float32(3) * max(mixed, nothing) + noise)
            line[4, j, i] = near[j, i] * trust


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
