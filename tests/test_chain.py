"""Chain: effects from left to right, and no effect's failure is anybody else's."""

import logging
from itertools import pairwise

import numpy as np
import pytest

from omote.engines import onnx
from omote.engines.chain import Chain
from omote.engines.effect import Params, Rung, UnknownEffect
from omote.engines.effects.matte import Matte
from omote.engines.model import Model, Models, UnknownModel
from omote.engines.pixels import CpuPixels
from omote.streams.frame import Frame, VideoPicture
from tests.tints import Broken, Patient, Tint
from tests.utils import frames

pytestmark = pytest.mark.usefixtures("tinted")
PIXELS = CpuPixels()


def load(name: str) -> Model:
    raise UnknownModel(f"no weights {name}")


def chain(*names: str, **params: Params) -> Chain:
    made = Chain(Models(load), PIXELS)
    made.use(made.build(names), {name: params.get(name, Tint.Params()) for name in names})
    return made


def opened(count: int = 1, width: int = 320, height: int = 240) -> list[Frame]:
    """Frames as the stage hands them to a chain."""
    return [
        Frame(PIXELS.from_video(frame.picture), frame.pts, frame.time_base, 0.0, frame.index)
        for frame in frames(count, width, height)
        if isinstance(frame.picture, VideoPicture)
    ]


def grey_of(frame: Frame) -> int:
    return round(float(np.mean(PIXELS.rgb(frame.picture)[-10:])))


def test_effects_are_called_from_left_to_right() -> None:
    both = chain("tint", "patient", tint=Tint.Params(grey=200), patient=Tint.Params(grey=90))
    Patient.go.set()
    turn = both(opened()[0], Rung.FULL)
    assert grey_of(turn.frame) == pytest.approx(90, abs=3)
    assert list(turn.steps_ms) == ["tint", "patient"]
    assert all(took > 0 for took in turn.steps_ms.values())


def test_without_effects_the_frame_passes_untouched() -> None:
    [frame] = opened()
    assert chain()(frame, Rung.FULL).frame is frame


def test_a_broken_effect_is_skipped_and_counted_and_the_others_work() -> None:
    made = chain("broken", "tint", tint=Tint.Params(grey=200))
    for number, frame in enumerate(opened(3), 1):
        turn = made(frame, Rung.FULL)
        assert dict(turn.failed) == {"broken": "ZeroDivisionError: no such luck"}
        assert grey_of(turn.frame) == pytest.approx(200, abs=3)
        assert made.errors == {"broken": number}
    Broken.mended = True
    assert made(opened()[0], Rung.FULL).failed == {}


def test_a_broken_effect_is_in_the_log_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    made = chain("broken")
    with caplog.at_level(logging.ERROR):
        for frame in opened(20):
            made(frame, Rung.FULL)
    assert [record.getMessage() for record in caplog.records] == [
        "effect broken failed, frame passed on without it"
    ]
    assert caplog.records[0].exc_info is not None


def test_an_effect_that_returns_no_frame_is_a_broken_one() -> None:
    made = chain("rude", "tint", tint=Tint.Params(grey=200))
    turn = made(opened()[0], Rung.FULL)
    assert grey_of(turn.frame) == pytest.approx(200, abs=3)
    assert dict(turn.failed) == {"rude": "TypeError: it returned NoneType, not a frame"}
    assert made.errors == {"rude": 1}


def test_what_a_broken_effect_was_to_hide_is_veiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Broken, "conceals", True, raising=False)
    [frame] = opened()
    veiled = chain("broken")(frame, Rung.FULL).frame
    plain, shown = PIXELS.rgb(frame.picture), PIXELS.rgb(veiled.picture)
    edges = [np.abs(np.diff(rgb.astype(int), axis=1)).max() for rgb in (plain, shown)]
    assert edges[1] < edges[0] / 4
    assert chain("broken").conceals
    assert not chain("tint").conceals


def test_every_effect_forgets_its_past_when_the_size_changes() -> None:
    made = chain("tint")
    for frame in (*opened(2), *opened(2, 480, 360), *opened(1)):
        made(frame, Rung.FULL)
    [tint] = Tint.made
    assert tint.resets == 3  # the first size is one too


def test_an_effect_that_cannot_forget_or_close_is_nobody_elses_trouble(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = chain("broken", "tint")
    for name in ("reset", "close"):
        monkeypatch.setattr(Broken, name, lambda self: 1 / 0)
    made.reset()
    turn = made(opened()[0], Rung.FULL)
    assert turn.frame.index == 0
    made.use(made.build([]), {})
    [tint] = Tint.made
    assert (tint.resets, tint.closed) == (2, 1)
    assert made.errors["broken"] == 4


def test_an_effect_that_stays_keeps_its_past() -> None:
    made = chain("tint")
    made(opened()[0], Rung.FULL)
    made.use(made.build(["broken", "tint"]), {n: Tint.Params() for n in ("broken", "tint")})
    made(opened(2)[1], Rung.FULL)
    [tint] = Tint.made
    assert (tint.seen, tint.closed) == ([0, 1], 0)


def test_what_falls_out_of_the_chain_is_closed_once() -> None:
    made = chain("tint", "broken")
    made.use(made.build(["broken"]), {"broken": Tint.Params()})
    made.close()
    made.close()
    assert [effect.closed for effect in (*Tint.made, *Broken.made)] == [1, 1]


def test_building_changes_nothing_yet() -> None:
    made = chain("tint")
    made.build(["broken"])
    assert list(made(opened()[0], Rung.FULL).steps_ms) == ["tint"]


def test_each_effect_says_which_models_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omote.engines.chain.kinds", lambda: {"matte": Matte, "tint": Tint})
    made = Chain(Models(onnx.load), PIXELS)
    made.use(made.build(("matte", "tint")), {"matte": Matte.Params(), "tint": Tint.Params()})
    assert made.models() == {"matte": [], "tint": []}
    made(opened()[0], Rung.FULL)
    assert made.models() == {"matte": ["selfie_landscape@onnx-cpu"], "tint": []}


def test_an_unknown_effect_is_named_with_those_there_are() -> None:
    with pytest.raises(UnknownEffect, match="no effect 'nothing'; there are tint, broken"):
        chain("nothing")


def test_parameters_are_those_of_the_last_use() -> None:
    made, greys = chain("tint"), list[int]()
    for grey in (20, 220):
        made.use(made.build(["tint"]), {"tint": Tint.Params(grey=grey)})
        greys.append(grey_of(made(opened()[0], Rung.FULL).frame))
    assert all(abs(b - a) > 150 for a, b in pairwise(greys))
