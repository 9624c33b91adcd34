"""Stereo: depth from two pictures of a calibrated pair, and how sure it is.

The pair is brought to one row, matched from left to right and from right to left (SGBM), and kept
where both agree; what only one camera sees is filled with what is behind, and not trusted.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.kernels import Bytes, Floats
from omote.engines.kernels import kernel as kernel_
from omote.streams.calibration import Calibration, Lens, Matrix
from omote.streams.depth import DepthFrame, steps_of

BLOCK = 5
"Side of what is matched, pixels."
AGREE = 1.5
"Pixels by which left and right may differ."
NEAREST_M = 0.4
"Nothing nearer is looked for: it costs as many disparities."
MOST = 4
"As many disparities as that part of the width are enough, however near something is."
FILLED = 0.1
"Confidence of what was filled."


@dataclass(frozen=True, slots=True, eq=False)
class Matched:
    """What the left camera sees, all (h, w)."""

    disparity: Floats
    "Pixels, NaN where unknown."
    confidence: Floats
    "0..1, 0 where unknown."


class Matcher:
    """Matches pictures that lie on the same rows. Any thread, one call at a time."""

    def __init__(self, disparities: int, least: int = 0) -> None:
        """`disparities` from `least` on, pixels; rounded up to a multiple of 16."""
        self.most = -(-disparities // 16) * 16
        self._least = least
        area = BLOCK * BLOCK
        self._left = cv2.StereoSGBM.create(
            minDisparity=least,
            numDisparities=self.most,
            blockSize=BLOCK,
            P1=8 * area,
            P2=32 * area,
            disp12MaxDiff=-1,
            preFilterCap=63,
            uniquenessRatio=0,
            mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
        )
        self._right = cv2.ximgproc.createRightMatcher(self._left)

    def __call__(self, left: Bytes, right: Bytes) -> Matched:
        """Two grey pictures (h, w), of the left camera's view."""
        margin = self.most + max(self._least, 0)
        # SGBM leaves out the columns whose partners might lie outside: here nothing is outside.
        wide = [
            cv2.copyMakeBorder(x, 0, 0, margin, margin, cv2.BORDER_REPLICATE) for x in (left, right)
        ]
        sixteenths = self._left.compute(*wide), self._right.compute(*wide[::-1])
        here, there = (_pixels(x[:, margin:-margin]) for x in sixteenths)
        known = here >= max(self._least, 0.5)
        apart = disagreement(here, -there)
        agreed = known & (apart <= AGREE)
        sure = np.exp(-apart / 1.0) * _texture(left) * _steady(here)
        disparity = np.where(agreed, here, np.float32(np.nan))
        fill(disparity)
        confidence = np.where(agreed, FILLED + (1 - FILLED) * sure, np.float32(FILLED))
        confidence[np.isnan(disparity)] = 0
        return Matched(disparity, confidence.astype(np.float32))


