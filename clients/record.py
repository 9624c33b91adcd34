"""`omote record`: what a stage shows while somebody is on it, without the waiting around it."""

import asyncio
import json
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from omote.clients import process
from omote.clients.audience import Audience
from omote.clients.depth_show import CalibrationOption, DepthOption, Wanted, played
from omote.clients.depth_take import take
from omote.clients.place import Place
from omote.clients.projector import Show
from omote.clients.recording import codecs_for
from omote.clients.request import NotConnected, ask
from omote.clients.terminal import (
    DEFAULT_SERVER,
    REFUSED,
    USAGE,
    GivenUp,
    ServerOption,
    StageArgument,
    TokenOption,
    explained,
    give,
    say,
)
from omote.streams.medium import SourceError

LOOK_EVERY_S = 0.5
"At whether somebody publishes."


def record(
    stage: StageArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=".mp4, .mkv or .webm; a new one.")],
    url: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="At most so long.")] = None,
    until_gone: Annotated[
        bool, typer.Option("--until-gone/--stay", help="End when the publisher goes, or go on.")
    ] = True,
    wait: Annotated[
        float | None, typer.Option(min=0, help="Seconds to wait for a publisher; else for ever.")
    ] = None,
    depth: DepthOption = None,
    calibration: CalibrationOption = None,
) -> None:
    """Record a stage from when somebody publishes until he goes.

    As `omote watch --save`, but nothing is kept of the time in which nobody is there. Pictures and
    sound are not coded anew. A summary is JSON on stdout. Exit code 1: nobody came, or refused; 2:
    no file to record to; 3: nobody answers.

    With --depth it records what `omote publish` would send, of a camera of this machine, instead: name
    the source of the pictures instead of a stage, and a new folder instead of a file. Colour, depth,
    calibration and times come back bit by bit when the folder is published.

    \b
    Examples:
      omote record desk talk.mp4
      omote record desk talk.mkv --seconds 60 --stay
      omote record realsense talk --depth realsense --seconds 60
    """
    with explained():
        if depth is not None:
            process.until_told(partial(_take, Wanted(stage, depth, calibration), file, seconds))
            return
        place = Place.read(stage, url)
        audience = Audience(place, token)
        codecs_for(file)

        async def work(stop: asyncio.Event) -> None:
            say(f"waiting for somebody to publish to {place.stage}")
            if await _came(place, token, stop, wait):
                watched = until_gone and asyncio.create_task(_end_with_him(place, token, stop))
                await audience.record(file, stop, seconds)
                if watched:
                    watched.cancel()

        process.until_told(work)
        give(audience.told())
        if not audience.told().get("written"):
            raise GivenUp("nobody published, nothing was written", REFUSED)


async def _take(wanted: Wanted, folder: Path, seconds: float | None, stop: asyncio.Event) -> None:
    try:
        async with played(wanted, Show) as pair:
            say(f"recording {wanted.source} and its depth to {folder}")
            written = await take(pair, folder, stop, seconds)
        give(written)
        if written["failure"]:
            raise GivenUp(written["failure"], REFUSED)
    except SourceError as exc:
        raise GivenUp(str(exc), USAGE) from exc


async def _came(place: Place, token: str | None, stop: asyncio.Event, wait: float | None) -> bool:
    """Whether somebody publishes, once he does; raises `NotConnected` for a server that is not."""
    with suppress(TimeoutError):
        async with asyncio.timeout(wait):
            while not stop.is_set():
                if await _is_there(place, token):
                    return True
                await process.first(stop, within=LOOK_EVERY_S)
    return False


async def _end_with_him(place: Place, token: str | None, stop: asyncio.Event) -> None:
    """Set `stop` when nobody publishes any more."""
    with suppress(NotConnected):  # a server that has gone has no publisher either
        while await _is_there(place, token):  # noqa: ASYNC110 - over HTTP there is no event
            await asyncio.sleep(LOOK_EVERY_S)
    stop.set()


async def _is_there(place: Place, token: str | None) -> bool:
    answer = await ask("GET", place.itself, token=token)
    if answer.status == 404:
        return False
    if answer.status != 200:
        raise NotConnected(f"{place.itself}: {answer.detail()}", answer.status)
    told = json.loads(answer.body)
    state = told["state"]
    fetched = state.get("source") is not None
    driven = bool(state["stage"].get("driver") and state.get("synthetic"))
    own = fetched and told["stats"].get("fps_in", 0) > 0
    if driven and told["stats"].get("driver_fps"):
        return True
    return bool(told["state"]["publisher"] == "connected" or own)
