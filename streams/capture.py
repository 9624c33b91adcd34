"""Capture: one thread opens, demuxes and decodes a medium and hands its newest frame to the loop."""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Iterator
from dataclasses import replace

import av

from omote.streams.frame import Frame
from omote.streams.latest import Closed, Latest
from omote.streams.medium import Medium, Pictures, SourceError

logger = logging.getLogger(__name__)

LATE_S = 0.5
"A recording played this much too late gives up catching up and goes on from where it is."
STUCK_S = 2.0
"Longer than its patience a thread is waited for; a driver that never returns is left behind."


async def capture(medium: Medium) -> AsyncGenerator[Frame, None]:
    """The newest pictures of a medium until it ends; sound is left out.

    Raises `SourceError` when it cannot be opened or breaks off. Closing the generator ends the
    thread, at the latest when the read it is in runs out of patience.
    """
    reader = _Reader(medium)
    try:
        while True:
            yield await reader.newest.get()
    except Closed:
        if reader.failure is not None:
            raise medium.explained(reader.failure) from reader.failure
    finally:
        await reader.stop()


def frames(medium: Medium, stop: threading.Event) -> Iterator[Frame]:
    """Every frame of a medium in order, recorded ones at their time and for ever; blocks.

    Each lap of a recording begins where the one before ended.
    """
    clock, index, begin = _Clock(stop), 0, None
    while True:
        with medium.open() as container:
            recorded = (
                container.duration is not None if medium.recorded is None else medium.recorded
            )
            stream = container.streams.video[0]
            pictures = Pictures(stream, index, begin)
            for packet in container.demux(stream):
                for frame in pictures.of(packet):
                    yield clock.on_time(frame) if recorded else frame
                if stop.is_set():
                    return
        if pictures.index == index:
            raise SourceError(f"{medium.name} ended without a picture; {medium.advice}")
        if not recorded:
            return
        index, begin = pictures.index, pictures.end


class _Clock:
    """Holds the frames of a recording back until their time."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._began: float | None = None

    def on_time(self, frame: Frame) -> Frame:
        """The frame, when it is due; it counts as read then."""
        second = float(frame.pts * frame.time_base)
        now = time.monotonic()
        if self._began is None or now - (self._began + second) > LATE_S:
            self._began = now - second
        self._stop.wait(max(0.0, self._began + second - now))
        return replace(frame, arrived=time.monotonic())


class _Reader:
    """The thread, and the one slot through which it meets the loop."""

    def __init__(self, medium: Medium) -> None:
        self.newest: Latest[Frame] = Latest()
        self.failure: Exception | None = None
        self._medium = medium
        self._loop = asyncio.get_running_loop()
        self._slot: deque[Frame] = deque(maxlen=1)
        self._told = False
        self._stop = threading.Event()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"capture {medium.name}", daemon=True
        )
        self._thread.start()

    async def stop(self) -> None:
        """End the thread and see it ended."""
        self._stop.set()
        try:
            async with asyncio.timeout((self._medium.patience_s or 0.0) + STUCK_S):
                await self._ended.wait()
            self._thread.join()  # it has nothing left to do
        except TimeoutError:
            logger.warning("%s does not return from a read; left behind", self._medium.name)

    def _run(self) -> None:
        try:
            for frame in frames(self._medium, self._stop):
                self._hand_over(frame)
        except (av.FFmpegError, OSError, SourceError) as exc:
            self.failure = exc
        finally:
            self._loop.call_soon_threadsafe(self._end)

    def _hand_over(self, frame: Frame) -> None:
        """Replace what the loop did not fetch yet, so that a busy loop piles nothing up."""
        self._slot.append(frame)
        if not self._told:
            self._told = True
            self._loop.call_soon_threadsafe(self._fetch)

    def _fetch(self) -> None:
        self._told = False  # first, so that a frame which comes meanwhile is told of again
        if self._slot:
            self.newest.put(self._slot.pop())

    def _end(self) -> None:
        self._fetch()
        self.newest.close()
        self._ended.set()
