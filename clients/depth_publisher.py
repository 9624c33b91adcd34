"""Depth publisher: the depth of a source beside the pictures of a connection, by one clock."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import asdict, replace
from typing import Any

from aiortc import RTCPeerConnection, RTCRtpSender

from omote.clients.camera import Camera
from omote.streams import interop
from omote.streams.depth import CLOCK_HZ, DepthFrame, DepthSource, Hello
from omote.streams.depth_files import DepthFile
from omote.streams.depth_playback import frame_of, read
from omote.streams.depth_sender import BITRATE, DepthSender, Sent, depth_channel
from omote.streams.medium import SourceError

LATE_S = 0.25
"A map of a film that is this much too late is left out."


class VideoClock:
    """Which RTP timestamp a moment has, learnt from the pictures that were sent."""

    def __init__(self, sender: RTCRtpSender) -> None:
        self._sender = sender
        self._origin: int | None = None
        self._moment = 0.0

    def note(self, ticks: int, moment: float) -> None:
        """A picture of these 90 kHz ticks, due at this `time.monotonic()`, is the newest sent."""
        timestamp = interop.sent_timestamp(self._sender)
        if timestamp is not None:
            self._origin = timestamp - ticks
            self._moment = moment - ticks / CLOCK_HZ

    @property
    def known(self) -> bool:
        """Whether there is something to go by."""
        return self._origin is not None

    def stamp(self, frame: DepthFrame) -> int:
        """The RTP timestamp of a frame's capture; of a `video` frame, `captured` counts from the film's begin."""
        ticks = frame.captured
        if frame.clock == "own":
            ticks -= round(self._moment * CLOCK_HZ)
        return (self._origin or 0) + ticks


class DepthPublisher:
    """One source, however many connections it takes."""

    def __init__(self, source: DepthSource, bitrate: int = BITRATE) -> None:
        """Lossless up to so many bit/s; above it steps become as large as the noise hides."""
        self.failure: SourceError | None = None
        self._source = source
        self._bitrate = bitrate
        self._outlet: tuple[DepthSender, VideoClock] | None = None
        self._pump: asyncio.Task[None] | None = None
        self._sent = Sent()

    @asynccontextmanager
    async def beside(
        self, connection: RTCPeerConnection, sender: RTCRtpSender, camera: Camera
    ) -> AsyncIterator[None]:
        """Send while the block runs; to be entered before the offer is made."""
        clock = VideoClock(sender)
        camera.on_sent = clock.note
        hello = replace(self._source.hello, clock="video")
        outlet = DepthSender(depth_channel(connection), hello, clock.stamp, self._bitrate)
        self._outlet = outlet, clock
        if self._pump is None:
            self._pump = asyncio.create_task(self._run(), name="depth.publisher")
        try:
            yield
        finally:
            self._outlet = None
            await outlet.close()
            self._add(outlet.sent)

    async def close(self) -> None:
        """Let go of the source."""
        self._source.close()
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)

    def told(self) -> dict[str, Any]:
        """What became of it, fit for JSON."""
        said = asdict(self._sent)
        if self._outlet is not None:
            said = {key: value + getattr(self._outlet[0].sent, key) for key, value in said.items()}
        return said

    async def _run(self) -> None:
        try:
            async with aclosing(self._source.frames()) as frames:
                async for frame in frames:
                    outlet = self._outlet
                    if outlet is not None and outlet[1].known:
                        await outlet[0].send(frame)
        except SourceError as exc:
            self.failure = exc

    def _add(self, sent: Sent) -> None:
        for key, value in asdict(sent).items():
            setattr(self._sent, key, getattr(self._sent, key) + value)


class FilmedDepth:
    """The depth of a file, map by map with the film that its colour is. A `DepthSource`."""

    def __init__(self, file: DepthFile, hello: Hello, second: Callable[[], float | None]) -> None:
        self.hello = hello
        self._file = file
        self._second = second
        self._laps: asyncio.Queue[float | None] = asyncio.Queue()

    def lap(self, begin: float) -> None:
        """The film begins, or begins anew, at this second of its own count."""
        self._laps.put_nowait(begin)

    def close(self) -> None:
        """End after the lap."""
        self._laps.put_nowait(None)

    async def frames(self) -> AsyncGenerator[DepthFrame, None]:
        """Each map when the film is there; `captured` is ticks of the film."""
        index = 0
        while (begin := await self._laps.get()) is not None:
            stills = self._file.read()
            while (still := await read(stills)) is not None:
                due = begin + still.second
                if await self._wait(due) < LATE_S:
                    yield frame_of(still, self._file.step_m, "video", due, index, "file")
                index += 1

    async def _wait(self, due: float) -> float:
        """Until the film is at that second; by how much it has passed it."""
        while (now := self._second()) is None or now < due:  # noqa: ASYNC110 - a film has no event
            await asyncio.sleep(0.02 if now is None else due - now)
        return now - due
