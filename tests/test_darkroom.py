"""Darkroom: what becomes of films when effects fail, and what is told of it."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest

from omote.engines import effect
from omote.engines.chain import Chain
from omote.engines.effect import Rung
from omote.engines.model import Models
from omote.engines.onnx import load
from omote.engines.pixels import CpuPixels
from omote.server.darkroom import Darkroom, Tally
from omote.streams.film import FilmReader
from omote.streams.frame import Frame
from omote.streams.source import medium_of
from tests.numbered import write_numbered


class Moody:
    """Fails on every third frame, turns the others upside down."""

    name: ClassVar[str] = "moody"
    Params: ClassVar[type[effect.Params]] = effect.Params

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, frame: Frame, params: effect.Params, rung: Rung) -> Frame:
        self.seen.append(frame.index)
        assert rung is Rung.FULL
        if frame.index % 3 == 2:
            raise ValueError("not today")
        pixels = CpuPixels()
        upside_down = pixels.from_rgb(pixels.rgb(frame.picture)[::-1], frame.picture)
        return replace(frame, picture=upside_down)

    def reset(self) -> None:
        """Nothing is remembered but what was seen."""

    def close(self) -> None:
        """Nothing is held."""


@pytest.fixture
def moody() -> Moody:
    return Moody()


@pytest.fixture
def chain(moody: Moody) -> Chain:
    chain = Chain(Models(load), CpuPixels())
    chain.use({"moody": moody}, {"moody": effect.Params()})
    return chain


def test_an_effect_that_fails_is_counted_and_the_film_goes_on(
    tmp_path: Path, chain: Chain, moody: Moody
) -> None:
    told: list[int] = []
    tally = Tally(lambda tally: told.append(tally.frames))
    with closing(FilmReader(medium_of(str(write_numbered(tmp_path / "in.mp4", 10))))) as reader:
        Darkroom(chain, CpuPixels(), "result", tally).film(reader, tmp_path / "out.mp4", 18, None)
    summary = tally.summary()
    assert moody.seen == list(range(10))
    assert told == list(range(1, 11))
    assert summary["frames"] == 10
    assert summary["effect_errors"] == {"moody": 3}
    assert tally.last_error == {"moody": "ValueError: not today"}
    assert list(summary["steps_ms"]) == ["decode", "moody", "encode"]
    assert all(took["p50"] <= took["p95"] for took in summary["steps_ms"].values())


def test_the_line_names_every_step(tmp_path: Path, chain: Chain) -> None:
    tally = Tally(lambda tally: None)
    with closing(FilmReader(medium_of(str(write_numbered(tmp_path / "in.mp4", 2))))) as reader:
        Darkroom(chain, CpuPixels(), "result", tally).film(reader, tmp_path / "out.mp4", 18, 1)
    assert tally.line().split(" fps (")[1].startswith("decode ")
    assert "moody" in tally.line()
