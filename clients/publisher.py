"""Publisher: a process that sends a clip to a WHIP endpoint until it is told to stop.

`python -m omote.clients.publisher URL --clip FILE`. On stdout, as JSON lines: `connected`, then
`result` with when each picture was taken.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Annotated

import av
import typer
from aiortc import RTCPeerConnection, RTCRtpCodecCapability, RTCRtpSender

from omote.clients import clip, process, signalling
from omote.clients.camera import Camera, LiveCamera, Microphone, PreparedCamera, prepare
from omote.clients.pace import Start
from omote.streams import interop
from omote.streams.encoder import Codec, open_encoder
from omote.streams.link import Weather


@dataclass(frozen=True, slots=True)
class Shoot:
    """What is sent."""

    clip: str = clip.SYNTHETIC
    size: tuple[int, int] = (1280, 720)
    fps: float = 30.0
    codec: Codec = "H264"
    bitrate: int = 2_500_000
    "bit/s at most."
    pictures: int = 75
    "Of the clip; shown forwards, then backwards."
    mark: bool = False
    "Paint numbers into pictures made beforehand; live ones always have them."
    prepared: bool = False
    "Encode beforehand and send the same packets over and over."
    audio: bool = False


class Studio:
    """A clip made ready once, for any number of publishers one after the other."""

    def __init__(self, shoot: Shoot) -> None:
        self._shoot = shoot
        self._pictures: list[av.VideoFrame] = clip.pictures(
            shoot.clip, shoot.size, shoot.fps, shoot.pictures
        )
        self._packets: list[bytes] = []
        if shoot.prepared:
            self._packets = prepare(
                self._pictures, shoot.codec, shoot.bitrate, shoot.fps, mark=shoot.mark
            )
            self._pictures.clear()

    def camera(self, start: Start) -> Camera:
        """A new camera before the clip."""
        shoot = self._shoot
        if shoot.prepared:
            return PreparedCamera(self._packets, shoot.fps, start)
        encoder = open_encoder(shoot.codec, shoot.bitrate)
        return LiveCamera(self._pictures, shoot.fps, start, encoder, shoot.bitrate)

    def connection(self) -> tuple[RTCPeerConnection, Camera]:
        """A connection that will send the clip, once it is part of a session."""
        start = Start()
        camera = self.camera(start)
        connection = signalling.new_connection()
        transceiver = connection.addTransceiver(camera, direction="sendonly")
        transceiver.setCodecPreferences(only(self._shoot.codec))
        interop.on_keyframe_request(transceiver.sender, camera.ask_keyframe)
        interop.on_remb(transceiver.sender, camera.aim)
        if self._shoot.audio:
            connection.addTransceiver(Microphone(start), direction="sendonly")
        return connection, camera


def only(codec: Codec) -> list[RTCRtpCodecCapability]:
    """What to offer when nothing but this codec, and retransmission, will do."""
    wanted = {f"video/{codec}", "video/rtx"}
    known = RTCRtpSender.getCapabilities("video").codecs
    return [capability for capability in known if capability.mimeType in wanted]


async def publish(
    urls: Sequence[str], studio: Studio, weather: Weather, stop: asyncio.Event
) -> list[Camera]:
    """Publish to every URL until told to stop or one is lost; the cameras know what they sent."""
    cameras: list[Camera] = []
    async with AsyncExitStack() as sessions:
        lost: list[asyncio.Event] = []
        for url in urls:
            connection, camera = studio.connection()
            cameras.append(camera)
            lost.append(
                await sessions.enter_async_context(signalling.session(url, connection, weather))
            )
        process.tell("connected")
        await process.first(stop, *lost)
    return cameras


async def come_and_go(
    url: str, studio: Studio, weather: Weather, times: int, stop: asyncio.Event
) -> None:
    """Publish ten pictures and leave, `times` times."""
    process.tell("connected")
    for _ in range(times):
        connection, camera = studio.connection()
        async with signalling.session(url, connection, weather) as lost:
            while len(camera.taken) < 10 and not lost.is_set() and not stop.is_set():
                await process.first(stop, lost, within=0.05)


def main(
    urls: Annotated[list[str], typer.Argument(help="WHIP endpoints.")],
    clip: Annotated[str, typer.Option(help="Video, picture or `synthetic`.")] = clip.SYNTHETIC,
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT.")] = "1280x720",
    fps: float = 30.0,
    codec: Annotated[str, typer.Option(help="H264 or VP8.")] = "H264",
    bitrate: Annotated[int, typer.Option(help="bit/s at most.")] = 2_500_000,
    pictures: Annotated[int, typer.Option(min=2, help="Of the clip.")] = 75,
    mark: bool = False,
    prepared: bool = False,
    audio: bool = False,
    loss: Annotated[float, typer.Option(min=0, max=100, help="Percent.")] = 0.0,
    delay_ms: Annotated[float, typer.Option(min=0, help="One way.")] = 0.0,
    cycles: Annotated[int, typer.Option(help="Come and go so many times instead.")] = 0,
) -> None:
    """Send a clip to WHIP endpoints until told to stop."""
    width, height = (int(side) for side in size.split("x"))
    shoot = Shoot(
        clip=clip,
        size=(width, height),
        fps=fps,
        codec="VP8" if codec.upper() == "VP8" else "H264",
        bitrate=bitrate,
        pictures=pictures,
        mark=mark,
        prepared=prepared,
        audio=audio,
    )
    weather = Weather(delay_ms / 1e3, loss / 100)

    async def work(stop: asyncio.Event) -> None:
        studio = await asyncio.to_thread(Studio, shoot)
        if cycles:
            await come_and_go(urls[0], studio, weather, cycles, stop)
            process.tell("result", cycles=cycles)
            return
        cameras = await publish(urls, studio, weather, stop)
        process.tell("result", publishers=[sent(camera) for camera in cameras])

    process.run(work)


def sent(camera: Camera) -> dict[str, object]:
    """What a camera has to say for itself."""
    return {"taken": camera.taken, "keyframes": camera.keyframes, "missed": camera.missed}


if __name__ == "__main__":
    typer.run(main)
