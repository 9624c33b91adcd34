"""A camera and viewers for a pipeline, without any network."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any, cast

import av

from omote.server.pipeline import Pipeline
from omote.streams.decoder import open_decoder
from omote.streams.encoder import Codec
from omote.streams.frame import Frame
from omote.streams.latest import Latest
from omote.streams.packet import Packet
from omote.streams.webrtc import Viewer
from tests.numbered import number_in

PATIENCE_S = 20


class Tripod:
    """A camera whose frames are put there by hand."""

    dropped_undecoded = 0

    def __init__(self) -> None:
        self.frames: Latest[Frame] = Latest()
        self.caps: list[int | None] = []
        self.closed = 0

    @property
    def dropped_newest(self) -> int:
        return self.frames.dropped

    @property
    def starved(self) -> int:
        return self.frames.starved

    @property
    def since(self) -> float:
        return self.frames.since

    async def ready(self) -> None:
        await self.frames.ready()

    def take(self) -> Frame | None:
        return self.frames.take()

    def newest(self) -> Frame | None:
        return self.frames.waiting

    async def ask_for_less(self, bitrate: int | None) -> None:
        self.caps.append(bitrate)

    async def close(self) -> None:
        self.closed += 1
        self.frames.close()


class Seat:
    """What a broadcast knows of a viewer."""

    def __init__(self, codec: Codec = "H264", estimate: int | None = None) -> None:
        self.codec = codec
        self.bitrate_estimate = estimate
        self.closed = False

    async def close(self) -> None:
        self.closed = True


class Seated:
    """A viewer of a pipeline and what it saw: numbers of pictures (0: the slate), and their times."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.numbers: list[int] = []
        self.times: list[float] = []
        self.sizes: list[tuple[int, int]] = []
        self.newest: av.VideoFrame | None = None
        self._pipeline = pipeline
        self._seat = cast(Viewer, Seat())
        self._changed = asyncio.Event()
        pipeline.broadcast.viewers.add(self._seat)
        self._track = pipeline.broadcast.track_for(self._seat)
        self._task = asyncio.create_task(self._watch(), name="seated")
        pipeline.wake()

    async def _watch(self) -> None:
        decoder: Any = open_decoder("H264")
        while True:
            packet: Packet = await self._track.recv()
            for video in decoder.decode(packet):
                self.newest = video
                self.numbers.append(number_in(video))
                self.sizes.append((video.width, video.height))
                self.times.append(float((packet.pts or 0) * (packet.time_base or Fraction(0))))
                self._changed.set()

    async def more(self, count: int) -> list[int]:
        """The numbers of the next pictures."""
        seen = len(self.numbers)
        await self.until(seen + count)
        return self.numbers[seen : seen + count]

    async def until(self, count: int) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while len(self.numbers) < count:
                self._changed.clear()
                await self._changed.wait()

    async def sees(self, number: int) -> None:
        """Wait until that picture is the newest seen."""
        async with asyncio.timeout(PATIENCE_S):
            while not self.numbers or self.numbers[-1] != number:
                self._changed.clear()
                await self._changed.wait()

    async def leave(self) -> None:
        self._pipeline.broadcast.viewers.discard(self._seat)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._track.stop()


@asynccontextmanager
async def seated(pipeline: Pipeline) -> AsyncIterator[Seated]:
    viewer = Seated(pipeline)
    try:
        yield viewer
    finally:
        await viewer.leave()
