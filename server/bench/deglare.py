"""`omote bench deglare`: how much of glare is taken away, and what else is, held against truths."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand

from omote.engines.effect import Rung
from omote.engines.effects.deglare import Deglare
from omote.engines.i420 import Bytes
from omote.engines.interference import believed
from omote.engines.model import Model, Models, UnknownModel
from omote.engines.onnx import BrokenModel, load
from omote.engines.pixels import CpuPixels
from omote.engines.training.contest import Deglarer, Score, contest, interval, means
from omote.engines.training.glare import KINDS, Sample
from omote.engines.training.material import held_out
from omote.engines.training.suppressor import suppressed
from omote.server.bench.bars import Bar, at_least, show_bars
from omote.server.bench.machine import processor
from omote.server.bench.steadiness import measured
from omote.server.darkroom import developed
from omote.streams.frame import Frame

OURS = "omote"
FEW = 32
"Pictures among which one is chosen for what a stream costs."

BETWEEN = "\0"
"Stands between the two paths of a pair."


def deglare(
    model: Annotated[str, typer.Option(help="A shipped net, or the path of an ONNX file.")] = (
        "deglare"
    ),
    pair: Annotated[
        list[str] | None,
        typer.Option(metavar="INPUT TRUTH", help="Judge these pictures instead; may be repeated."),
    ] = None,
    count: Annotated[int, typer.Option(min=16, help="Composites, of all kinds alike.")] = 240,
    cache: Annotated[Path, typer.Option(help="Where photographs are kept.")] = Path(
        ".cache/deglare"
    ),
    sheet: Annotated[Path | None, typer.Option(help="A picture to write, of the first 24.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Figures as JSON on stdout.")] = False,
) -> None:
    """Compare the net with the input, an affine oracle and a classical suppressor.

    Composites are made of photographs of packages that training never saw, which are fetched once,
    and are as small as the net is shown. Pairs are judged as `omote run` writes them, at full size.
    """
    console = Console(stderr=True)
    net = _loaded(model)
    ours = Product(net) if pair else Net(net)
    samples = list(_pairs(pair)) if pair else held_out(cache, "test", count, seed=7)
    scores = contest(samples, {"classical": suppressed, OURS: ours})
    if sheet is not None:
        write_sheet(samples[:24], ours, sheet)
    cost = measured(net, _most_taken(samples[:FEW], ours))
    held = [*bars(scores), *cost.bars()]
    _show(console, scores, held)
    if as_json:
        print(json.dumps(_report(model, scores, held) | {"stream": asdict(cost)}, indent=2))


class Pairs(TyperCommand):
    """Takes two words after each `--pair`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As a command does."""
        left, joined = list(args), []
        while left:
            joined.append(left.pop(0))
            if joined[-1] == "--pair":
                joined.append(BETWEEN.join(left[:2]))
                del left[:2]
        return super().parse_args(ctx, joined)


class Net:
    """A deglarer of pictures as small as the net is shown: its layer, taken off."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def __call__(self, picture: Bytes) -> Bytes:
        """(h, w, 3); sides are multiples of 16."""
        found = self._model({"picture": picture[None]})
        layer = believed(found["excess"][0], found["certainty"][0])
        return np.asarray(np.clip(picture - layer + 0.5, 0, 255), np.uint8)


class Product:
    """A deglarer of photographs of any size: what `omote run IN OUT --effects deglare` writes."""

    def __init__(self, model: Model) -> None:
        self._pixels = CpuPixels()
        self._effect = Deglare(Models(lambda name: model), self._pixels)

    def __call__(self, picture: Bytes) -> Bytes:
        """(H, W, 3)."""
        self._effect.reset()
        opened = self._pixels.from_rgb(picture)
        given = Frame(opened, 0, Fraction(1, 30), 0.0, 0, alone=True)
        made = self._effect(given, Deglare.Params(), Rung.FULL).picture
        return developed(self._pixels.rgb(made), self._pixels.rgb(opened), picture)


def bars(scores: Mapping[str, Sequence[Score]]) -> list[Bar]:
    """Those of composites and of clean pictures."""
    made: list[Bar] = []
    kinds = [kind for kind in KINDS if any(score.kind == kind for score in scores[OURS])]
    if gains := _gains(scores, OURS, "psnr"):
        made.append(at_least("composites: PSNR gained, dB", round(float(np.mean(gains)), 2), 3))
        of = _gains(scores, OURS, "aligned")
        made.append(at_least("composites: aligned PSNR gained", round(float(np.mean(of)), 2), 0.5))
    for kind in kinds:
        more = _gains(scores, OURS, "ssim", kind)
        made.append(at_least(f"{kind}: SSIM gained", round(float(np.mean(more)), 4), 1e-4))
    if clean := [score.psnr for score in scores[OURS] if score.kind == "clean"]:
        made.append(at_least("clean pictures: PSNR, dB", round(float(np.mean(clean)), 2), 40))
    return made


