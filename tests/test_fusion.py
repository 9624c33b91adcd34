"""Fusion: the literal formula, and the gate that measures better, on maps of known truth."""

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from omote.engines.depth.fusion import Fusion
from omote.engines.depth.gate import subject
from omote.engines.depth.product import over, product
from omote.streams.frame import Depth, Fusing

Floats = NDArray[np.float32]
SHAPE = (144, 256)
Mode = Literal["gate", "product", "depth", "off"]


def maps(seed: int) -> tuple[Floats, Floats, Floats, Floats]:
    rng = np.random.default_rng(seed)
    matte, probability, second = (rng.random((24, 32), np.float32) for _ in range(3))
    metres = rng.uniform(0.3, 5, (24, 32)).astype(np.float32)
    metres[rng.random((24, 32)) < 0.3] = np.nan
    return matte, probability, metres, second


def test_the_product_is_the_formula() -> None:
    matte, probability, metres, second = maps(0)
    metres = np.nan_to_num(metres, nan=1.5)
    d = metres / metres.max()
    own = (1 - d) * (1 - d) * probability * matte
    assert np.allclose(product(matte, probability, metres, None, False), own, atol=1e-6)
    assert np.allclose(product(matte, probability, metres), own / own.max(), atol=1e-6)
    theirs = second * (1 - d) * probability * matte
    assert np.allclose(product(matte, probability, metres, second, False), theirs, atol=1e-6)
    assert np.array_equal(over(own, 0.2) > 0, own > 0.2)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), normalise=st.booleans())
def test_the_product_stays_between_nothing_and_one(seed: int, normalise: bool) -> None:
    matte, probability, metres, second = maps(seed)
    for i2 in (None, second):
        out = product(matte, probability, metres, i2, normalise)
        assert np.isfinite(out).all() and out.min() >= 0 and out.max() <= 1 + 1e-6


def test_the_product_grows_with_every_factor() -> None:
    matte, probability, metres, second = maps(1)
    less = product(matte, probability, metres, second, False)
    for more in (
        product(np.minimum(matte * 1.2, 1), probability, metres, second, False),
        product(matte, np.minimum(probability * 1.2, 1), metres, second, False),
        product(matte, probability, metres, np.minimum(second * 1.2, 1), False),
    ):
        assert (more >= less - 1e-7).all()


def test_a_product_of_nothing_is_nothing_and_no_nan() -> None:
    matte, probability, metres, _ = maps(2)
    assert (product(np.zeros_like(matte), probability, metres) == 0).all()
    unknown = np.full_like(metres, np.nan)
    assert np.allclose(product(matte, probability, unknown), matte * probability)


