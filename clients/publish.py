"""`omote publish`: a film, a picture or a camera to a stage, for as long as it lasts."""

import asyncio
import time
from typing import Annotated

import typer

from omote.clients import process
from omote.clients.place import Place
from omote.clients.projector import Projector, Show
from omote.clients.request import NotConnected
from omote.clients.terminal import (
    DEFAULT_SERVER,
    REFUSED,
    USAGE,
    GivenUp,
    ServerOption,
    TokenOption,
    explained,
    give,
    say,
)
from omote.clients.transmission import Transmission
from omote.streams.encoder import Codec
from omote.streams.medium import Medium
from omote.streams.source import SourceError, medium_of


def publish(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|DEVICE|URL", help="A film, a picture, /dev/video0, rtsp://..., test:"
        ),
    ],
    to: Annotated[str, typer.Option(metavar="STAGE|URL", help="Where to.")],
    url: ServerOption = DEFAULT_SERVER,
    token: TokenOption = None,
    loop: Annotated[bool, typer.Option("--loop", help="Begin anew at the film's end.")] = False,
    takeover: Annotated[
        bool, typer.Option("--takeover", help="Replace whoever publishes there.")
    ] = False,
    size: Annotated[
        str | None, typer.Option(metavar="WxH", help="Make the picture fit, such as 1280x720.")
    ] = None,
    fps: Annotated[
        float | None, typer.Option(min=1, max=120, help="At most so many pictures a second.")
    ] = None,
    codec: Annotated[Codec, typer.Option(help="H.264 or VP8.")] = "H264",
    bitrate: Annotated[
        int, typer.Option(min=100, max=50_000, help="kbit/s at most; the network may want less.")
    ] = 2_500,
    sound: Annotated[bool, typer.Option(help="Send the film's sound, too.")] = True,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after so long.")] = None,
) -> None:
    """Publish a film, a picture or a camera to a stage.

    How it goes is told on stderr; what came of it is JSON on stdout. Connections that are lost are
    made again. Exit code 1: refused; 2: nothing to publish; 3: nobody answers.

    \b
    Examples:
      omote publish talk.mp4 --to desk --loop
      omote publish /dev/video0 --to https://studio.example/desk --token $SECRET
      omote publish rtsp://camera/1 --to http://127.0.0.1:8080/?stage=door --size 1280x720
    """
    with explained():
        show = Show(_medium(source), loop, _box(size), fps, sound)
        place = Place.read(to, url)
        sent = Transmission(place, token, codec, bitrate * 1000, takeover=takeover)

        say(f"publishing {show.medium.name} to {place.whip}")
        process.until_told(lambda stop: _publish(show, sent, place, stop, seconds))


async def _publish(
    show: Show, sent: Transmission, place: Place, stop: asyncio.Event, seconds: float | None
) -> None:
    projector, began = Projector(show), time.monotonic()
    try:
        await sent.run(projector, stop, seconds)
    except NotConnected as exc:
        raise _explained(exc, place) from exc
    finally:
        await projector.close()
        if sent.frames:
            give({"stage": place.stage, **sent.told(time.monotonic() - began)})
    if projector.failure is not None:
        raise GivenUp(str(projector.failure), REFUSED if sent.frames else USAGE)


def _explained(exc: NotConnected, place: Place) -> Exception:
    if exc.status != 409:
        return exc
    words = f"somebody publishes to {place.stage} at {place.server}; --takeover takes his place"
    return GivenUp(words, REFUSED)


def _medium(source: str) -> Medium:
    if source.startswith("/dev/"):
        source = f"v4l2:{source}"
    try:
        return medium_of(source)
    except SourceError as exc:
        raise GivenUp(str(exc), USAGE) from exc


def _box(size: str | None) -> tuple[int, int] | None:
    if size is None:
        return None
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) > 1 and int(height) > 1):
        raise GivenUp(f"--size {size}: write WIDTHxHEIGHT, such as 1280x720", USAGE)
    return int(width), int(height)
