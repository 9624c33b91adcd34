"""Registration: a depth map brought to the colour camera's view, pixel over pixel.

Each depth pixel becomes a point, each point a small patch of the picture, as large as the pixel is and
as slanted as its surface. The nearest patch wins; where there is none the depth is unknown.
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.kernels import Bytes, Floats
from omote.streams.calibration import Calibration, Lens, Matrix
from omote.streams.depth import DepthFrame
from omote.streams.kernel import careful_kernel

T = TypeVar("T", np.uint8, np.uint16)

Size = tuple[int, int]
"Width, height, pixels."

FAR = np.float32(1e30)
"Farther than anything, metres."
SAME = np.float32(0.04)
"Neighbours whose depths differ by less than this share lie on one surface."
COMPANY = np.float32(2)
"Neighbours on its own surface that a pixel needs; one with fewer floats between two surfaces."
OVERLAP = 1.04
"Patches are a little larger than pixels, so that no cracks show between them."
MARGIN = 32
"Pixels beyond the right and the bottom of the picture that patches may stick out; the largest patch."


@dataclass(frozen=True, slots=True, eq=False)
class Registered:
    """Depth in the picture's view."""

    metres: Floats
    "(h, w), along the picture's optical axis, NaN where unknown."
    confidence: Floats | None
    "(h, w), 0..1, 0 where unknown; None: the sender has none."

    @property
    def valid(self) -> float:
        """Share of the picture whose depth is known, 0..1."""
        return float(np.count_nonzero(self.metres > 0)) / self.metres.size


class Registration:
    """Brings depth maps of one size into one view of one size. Any thread, one call at a time."""

    def __init__(self, calibration: Calibration, source: Size, target: Size) -> None:
        """`target` is the whole picture at any size: effects take 320 pixels on the long side."""
        self.source, self.target = source, target
        depth, colour = _lenses(calibration, source, target)
        turn, self._shift = depth.to(colour)
        self._every = _every(depth, colour)
        rays = _rays(depth, turn)[:, :: self._every, :: self._every]
        self._rays = np.ascontiguousarray(rays)
        rows, columns = rays.shape[1:]
        self._lens = np.array([colour.fx, colour.fy, colour.cx, colour.cy], np.float32)
        self._bend = _bend(colour)
        # A border of unknown depth saves the kernels from asking whether there is a neighbour.
        self._points = np.zeros((3, rows + 2, columns + 2), np.float32)
        flat = self._points[:, 1:-1, 1:-1]
        ones = np.ones((rows, columns), np.uint16)
        project(
            ones, np.float32(1), self._rays, np.zeros(3, np.float32), self._lens, self._bend, flat
        )
        self._halves = _halves(flat)
        self._slopes = _slopes(flat)
        small = max(half.max() for half in self._halves) <= 1
        self._splat = splat_small if small else splat
        self._patches = np.empty((target[1] + MARGIN, target[0] + MARGIN), np.float32)
        self._sure = np.empty(self._patches.shape, np.uint8)

    def __call__(self, frame: DepthFrame, smooth: bool = True) -> Registered:
        """`smooth`: depth between pixels of one surface is interpolated, else each patch is flat."""
        shift = self._shift.astype(np.float32)
        step = np.float32(frame.step_m)
        project(
            self._taken(frame.steps),
            step,
            self._rays,
            shift,
            self._lens,
            self._bend,
            self._points[:, 1:-1, 1:-1],
        )
        slopes = self._slopes if smooth else np.zeros_like(self._slopes)
        self._patches.fill(FAR)
        self._splat(self._points, *self._halves, slopes, self._patches)
        metres = np.empty(self.target[::-1], np.float32)
        finish(self._patches, metres)
        if frame.confidence is None:
            return Registered(metres, None)
        tell(self._points, self._taken(frame.confidence), *self._halves, self._patches, self._sure)
        seen = self._sure[: self.target[1], : self.target[0]]
        sure = np.where(np.isfinite(metres), seen * np.float32(1 / 255), np.float32(0))
        return Registered(metres, sure)

    def _taken(self, values: NDArray[T]) -> NDArray[T]:
        """The pixels that are used: all, or every second of every second row."""
        return np.ascontiguousarray(values[:: self._every, :: self._every])


