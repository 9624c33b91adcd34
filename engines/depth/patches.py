"""Patches: kernels that paint each depth pixel into another view, nearest first.

Points are kept with a border of unknown depth, so that nobody asks whether there is a neighbour, and
the picture with a margin, so that nobody asks where it ends.
"""

import numpy as np
from numpy.typing import NDArray

from omote.engines.kernels import Bytes, Floats
from omote.streams.kernel import careful_kernel

FAR = np.float32(1e30)
"Farther than anything, metres."
SAME = np.float32(0.04)
"Neighbours whose depths differ by less than this share lie on one surface."
COMPANY = np.float32(2)
"Neighbours on its own surface that a pixel needs; one with fewer floats between two surfaces."
MARGIN = 32
"Pixels beyond the right and the bottom of the picture that patches may stick out; the largest patch."


@careful_kernel
def project(
    steps: NDArray[np.uint16],
    step: np.float32,
    rays: Floats,
    shift: Floats,
    lens: Floats,
    bend: Floats,
    points: Floats,
) -> None:
    """Column, row and depth of each pixel in the other view; depth 0 where unknown."""
    for j in range(steps.shape[0]):
        # Rows of whole arrays are known to lie in one piece: four times as fast as those of a part.
        us, vs, zs = points[0, j + 1, 1:-1], points[1, j + 1, 1:-1], points[2, j + 1, 1:-1]
        cast(steps[j], step, rays[0, j], rays[1, j], rays[2, j], shift, us, vs, zs)
        if bend.size:
            distort(us, vs, bend)
        for i in range(steps.shape[1]):
            us[i] = us[i] * lens[0] + lens[2]
            vs[i] = vs[i] * lens[1] + lens[3]


@careful_kernel
def cast(
    steps: NDArray[np.uint16],
    step: np.float32,
    ax: Floats,
    ay: Floats,
    az: Floats,
    shift: Floats,
    us: Floats,
    vs: Floats,
    zs: Floats,
) -> None:
    """A row of pixels along their rays, to where a lens without any bend would see them."""
    one, tx, ty, tz = np.float32(1), shift[0], shift[1], shift[2]
    for i in range(steps.size):
        own = np.float32(steps[i]) * step
        z = own * az[i] + tz
        known = (own > np.float32(0)) & (z > np.float32(0.01))
        over = one / (z if known else one)
        us[i] = (own * ax[i] + tx) * over
        vs[i] = (own * ay[i] + ty) * over
        zs[i] = z if known else np.float32(0)


@careful_kernel
def distort(us: Floats, vs: Floats, bend: Floats) -> None:
    """OpenCV's rational model, in place; beyond the picture its polynomials would fold back into it."""
    k1, k2, p1, p2, k3, k4, k5, k6, farthest = bend
    one, two = np.float32(1), np.float32(2)
    for i in range(us.size):
        x, y = us[i], vs[i]
        r = x * x + y * y
        scale = (one + r * (k1 + r * (k2 + r * k3))) / (one + r * (k4 + r * (k5 + r * k6)))
        bent = x * scale + two * p1 * x * y + p2 * (r + two * x * x)
        us[i] = bent if r < farthest else np.float32(-1e3)
        vs[i] = y * scale + p1 * (r + two * y * y) + two * p2 * x * y


@careful_kernel
def outline(
    points: Floats,
    j: int,
    halves_x: Floats,
    half_y: np.float32,
    slopes: Floats,
    size: tuple[int, int],
    starts: NDArray[np.uint32],
    box: NDArray[np.int32],
    plane: Floats,
) -> None:
    """Of a row of points: where each patch begins, its sides, the depth at its corner, its slopes.

    Where a patch has no second column, or row, the slope that would lead there is `FAR`; so is the
    depth of one that is not painted.
    """
    us, vs, zs = points[0, j + 1, 1:-1], points[1, j + 1, 1:-1], points[2, j + 1, 1:-1]
    lefts, rights = points[2, j + 1, :-2], points[2, j + 1, 2:]
    ups, downs = points[2, j, 1:-1], points[2, j + 2, 1:-1]
    zero, one, half = np.float32(0), np.float32(1), np.float32(0.5)
    wide, high = np.float32(size[1] - MARGIN), np.float32(size[0] - MARGIN)
    for i in range(zs.size):
        z = zs[i]
        near = z * SAME
        left, right, up, down = z - lefts[i], rights[i] - z, z - ups[i], downs[i] - z
        by_left = one if abs(left) < near else zero
        by_right = one if abs(right) < near else zero
        by_up = one if abs(up) < near else zero
        by_down = one if abs(down) < near else zero
        gx = (left * by_left + right * by_right) * (one - half * by_left * by_right)
        gy = (up * by_up + down * by_down) * (one - half * by_up * by_down)
        du, dv = gx * slopes[0, 0] + gy * slopes[1, 0], gx * slopes[0, 1] + gy * slopes[1, 1]
        u, v, half_x = us[i], vs[i], halves_x[i]
        x = min(max(np.ceil(u - half_x), zero), wide)
        y = min(max(np.ceil(v - half_y), zero), high)
        w, h = min(np.ceil(u + half_x), wide) - x, min(np.ceil(v + half_y), high) - y
        real = (by_left + by_right + by_up + by_down >= COMPANY) & (w > zero) & (h > zero)
        starts[i] = np.uint32(y) * np.uint32(size[1]) + np.uint32(x)
        box[0, i], box[1, i] = np.int32(w if real else zero), np.int32(h)
        plane[0, i] = z + dv * (y - v) + du * (x - u) if real else FAR
        plane[1, i], plane[2, i] = du if w > one else FAR, dv if h > one else FAR