def seen(
    mode: Mode = "gate", behind: bool = True, holes: bool = True, **more: float
) -> tuple[Floats, Depth, NDArray[np.bool_], NDArray[np.bool_]]:
    """A matte that takes in two people, depth, and which pixels are the one in front and behind."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
    front = (columns - 90) ** 2 / 40**2 + (rows - 100) ** 2 / 80**2 < 1
    back = ((columns - 190) ** 2 / 25**2 + (rows - 110) ** 2 / 50**2 < 1) & behind
    matte = np.where(front | back, 1, 0).astype(np.float32)
    metres = np.where(front, 1.0, np.where(back, 3.0, 3.5)).astype(np.float32)
    if holes:
        rng = np.random.default_rng(0)
        metres[(rng.random(SHAPE) < 0.01)] = np.nan
        hair = (columns - 90) ** 2 / 44**2 + (rows - 100) ** 2 / 86**2 < 1
        metres[hair & (rows < 45)] = np.nan
    return matte, Depth(metres, None, 0.0, "test", fusing=Fusing(mode, **more)), front, back  # type: ignore[arg-type]


def test_the_gate_takes_away_who_is_behind_and_leaves_the_person_with_their_hair() -> None:
    matte, depth, front, back = seen()
    fused = Fusion()(matte, matte, depth, 0.0)
    assert fused[back].max() == 0
    assert fused[front].min() == 1  # holes on hair and drop-outs cut nothing


def test_the_gate_never_adds_what_neither_says() -> None:
    matte, depth, _, _ = seen()
    fused = Fusion()(np.zeros_like(matte), matte, depth, 0.0)
    assert fused.max() == 0


def test_what_the_picture_doubts_is_the_person_where_depth_is_sure() -> None:
    matte, depth, _, _ = seen()
    doubted = matte.copy()
    doubted[110:120, 80:100] = 0.6
    fused = Fusion()(doubted, doubted, depth, 0.0)
    assert fused[112:118, 84:96].min() > 0.8


@pytest.mark.parametrize("mode", ["gate", "product", "depth"])
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_turned_frame_gives_the_turned_matte(mode: Mode, turns: int) -> None:
    matte, depth, _, _ = seen(mode)
    turned = replace(depth, metres=np.ascontiguousarray(np.rot90(depth.metres, turns)))
    upright = Fusion()(matte, matte, depth, 0.0)
    there = np.ascontiguousarray(np.rot90(matte, turns))
    fused = Fusion()(there, there, turned, 0.0)
    assert np.abs(fused - np.rot90(upright, turns)).max() < 1e-5


def test_depth_that_is_lost_lets_go_without_a_jump() -> None:
    fusion = Fusion()
    matte, depth, _, _ = seen()
    for k in range(10):
        fused = fusion(matte, matte, depth, k / 30)
    before = fused
    for k in range(10, 40):
        fused = fusion(matte, matte, None, k / 30)
        assert np.abs(fused - before).max() < 0.12
        before = fused
    assert np.array_equal(fused, matte)


def test_depth_that_comes_late_takes_hold_without_a_jump() -> None:
    fusion = Fusion()
    matte, depth, _, back = seen()
    before = fusion(matte, matte, None, 0.0)
    for k in range(1, 30):
        fused = fusion(matte, matte, depth, k / 30)
        assert np.abs(fused - before).max() < 0.12
        before = fused
    assert fused[back].max() == 0


def test_noise_on_the_threshold_does_not_flicker() -> None:
    rng, fusion = np.random.default_rng(0), Fusion()
    matte, depth, front, _ = seen("depth", far_m=1.5)
    metres = np.where(front, 1.47, 3.5).astype(np.float32)
    flips, before = 0, None
    for k in range(30):
        noisy = replace(depth, metres=metres + rng.normal(0, 0.02, SHAPE).astype(np.float32))
        now = fusion(matte, matte, noisy, k / 30) > 0.5
        flips += 0 if before is None or k < 3 else int((now != before).sum())
        before = now
    assert before is not None and (before == front).mean() > 0.99
    assert flips / 27 < 0.005 * front.sum()


def test_far_follows_the_person() -> None:
    fusion = Fusion()
    matte, depth, front, back = seen()
    for k, distance in enumerate(np.linspace(1, 2.5, 60)):
        metres = np.where(front, distance, np.where(back, 4.0, 5.0)).astype(np.float32)
        fused = fusion(matte, matte, replace(depth, metres=metres), k / 30)
    assert fusion.subject_m == pytest.approx(2.45, abs=0.1)
    assert fused[front].min() > 0.9 and fused[back].max() == 0


def test_a_hand_before_the_person_is_not_the_subject() -> None:
    metres = np.full(SHAPE, 3.5, np.float32)
    metres[40:, 60:140] = 1.1
    metres[60:80, 100:115] = 0.6
    matte = (metres < 2).astype(np.float32)
    assert subject(metres, matte, 0.2) == pytest.approx(1.1, abs=0.05)
    assert subject(metres, np.zeros_like(matte), 0.2) is None


def test_depth_nobody_trusts_changes_nothing() -> None:
    matte, depth, _, _ = seen()
    unsure = replace(depth, confidence=np.zeros(SHAPE, np.float32))
    fused = Fusion()(matte, matte, unsure, 0.0)
    assert np.array_equal(fused, matte)


def test_out_of_the_depth_cameras_view_the_picture_decides() -> None:
    matte, depth, front, back = seen(holes=False)
    metres = depth.metres.copy()
    metres[:, 160:] = np.nan
    fused = Fusion()(matte, matte, replace(depth, metres=metres), 0.0)
    assert fused[front].min() == 1 and fused[:, 200:][back[:, 200:]].min() == 1


def test_a_matte_of_another_size_begins_anew() -> None:
    fusion = Fusion()
    matte, depth, _, _ = seen()
    fusion(matte, matte, depth, 0.0)
    other = np.ones((256, 256), np.float32)
    assert fusion(other, other, depth, 0.1).shape == (256, 256)
    assert np.array_equal(fusion(matte, matte, None, 9.0), matte)
