"""`omote run`: a film or a picture through the same chain as a live stage, every frame of it."""

import json
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import av
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from omote.engines.chain import LANDMARKS, Chain
from omote.engines.effect import Params
from omote.engines.model import Models, UnknownModel
from omote.engines.onnx import BrokenModel, load
from omote.engines.pixels import CpuPixels
from omote.server.darkroom import Darkroom, Tally
from omote.server.orders import Invalid, merge, validate_params
from omote.streams.film import FilmReader, whole
from omote.streams.frame import LabelPlace, View
from omote.streams.medium import SourceError
from omote.streams.sound import UnwritableFilm
from omote.streams.source import medium_of

STILLS = (".png", ".jpg", ".jpeg")


class Refused(Exception):
    """What was asked for cannot be done; nothing was written."""


def run(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A film or a picture.")],
    target: Annotated[
        Path, typer.Argument(metavar="OUT", help="A film, .mp4 or .mkv; a picture, .png or .jpg.")
    ],
    effects: Annotated[str, typer.Option(help="In order, commas between.")] = "matte,background",
    params: Annotated[
        str, typer.Option(metavar="JSON", help='Such as {"background": {"mode": "blur"}}.')
    ] = "{}",
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="EFFECT.NAME=VALUE", help="One parameter; as often as needed."
        ),
    ] = None,
    view: Annotated[View, typer.Option(help="What to write.")] = "result",
    crf: Annotated[int, typer.Option(min=0, max=51, help="x264's quality, 0 is the best.")] = 18,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many frames.")] = None,
    synthetic_label: Annotated[
        LabelPlace, typer.Option(help="Corner in which pictures of a puppet say so, or off.")
    ] = "top-left",
    as_json: Annotated[bool, typer.Option("--json", help="A summary on stdout.")] = False,
) -> None:
    """Send a film or a picture through the effects, every frame.

    Full quality, however long it takes; sound is kept.

    \b
    Examples:
      omote run talk.mp4 out.mp4 --set background.mode=colour --set background.colour=#203040
      omote run me.jpg out.png
    """
    with _explained(), _interruptible():
        names = [name.strip() for name in effects.split(",") if name.strip()]
        typed = typed_params(names, params, settings or [])
        if view not in ("result", LANDMARKS) and "matte" not in names:
            raise Refused(f"--view {view} shows what the effect matte finds; name it in --effects")
        with (
            closing(_opened(source, target, limit)) as reader,
            _progress(reader, limit) as show,
            _chain(names, typed, synthetic_label, view) as (chain, pixels),
            whole(target) as unfinished,
        ):
            tally = Tally(show)
            room = Darkroom(chain, pixels, view, tally)
            if target.suffix.lower() in STILLS:
                room.still(reader, unfinished)
            else:
                room.film(reader, unfinished, crf, limit)
            if not tally.frames:
                raise SourceError(f"{source} ended without a picture; does a player open it?")
    _report(tally, source, target, as_json)


def typed_params(names: Sequence[str], text: str, settings: Sequence[str]) -> dict[str, Params]:
    """The parameters of `--params` with those of `--set` over them; `Refused` or `Invalid`."""
    try:
        params = json.loads(text)
    except ValueError as exc:
        raise Refused(f"--params is no JSON: {exc}") from exc
    if not isinstance(params, dict):
        raise Refused('--params must be an object such as {"background": {"mode": "blur"}}')
    for setting in settings:
        params = merge(params, _nested(setting))
    typed = validate_params(names, params)
    if idle := [name for name in params if name not in names]:
        raise Refused(f"{idle[0]} is given parameters but is not among --effects")
    return typed


def _nested(setting: str) -> dict[str, Any]:
    """`background.mode=blur` as the object it stands for; what is JSON is taken as JSON."""
    path, equals, text = setting.partition("=")
    keys = path.strip().split(".")
    if not equals or len(keys) < 2 or not all(keys):
        raise Refused(f"--set {setting}: write EFFECT.NAME=VALUE, such as background.mode=blur")
    value: Any = _value(text)
    for key in reversed(keys):
        value = {key: value}
    return dict(value)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _opened(source: Path, target: Path, limit: int | None) -> FilmReader:
    if not source.is_file():
        raise Refused(f"no file {source}")
    if not target.parent.is_dir():
        raise Refused(f"no folder {target.parent} to write to")
    if target.exists() and target.samefile(source):
        raise Refused(f"{target} is what is read; write to another file")
    medium = medium_of(str(source))
    try:
        reader = FilmReader(medium)
    except (av.FFmpegError, OSError) as exc:
        raise medium.explained(exc) from exc
    if target.suffix.lower() in STILLS and not reader.is_still and limit != 1:
        reader.close()
        raise Refused(f"{target} holds one picture; with --limit 1 it is the film's first")
    return reader


@contextmanager
def _chain(
    names: Sequence[str], params: Mapping[str, Params], label: LabelPlace, view: View
) -> Iterator[tuple[Chain, CpuPixels]]:
    """Ready to work, weights loaded."""
    pixels = CpuPixels()
    with closing(Chain(Models(load), pixels, label)) as chain:
        chain.use(chain.build(names), params)
        if view == LANDMARKS:
            chain.load_tracker()
            chain.follow_faces(True)
        yield chain, pixels


@contextmanager
def _progress(reader: FilmReader, limit: int | None) -> Iterator[Callable[[Tally], None]]:
    """A bar on stderr where somebody watches it."""
    console = Console(stderr=True)
    known = [count for count in (reader.frames, limit) if count is not None]
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=min(known, default=None))
        yield lambda tally: bar.update(task, completed=tally.frames, description=tally.line())


@contextmanager
def _explained() -> Iterator[None]:
    """End with a sentence and an exit code: 2 asked for what cannot be, 1 failed, 130 was stopped."""
    try:
        yield
    except Invalid as exc:
        _give_up("\n".join(f"{error['at']}: {error['message']}" for error in exc.errors), 2)
    except (Refused, SourceError, UnwritableFilm) as exc:
        _give_up(str(exc), 2)
    except (av.FFmpegError, OSError, BrokenModel, UnknownModel) as exc:
        _give_up(f"{getattr(exc, 'strerror', None) or exc}; nothing was written", 1)
    except KeyboardInterrupt:
        _give_up("stopped; nothing was written", 130)


def _give_up(words: str, code: int) -> NoReturn:
    typer.echo(words, err=True)
    raise typer.Exit(code)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Being told to stop cleans up as Ctrl-C does."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _report(tally: Tally, source: Path, target: Path, as_json: bool) -> None:
    """Say what came of it; where an effect failed, the file is not what was ordered: exit code 1."""
    typer.echo(f"{target}: {tally.frames} frames, {tally.line()}", err=True)
    if as_json:
        typer.echo(json.dumps({"in": str(source), "out": str(target), **tally.summary()}))
    for name, count in tally.errors.items():
        words = tally.last_error[name]
        typer.echo(f"{name} failed on {count} frames, they went by without it: {words}", err=True)
    if tally.errors:
        raise typer.Exit(1)
