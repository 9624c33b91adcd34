"""`omote bench depth`: its cases say what they measured, and how it compares."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from omote.server.bench.depth import alignment, command
from omote.server.bench.depth.cases import CASES, QUICK
from omote.server.bench.depth.result import Case, CaseFailed, Result, Task
from omote.server.bench.depth.synchronisation import synchronisation


def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(command.depth)
    return made


def task() -> Task:
    return Task(lambda words: None, seconds=1.0)


def test_alignment_is_exact_and_holes_stay_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alignment, "DISTANCES_M", (1.0,))
    held = {bar.bar: bar for bar in alignment.alignment(task()).bars}
    assert held["alignment: error, 95th percentile, px"].holds
    assert held["alignment: hole pixels filled"].holds


def test_strangers_clocks_are_told_apart() -> None:
    result = synchronisation(task())
    assert len(result.bars) == 3 and all(bar.holds for bar in result.bars)
    for figures in result.figures.values():
        assert figures["without_depth"] < 0.02
        assert figures["clock_error_ms"] < 1e3 / 60


def test_a_case_that_cannot_be_measured_says_why_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(task: Task) -> Result:
        """Never works."""
        raise CaseFailed("there is no camera")

    def fine(task: Task) -> Result:
        """Always works."""
        task.tell("working")
        return Result("fine", "as ever", {"one": 1}, sheet=np.zeros((4, 4, 3), np.uint8))

    cases: dict[str, Case] = {"broken": broken, "fine": fine}
    monkeypatch.setattr(command, "CASES", cases)
    ran = CliRunner().invoke(app(), ["--case", "all", "--json"])
    said = json.loads(ran.stdout)
    assert ran.exit_code == 1
    assert [case["failed"] for case in said["cases"]] == ["there is no camera", None]
    assert said["cases"][1]["figures"] == {"one": 1} and said["bars"] == []


def test_an_unknown_case_is_refused() -> None:
    ran = CliRunner().invoke(app(), ["--case", "nothing"])
    assert ran.exit_code == 2 and "no case" in ran.output


def test_every_case_says_in_words_what_it_measures() -> None:
    assert set(QUICK) <= set(CASES)
    assert all(case.__doc__ and case.__doc__.endswith(".") for case in CASES.values())
