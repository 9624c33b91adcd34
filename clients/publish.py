"""`omote publish`: a film, a picture or a camera to a stage, for as long as it lasts."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated

import typer

from omote.clients import process
from omote.clients.depth_publisher import DepthPublisher
from omote.clients.depth_show import CalibrationOption, DepthOption, Played, Wanted, played
from omote.clients.place import Place
from omote.clients.projector import Show
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
from omote.streams.depth_sender import BITRATE
from omote.streams.encoder import Codec
from omote.streams.medium import Medium
from omote.streams.source import SourceError


def publish(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|DEVICE|URL",
            help="A film, a picture, a recording, /dev/video0, rtsp://..., pair:LEFT|RIGHT, test:, synthetic",
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
    depth: DepthOption = None,
    calibration: CalibrationOption = None,
    depth_bitrate: Annotated[
        int,
        typer.Option(
            min=500, max=200_000, help="kbit/s above which depth's steps hide in its noise."
        ),
    ] = BITRATE // 1000,
) -> None:
    """Publish a film, a picture or a camera to a stage.

    How it goes is told on stderr; what came of it is JSON on stdout. Connections that are lost are
    made again. Exit code 1: refused; 2: nothing to publish; 3: nobody answers.

    \b
    Examples:
      omote publish talk.mp4 --to desk --loop
      omote publish /dev/video0 --to https://studio.example/desk --token $SECRET
      omote publish rtsp://camera/1 --to http://127.0.0.1:8080/?stage=door --size 1280x720
      omote publish synthetic --to desk --loop        a drawn scene and its depth
      omote publish /dev/video0 --depth realsense --to desk
      omote publish "pair:left.mp4|right.mp4" --to desk    for omote serve --stereo FILE
    """
    with explained():
        place, box = Place.read(to, url), _box(size)
        wanted = Wanted(_address(source), depth, calibration)

        def show(medium: Medium) -> Show:
            return Show(medium, loop, box, fps, sound)

        def sent(beside: DepthPublisher | None) -> Transmission:
            return Transmission(
                place, token, codec, bitrate * 1000, takeover=takeover, depth=beside
            )

        bits = depth_bitrate * 1000

        process.until_told(lambda stop: _publish(wanted, show, sent, place, stop, seconds, bits))


async def _publish(
    wanted: Wanted,
    show: Callable[[Medium], Show],
    sending: Callable[[DepthPublisher | None], Transmission],
    place: Place,
    stop: asyncio.Event,
    seconds: float | None,
    depth_bitrate: int,
) -> None:
    began = time.monotonic()
    async with _played(wanted, show) as pair, _beside(pair, depth_bitrate) as beside:
        say(f"publishing {wanted.source} to {place.whip}")
        sent = sending(beside)
        try:
            await sent.run(pair.projector, stop, seconds)
        except NotConnected as exc:
            raise _explained(exc, place) from exc
        finally:
            if sent.frames:
                give({"stage": place.stage, **sent.told(time.monotonic() - began)})
    failure = pair.projector.failure or (beside.failure if beside else None)
    if failure is not None:
        raise GivenUp(str(failure), REFUSED if sent.frames else USAGE)


@asynccontextmanager
async def _beside(pair: Played, bitrate: int) -> AsyncIterator[DepthPublisher | None]:
    depth = DepthPublisher(pair.depth, bitrate) if pair.depth else None
    try:
        yield depth
    finally:
        if depth is not None:
            await depth.close()


def _explained(exc: NotConnected, place: Place) -> Exception:
    if exc.status != 409:
        return exc
    words = f"somebody publishes to {place.stage} at {place.server}; --takeover takes his place"
    return GivenUp(words, REFUSED)


@asynccontextmanager
async def _played(wanted: Wanted, show: Callable[[Medium], Show]) -> AsyncIterator[Played]:
    try:
        async with played(wanted, show) as pair:
            yield pair
    except SourceError as exc:
        raise GivenUp(str(exc), USAGE) from exc


def _address(source: str) -> str:
    return f"v4l2:{source}" if source.startswith("/dev/") else source


def _box(size: str | None) -> tuple[int, int] | None:
    if size is None:
        return None
    width, _, height = size.partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) > 1 and int(height) > 1):
        raise GivenUp(f"--size {size}: write WIDTHxHEIGHT, such as 1280x720", USAGE)
    return int(width), int(height)
