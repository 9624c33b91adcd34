"""The slow networks' part of the matte: when they look, and what becomes of what they saw."""

import threading
from collections.abc import Mapping
from contextlib import closing
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from omote.engines.effect import Rung
from omote.engines.effects.matte import VIEWS, Matte
from omote.engines.model import Array, Model, Models
from omote.engines.onnx import load
from omote.streams.frame import Frame, Scene, View
from tests.portraits import Rgb, frame, models, opened, pixels, portrait

Floats = NDArray[np.float32]
SLOW = ("selfie_multiclass", "modnet", "face_full_range")
PATIENCE_S = 20


class Gated:
    """The shipped models; the slow ones wait until they may answer."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.asked = threading.Event()

    def load(self, name: str) -> Model:
        return _Gated(load(name), self) if name in SLOW else load(name)


class _Gated:
    def __init__(self, model: Model, gated: Gated) -> None:
        self.name, self._model, self._gated = model.name, model, gated

    def __call__(self, inputs: Mapping[str, Array], /) -> dict[str, Array]:
        self._gated.asked.set()
        assert self._gated.gate.wait(PATIENCE_S)
        return self._model(inputs)


def shown(
    effect: Matte, rgb: Rgb, index: int, params: Matte.Params, rung: Rung = Rung.FULL
) -> Frame:
    return effect(frame(opened(rgb), index), params, rung)


def alpha_of(result: Frame) -> Floats:
    assert result.matte is not None
    return pixels().alpha(result.matte)


def walking(index: int) -> Rgb:
    return portrait(right=40 - 4 * (index % 20))


def threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("portrait")]


def nobody() -> Rgb:
    return np.full((360, 640, 3), (40, 90, 60), np.uint8)


def test_the_first_frame_of_a_stream_is_that_of_a_still_picture() -> None:
    firsts = []
    for quality in ("balanced", "best"):
        with closing(Matte(models(), pixels())) as effect:
            params = Matte.Params.model_validate({"quality": quality})
            firsts.append(alpha_of(shown(effect, portrait(), 0, params)))
            assert effect.inferred["modnet"] == 1
    assert np.array_equal(firsts[0], firsts[1])


def test_every_later_frame_waits_for_nobody() -> None:
    gated = Gated()
    with closing(Matte(Models(gated.load), pixels())) as effect:
        shown(effect, nobody(), 0, Matte.Params())
        balanced = alpha_of(shown(effect, portrait(), 1, Matte.Params()))
        assert gated.asked.wait(PATIENCE_S)  # beside it they are at work
        gated.gate.set()
    with closing(Matte(models(), pixels())) as effect:
        shown(effect, nobody(), 0, Matte.Params(quality="fast"))
        fast = alpha_of(shown(effect, portrait(), 1, Matte.Params(quality="fast")))
    assert np.abs(balanced - fast).mean() < 0.01


def test_hair_comes_when_it_is_found_and_moves_with_the_person() -> None:
    params = Matte.Params()
    with closing(Matte(models(), pixels())) as effect:
        shown(effect, walking(0), 0, params)
        effect.settle()
        late = [alpha_of(shown(effect, walking(index), index, params)) for index in (1, 2, 3)][-1]
    with closing(Matte(models(), pixels())) as effect:
        at_once = alpha_of(shown(effect, walking(3), 3, Matte.Params(quality="best")))
    with closing(Matte(models(), pixels())) as effect:
        without = alpha_of(shown(effect, walking(3), 3, Matte.Params(quality="fast")))
    assert np.abs(late - at_once).mean() < 0.75 * np.abs(without - at_once).mean()


def test_what_was_found_of_a_scene_that_is_over_is_dropped() -> None:
    gated, params = Gated(), Matte.Params()
    with closing(Matte(Models(gated.load), pixels())) as effect:
        shown(effect, nobody(), 0, params)
        shown(effect, portrait(), 1, params)
        assert gated.asked.wait(PATIENCE_S)
        shown(effect, nobody(), 2, params)  # a cut, while they look
        gated.gate.set()
        effect.settle()
        for index in range(3, 6):
            assert alpha_of(shown(effect, nobody(), index, params)).mean() < 0.01


def test_a_reset_drops_what_is_under_way() -> None:
    gated, params = Gated(), Matte.Params()
    with closing(Matte(models(), pixels())) as effect:
        first = alpha_of(shown(effect, portrait(), 0, params))
    with closing(Matte(Models(gated.load), pixels())) as effect:
        shown(effect, nobody(), 0, params)
        shown(effect, portrait(), 1, params)
        assert gated.asked.wait(PATIENCE_S)
        effect.reset()
        gated.gate.set()
        assert np.array_equal(alpha_of(shown(effect, portrait(), 0, params)), first)


def test_closing_leaves_no_thread() -> None:
    effect = Matte(models(), pixels())
    shown(effect, nobody(), 0, Matte.Params())
    shown(effect, portrait(), 1, Matte.Params())
    assert threads()
    effect.close()
    assert not threads()


def test_fast_starts_no_thread_and_asks_no_slow_net() -> None:
    with closing(Matte(models(), pixels())) as effect:
        for index in range(5):
            shown(effect, walking(index), index, Matte.Params(quality="fast"))
        assert not threads()
        assert not set(effect.inferred) & set(SLOW)


@pytest.mark.parametrize("rung", [Rung.MODEL, Rung.SIZE, Rung.RATE])
def test_from_the_rung_of_the_smaller_model_on_no_slow_net_is_asked(rung: Rung) -> None:
    with closing(Matte(models(), pixels())) as effect:
        for index in range(3):
            shown(effect, walking(index), index, Matte.Params(quality="best"), rung)
        assert not set(effect.inferred) & set(SLOW)


def test_a_still_picture_is_studied_once() -> None:
    params = Matte.Params(hair_interval=0.2)
    with closing(Matte(models(), pixels())) as effect:
        for index in range(20):
            shown(effect, portrait(), index, params)
            effect.settle()
        assert [effect.inferred[name] for name in SLOW] == [1, 1, 1]


def test_slow_nets_look_again_after_their_own_interval() -> None:
    params = Matte.Params(hair_interval=0.4)
    with closing(Matte(models(), pixels())) as effect:
        for index in range(22):
            shown(effect, walking(index), index, params)
            effect.settle()
        assert (
            effect.inferred["selfie_multiclass"] == 3
        )  # at 25 frames a second: frames 0, 10 and 20


def test_a_threshold_takes_effect_on_a_still_picture() -> None:
    with closing(Matte(models(), pixels())) as effect:
        shown(effect, portrait(), 0, Matte.Params())
        effect.settle()
        before = alpha_of(shown(effect, portrait(), 1, Matte.Params()))
        after = alpha_of(shown(effect, portrait(), 2, Matte.Params(path="segmentation")))
        assert not np.array_equal(before, after)
        assert effect.inferred["selfie_multiclass"] == 1


def test_best_gives_a_still_picture_its_hair_at_once_and_the_same_every_time() -> None:
    params = Matte.Params(quality="best")
    results = []
    for _ in range(2):
        with closing(Matte(models(), pixels())) as effect:
            results.append(alpha_of(shown(effect, portrait(), 0, params)))
            assert effect.inferred["selfie_multiclass"] == 1
    assert np.array_equal(results[0], results[1])


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_lying_person_has_hair_when_the_orientation_is_told(degrees: int) -> None:
    with closing(Matte(models(), pixels())) as effect:
        params = Matte.Params(quality="best", model="square")
        upright = alpha_of(shown(effect, portrait(512, 512), 0, params))
    lying = np.ascontiguousarray(np.rot90(portrait(512, 512), degrees // 90))
    with closing(Matte(models(), pixels())) as effect:
        turned = Matte.Params.model_validate({**params.model_dump(), "orientation": degrees})
        alpha = np.rot90(alpha_of(shown(effect, lying, 0, turned)), -degrees // 90)
        assert effect.inferred["selfie_multiclass"] == 1
    assert np.abs(alpha - upright).mean() < 0.02


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_is_a_picture_and_made_only_when_asked_for(view: View) -> None:
    assert {"result", *VIEWS} <= set(get_args(View))
    given = frame(opened(portrait()))
    params = Matte.Params(quality="best")
    with closing(Matte(models(), pixels())) as effect:
        assert not effect(given, params, Rung.FULL).views
        asked = Frame(given.picture, 901, given.time_base, 100.1, 1, view=view)
        views = effect(asked, params, Rung.FULL).views
    picture = views[view]
    assert set(views) == {view}
    rgb = pixels().rgb(picture)
    assert rgb.shape == (360, 640, 3)
    assert rgb.max() > 100
    assert np.ptp(rgb.astype(int), axis=2).max() <= 2  # grey


def test_before_anything_is_known_a_view_is_black() -> None:
    given = frame(opened(portrait()))
    asked = Frame(given.picture, 900, given.time_base, 100, 0, view="hair")
    with closing(Matte(models(), pixels())) as effect:
        picture = effect(asked, Matte.Params(quality="fast"), Rung.FULL).views["hair"]
    assert pixels().rgb(picture).max() < 3


def test_the_scene_is_that_of_the_message_or_an_estimate() -> None:
    with closing(Matte(models(), pixels())) as effect:
        params = Matte.Params(quality="fast")
        bright = shown(effect, portrait(), 0, params)
        assert (bright.scene.origin, bright.scene.low_light) == ("estimate", False)
        effect.reset()
        dark = shown(effect, portrait() // 12, 0, params)
        assert (dark.scene.origin, dark.scene.low_light) == ("estimate", True)
        told = Scene(iso=100, origin="message")
        given = frame(opened(portrait() // 12), 1)
        result = effect(
            Frame(given.picture, 901, given.time_base, 100.1, 1, scene=told), params, Rung.FULL
        )
        assert result.scene is told


def test_skin_is_known_once_the_classes_are() -> None:
    with closing(Matte(models(), pixels())) as effect:
        skin = shown(effect, portrait(), 0, Matte.Params(quality="best")).skin
        assert skin is not None
        assert skin[37, 65] > 0.9  # her face
        assert skin[10, 10] == 0
        assert shown(effect, portrait(), 1, Matte.Params(quality="best")).skin is not None
