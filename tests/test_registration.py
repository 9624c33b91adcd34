"""Registration: depth in the picture's view, against scenes whose depth is known exactly."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from omote.engines.depth.registration import Registration, softened
from omote.streams.calibration import ALIGNED, Calibration, Lens
from omote.streams.depth import DepthFrame
from omote.streams.synthetic import CAMERAS, COLOUR, DEPTH, Room

Metres = NDArray[np.float32]
WIDE = Lens(
    width=640, height=480, fx=500, fy=500, cx=319.5, cy=239.5, distortion=(0.08, -0.05, 0, 0)
)


def taken(metres: Metres, confidence: NDArray[np.uint8] | None = None) -> DepthFrame:
    steps = np.round(np.nan_to_num(metres, nan=0) * 10_000).astype(np.uint16)
    return DepthFrame(steps, 0.0001, 0, "own", 0, 0.0, confidence)


def slope(lens: Lens, distance: float) -> NDArray[np.float32]:
    """Depth of a slanted, wavy wall as a camera sees it; found by going back and forth."""
    turn = np.array(lens.rotation)
    columns, rows = np.meshgrid(np.arange(lens.width), np.arange(lens.height))
    pixels = np.stack([columns, rows], -1).reshape(-1, 1, 2).astype(np.float64)
    flat = cv2.undistortPoints(pixels, lens.matrix, np.array(lens.distortion or (0.0,) * 4))
    rays = np.c_[flat.reshape(-1, 2), np.ones(columns.size)] @ turn
    eye = -turn.T @ np.array(lens.translation)
    z = np.full(columns.size, distance)
    for _ in range(30):
        at = eye + rays * z[:, None]
        z = z + distance + 0.3 * at[:, 0] + 0.02 * np.sin(9 * at[:, 0] + 5 * at[:, 1]) - at[:, 2]
    return np.asarray(z.reshape(rows.shape), np.float32)


def shift(found: Metres, true: Metres) -> NDArray[np.float64]:
    """Pixels, across and down, by which a map must be moved to lie on the true one; by least squares."""
    down, across = (np.asarray(np.gradient(true, axis=axis), np.float32) for axis in (0, 1))
    known = np.isfinite(found)
    slopes = np.stack([across[known], down[known], np.ones(known.sum())], 1)
    answer = np.linalg.lstsq(slopes, np.asarray(true - found)[known], rcond=None)[0]
    return np.asarray(answer[:2], np.float64)


@pytest.mark.parametrize("distance", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("size", [(640, 480), (320, 240)])
def test_depth_lands_where_the_picture_has_it(distance: float, size: tuple[int, int]) -> None:
    turn = ((0.9992, 0.0, 0.04), (0.0, 1.0, 0.0), (-0.04, 0.0, 0.9992))
    beside = WIDE.model_copy(update={"rotation": turn, "translation": (-0.05, 0.01, 0.0)})
    cameras = Calibration(depth=beside, colour=COLOUR)
    given = taken(slope(beside.at(*size), distance))
    found = Registration(cameras, size, (1280, 720))(given).metres
    true = slope(COLOUR, distance)
    assert np.isfinite(found).mean() > 0.95
    assert np.abs(shift(found[40:-40, 40:-40], true[40:-40, 40:-40])).max() < 0.1
    assert np.nanmedian(np.abs(found - true)) < 0.001 * distance


@pytest.mark.parametrize("finer", [1, 2, 4])
def test_a_small_view_agrees_with_a_large_one(finer: int) -> None:
    room = Room()
    given = taken(room.view(DEPTH.at(320 * finer, 240 * finer)).metres)
    true = room.view(COLOUR.at(320, 180)).metres
    found = Registration(CAMERAS, given.size, (320, 180))(given).metres
    assert np.nanmedian(np.abs(found - true)) < 0.002
    assert (np.abs(found - true) > 0.1).mean() < 0.02  # edges


def test_the_nearest_surface_wins() -> None:
    near = np.full((240, 320), 3.0, np.float32)
    near[:, 100:220] = 1.0
    left = DEPTH.model_copy(update={"distortion": (), "translation": (-0.2, 0, 0)})
    found = Registration(Calibration(depth=left, colour=COLOUR), (320, 240), (320, 180))(
        taken(near)
    )
    line = found.metres[90]
    there = np.flatnonzero(line < 2)
    assert np.allclose(line[there], line[there].mean(), atol=0.05)
    assert len(there) == there[-1] - there[0] + 1  # nothing behind shows through
    assert np.isnan(line).any()  # and nobody knows what is in its shadow


def test_holes_stay_holes_and_nothing_is_smeared_into_them() -> None:
    metres = np.full((240, 320), 2.0, np.float32)
    metres[:, 160:] = 1.0
    metres[100:140, 140:200] = np.nan
    found = Registration(ALIGNED, (320, 240), (1280, 960))(taken(metres)).metres
    hole = np.isnan(found)
    assert hole[404:556, 564:796].all() and hole[:392].mean() == hole[568:].mean() == 0
    assert set(np.unique(np.round(found[~hole], 3))) == {1.0, 2.0}
    soft = softened(Registration(ALIGNED, (320, 240), (320, 240))(taken(metres)), 3).metres
    assert np.array_equal(np.isnan(soft), np.isnan(metres))
    assert np.nanmin(soft) >= 1 and np.nanmax(soft) <= 2


def test_a_pixel_between_two_surfaces_is_dropped() -> None:
    metres = np.full((48, 64), 3.0, np.float32)
    metres[:, 32:] = 1.0
    metres[:, 31] = np.linspace(1.2, 2.8, 48)[np.random.default_rng(0).permutation(48)]
    found = Registration(ALIGNED, (64, 48), (64, 48))(taken(metres)).metres
    assert not ((found > 1.1) & (found < 2.9)).any()


def test_confidence_goes_with_the_surface_that_is_seen() -> None:
    metres = np.full((240, 320), 3.0, np.float32)
    metres[:, 100:220] = 1.0
    confidence = np.where(metres < 2, 200, 50).astype(np.uint8)
    found = Registration(CAMERAS, (320, 240), (320, 180))(taken(metres, confidence))
    assert found.confidence is not None
    assert np.allclose(found.confidence[found.metres < 2], 200 / 255)
    assert np.allclose(found.confidence[found.metres > 2], 50 / 255)
    assert (found.confidence[np.isnan(found.metres)] == 0).all()


@pytest.mark.parametrize("target", [(64, 36), (160, 90), (320, 180), (1280, 720), (90, 160)])
def test_what_lies_outside_of_the_picture_is_left_out(target: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    far_left = DEPTH.model_copy(update={"translation": (-3.0, 1.0, -0.9)})
    register = Registration(Calibration(depth=far_left, colour=COLOUR), (320, 240), target)
    steps = rng.integers(0, 65536, (240, 320)).astype(np.uint16)
    steps[100:200] = 9000
    found = register(DepthFrame(steps, 0.0001, 0, "own", 0, 0.0))
    assert found.metres.shape == target[::-1]
    assert 0 <= found.valid < 1
