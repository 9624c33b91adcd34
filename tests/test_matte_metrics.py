"""The metrics of `omote bench matte`: against cases small enough to be worked out by hand."""

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from omote.server.bench.matte import metrics

Floats = NDArray[np.float32]


def disc(radius: int = 20, x: int = 40, y: int = 32) -> Floats:
    drawn = np.zeros((64, 80), np.uint8)
    cv2.circle(drawn, (x, y), radius, (255,), -1, cv2.LINE_AA)
    return drawn.astype(np.float32) / np.float32(255)


def anything(seed: int) -> Floats:
    return np.random.default_rng(seed).uniform(0, 1, (24, 32)).astype(np.float32)


def test_mad_and_mse_are_means_times_a_thousand() -> None:
    truth = np.zeros((2, 2), np.float32)
    alpha = np.array([[0, 0.5], [1, 0]], np.float32)
    assert metrics.mad(alpha, truth) == pytest.approx(375)
    assert metrics.mse(alpha, truth) == pytest.approx(312.5)


def test_a_region_leaves_the_rest_out() -> None:
    truth = np.zeros((2, 2), np.float32)
    alpha = np.array([[0, 0.5], [1, 0]], np.float32)
    assert metrics.mad(alpha, truth, alpha == 0.5) == pytest.approx(500)
    assert metrics.mad(alpha, truth, alpha > 1) == 0


def test_dtssd_is_the_root_mean_square_of_changes_that_truth_has_not() -> None:
    before, now = np.zeros((2, 2), np.float32), np.array([[1, 0], [0, 0]], np.float32)
    assert metrics.dtssd(now, before, before, before) == pytest.approx(50)
    assert metrics.dtssd(now, before, now, before) == 0


def test_a_constant_error_does_not_flicker() -> None:
    truth = disc()
    wrong = np.clip(truth + np.float32(0.2), 0, 1)
    assert metrics.dtssd(wrong, wrong, truth, truth) == 0


def test_iou_counts_what_both_call_person() -> None:
    truth = np.zeros((4, 4), np.float32)
    truth[:2] = 1
    alpha = np.zeros((4, 4), np.float32)
    alpha[1:3] = 1
    assert metrics.iou(alpha, truth) == pytest.approx(1 / 3)
    assert metrics.iou(np.zeros_like(truth), np.zeros_like(truth)) == 1


def test_the_gradient_kernel_is_a_unit_gaussian_and_its_derivative() -> None:
    step = np.zeros((41, 41), np.float32)
    step[:, 21:] = 1
    steepness = metrics.gradient(step, np.zeros_like(step)) * 1e3
    assert steepness == pytest.approx(_expected_gradient(step), rel=1e-4)


def _expected_gradient(step: Floats) -> float:
    """The same by a full two-dimensional kernel, written out from the definition."""
    sigma, half = 1.4, 4
    kernel = np.zeros((2 * half + 1, 2 * half + 1))
    for row in range(-half, half + 1):
        for column in range(-half, half + 1):
            bell = math.exp(-(row**2 + column**2) / (2 * sigma**2))
            kernel[row + half, column + half] = -column * bell
    kernel /= np.linalg.norm(kernel)
    edge = cv2.BORDER_REPLICATE
    across = cv2.filter2D(step, cv2.CV_64F, kernel, borderType=edge)
    down = cv2.filter2D(step, cv2.CV_64F, kernel.T, borderType=edge)
    return float((across**2 + down**2).sum())


def test_an_island_costs_connectivity_what_it_weighs() -> None:
    truth = np.zeros((20, 20), np.float32)
    truth[2:12, 2:12] = 1
    alpha = truth.copy()
    alpha[15:17, 15:17] = 0.8  # 0.8 from the connected part: phi is 0.2 there, 1 in the truth
    assert metrics.connectivity(alpha, truth) == pytest.approx(4 * 0.8 / 1e3)


def test_what_is_nearly_connected_costs_nothing() -> None:
    truth = np.zeros((20, 20), np.float32)
    truth[2:12, 2:12] = 1
    alpha = truth * np.float32(0.95)
    assert metrics.connectivity(alpha, truth) == 0


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 50))
def test_the_truth_itself_is_without_error(seed: int) -> None:
    truth = anything(seed)
    for metric in (metrics.mad, metrics.mse, metrics.gradient, metrics.connectivity):
        assert metric(truth, truth) == pytest.approx(0, abs=1e-9)
    assert metrics.iou(truth, truth) == 1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 50))
def test_errors_are_symmetric(seed: int) -> None:
    one, other = anything(seed), anything(seed + 1000)
    for metric in (metrics.mad, metrics.mse, metrics.gradient, metrics.connectivity, metrics.iou):
        assert metric(one, other) == pytest.approx(metric(other, one), rel=1e-4)


def test_a_blurred_edge_costs_gradient_more_the_more_it_is_blurred() -> None:
    truth = disc()
    softened = [np.asarray(cv2.GaussianBlur(truth, (0, 0), s), np.float32) for s in (1, 2, 4)]
    errors = [metrics.gradient(each, truth) for each in softened]
    assert errors == sorted(errors) and errors[0] > 0


@pytest.mark.parametrize("late", [0, 1, 2])
def test_the_lag_is_the_frames_by_which_alphas_are_late(late: int) -> None:
    truths = [disc(x=20 + 3 * index) for index in range(10)]
    alphas = [truths[max(index - late, 0)] for index in range(10)]
    assert metrics.lag(alphas, truths) == late


def test_flicker_is_looked_for_where_nothing_moved_alone() -> None:
    before, now = disc(20), disc(22)
    still = np.ones(now.shape, bool)
    assert metrics.flicker(now, before, still) == pytest.approx(1e3 * np.abs(now - before).mean())
    assert metrics.flicker(now, before, now == before) == 0


def test_the_outline_lies_around_the_edge_of_the_hair() -> None:
    alpha = disc()
    band = metrics.outline(alpha, alpha)
    assert band[32, 20] and band[32, 60]
    assert not band[32, 40] and not band[2, 2]
