"""`omote bench matte`: mattes against clips whose alpha is known."""

import json
import multiprocessing
import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from omote.server.bench.bars import Bar
from omote.server.bench.child import end_with_parent
from omote.server.bench.machine import machine
from omote.server.bench.matte import methods, outside
from omote.server.bench.matte.cases import Case, Extent, all_of
from omote.server.bench.matte.verdicts import bars, summary
from omote.server.bench.matte.works import Work, measured

SHEETS = Path("artefacts") / "matte"
WIDE = 170
"Columns of the table where no terminal sets them."
COLUMNS = ("mad", "mse", "gradient", "connectivity", "dtssd", "iou", "hair_mad", "flicker")


def matte(
    seconds: Annotated[float, typer.Option(min=0.1, help="Length of each clip.")] = 1.0,
    quick: Annotated[bool, typer.Option(help="Shorter and fewer clips.")] = False,
    thorough: Annotated[bool, typer.Option(help="More clips, every ISO.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(help="Groups whose names hold this; may be repeated.")
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(help=f"One of {', '.join(methods.BY_NAME)}; may be repeated."),
    ] = None,
    clip: Annotated[
        Path | None, typer.Option(exists=True, help="Judge this film or folder instead.")
    ] = None,
    alpha: Annotated[
        Path | None, typer.Option(exists=True, help="Its alpha: a film, or a folder of pictures.")
    ] = None,
    sheets: Annotated[Path, typer.Option(help="Folder for contact sheets.")] = SHEETS,
    jobs: Annotated[int, typer.Option(min=0, help="Processes; 0: as many as cores.")] = 0,
    tuning: Annotated[bool, typer.Option(help="Clips that nothing is judged by.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON on stdout.")] = False,
) -> None:
    """Hold the matte against clips with known alpha, beside single nets in the same run."""
    console = Console(stderr=True)
    if not console.is_terminal:
        console = Console(stderr=True, width=WIDE)
    began = machine()
    extent = Extent(
        seconds=min(seconds, 0.5) if quick else seconds,
        pairs=2 if quick else 6 if thorough else 4,
        thorough=thorough,
        tuning=tuning,
    )
    cases = _chosen(extent, only or [], method or [], clip, alpha)
    works = list(_measured(cases, sheets, jobs or os.cpu_count() or 1, console))
    works.sort(key=lambda work: [case.group for case in cases].index(work.group))
    held = bars(works)
    _show(console, works, held)
    console.print(f"contact sheets: {sheets}")
    if as_json:
        print(json.dumps(_report(began, works, held), indent=2))
    if clip is not None and any(work.failed for work in works):
        raise typer.Exit(1)


def _chosen(
    extent: Extent,
    only: Sequence[str],
    names: Sequence[str],
    clip: Path | None,
    alpha: Path | None,
) -> list[Case]:
    if unknown := [name for name in names if name not in methods.BY_NAME]:
        known = ", ".join(methods.BY_NAME)
        raise typer.BadParameter(f"no method {unknown[0]!r}; there are {known}")
    if alpha is not None and clip is None:
        raise typer.BadParameter("--alpha goes with --clip")
    if clip is not None:
        cases = [_given(clip, alpha, round(extent.seconds * 50))]
    else:
        cases = [
            case
            for case in all_of(extent)
            if not only or any(words in case.group for words in only)
        ]
    if not cases:
        raise typer.BadParameter(f"no group holds {' or '.join(only)}")
    if not names:
        return cases
    chosen = [methods.BY_NAME[name] for name in names]
    return [
        Case(case.group, case.clip, [each for each in case.methods if each in chosen], case.sheet)
        for case in cases
    ]


def _given(clip: Path, alpha: Path | None, most: int) -> Case:
    try:
        outside.check(clip, alpha)
    except outside.Unfit as exc:
        raise typer.BadParameter(str(exc)) from exc
    return Case("given", partial(outside.clip, clip, alpha, most), methods.ALL)


def _measured(cases: Sequence[Case], sheets: Path, jobs: int, console: Console) -> Iterator[Work]:
    """As they are done. Each process works alone: nothing is shared but the files read."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(jobs, len(cases)),
        mp_context=context,
        initializer=end_with_parent if sys.platform == "linux" else None,
    ) as pool:
        doing = [pool.submit(measured, case, sheets) for case in cases]
        for number, done in enumerate(as_completed(doing), start=1):
            work = done.result()
            words = work.failed or work.what
            console.print(f"  {number}/{len(cases)} {work.clip}: {words}", style="dim")
            yield work


def _report(began: dict[str, Any], works: Sequence[Work], held: Sequence[Bar]) -> dict[str, Any]:
    return {
        "machine": began,
        "units": "MAD, MSE, hair MAD, flicker x1000; gradient, connectivity /1000; dtSSD x100",
        "summary": summary(works),
        "cases": [work.told() for work in works],
        "bars": [bar.told() for bar in held],
    }


def _show(console: Console, works: Sequence[Work], held: Sequence[Bar]) -> None:
    table = Table("clips", "method", *COLUMNS, "MSE against cheap")
    group = None
    for row in summary(works):
        if row["group"] != group:
            table.add_section()
        group = row["group"]
        values = [_words(row[name]) for name in COLUMNS]
        table.add_row(group, row["method"], *values, _interval(row["mse_change"]))
    console.print(table)
    for name, why in {k: v for work in works for k, v in work.missing.items()}.items():
        console.print(f"not run: {name}: {why}", style="yellow", markup=False)
    for bar in held:
        style = "green" if bar.holds else "red"
        compared = f"{_words(bar.value)} (bar: {bar.limit:g})"
        console.print(f"{'holds' if bar.holds else 'FAILS'}  {bar.bar}: {compared}", style=style)


def _words(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _interval(change: dict[str, float] | None) -> str:
    if change is None:
        return "-"
    return f"{change['change']:+.0%} [{change['low']:+.0%}, {change['high']:+.0%}]"
