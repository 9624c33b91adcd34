"""Stereo: a real pair of known disparity, a drawn pair in a stage, and calibration in between."""

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from omote.engines.depth import pair as pairs
from omote.engines.depth.registration import Registration
from omote.engines.depth.side_by_side import parted
from omote.engines.depth.stereo import Matcher, Stereo, fill
from omote.server.bench.depth.stereo import (
    BASELINE_M,
    FOCAL_PX,
    SHIFT_PX,
    Pair,
    figures_of,
    motorcycle,
)
from omote.streams.calibration import Calibration, Lens
from omote.streams.frame import VideoPicture

SIZE = (741, 500)


@pytest.fixture(scope="module")
def pair() -> Pair:
    return motorcycle()


def cameras(turned: float = 0.0) -> Calibration:
    """The motorcycle's; `turned` the right camera away by so many radians, its picture with it."""
    c, s = float(np.cos(turned)), float(np.sin(turned))
    left = Lens(width=741, height=500, fx=FOCAL_PX, fy=FOCAL_PX, cx=311.193, cy=254.877)
    right = left.model_copy(
        update={
            "cx": 311.193 + SHIFT_PX,
            "rotation": ((c, 0.0, s), (0.0, 1.0, 0.0), (-s, 0.0, c)),
            "translation": (-BASELINE_M * c, 0.0, BASELINE_M * s),
        }
    )
    return Calibration(left=left, right=right)


def metres(disparity: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(FOCAL_PX * BASELINE_M / (disparity + SHIFT_PX), np.float32)


def test_a_real_pair_is_matched_and_confidence_knows_where_it_is_wrong(pair: Pair) -> None:
    stereo = Stereo(cameras(), SIZE)
    view = Registration(stereo.calibration, SIZE, SIZE)
    seen = view(stereo.frame(pair.left, pair.right, 0, 0, 0.0))
    found, confidence = seen.metres, seen.confidence
    assert confidence is not None
    true = metres(pair.disparity)
    known = np.isfinite(true) & np.isfinite(found)
    relative = np.abs(found - true)[known] / true[known]
    sure = confidence[known]
    assert known.sum() / np.isfinite(true).sum() > 0.85
    assert (relative > 0.04).mean() < 0.25
    assert (relative > 0.04)[sure > np.median(sure)].mean() < 0.6 * (relative > 0.04).mean()


def test_the_bench_sees_the_bars_held(pair: Pair) -> None:
    grey = [
        np.asarray(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), np.uint8) for x in (pair.left, pair.right)
    ]
    figures = figures_of(Matcher(64)(*grey), pair.disparity)
    assert figures["bad_2"] < 0.25 and figures["coverage"] > 0.85
    curve = list(figures["bad_by_share"].values())
    assert curve[0] < 0.5 * curve[-1] and max(curve) == curve[-1]


def test_a_right_camera_that_is_turned_is_turned_back(pair: Pair) -> None:
    turned = cameras(0.02)
    assert turned.right is not None
    straight = cameras().right
    assert straight is not None
    # What the turned camera would have seen: its own rays, looked up in the straight one's picture.
    turn = np.array(turned.right.rotation)
    to_straight = straight.matrix @ turn.T @ np.linalg.inv(turned.right.matrix)
    right = cv2.warpPerspective(
        pair.right, to_straight, SIZE, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    )
    stereo = Stereo(turned, SIZE)
    found, confidence = stereo(pair.left, np.asarray(right, np.uint8))
    inside = np.isfinite(found) & (confidence > 0.5)
    median = float(np.median(found[inside]))
    assert median == pytest.approx(float(np.nanmedian(metres(pair.disparity))), rel=0.15)


def test_what_only_one_camera_sees_belongs_to_what_is_behind() -> None:
    disparity = np.array([[np.nan, 9, np.nan, np.nan, 4, np.nan]], np.float32)
    fill(disparity)
    assert disparity.tolist() == [[9, 9, 4, 4, 4, 4]]
    nothing = np.full((2, 3), np.nan, np.float32)
    fill(nothing)
    assert np.isnan(nothing).all()


def test_a_pair_the_wrong_way_round_is_refused() -> None:
    made = cameras()
    wrong = Calibration(left=made.right, right=made.left)
    with pytest.raises(ValueError, match="to the right"):
        Stereo(wrong, SIZE)
    with pytest.raises(ValueError, match="no left and right"):
        Stereo(Calibration(aligned=True), SIZE)


def test_a_picture_of_two_halves_is_parted_and_its_left_one_has_depth(pair: Pair) -> None:
    both = np.hstack([pair.left[:, :740], pair.right[:, :740]])
    video = av.VideoFrame.from_ndarray(both, "rgb24").reformat(format="yuv420p")
    matched = pairs.Pair(cameras())
    left, depth = parted(VideoPicture(video, 90), matched)
    assert (left.width, left.height, left.rotation) == (740, 500, 90)
    shown = left.video.to_ndarray(format="rgb24")
    assert np.abs(shown.astype(int) - pair.left[:, :740]).mean() < 4
    small = cv2.resize(
        metres(pair.disparity), depth.metres.shape[::-1], interpolation=cv2.INTER_NEAREST
    )
    error = np.abs(depth.metres - small) / small
    assert np.nanmedian(error) < 0.03
    assert parted(VideoPicture(video), matched)[1] is depth  # every second picture is matched
