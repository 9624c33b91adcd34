"""`omote bench live`: the cases one after the other, as a table on stderr and JSON on stdout."""

import asyncio
import json
from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from omote.clients.request import NotConnected
from omote.server.bench.bars import Bar, bars, show_bars
from omote.server.bench.cases import CASES
from omote.server.bench.child import ChildFailed
from omote.server.bench.figures import Figures
from omote.server.bench.machine import machine
from omote.server.bench.material import material
from omote.server.bench.setting import Setting

QUICK = ("blur", "echo", "stock")
ROWS = (
    "fps_in",
    "fps_out",
    "age_p50_ms",
    "age_p95_ms",
    "e2e_p50_ms",
    "e2e_p95_ms",
    "e2e_viewer",
    "freeze_max_ms",
    "server_cores",
    "machine_cores",
    "rss_growth_mb",
    "loop_lag_p95_ms",
    "dropped_newest",
    "rung",
)


def live(
    case: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(CASES)}; `all`; may be repeated.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=1, help="Each measured interval.")] = 60.0,
    soak_seconds: Annotated[
        float, typer.Option(min=1, help="The same of `soak`; its first sixth does not count.")
    ] = 360.0,
    warm_up: Annotated[float, typer.Option(min=0, help="Seconds before each.")] = 8.0,
    clip: Annotated[str | None, typer.Option(help="Video, picture or `synthetic`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON on stdout.")] = False,
) -> None:
    """Measure this machine: publishers and viewers in other processes, everything over the wire."""
    chosen = _chosen(case or list(QUICK))
    console = Console(stderr=True)
    began = machine()
    found = material(clip)
    setting = Setting(found, seconds, warm_up, soak_seconds, partial(_whisper, console))
    console.print(f"{began['processor']}, {began['cores']} cores, load {began['load_average'][0]}")
    console.print(f"clip: {found.words}")
    figures = asyncio.run(_run(chosen, setting, console))
    held = bars(figures)
    _show(console, figures, held)
    if as_json:
        report = {"machine": began, "clip": found.words, "cases": [x.told() for x in figures]}
        print(json.dumps(report | {"bars": [bar.told() for bar in held]}, indent=2))
    if any(each.failed for each in figures):
        raise typer.Exit(1)


def _whisper(console: Console, words: str) -> None:
    console.print(f"  {words}", style="dim")


def _chosen(names: Sequence[str]) -> list[str]:
    if "all" in names:
        return list(CASES)
    unknown = [name for name in names if name not in CASES]
    if unknown:
        raise typer.BadParameter(f"no case {unknown[0]!r}; there are {', '.join(CASES)}")
    return list(dict.fromkeys(names))


async def _run(names: Sequence[str], setting: Setting, console: Console) -> list[Figures]:
    """Each case by itself: one that fails says why, and the others go on."""
    figures: list[Figures] = []
    for name in names:
        console.print(f"[bold]{name}[/]")
        try:
            figures += await CASES[name](setting)
        except (ChildFailed, NotConnected) as exc:
            console.print(f"  failed: {exc}", style="red", markup=False)
            figures.append(Figures(name, "", failed=str(exc)))
    return figures


def _show(console: Console, figures: Sequence[Figures], held: Sequence[Bar]) -> None:
    table = Table("", *(each.case for each in figures))
    for row in ROWS:
        table.add_row(row, *(_words(each.told()[row]) for each in figures))
    console.print(table)
    show_bars(console, held)


def _words(value: Any) -> str:
    return "-" if value is None else str(value)
