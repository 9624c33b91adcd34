import logging
from dataclasses import replace
from fractions import Fraction
from typing import ClassVar

import av
import pytest

from omote.engines import chain as chains
from omote.engines import effect
from omote.engines.chain import Chain
from omote.engines.effect import AnyEffect, Rung, UnknownEffect
from omote.engines.model import Models
from omote.engines.onnx import load
from omote.engines.pixels import CpuPixels, Pixels
from omote.streams.frame import Frame, VideoPicture


class Recorder:
    """An effect that notes what becomes of it."""

    name: ClassVar[str] = "recorder"

    class Params(effect.Params):
        step: int = 1

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self.seen: list[int] = []
        self.resets = 0
        self.closed = False

    def __call__(self, frame: Frame, params: Params, rung: Rung) -> Frame:
        self.seen.append(frame.index)
        return replace(frame, index=frame.index + params.step)

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        self.closed = True


class Broken(Recorder):
    name: ClassVar[str] = "broken"

    def __call__(self, frame: Frame, params: Recorder.Params, rung: Rung) -> Frame:
        raise RuntimeError("out of paint")


@pytest.fixture(autouse=True)
def own_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = {"recorder": Recorder, "broken": Broken}
    monkeypatch.setattr(chains, "kinds", lambda: kinds)


def a_chain(*names: str) -> tuple[Chain, dict[str, AnyEffect]]:
    chain = Chain(Models(load), CpuPixels())
    built = chain.build(names)
    chain.use(built, {name: Recorder.Params() for name in names})
    return chain, built


def a_frame(index: int = 0, width: int = 64) -> Frame:
    picture = CpuPixels().from_video(VideoPicture(av.VideoFrame(width, 48, "yuv420p")))
    return Frame(picture, index * 3000, Fraction(1, 90_000), 0.0, index)


def test_effects_run_from_left_to_right_and_their_time_is_told() -> None:
    chain, _ = a_chain("recorder")
    turn = chain(a_frame(7), Rung.FULL)
    assert turn.frame.index == 8
    assert turn.steps_ms.keys() == {"recorder"}


def test_a_broken_effect_is_skipped_counted_and_named(caplog: pytest.LogCaptureFixture) -> None:
    chain, _ = a_chain("broken", "recorder")
    with caplog.at_level(logging.ERROR):
        turns = [chain(a_frame(i), Rung.FULL) for i in range(5)]
    assert [turn.frame.index for turn in turns] == [1, 2, 3, 4, 5]
    assert turns[0].failed == {"broken": "RuntimeError: out of paint"}
    assert chain.errors == {"broken": 5}
    assert len(caplog.records) == 1, "logged once a second, not once a frame"


def test_another_size_makes_every_effect_forget_its_past() -> None:
    chain, built = a_chain("recorder")
    recorder = built["recorder"]
    assert isinstance(recorder, Recorder)
    chain(a_frame(), Rung.FULL)
    before = recorder.resets
    chain(a_frame(width=128), Rung.FULL)
    assert recorder.resets == before + 1


def test_an_effect_that_stays_keeps_its_instance_and_one_that_goes_is_closed() -> None:
    chain, built = a_chain("recorder", "broken")
    again = chain.build(("recorder",))
    chain.use(again, {"recorder": Recorder.Params()})
    assert again["recorder"] is built["recorder"]
    gone = built["broken"]
    assert isinstance(gone, Recorder) and gone.closed


def test_an_unknown_effect_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownEffect, match="no effect 'sepia'; there are recorder, broken"):
        a_chain("sepia")