def softened(registered: Registered, sigma: float) -> Registered:
    """Gaussian blur of what is known, `sigma` in pixels; holes stay, and nothing runs into them."""
    known = np.isfinite(registered.metres)
    weights = cv2.GaussianBlur(known.astype(np.float32), (0, 0), sigma)
    sums = cv2.GaussianBlur(np.where(known, registered.metres, np.float32(0)), (0, 0), sigma)
    metres = np.where(known, sums / np.maximum(weights, 1e-6), np.nan).astype(np.float32)
    return Registered(metres, registered.confidence)


def _lenses(calibration: Calibration, source: Size, target: Size) -> tuple[Lens, Lens]:
    if calibration.pair:
        assert calibration.left is not None
        return calibration.left.at(*source), calibration.left.at(*target)
    if calibration.aligned or calibration.depth is None or calibration.colour is None:
        whole = Lens(width=16, height=16, fx=16, fy=16, cx=7.5, cy=7.5)
        return whole.at(*source), whole.at(*target)
    return calibration.depth.at(*source), calibration.colour.at(*target)


def _every(depth: Lens, colour: Lens) -> int:
    """Which depth pixels are used: of a map much finer than the view fewer do, and nothing shows."""
    finer = min(depth.fx / colour.fx, depth.fy / colour.fy)
    return max(1, int(finer * 1.1))


def _rays(depth: Lens, turn: Matrix) -> Floats:
    """(3, H, W): where each depth pixel looks, in the colour camera, its own depth being 1."""
    columns, rows = np.meshgrid(np.arange(depth.width), np.arange(depth.height))
    pixels = np.stack([columns, rows], -1).reshape(-1, 1, 2).astype(np.float64)
    bend = np.array(depth.distortion or (0.0,) * 4)
    straight = cv2.undistortPoints(pixels, depth.matrix, bend).reshape(-1, 2)
    rays = turn @ np.concatenate([straight, np.ones((len(straight), 1))], 1).T
    return np.ascontiguousarray(rays.reshape(3, depth.height, depth.width), np.float32)


def _bend(lens: Lens) -> Floats:
    """Coefficients of the rational model and how far it holds; none for a lens that does not bend."""
    if not any(lens.distortion):
        return np.empty(0, np.float32)
    corners = np.array([[x, y] for x in (0, lens.width) for y in (0, lens.height)], np.float64)
    straight = cv2.undistortPoints(corners[:, None], lens.matrix, np.array(lens.distortion))
    farthest = 1.2 * float((straight**2).sum(-1).max())
    coefficients = (*lens.distortion, *(0.0,) * (8 - len(lens.distortion)))
    return np.array((*coefficients, farthest), np.float32)


def _halves(flat: Floats) -> tuple[Floats, Floats]:
    """Half the width of a pixel's patch by column, half its height by row, target pixels."""
    across = np.abs(np.gradient(flat[:2], axis=2)), np.abs(np.gradient(flat[:2], axis=1))
    sides = (across[0] + across[1]) * (OVERLAP / 2)
    wide, high = (_fast(np.median(side, axis=axis)) for axis, side in enumerate(sides))
    most = (MARGIN - 1) / 2
    return np.minimum(wide, most).astype(np.float32), np.minimum(high, most).astype(np.float32)


