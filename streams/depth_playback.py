"""Depth playback: a depth file in its own time, as if a camera gave it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Literal

from omote.streams.depth import CLOCK_HZ, Clock, DepthFrame, Hello
from omote.streams.depth_files import DepthFile, Still

MOST_LATE_S = 0.5
"What is later than this goes on from where it is."


class DepthPlayback:
    """A `DepthSource`; capture times are `time.monotonic()` in 90 kHz ticks."""

    def __init__(self, file: DepthFile, hello: Hello, again: bool = False) -> None:
        self.hello = hello
        self._file = file
        self._again = again
        self._closed = False

    async def frames(self) -> AsyncGenerator[DepthFrame, None]:
        """Each map at its second; one lap after the other if it is to begin anew."""
        index, begin = 0, time.monotonic()
        while not self._closed:
            stills = self._file.read()
            second, interval = 0.0, 1 / 30
            while (still := await read(stills)) and not self._closed:
                interval, second = still.second - second or interval, still.second
                begin = max(begin, time.monotonic() - second - MOST_LATE_S)
                await asyncio.sleep(max(0.0, begin + second - time.monotonic()))
                yield frame_of(still, self._file.step_m, "own", begin + second, index, "file")
                index += 1
            if not self._again or not index:
                return
            begin += second + interval

    def close(self) -> None:
        """No frame after this."""
        self._closed = True


async def read(stills: Iterator[Still]) -> Still | None:
    """The next one, read on another thread; None at the end."""
    following: Callable[[], Still | None] = lambda: next(stills, None)
    return await asyncio.to_thread(following)


def frame_of(
    still: Still,
    step_m: float,
    clock: Clock,
    second: float,
    index: int,
    origin: Literal["file", "synthetic"],
) -> DepthFrame:
    """A map of a file as a frame that was taken at `second` of `clock`."""
    return DepthFrame(
        steps=still.steps,
        step_m=step_m,
        captured=round(second * CLOCK_HZ),
        clock=clock,
        index=index,
        arrived=time.monotonic(),
        confidence=still.confidence,
        origin=origin,
    )