def _gains(
    scores: Mapping[str, Sequence[Score]], name: str, figure: str, kind: str | None = None
) -> list[float]:
    """Over the input, of every picture that is not clean, or of one kind."""
    pairs = zip(scores[name], scores["input"], strict=True)
    return [
        getattr(of, figure) - getattr(given, figure)
        for of, given in pairs
        if (of.kind == kind if kind else of.kind != "clean")
    ]


def _most_taken(samples: Sequence[Sample], ours: Deglarer) -> Bytes:
    """The picture of which most is taken off."""

    def taken(sample: Sample) -> float:
        return float(np.abs(np.subtract(sample.shown, ours(sample.shown), dtype=np.int16)).mean())

    return max(samples, key=taken).shown


def _pairs(words: Sequence[str]) -> Iterator[Sample]:
    for number, word in enumerate(words, 1):
        shown, between, clean = word.partition(BETWEEN)
        if not between:
            raise typer.BadParameter(f"--pair {word}: write --pair INPUT TRUTH")
        truth = _read(clean)
        given = cv2.resize(_read(shown), truth.shape[1::-1], interpolation=cv2.INTER_AREA)
        yield Sample(np.asarray(given, np.uint8), truth, f"pair {number}")


def _read(path: str) -> Bytes:
    """RGB of full size, but for the last line if their number is odd."""
    read = cv2.imread(path)
    if read is None:
        raise typer.BadParameter(f"{path} is no picture")
    even = read[: read.shape[0] & ~1, : read.shape[1] & ~1]
    return np.asarray(cv2.cvtColor(even, cv2.COLOR_BGR2RGB), np.uint8)


def _loaded(name: str) -> Model:
    try:
        return load(name)
    except (UnknownModel, BrokenModel) as exc:
        raise typer.BadParameter(f"{exc}; `omote train export` writes one") from exc


def write_sheet(samples: Sequence[Sample], deglarer: Deglarer, file: Path) -> None:
    """Two to a row: as shown, without glare, what was taken (twice as bright), as it should be."""
    tiles = []
    for sample in samples:
        result = deglarer(sample.shown)
        taken = np.clip(2 * (sample.shown.astype(np.int16) - result), 0, 255).astype(np.uint8)
        row = np.hstack([sample.shown, result, taken, sample.clean])
        tiles.append(cv2.resize(row, (4 * 256, 144)))
    tiles += [np.zeros_like(tiles[0])] * (len(tiles) % 2)
    rows = [np.hstack(two) for two in zip(tiles[::2], tiles[1::2], strict=True)]
    cv2.imwrite(str(file), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR))


def _report(
    model: str, scores: Mapping[str, Sequence[Score]], held: Sequence[Bar]
) -> dict[str, Any]:
    return {
        "processor": processor(),
        "model": model,
        "cases": {name: [asdict(score) for score in of] for name, of in scores.items()},
        "bars": [bar.told() for bar in held],
    }


def _show(console: Console, scores: Mapping[str, Sequence[Score]], held: Sequence[Bar]) -> None:
    kinds = list(dict.fromkeys(score.kind for score in scores["input"]))
    table = Table("", "", "N", "PSNR", "aligned", "SSIM", "slopes")
    for kind in kinds:
        for name, of in scores.items():
            chosen = [score for score in of if score.kind == kind]
            _row(table, kind if name == "input" else "", name, chosen)
    for name, of in scores.items():
        if chosen := [score for score in of if score.kind != "clean"]:
            _row(table, "all with glare" if name == "input" else "", name, chosen)
    console.print(table)
    for figure in ("psnr", "aligned"):
        if gains := _gains(scores, OURS, figure):
            low, high = interval(gains)
            words = f"{figure} gained {np.mean(gains):+.2f} dB, 95 % {low:+.2f} to {high:+.2f}"
            console.print(f"{words}, better on {np.mean(np.array(gains) > 0):.0%}")
    show_bars(console, held)


def _row(table: Table, kind: str, name: str, scores: Sequence[Score]) -> None:
    of = means(scores)
    cells = (f"{of['psnr']:.2f}", f"{of['aligned']:.2f}", f"{of['ssim']:.3f}")
    table.add_row(kind, name, str(len(scores)), *cells, f"{of['gradient']:.2f}")
