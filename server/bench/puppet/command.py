"""`omote bench puppet`: how well a face is followed, and what is made of it."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from omote.engines.kernels import Bytes
from omote.engines.model import Models
from omote.engines.onnx import load
from omote.engines.pixels import CpuPixels
from omote.server.bench.bars import show_bars
from omote.server.bench.machine import machine
from omote.server.bench.matte.fetched import NotFetched, clip
from omote.server.bench.puppet import sheets as contact
from omote.server.bench.puppet.cases import Case, cases
from omote.server.bench.puppet.methods import METHODS, USUAL
from omote.server.bench.puppet.reel import Unusable
from omote.server.bench.puppet.reenactment import Figures, Instruments, judged
from omote.server.bench.puppet.scores import MOVES
from omote.server.bench.puppet.tracking import Tracking, tracking
from omote.server.bench.puppet.verdicts import bars

if TYPE_CHECKING:
    from omote.server.bench.puppet.judges import Judges

CLIPS = ("cap12_edit", "cap13_edit2", "franck")
WIDE = 190
"Columns of the table where no terminal sets them."


def puppet(
    clip: Annotated[
        list[Path] | None, typer.Option(exists=True, help="Your own; may be repeated.")
    ] = None,
    frames: Annotated[int, typer.Option(min=80, help="Of each clip, at most.")] = 500,
    method: Annotated[
        list[str] | None,
        typer.Option(
            help=f"One of {', '.join(METHODS)}; may be repeated. network trains one first: minutes."
        ),
    ] = None,
    follow: Annotated[bool, typer.Option(help="Judge how a face is followed, too.")] = True,
    judges: Annotated[
        bool, typer.Option(help="Fetch the nets that judge identity, landmarks and looks.")
    ] = True,
    sheets: Annotated[
        Path | None, typer.Option(help="Folder for contact sheets and films side by side.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON on stdout.")] = False,
) -> None:
    """Follow the face in clips, and have each method show its person moved by it.

    A person is moved by the last quarter of the same clip, which is then the truth, and by the next
    clip's person. Nothing but the first three quarters is learnt from.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        console = Console(stderr=True, width=WIDE)
    began, by = machine(), Instruments(Models(load), CpuPixels(), _judges() if judges else None)
    clips, chosen = _clips(clip), _methods(method)
    found: list[Figures] = []
    try:
        followed = [
            tracking(each, by.models, by.pixels, frames, console.print)
            for each in (clips if follow else ())
        ]
        for case in cases(clips, by.models, by.pixels, frames):
            console.print(f"{case.name}: {len(case.driver)} frames")
            found += _figures(case, chosen, by, sheets)
    except Unusable as exc:
        raise typer.BadParameter(str(exc)) from exc
    held = list(bars(followed, found))
    for table in (_followed(followed), _shown(found)):
        console.print(table)
    show_bars(console, held)
    if as_json:
        report = {"machine": began, "tracking": [asdict(each) for each in followed]}
        report |= {"shown": [asdict(each) for each in found]}
        print(json.dumps(report | {"bars": [bar.told() for bar in held]}, indent=2))


def _figures(
    case: Case, methods: Sequence[str], by: Instruments, sheets: Path | None
) -> list[Figures]:
    found: list[Figures] = []
    columns: dict[str, list[Bytes]] = {}
    if sheets is not None:
        columns["reference"] = [by.pixels.rgb(case.reference.picture)] * len(case.driver)
    for name in methods:
        with tempfile.TemporaryDirectory() as folder:
            show = METHODS[name](case, Path(folder), by.models, by.pixels)
            figures, made = judged(case, name, show, by)
        found.append(figures)
        if sheets is not None:
            columns[name] = made
    if sheets is not None:
        contact.write(sheets, case.name, columns)
    return found


def _judges() -> "Judges":
    try:
        from omote.server.bench.puppet.judges import Judges, NoJudge
    except ImportError as exc:
        raise typer.BadParameter(f"{exc}: install omote[bench], or say --no-judges") from exc
    try:
        return Judges()
    except NoJudge as exc:
        raise typer.BadParameter(f"{exc}; or say --no-judges") from exc


def _methods(chosen: Sequence[str] | None) -> list[str]:
    if unknown := [name for name in chosen or () if name not in METHODS]:
        raise typer.BadParameter(f"no method {unknown[0]!r}; there are {', '.join(METHODS)}")
    return list(chosen or USUAL)


def _clips(chosen: Sequence[Path] | None) -> list[Path]:
    if chosen:
        return list(chosen)
    try:
        return [clip(name) for name in CLIPS]
    except NotFetched as exc:
        raise typer.BadParameter(f"{exc}; or give a --clip") from exc


def _followed(found: Sequence[Tracking]) -> Table:
    table = Table(
        "clip", "frames", "empty", "tracked", "cpu p50 ms", "p95", "jitter %", "raw", "lag", "mouth"
    )
    for each in found:
        table.add_row(
            each.clip,
            str(each.frames),
            str(each.without_face),
            f"{each.tracked_share:.1%}",
            ", ".join(f"{value:g}" for value in each.cpu_p50_ms.values()),
            ", ".join(f"{value:g}" for value in each.cpu_p95_ms.values()),
            f"{each.jitter_percent:g}",
            f"{each.jitter_raw_percent:g}",
            *("-" if lag is None else f"{lag:g}" for lag in _lags(each)),
        )
    return table


def _lags(each: Tracking) -> tuple[float | None, float | None]:
    return each.head_lag_frames, each.mouth_lag_frames


COLUMNS = {
    "psnr": "psnr",
    "psnr_face": "face",
    "psnr_mouth": "mouth",
    "psnr_eyes": "eyes",
    "ssim_face": "ssim",
    "unlike_face": "unlike: face",
    "unlike_mouth": "mouth",
    "unlike_eyes": "eyes",
    "landmarks_percent": "marks %",
    "expression_error": "expr.",
    "identity": "identity",
    "jitter_percent": "jitter %",
    "cpu_p50_ms": "ms p50",
    "cpu_p95_ms": "p95",
}


def _shown(found: Sequence[Figures]) -> Table:
    table = Table("case", "method", *COLUMNS.values(), *MOVES)
    for each in found:
        figures = [getattr(each, name) for name in COLUMNS]
        figures += [each.agreement.get(name) for name in MOVES]
        table.add_row(
            each.case, each.method, *("-" if value is None else f"{value:g}" for value in figures)
        )
    return table
