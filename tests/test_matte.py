from collections.abc import Mapping
from contextlib import closing

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from omote.engines.effect import Rung
from omote.engines.effects.matte import Matte
from omote.engines.model import Array, Model, Models
from omote.engines.onnx import load
from omote.streams.frame import Frame
from tests.portraits import Rgb, astronaut, frame, models, opened, oval, pixels, portrait

Floats = NDArray[np.float32]


class Counted:
    """A net that counts how often it is asked, and by what name."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def load(self, name: str) -> Model:
        return _Counting(load(name), self, name)


class _Counting:
    def __init__(self, model: Model, count: Counted, name: str) -> None:
        self.name, self._model, self._count = name, model, count

    def __call__(self, inputs: Mapping[str, Array], /) -> dict[str, Array]:
        self._count.asked.append(self.name)
        return self._model(inputs)


class Drawn:
    """A net that answers with drawings, one after another, the last for ever."""

    name = "drawn"

    def __init__(self, *alphas: Floats) -> None:
        self._alphas = list(alphas)

    def __call__(self, inputs: Mapping[str, Array], /) -> dict[str, Array]:
        alpha = self._alphas.pop(0) if len(self._alphas) > 1 else self._alphas[0]
        return {"alpha": alpha[None, :, :, None]}


def alpha_of(result: Frame) -> Floats:
    assert result.matte is not None
    return pixels().alpha(result.matte)


def mattes(
    pictures: list[Rgb],
    params: Matte.Params | None = None,
    rung: Rung = Rung.FULL,
    known: Models | None = None,
) -> list[Floats]:
    """Of the cheap net alone."""
    effect = Matte(known or models(), pixels())
    params = (params or Matte.Params()).model_copy(update={"quality": "fast"})
    frames = (frame(opened(rgb), index) for index, rgb in enumerate(pictures))
    with closing(effect):
        return [alpha_of(effect(each, params, rung)) for each in frames]


def walking(count: int, step: int = 6) -> list[Rgb]:
    return [portrait(right=40 - step * index) for index in range(count)]


def noisy(count: int, sigma: float = 8) -> list[Rgb]:
    rng = np.random.default_rng(0)
    still = portrait().astype(np.float32)
    return [
        np.clip(still + rng.normal(0, sigma, still.shape), 0, 255).astype(np.uint8)
        for _ in range(count)
    ]


def likeness(one: Floats, other: Floats) -> float:
    """Intersection over union at 0.5."""
    a, b = one > 0.5, other > 0.5
    return float((a & b).sum() / (a | b).sum())


def test_a_person_is_found() -> None:
    (alpha,) = mattes([portrait()])
    assert alpha.shape == (360, 640)
    assert alpha[120:250, 290:360].min() > 0.99  # her face
    assert alpha[:200, :150].max() < 0.05
    assert alpha[:200, 530:].max() < 0.05


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_lying_person_is_found_when_the_orientation_is_told(degrees: int) -> None:
    upright = mattes([portrait(512, 512)], Matte.Params(model="square"))[0]
    lying = np.ascontiguousarray(np.rot90(portrait(512, 512), degrees // 90))
    alpha = mattes([lying], Matte.Params.model_validate({"orientation": degrees}))[0]
    assert likeness(np.rot90(alpha, -degrees // 90), upright) > 0.97


def test_a_still_picture_is_looked_at_once() -> None:
    count = Counted()
    alphas = mattes([portrait()] * 12, known=Models(count.load))
    assert len(count.asked) == 1
    assert np.array_equal(alphas[0], alphas[-1])


def test_noise_is_no_motion() -> None:
    count = Counted()
    mattes(noisy(12), known=Models(count.load))
    assert len(count.asked) == 1


@pytest.mark.parametrize(
    ("rung", "at_most", "net"),
    [
        (Rung.FULL, 14, "selfie_square"),
        (Rung.REUSE, 6, "selfie_square"),
        (Rung.MODEL, 6, "selfie_landscape"),
        (Rung.SIZE, 6, "selfie_landscape"),
    ],
)
def test_each_rung_keeps_the_savings_of_those_before(rung: Rung, at_most: int, net: str) -> None:
    count = Counted()
    params = Matte.Params(model="square")
    smooth = [np.asarray(cv2.GaussianBlur(rgb, (0, 0), 6), np.uint8) for rgb in walking(24, 2)]
    mattes(smooth, params, rung, Models(count.load))
    assert 1 < len(count.asked) <= at_most
    assert set(count.asked) == {net}


def test_a_landscape_picture_takes_the_landscape_net_and_others_the_square_one() -> None:
    count = Counted()
    for size in ((640, 360), (360, 640), (480, 480)):
        mattes([portrait(*size)], known=Models(count.load))
    assert count.asked == ["selfie_landscape", "selfie_square", "selfie_square"]


@pytest.mark.parametrize("step", [4, 12])
@pytest.mark.parametrize("rung", [Rung.FULL, Rung.REUSE])
def test_a_moving_person_leaves_no_trail(step: int, rung: Rung) -> None:
    pictures = walking(10, step)
    each = [mattes([rgb])[0] for rgb in pictures]
    for alpha, alone in zip(mattes(pictures, rung=rung), each, strict=True):
        assert likeness(alpha, alone) > 0.965


def test_a_still_edge_is_steadier_with_smoothing() -> None:
    rng = np.random.default_rng(0)

    def trembling() -> Models:
        answers = [np.roll(oval(), int(rng.integers(-2, 3)), 1) for _ in range(20)]
        return Models(lambda name: Drawn(*answers))

    def tremor(smoothing: float) -> float:
        # The grey wall offers no edge to hold on to; a corner that flashes keeps the net looking.
        grey = np.full((360, 640, 3), 128, np.uint8)
        pictures = [grey.copy() for _ in range(20)]
        for index, rgb in enumerate(pictures):
            rgb[:40, :40] = 250 * (index % 2)
        params = Matte.Params(smoothing=smoothing, reuse=1)
        return float(np.diff(np.stack(mattes(pictures, params, known=trembling())), axis=0).std())

    assert tremor(0.8) < 0.6 * tremor(0)


def test_a_cut_is_followed_at_once() -> None:
    empty = np.full((360, 640, 3), (40, 90, 60), np.uint8)
    before, after, back = mattes([portrait(), empty, portrait()])
    assert before.mean() > 0.1
    assert after.mean() < 0.01
    assert likeness(back, before) > 0.99


def test_specks_are_dropped_and_people_kept() -> None:
    lamp = oval()
    cv2.circle(lamp, (20, 120), 5, (0.8,), -1)
    grey = [np.full((360, 640, 3), 128, np.uint8)]
    (alpha,) = mattes(grey, known=Models(lambda name: Drawn(lamp)))
    assert alpha[250:350, 10:100].max() == 0
    assert alpha[300:, 300:340].min() > 0.9


def test_threshold_and_contrast_shape_the_edge_and_leave_sure_pixels_alone() -> None:
    grey = [np.full((360, 640, 3), 128, np.uint8)]
    soft = Models(lambda name: Drawn(np.asarray(cv2.blur(oval(), (21, 21)), np.float32)))

    def covered(**params: float) -> Floats:
        return mattes(grey, Matte.Params.model_validate(params), known=soft)[0]

    normal = covered(contrast=0)
    assert covered(threshold=0.8).mean() < normal.mean() < covered(threshold=0.2).mean()
    mixed = [((a > 0.05) & (a < 0.95)).mean() for a in (normal, covered(contrast=0.9))]
    assert mixed[1] < 0.5 * mixed[0]
    assert covered(threshold=0.9, contrast=1).max() == 1
    assert covered(feather=2).max() == 1


def test_a_matte_tells_its_age() -> None:
    effect = Matte(models(), pixels())
    params = Matte.Params(quality="fast")
    ages = []
    for index, rgb in enumerate(walking(8, 2)):
        matte = effect(frame(opened(rgb), index), params, Rung.REUSE).matte
        assert matte is not None
        ages.append(round(matte.age_s * 25))
    assert ages == [0, 1, 2, 3, 4, 5, 0, 1]


def test_nothing_is_ever_not_a_number() -> None:
    rng = np.random.default_rng(0)
    pictures: list[Rgb] = [
        np.zeros((360, 640, 3), np.uint8),
        np.full((360, 640, 3), 255, np.uint8),
        rng.integers(0, 256, (360, 640, 3)).astype(np.uint8),
        np.asarray(cv2.resize(astronaut(), (640, 360)), np.uint8),
    ]
    for alpha in mattes(pictures * 2):
        assert np.isfinite(alpha).all()
        assert 0 <= alpha.min() <= alpha.max() <= 1


def test_nobody_is_half_transparent_inside_and_true_gaps_stay() -> None:
    pierced = oval()
    cv2.circle(pierced, (128, 110), 5, (0.4,), -1)
    cv2.circle(pierced, (100, 115), 5, (0.0,), -1)
    grey = [np.full((360, 640, 3), 128, np.uint8)]
    (alpha,) = mattes(grey, known=Models(lambda name: Drawn(pierced)))
    assert alpha[250:300, 300:340].min() > 0.99
    assert alpha[288, 250] < 0.01
