"""Registration: a depth map brought to the colour camera's view, pixel over pixel.

Each depth pixel becomes a point, each point a small patch of the picture, as large as the pixel is and
as slanted as its surface. The nearest patch wins; where there is none the depth is unknown.
"""

from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.depth.patches import FAR, MARGIN, finish, project, splat, splat_small, tell
from omote.engines.kernels import Floats
from omote.streams.calibration import Calibration, Lens, Matrix
from omote.streams.depth import DepthFrame

T = TypeVar("T", np.uint8, np.uint16)

Size = tuple[int, int]
"Width, height, pixels."

OVERLAP = 1.04
"Patches are a little larger than pixels, so that no cracks show between them."


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
        self._project(np.ones((rows, columns), np.uint16), 1.0, np.zeros(3))
        flat = self._points[:, 1:-1, 1:-1]
        self._halves = _halves(flat)
        self._slopes = _slopes(flat)
        small = max(half.max() for half in self._halves) <= 1
        self._splat = splat_small if small else splat
        self._patches = np.empty((target[1] + MARGIN, target[0] + MARGIN), np.float32)
        self._sure = np.empty(self._patches.shape, np.uint8)

    def __call__(self, frame: DepthFrame, smooth: bool = True) -> Registered:
        """`smooth`: depth between pixels of one surface is interpolated, else each patch is flat."""
        self._project(self._taken(frame.steps), frame.step_m, self._shift)
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

    def _project(self, steps: NDArray[np.uint16], step_m: float, shift: Matrix) -> None:
        """Fill `_points`, but for its border."""
        moved = shift.astype(np.float32)
        project(steps, np.float32(step_m), self._rays, moved, self._lens, self._bend, self._points)

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
