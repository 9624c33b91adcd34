"""`omote bench puppet`: a face that is followed."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from omote.engines.model import Models
from omote.engines.onnx import load
from omote.engines.pixels import CpuPixels
from omote.server.bench.bars import show_bars
from omote.server.bench.machine import machine
from omote.server.bench.matte.fetched import NotFetched, clip
from omote.server.bench.puppet.tracking import Tracking, bars, tracking

CLIPS = ("cap12_edit", "cap13_edit2", "franck")


def puppet(
    clip: Annotated[
        list[Path] | None, typer.Option(exists=True, help="Your own; may be repeated.")
    ] = None,
    frames: Annotated[int, typer.Option(min=80, help="Of each clip, at most.")] = 500,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON on stdout.")] = False,
) -> None:
    """Follow the face in clips: what it costs, how still it stands, how far it is behind."""
    console = Console(stderr=True)
    began = machine()
    models, pixels = Models(load), CpuPixels()
    found = [tracking(each, models, pixels, frames, console.print) for each in _clips(clip)]
    held = list(bars(found))
    console.print(_table(found))
    show_bars(console, held)
    if as_json:
        report = {"machine": began, "tracking": [asdict(each) for each in found]}
        print(json.dumps(report | {"bars": [bar.told() for bar in held]}, indent=2))


def _clips(chosen: Sequence[Path] | None) -> list[Path]:
    if chosen:
        return list(chosen)
    try:
        return [clip(name) for name in CLIPS]
    except NotFetched as exc:
        raise typer.BadParameter(f"{exc}; or give a --clip") from exc


def _table(found: Sequence[Tracking]) -> Table:
    table = Table(
        "clip", "frames", "tracked", "cpu p50 ms", "p95", "jitter %", "raw", "lag", "mouth"
    )
    for each in found:
        table.add_row(
            each.clip,
            str(each.frames),
            f"{each.tracked_share:.1%}",
            ", ".join(f"{value:g}" for value in each.cpu_p50_ms.values()),
            ", ".join(f"{value:g}" for value in each.cpu_p95_ms.values()),
            f"{each.jitter_percent:g}",
            f"{each.jitter_raw_percent:g}",
            f"{each.head_lag_frames:g}",
            f"{each.mouth_lag_frames:g}",
        )
    return table