def _fast(halves: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without the overlap where that saves `splat_small`."""
    return np.minimum(halves, 1) if halves.max() <= OVERLAP * 1.02 else halves


def _slopes(flat: Floats) -> Floats:
    """(2, 2): from steps between depth pixels to steps between target pixels, mid-picture."""
    row, column = flat.shape[1] // 2, flat.shape[2] // 2
    along = (flat[:2, row + 1, column + 1] - flat[:2, row + 1, column]).astype(np.float64)
    down = (flat[:2, row + 1, column + 1] - flat[:2, row, column + 1]).astype(np.float64)
    return np.linalg.inv(np.stack([along, down], 1)).astype(np.float32)


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
    fx, fy, cx, cy = lens[0], lens[1], lens[2], lens[3]
    one = np.float32(1)
    for j in range(steps.shape[0]):
        ax, ay, az, given = rays[0, j], rays[1, j], rays[2, j], steps[j]
        us, vs, zs = points[0, j], points[1, j], points[2, j]
        for i in range(steps.shape[1]):
            own = np.float32(given[i]) * step
            z = own * az[i] + shift[2]
            known = own > np.float32(0) and z > np.float32(0.01)
            over = one / (z if known else one)
            us[i] = (own * ax[i] + shift[0]) * over
            vs[i] = (own * ay[i] + shift[1]) * over
            zs[i] = z if known else np.float32(0)
        if bend.size:
            distort(us, vs, bend)
        for i in range(steps.shape[1]):
            us[i] = us[i] * fx + cx
            vs[i] = vs[i] * fy + cy


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
def splat_small(
    points: Floats, halves_x: Floats, halves_y: Floats, slopes: Floats, nearest: Floats
) -> None:
    """As `splat`, patches of at most two by two pixels: no branch, which is thrice as fast."""
    width = points.shape[2] - 2
    box, plane = np.empty((4, width), np.int32), np.empty((3, width), np.float32)
    flat, stride, one = nearest.ravel(), np.uint64(nearest.shape[1]), np.uint64(1)
    for j in range(points.shape[1] - 2):
        outline(points, j, halves_x, halves_y[j], slopes, nearest.shape, box, plane)
        lefts, tops, wides, highs = box[0], box[1], box[2], box[3]
        starts, dus, dvs = plane[0], plane[1], plane[2]
        for i in range(width):
            at, du, dv, wide, high = starts[i], dus[i], dvs[i], wides[i], highs[i]
            here = np.uint64(tops[i]) * stride + np.uint64(lefts[i])
            right, below = here + one, here + stride
            both = below + one
            a, b, c, d = at, at + du, at + dv, at + du + dv
            flat[here] = min(flat[here], a if (wide > 0) & (high > 0) else FAR)
            flat[right] = min(flat[right], b if (wide > 1) & (high > 0) else FAR)
            flat[below] = min(flat[below], c if (wide > 0) & (high > 1) else FAR)
            flat[both] = min(flat[both], d if (wide > 1) & (high > 1) else FAR)


@careful_kernel
def splat(
    points: Floats, halves_x: Floats, halves_y: Floats, slopes: Floats, nearest: Floats
) -> None:
    """Paint each point's patch into `nearest` where nothing nearer is; `points` have a border."""
    width = points.shape[2] - 2
    box, plane = np.empty((4, width), np.int32), np.empty((3, width), np.float32)
    for j in range(points.shape[1] - 2):
        outline(points, j, halves_x, halves_y[j], slopes, nearest.shape, box, plane)
        for i in range(width):
            left, top, wide, high = box[0, i], box[1, i], box[2, i], box[3, i]
            for y in range(high):
                for x in range(wide):
                    at = plane[0, i] + plane[1, i] * np.float32(x) + plane[2, i] * np.float32(y)
                    nearest[top + y, left + x] = min(nearest[top + y, left + x], at)


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
def outline(
    points: Floats,
    j: int,
    halves_x: Floats,
    half_y: np.float32,
    slopes: Floats,
    size: tuple[int, int],
    box: NDArray[np.int32],
    plane: Floats,
) -> None:
    """Of a row of points: each patch's corner and size, the depth at its corner, its slopes."""
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
        x, y = max(np.ceil(u - half_x), zero), max(np.ceil(v - half_y), zero)
        real = by_left + by_right + by_up + by_down >= COMPANY
        x, y = min(x, wide), min(y, high)
        box[0, i], box[1, i] = np.int32(x), np.int32(y)
        box[2, i] = np.int32(min(np.ceil(u + half_x), wide) - x) if real else np.int32(0)
        box[3, i] = np.int32(min(np.ceil(v + half_y), high) - y)
        plane[0, i], plane[1, i], plane[2, i] = z + dv * (y - v) + du * (x - u), du, dv


@careful_kernel
def finish(nearest: Floats, metres: Floats) -> None:
    """What nothing was painted on is unknown."""
    for j in range(metres.shape[0]):
        for i in range(metres.shape[1]):
            metres[j, i] = nearest[j, i] if nearest[j, i] < FAR else np.float32(np.nan)
