"""Unrolled: for each place in the result, the place in the photograph it is taken from."""

import numpy as np
from numpy.typing import NDArray

from omote.engines.kernels import Bytes, Floats, kernel

Triangles = NDArray[np.int32]


@kernel
def unroll(
    before: Floats,
    after: Floats,
    depth: Floats,
    triangles: Triangles,
    rings: int,
    near: Floats,
    out: Floats,
) -> None:
    """Draw triangles into `out` (h, w, k), of what their corners have (n, k): a source position,
    and whatever else belongs to it; `near` (h, w) is a depth buffer.

    All positions in pixels of `out`. The first `rings` triangles lie behind and are drawn over one
    another; of the others the nearest counts.
    """
    height, width = near.shape
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = after[a, 0], after[a, 1]
        bx, by = after[b, 0] - ax, after[b, 1] - ay
        cx, cy = after[c, 0] - ax, after[c, 1] - ay
        area = bx * cy - by * cx
        if abs(area) < np.float32(1e-6):
            continue
        left = max(0, int(np.floor(ax + min(np.float32(0), bx, cx))))
        right = min(width - 1, int(np.ceil(ax + max(np.float32(0), bx, cx))))
        top = max(0, int(np.floor(ay + min(np.float32(0), by, cy))))
        bottom = min(height - 1, int(np.ceil(ay + max(np.float32(0), by, cy))))
        for y in range(top, bottom + 1):
            for x in range(left, right + 1):
                px, py = np.float32(x) - ax, np.float32(y) - ay
                v = (px * cy - py * cx) / area
                w = (bx * py - by * px) / area
                u = np.float32(1) - v - w
                if u < np.float32(-0.001) or v < np.float32(-0.001) or w < np.float32(-0.001):
                    continue
                z = u * depth[a] + v * depth[b] + w * depth[c]
                if t < rings or z < near[y, x]:
                    near[y, x] = z
                    for k in range(before.shape[1]):
                        out[y, x, k] = u * before[a, k] + v * before[b, k] + w * before[c, k]


@kernel
def lay_over(front: Bytes, alpha: Bytes, behind: Bytes, out: Bytes) -> None:
    """`front` (h, w, k) where `alpha` (h, w) is 255, `behind` where it is 0, into `out`,
    which may be `behind` itself."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            share = np.int32(alpha[y, x])
            for c in range(out.shape[2]):
                under = np.int32(behind[y, x, c])
                mixed = (np.int32(front[y, x, c]) - under) * share
                out[y, x, c] = np.uint8(under + (mixed + np.int32(127)) // np.int32(255))


@kernel
def add_over(front: Bytes, behind: Bytes, out: Bytes) -> None:
    """`front` (h, w, 4), its colours already multiplied by its alpha, over `behind`, into `out`."""
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            rest = np.uint32(255) - np.uint32(front[y, x, 3])
            for c in range(3):
                under = (np.uint32(behind[y, x, c]) * rest + np.uint32(127)) // np.uint32(255)
                out[y, x, c] = min(np.uint32(front[y, x, c]) + under, np.uint32(255))


@kernel
def add_lit_over(front: Bytes, lit: Bytes, gain: Floats, behind: Bytes, out: Bytes) -> None:
    """As `add_over`, each colour of `front` as often as `gain` (3,) says where `lit` (h, w) is 255,
    and as it is where that is 0."""
    more = np.empty(3, np.int32)
    for c in range(3):
        more[c] = np.int32(np.round((gain[c] - np.float32(1)) * np.float32(256)))
    for y in range(out.shape[0]):
        for x in range(out.shape[1]):
            share, rest = np.int32(lit[y, x]), np.int32(255) - np.int32(front[y, x, 3])
            for c in range(3):
                level = np.int32(front[y, x, c])
                level += (level * ((more[c] * share) >> 8)) >> 8
                under = (np.int32(behind[y, x, c]) * rest + np.int32(127)) // np.int32(255)
                out[y, x, c] = np.uint8(min(level + under, np.int32(255)))


def warm_up() -> None:
    """Compile before the first frame: seconds on the first start of an installation."""
    points = np.zeros((3, 2), np.float32)
    one = np.zeros((1, 3), np.int32)
    near, out = np.zeros((2, 2), np.float32), np.zeros((2, 2, 2), np.float32)
    unroll(points, points, points[:, 0].copy(), one, 1, near, out)
    colours, alpha = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8)
    lay_over(colours, alpha, colours, colours.copy())
    front, gain = np.zeros((2, 2, 4), np.uint8), np.ones(3, np.float32)
    add_over(front, colours, colours.copy())
    add_lit_over(front, alpha, gain, colours, colours.copy())
