"""Latest: the one-slot mailbox between a fast writer and a slow reader."""

import asyncio
import time
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE = 0.01
"Seconds an item waits that is merely followed closely by the next."


class Closed(Exception):
    """The mailbox was closed and is empty."""


class Latest(Generic[T]):
    """Holds the newest item only: a new one replaces what nobody took, and is counted.

    All methods belong to the event loop's thread; a thread delivers with
    `loop.call_soon_threadsafe(latest.put, item)`.
    """

    def __init__(self) -> None:
        self.dropped = 0
        "Items replaced before anybody took them."
        self.starved = 0
        "Those of them that had waited for `PATIENCE`: the reader was slow, not the writer in bursts."
        self.since = 0.0
        "`time.monotonic()` when the newest item was put, seconds."
        self._item: T | None = None
        self._closed = False
        self._changed = asyncio.Event()

    def put(self, item: T) -> None:
        """Replace whatever waits; never waits itself. Ignored once closed."""
        if self._closed:
            return
        now = time.monotonic()
        if self._item is not None:
            self.dropped += 1
            self.starved += now - self.since >= PATIENCE
        self._item, self.since = item, now
        self._changed.set()

    async def ready(self) -> None:
        """Wait until there is an item to take; raise `Closed` once closed and empty."""
        while self._item is None:
            if self._closed:
                raise Closed
            self._changed.clear()
            await self._changed.wait()

    @property
    def waiting(self) -> T | None:
        """The newest item, left there."""
        return self._item

    def take(self) -> T | None:
        """The newest item, if there is one."""
        item, self._item = self._item, None
        return item

    async def get(self) -> T:
        """Wait for an item and take it; raise `Closed` once closed and empty."""
        while True:
            await self.ready()
            if (item := self.take()) is not None:
                return item

    def close(self) -> None:
        """End it: what waits may still be taken."""
        self._closed = True
        self._changed.set()
