"""Camera: what a stage takes its frames from, a WHIP publisher or a source of its own."""

import asyncio
import time
from collections.abc import Callable
from contextlib import aclosing
from fractions import Fraction
from typing import Protocol

import av
import numpy as np

from omote.streams.decoder import Decoded
from omote.streams.frame import Frame, VideoPicture
from omote.streams.latest import Latest
from omote.streams.source import Source
from omote.streams.webrtc import Publisher

CLOCK_FPS, CLOCK_SIZE = 30, (960, 540)
"Of a stage without a camera whose puppet somebody else drives."
Seen = Callable[[float | None], None]
"Told of every picture as it comes, with the milliseconds its decoding took where that is known."


class Camera(Protocol):
    """Newest frame only; `Closed` when it has ended."""

    @property
    def dropped_undecoded(self) -> int:
        """Coded pictures thrown away before the decoder."""

    @property
    def dropped_newest(self) -> int:
        """Pictures replaced by a newer one before their turn."""

    @property
    def starved(self) -> int:
        """Those of them that were replaced because the stage was slow, not by a burst."""

    @property
    def since(self) -> float:
        """`time.monotonic()` when the newest frame could be taken, seconds."""

    async def ready(self) -> None:
        """Wait for a frame to take; raises `Closed`."""

    def take(self) -> Frame | None:
        """The newest frame."""

    def newest(self) -> Frame | None:
        """The same, left there."""

    async def ask_for_less(self, bitrate: int | None) -> None:
        """Cap the bit/s it sends, where it can be told."""

    async def close(self) -> None:
        """End it."""


class PublisherCamera:
    """Frames of a peer that publishes to the stage."""

    def __init__(self, publisher: Publisher, seen: Seen) -> None:
        self.publisher = publisher
        publisher.on_picture = lambda decoded: seen(decoded.decode_ms)

    @property
    def dropped_undecoded(self) -> int:
        """See `Camera`."""
        return self.publisher.dropped_undecoded

    @property
    def dropped_newest(self) -> int:
        """See `Camera`."""
        return self.publisher.dropped_newest

    @property
    def starved(self) -> int:
        """See `Camera`."""
        return self.publisher.frames.starved

    @property
    def since(self) -> float:
        """See `Camera`."""
        return self.publisher.frames.since

    async def ready(self) -> None:
        """See `Camera`."""
        await self.publisher.frames.ready()

    def take(self) -> Frame | None:
        """See `Camera`."""
        return _frame(self.publisher.frames.take())

    def newest(self) -> Frame | None:
        """See `Camera`."""
        return _frame(self.publisher.frames.waiting)

    async def ask_for_less(self, bitrate: int | None) -> None:
        """See `Camera`."""
        await self.publisher.ask_for_less(bitrate)

    async def close(self) -> None:
        """See `Camera`."""
        await self.publisher.close()


class SourceCamera:
    """Frames of a file, an RTSP camera or a device, fetched by the stage itself."""

    def __init__(self, source: Source, seen: Seen) -> None:
        self._frames: Latest[Frame] = Latest()
        self._seen = seen
        self._task = asyncio.create_task(self._pump(source), name="camera.source")

    dropped_undecoded = 0

    @property
    def dropped_newest(self) -> int:
        """See `Camera`."""
        return self._frames.dropped

    @property
    def starved(self) -> int:
        """See `Camera`."""
        return self._frames.starved

    @property
    def since(self) -> float:
        """See `Camera`."""
        return self._frames.since

    async def ready(self) -> None:
        """See `Camera`."""
        await self._frames.ready()

    def take(self) -> Frame | None:
        """See `Camera`."""
        return self._frames.take()

    def newest(self) -> Frame | None:
        """See `Camera`."""
        return self._frames.waiting

    async def ask_for_less(self, bitrate: int | None) -> None:
        """Nothing to ask: it sends what it sends."""

    async def close(self) -> None:
        """See `Camera`."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._frames.close()

    async def _pump(self, source: Source) -> None:
        async with aclosing(source) as frames:
            async for frame in frames:
                self._seen(None)
                self._frames.put(frame)
        self._frames.close()


def _frame(decoded: Decoded | None) -> Frame | None:
    if decoded is None:
        return None
    return Frame(
        picture=VideoPicture(decoded.video),
        pts=decoded.timestamp,
        time_base=decoded.time_base,
        arrived=decoded.arrived,
        index=decoded.index,
    )


class ClockCamera:
    """No camera: as many empty frames as a camera would give, for a puppet with a driver."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._began = time.monotonic()
        self._taken = -1
        self.dropped_newest = 0
        self._empty = _black(*CLOCK_SIZE)

    dropped_undecoded = 0
    starved = 0

    @property
    def since(self) -> float:
        """See `Camera`."""
        return self._began + self._tick() / CLOCK_FPS

    async def ready(self) -> None:
        """See `Camera`; waits for the next tick."""
        await asyncio.sleep(self._began + (self._taken + 1) / CLOCK_FPS - time.monotonic())

    def take(self) -> Frame | None:
        """See `Camera`; ticks that nobody took are left out."""
        frame = self.newest()
        if frame is not None:
            self.dropped_newest += frame.index - self._taken - 1
            self._taken = frame.index
            self._seen(None)
        return frame

    def newest(self) -> Frame | None:
        """See `Camera`."""
        tick = self._tick()
        if tick == self._taken:
            return None
        arrived = self._began + tick / CLOCK_FPS
        return Frame(VideoPicture(self._empty), tick, Fraction(1, CLOCK_FPS), arrived, tick)

    async def ask_for_less(self, bitrate: int | None) -> None:
        """Nothing to ask."""

    async def close(self) -> None:
        """Nothing to end."""

    def _tick(self) -> int:
        return int((time.monotonic() - self._began) * CLOCK_FPS)


def _black(width: int, height: int) -> av.VideoFrame:
    planes = np.full((height * 3 // 2, width), 128, np.uint8)
    planes[:height] = 16
    return av.VideoFrame.from_ndarray(planes, "yuv420p")
