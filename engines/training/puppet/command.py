"""Command: from a clip somewhere to a face in the album with a net of its own."""

import re
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omote.engines import backdrops
from omote.engines.model import Models
from omote.engines.onnx import load
from omote.engines.pixels import CpuPixels
from omote.engines.puppet import album, unrolled
from omote.engines.puppet.enrolment import keep, keep_photo
from omote.engines.training.losses import FilterBank
from omote.engines.training.puppet import checkpoint
from omote.engines.training.puppet.checkpoint import Run, Settings
from omote.engines.training.puppet.export import export
from omote.engines.training.puppet.material import Material, material
from omote.engines.training.puppet.training import advance, train
from omote.engines.training.session import Plan

CHECKPOINT, SHEETS, NETWORK = "training.pt", "sheets", "network-{}.onnx"
TRIED = (2, 6)
"Steps to get warm, and steps that are timed, to know how many there is time for."
ROOM = 0.8
"Share of the time that steps of the beginning would fill: later ones have a critic to teach."


def trained(
    source: Path,
    name: str,
    minutes: float,
    steps: int | None,
    drivers: Sequence[Path],
    seed: int,
) -> dict[str, Any]:
    """Look through, train or go on, export; figures. Raises `ValueError`."""
    unrolled.warm_up()
    path = _in_album(source, name)
    pixels = CpuPixels()
    print(f"looking {path.name} through", file=sys.stderr)
    given = material(path, Models(load), pixels, drivers)
    keep(given.bank, path)
    keep_photo(given.numbers[0], path, pixels)
    if not minutes:
        return {"keyframes": len(given.numbers)}
    return taught(given, album.beside(path), minutes, steps, seed)


def taught(
    given: Material, folder: Path, minutes: float, steps: int | None, seed: int
) -> dict[str, Any]:
    """Train in a folder, or go on there, and leave the net in it; what the last validation gave."""
    run = _opened(folder / CHECKPOINT, given, minutes, steps, seed)
    train(run, given, Plan(folder / CHECKPOINT, folder / SHEETS, minutes - run.cpu_s / 60))
    _replaced(run, folder)
    return run.curve[-1] if run.curve else {"step": run.step}


def _in_album(source: Path, name: str) -> Path:
    """A copy of the file under its name there, unless it is there already."""
    if not re.fullmatch(backdrops.NAME, name):
        raise ValueError("the name of a face is wanted, such as me.mp4, not a path")
    path = album.folder() / name
    if path.exists() and source.resolve() == path.resolve():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != source.read_bytes():
        shutil.copyfile(source, path)
        album.forget(path)
    return path


def _opened(file: Path, given: Material, minutes: float, steps: int | None, seed: int) -> Run:
    if file.exists() or steps:
        return checkpoint.opened(file, Settings(seed=seed), steps)
    return checkpoint.begun(Settings(seed=seed, steps=_affordable(given, minutes)))


def _affordable(given: Material, minutes: float) -> int:
    """How many steps there is time for."""
    run, bank = checkpoint.begun(Settings()), FilterBank()
    warm, timed = TRIED
    began = time.process_time()
    for step in range(warm + timed):
        if step == warm:
            began = time.process_time()
        advance(run, given, bank)
    each = (time.process_time() - began) / timed
    return max(10, round(ROOM * 60 * minutes / each))


def _replaced(run: Run, folder: Path) -> None:
    """A net under a new name, so that whoever has the old one loaded sees it is another."""
    old = list(folder.glob(NETWORK.format("*")))
    new = export(run.mean, folder / NETWORK.format(f"{run.settings.seed}-{run.step}"))
    for file in old:
        if file != new:
            file.unlink()
