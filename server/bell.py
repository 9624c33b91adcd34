"""Bell: tells whoever waits that something is new; it does not say what."""

import asyncio
from typing import Self


class Bell:
    """Ringing it rings the bell it hangs under, too. Belongs to the event loop's thread."""

    def __init__(self, above: Self | None = None) -> None:
        self.count = 0
        "How often it rang: what `wait` wants to know, so that no ringing goes unheard."
        self._above = above
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake everybody who waits."""
        self.count += 1
        self._rung.set()
        self._rung = asyncio.Event()
        if self._above is not None:
            self._above.ring()

    async def wait(self, heard: int, seconds: float) -> None:
        """Until it has rung more than `heard` times, or that long."""
        if self.count > heard:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._rung.wait()
        except TimeoutError:
            return