class Stereo:
    """Depth of the left picture of a pair, of any calibration."""

    def __init__(self, calibration: Calibration, size: tuple[int, int]) -> None:
        """`size` of the pictures that will be given; smaller ones are less work."""
        if calibration.left is None or calibration.right is None:
            raise ValueError("the calibration has no left and right")
        self.size = size
        self._left, self._right = calibration.left.at(*size), calibration.right.at(*size)
        turn, shift = self._left.to(self._right)
        if shift[0] >= 0:
            raise ValueError("the right camera must stand to the right of the left one")
        bends = (_bend(self._left), _bend(self._right))
        rectified = cv2.stereoRectify(
            self._left.matrix, bends[0], self._right.matrix, bends[1], size, turn,
            shift.reshape(3, 1),
            flags=cv2.CALIB_ZERO_DISPARITY, alpha=-1,
        )  # fmt: skip
        r1, r2, p1, p2 = (np.asarray(each, np.float64) for each in rectified[:4])
        self._maps = (
            _maps(self._left, bends[0], r1, p1, size),
            _maps(self._right, bends[1], r2, p2, size),
        )
        self._scale = float(-p2[0, 3])  # focal length times baseline
        self._match = Matcher(min(int(self._scale / NEAREST_M) + 1, size[0] // MOST))
        self.calibration = _seen_from(self._left, r1, p1, calibration.left)

    def __call__(self, left: Bytes, right: Bytes) -> tuple[Floats, Floats]:
        """Metres, NaN where unknown, and confidence, (h, w), in the rectified left view."""
        views = (
            cv2.remap(_grey(picture), *maps, cv2.INTER_LINEAR)
            for picture, maps in zip((left, right), self._maps, strict=True)
        )
        found = self._match(*(np.asarray(view, np.uint8) for view in views))
        return (self._scale / found.disparity).astype(np.float32), found.confidence

    def frame(
        self, left: Bytes, right: Bytes, captured: int, index: int, arrived: float
    ) -> DepthFrame:
        """The same as a depth frame, to be aligned by `calibration`."""
        metres, confidence = self(left, right)
        sure = np.asarray(confidence * 255 + 0.5, np.uint8)
        return DepthFrame(
            steps_of(metres), 0.001, captured, "video", index, arrived, sure, "stereo"
        )


@kernel_
def disagreement(here: Floats, there: Floats) -> Floats:
    """How much the right picture's answer differs from the left one's, pixels, (h, w)."""
    apart = np.empty_like(here)
    for j in range(here.shape[0]):
        for i in range(here.shape[1]):
            other = i - int(here[j, i] + np.float32(0.5))
            if other < 0:  # its partner is outside of the right picture
                apart[j, i] = np.float32(1)
            else:
                apart[j, i] = abs(here[j, i] - there[j, other])
    return apart


def fill(disparity: Floats) -> None:
    """In place: what only one camera sees belongs to what is behind, left or right of it."""
    height, width = disparity.shape
    columns = np.arange(width)
    known = ~np.isnan(disparity)
    before = np.maximum.accumulate(np.where(known, columns, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, columns, width)[:, ::-1], axis=1)[:, ::-1]
    rows = np.arange(height)[:, None]
    left = np.where(before >= 0, disparity[rows, np.maximum(before, 0)], np.inf)
    right = np.where(after < width, disparity[rows, np.minimum(after, width - 1)], np.inf)
    behind = np.minimum(left, right)
    reachable = ~known & np.isfinite(behind)
    disparity[reachable] = behind[reachable]


def _pixels(sixteenths: NDArray[np.generic]) -> Floats:
    return np.asarray(sixteenths, np.float32) * np.float32(1 / 16)


def _texture(grey: Bytes) -> Floats:
    """0..1: how much there is to go by around a pixel."""
    slope = np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0))
    around = cv2.blur(slope, (2 * BLOCK + 1,) * 2)
    return np.asarray(around / (around + 12), np.float32)


def _steady(disparity: Floats) -> Floats:
    """0..1: how much the surroundings agree."""
    middle = cv2.medianBlur(disparity, 5)
    apart = cv2.blur(np.abs(disparity - middle), (2 * BLOCK + 1,) * 2)
    return np.asarray(1 / (1 + apart), np.float32)


def _grey(picture: Bytes) -> Bytes:
    if picture.ndim == 2:
        return picture
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def _bend(lens: Lens) -> NDArray[np.float64]:
    return np.array(lens.distortion or (0.0,) * 4)


def _maps(
    lens: Lens, bend: NDArray[np.float64], turn: Matrix, view: Matrix, size: tuple[int, int]
) -> tuple[NDArray[np.int16], NDArray[np.uint16]]:
    whole, parts = cv2.initUndistortRectifyMap(lens.matrix, bend, turn, view, size, cv2.CV_16SC2)
    return np.asarray(whole, np.int16), np.asarray(parts, np.uint16)


def _seen_from(left: Lens, turn: Matrix, view: Matrix, colour: Lens) -> Calibration:
    """Of the rectified left view beside the picture's own camera, which is the left one."""
    rotation = turn @ np.array(left.rotation)
    rectified = Lens(
        width=left.width,
        height=left.height,
        fx=float(view[0, 0]),
        fy=float(view[1, 1]),
        cx=float(view[0, 2]),
        cy=float(view[1, 2]),
        rotation=_rows(rotation),
        translation=_triple(turn @ np.array(left.translation)),
    )
    return Calibration(depth=rectified, colour=colour)


def _rows(matrix: Matrix) -> tuple[tuple[float, float, float], ...]:
    return tuple(_triple(row) for row in matrix)


def _triple(values: Matrix) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third
