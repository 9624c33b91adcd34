"""Command: `omote bench depth`, its cases one after the other."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import typer
from rich.console import Console

from omote.server.bench.depth.cases import CASES, QUICK
from omote.server.bench.depth.result import CaseFailed, Result, Task
from omote.server.bench.machine import machine


def depth(
    case: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(CASES)}; `all`; may be repeated.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Each interval over the wire.")] = 20.0,
    seed: Annotated[int, typer.Option(help="Of noise and delays.")] = 1,
    sheets: Annotated[Path | None, typer.Option(help="Folder for contact sheets.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON on stdout.")] = False,
) -> None:
    """Measure depth: alignment, synchronisation, fusion, stereo, codec and transport."""
    console = Console(stderr=True)
    began = machine()
    console.print(f"{began['processor']}, {began['cores']} cores, load {began['load_average'][0]}")
    task = Task(partial(_whisper, console), seconds, seed)
    results = [_done(name, task, console) for name in _chosen(case or list(QUICK))]
    for result in results:
        _show(console, result)
        if sheets is not None and result.sheet is not None:
            _keep(sheets, result)
    if as_json:
        bars = [bar.told() for result in results for bar in result.bars]
        cases = [result.told() for result in results]
        print(json.dumps({"machine": began, "cases": cases, "bars": bars}, indent=2))
    if any(result.failed for result in results):
        raise typer.Exit(1)


def _whisper(console: Console, words: str) -> None:
    console.print(f"  {words}", style="dim", markup=False)


def _chosen(names: Sequence[str]) -> list[str]:
    if "all" in names:
        return list(CASES)
    unknown = [name for name in names if name not in CASES]
    if unknown:
        raise typer.BadParameter(f"no case {unknown[0]!r}; there are {', '.join(CASES)}")
    return list(dict.fromkeys(names))


def _done(name: str, task: Task, console: Console) -> Result:
    """Each case by itself: one that fails says why, and the others go on."""
    console.print(f"[bold]{name}[/]")
    try:
        return CASES[name](task)
    except CaseFailed as exc:
        console.print(f"  failed: {exc}", style="red", markup=False)
        return Result(name, CASES[name].__doc__ or "", failed=str(exc))


def _show(console: Console, result: Result) -> None:
    console.print(f"[bold]{result.case}[/]: {result.what}")
    for name, value in result.figures.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {each}" for key, each in value.items())
        console.print(f"  {name}: {value}", markup=False)
    for bar in result.bars:
        words = f"{bar.bar}: {bar.value} (bar: {bar.limit:.4g})"
        style = "green" if bar.holds else "red"
        console.print(f"{'holds' if bar.holds else 'FAILS'}  {words}", style=style, markup=False)


def _keep(folder: Path, result: Result) -> None:
    assert result.sheet is not None
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"depth-{result.case}.png"
    cv2.imwrite(str(path), cv2.cvtColor(result.sheet, cv2.COLOR_RGB2BGR))