@careful_kernel
def splat_small(
    points: Floats, halves_x: Floats, halves_y: Floats, slopes: Floats, nearest: Floats
) -> None:
    """As `splat`, patches of at most two by two pixels: no branch, which is five times as fast."""
    width = points.shape[2] - 2
    starts, box = np.empty(width, np.uint32), np.empty((2, width), np.int32)
    plane = np.empty((3, width), np.float32)
    flat, stride, one = nearest.ravel(), np.uint64(nearest.shape[1]), np.uint64(1)
    for j in range(points.shape[1] - 2):
        outline(points, j, halves_x, halves_y[j], slopes, nearest.shape, starts, box, plane)
        ats, dus, dvs = plane[0], plane[1], plane[2]
        for i in range(width):
            here = np.uint64(starts[i])
            below = here + stride
            at, du, dv = ats[i], dus[i], dvs[i]
            flat[here] = min(flat[here], at)
            flat[here + one] = min(flat[here + one], at + du)
            flat[below] = min(flat[below], at + dv)
            flat[below + one] = min(flat[below + one], at + du + dv)


@careful_kernel
def splat(
    points: Floats, halves_x: Floats, halves_y: Floats, slopes: Floats, nearest: Floats
) -> None:
    """Paint each point's patch into `nearest` where nothing nearer is."""
    width = points.shape[2] - 2
    starts, box = np.empty(width, np.uint32), np.empty((2, width), np.int32)
    plane = np.empty((3, width), np.float32)
    flat, stride = nearest.ravel(), nearest.shape[1]
    for j in range(points.shape[1] - 2):
        outline(points, j, halves_x, halves_y[j], slopes, nearest.shape, starts, box, plane)
        for i in range(width):
            for y in range(box[1, i] if box[0, i] > 0 else 0):
                row = np.int64(starts[i]) + y * stride
                for x in range(box[0, i]):
                    at = plane[0, i] + plane[1, i] * np.float32(x) + plane[2, i] * np.float32(y)
                    flat[row + x] = min(flat[row + x], at)


@careful_kernel
def tell(
    points: Floats,
    confidence: Bytes,
    halves_x: Floats,
    halves_y: Floats,
    nearest: Floats,
    sure: Bytes,
) -> None:
    """After `splat`: give the pixels of each patch that is seen its confidence."""
    high, wide = nearest.shape[0] - MARGIN, nearest.shape[1] - MARGIN
    for j in range(confidence.shape[0]):
        us, vs, zs = points[0, j + 1, 1:-1], points[1, j + 1, 1:-1], points[2, j + 1, 1:-1]
        for i in range(confidence.shape[1]):
            u, v, z, hx, hy = us[i], vs[i], zs[i], halves_x[i], halves_y[j]
            if z == np.float32(0):
                continue
            first, last = max(int(np.ceil(u - hx)), 0), min(int(np.ceil(u + hx)), wide)
            for y in range(max(int(np.ceil(v - hy)), 0), min(int(np.ceil(v + hy)), high)):
                for x in range(first, last):
                    if abs(nearest[y, x] - z) < SAME * z:
                        sure[y, x] = confidence[j, i]


@careful_kernel
def finish(nearest: Floats, metres: Floats) -> None:
    """What nothing was painted on is unknown."""
    for j in range(metres.shape[0]):
        for i in range(metres.shape[1]):
            metres[j, i] = nearest[j, i] if nearest[j, i] < FAR else np.float32(np.nan)
