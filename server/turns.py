"""Turns: how many frames may be worked on at once, over all stages."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

Queue = deque[asyncio.Future[None]]


class Turns:
    """So many places; a frame that is to be finished goes before one that is to be begun.

    More threads than cores would make every frame older, not the stream faster: a stage waits here
    and takes its newest frame when it gets a place.
    """

    def __init__(self, places: int) -> None:
        self._free = places
        self._finishing: Queue = deque()
        self._beginning: Queue = deque()

    @asynccontextmanager
    async def to_begin(self) -> AsyncIterator[None]:
        """A place for a new frame's chain."""
        await self._enter(self._beginning, ahead=(self._finishing, self._beginning))
        try:
            yield
        finally:
            self._leave()

    @asynccontextmanager
    async def to_finish(self) -> AsyncIterator[None]:
        """A place for encoding a frame."""
        await self._enter(self._finishing, ahead=(self._finishing,))
        try:
            yield
        finally:
            self._leave()

    async def _enter(self, queue: Queue, ahead: tuple[Queue, ...]) -> None:
        if self._free and not any(ahead):
            self._free -= 1
            return
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place in queue:
                queue.remove(place)
            elif not place.cancelled():
                self._leave()  # it was given the place in the same moment
            raise

    def _leave(self) -> None:
        for queue in (self._finishing, self._beginning):
            while queue:
                place = queue.popleft()
                if not place.done():
                    place.set_result(None)
                    return
        self._free += 1
