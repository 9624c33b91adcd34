"""Depth take: pictures and depth of this machine's cameras into a recording, without a server."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

from omote.clients import process
from omote.clients.depth_recording import DepthRecorder
from omote.clients.depth_show import Played
from omote.clients.projector import Projector
from omote.clients.terminal import USAGE, GivenUp
from omote.streams.depth import CLOCK_HZ, DepthFrame, DepthSource
from omote.streams.latest import Closed
from omote.streams.medium import SourceError


async def take(
    pair: Played, folder: Path, stop: asyncio.Event, seconds: float | None
) -> dict[str, Any]:
    """Record until told to stop or the pictures end; what was written, fit for JSON."""
    if pair.depth is None:
        raise GivenUp("no depth to record; say which with --depth", USAGE)
    if await asyncio.to_thread(folder.exists):
        raise GivenUp(f"{folder} is there already; record to another folder", USAGE)
    written = _Take(DepthRecorder(folder, pair.depth.hello))
    try:
        await written.until(pair.projector, pair.depth, stop, seconds)
    finally:
        said = await written.end()
    failure = written.failure or pair.projector.failure
    return {**said, "failure": str(failure) if failure else None}


class _Take:
    """Writes on a thread of its own: coding takes longer than the loop may wait."""

    def __init__(self, recorder: DepthRecorder) -> None:
        self._recorder = recorder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="take")
        self._begin: tuple[int, float] | None = None
        "Ticks of the first picture, and when it came."
        self.failure: SourceError | None = None

    async def until(
        self,
        projector: Projector,
        source: DepthSource,
        stop: asyncio.Event,
        seconds: float | None,
    ) -> None:
        """Write until told to stop, or the pictures end."""
        work = [
            asyncio.create_task(self._pictures(projector), name="take.pictures"),
            asyncio.create_task(self._depths(source), name="take.depth"),
        ]
        projector.start()
        try:
            await process.first(stop, projector.ended, within=seconds)
        finally:
            for each in work:
                each.cancel()
            await asyncio.gather(*work, return_exceptions=True)

    async def _pictures(self, projector: Projector) -> None:
        loop = asyncio.get_running_loop()
        with suppress(Closed):
            while True:
                shot = await projector.pictures.get()
                self._begin = self._begin or (shot.ticks, projector.pictures.since)
                ticks = shot.ticks - self._begin[0]
                await loop.run_in_executor(self._thread, self._recorder.picture, shot.video, ticks)

    async def _depths(self, source: DepthSource) -> None:
        loop = asyncio.get_running_loop()
        try:
            async with aclosing(source.frames()) as frames:
                async for frame in frames:
                    ticks = self._ticks(frame)
                    if ticks is not None and ticks >= 0:
                        await loop.run_in_executor(self._thread, self._recorder.depth, frame, ticks)
        except SourceError as exc:
            self.failure = exc

    async def end(self) -> dict[str, Any]:
        """Finish the files."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._recorder.close)
        self._thread.shutdown()
        recorder = self._recorder
        return {
            "pictures": recorder.pictures,
            "depths": recorder.depths,
            "left_out": recorder.left_out,
        }

    def _ticks(self, frame: DepthFrame) -> int | None:
        """Since the first picture; None before it."""
        if self._begin is None:
            return None
        first, moment = self._begin
        return frame.captured - (first if frame.clock == "video" else round(moment * CLOCK_HZ))
