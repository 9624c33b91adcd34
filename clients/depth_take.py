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


async def take(
    pair: Played, folder: Path, stop: asyncio.Event, seconds: float | None
) -> dict[str, Any]:
    """Record until told to stop or the pictures end; what was written, fit for JSON."""
    if pair.depth is None:
        raise GivenUp("no depth to record; say which with --depth", USAGE)
    if await asyncio.to_thread(folder.exists):
        raise GivenUp(f"{folder} is there already; record to another folder", USAGE)
    written = _Take(DepthRecorder(folder, pair.depth.hello))
    async with asyncio.TaskGroup() as tasks:
        work = [
            tasks.create_task(written.pictures(pair.projector), name="take.pictures"),
            tasks.create_task(written.depths(pair.depth), name="take.depth"),
        ]
        pair.projector.start()
        await process.first(stop, pair.projector.ended, within=seconds)
        for each in work:
            each.cancel()
    return await written.end()


class _Take:
    """Writes on a thread of its own: coding takes longer than the loop may wait."""

    def __init__(self, recorder: DepthRecorder) -> None:
        self._recorder = recorder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="take")
        self._begin: tuple[int, float] | None = None
        "Ticks of the first picture, and when it came."

    async def pictures(self, projector: Projector) -> None:
        loop = asyncio.get_running_loop()
        with suppress(Closed):
            while True:
                shot = await projector.pictures.get()
                self._begin = self._begin or (shot.ticks, projector.pictures.since)
                ticks = shot.ticks - self._begin[0]
                await loop.run_in_executor(self._thread, self._recorder.picture, shot.video, ticks)

    async def depths(self, source: DepthSource) -> None:
        loop = asyncio.get_running_loop()
        async with aclosing(source.frames()) as frames:
            async for frame in frames:
                ticks = self._ticks(frame)
                if ticks is not None and ticks >= 0:
                    await loop.run_in_executor(self._thread, self._recorder.depth, frame, ticks)

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
