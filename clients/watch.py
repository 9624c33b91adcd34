"""`omote watch`: a viewer without a browser."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from omote.clients import process
from omote.clients.audience import Audience
from omote.clients.place import Place
from omote.clients.recording import codecs_for
from omote.clients.terminal import (
    DEFAULT_SERVER,
    UNREACHABLE,
    USAGE,
    GivenUp,
    ServerOption,
    StageArgument,
    TokenOption,
    explained,
    give,
)
from omote.clients.virtual_camera import virtual_camera


def watch(
    stage: StageArgument,
    url: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Keep it, not coded anew: .mp4, .mkv or .webm."),
    ] = None,
    camera: Annotated[
        bool, typer.Option("--camera", help="Be a camera for other programs.")
    ] = False,
    fps: Annotated[float, typer.Option(min=1, max=120, help="Of that camera.")] = 30.0,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after so long.")] = None,
) -> None:
    """Watch a stage: see how it comes in, save it, be a camera.

    Frame rate, age and losses are told on stderr; a summary is JSON on stdout. --save keeps
    pictures and sound exactly as they came, nothing is coded anew. Exit code 1: refused; 3: nobody
    answers, or the connection was lost; 4: no virtual camera here.

    \b
    Examples:
      omote watch desk --seconds 10
      omote watch http://127.0.0.1:8080/desk --save desk.mp4
      omote watch desk --camera
    """
    with explained():
        audience = Audience(Place.read(stage, url), token)
        if camera and save is not None:
            raise GivenUp("--camera shows and --save keeps; start one omote watch for each", USAGE)
        if save is not None:
            codecs_for(save)

        async def work(stop: asyncio.Event) -> None:
            if save is not None:
                await audience.record(save, stop, seconds)
            elif camera:
                with virtual_camera(fps) as draw:
                    await audience.show(draw, stop, seconds)
            else:
                await audience.watch(stop, seconds)

        process.until_told(work)
        give(audience.told())
        if audience.lost:
            raise GivenUp("the connection was lost", UNREACHABLE)
