"""Pace: turns that come at a steady rate, on one schedule that does not drift."""

import asyncio


class Pace:
    """Several of the same `start` stay in step: turn `n` of each comes `n / rate` seconds after it."""

    def __init__(self, rate: float, start: "Start") -> None:
        self._rate = rate
        self._start = start
        self._next = 0
        self.missed = 0
        "Turns that `newest_turn` left out because they had passed."

    async def next_turn(self) -> int:
        """Wait for the next turn and give its number; late ones come at once, none is left out."""
        loop = asyncio.get_running_loop()
        number = self._next
        due = self._start.at(loop.time()) + number / self._rate
        await asyncio.sleep(max(0.0, due - loop.time()))
        self._next = number + 1
        return number

    async def newest_turn(self) -> int:
        """As `next_turn`, but leave out what has passed, as a camera does."""
        now = asyncio.get_running_loop().time()
        newest = int((now - self._start.at(now)) * self._rate)
        if newest > self._next:
            self.missed += newest - self._next
            self._next = newest
        return await self.next_turn()


class Start:
    """The moment of turn 0: when it is first asked for."""

    def __init__(self) -> None:
        self._moment: float | None = None

    def at(self, now: float) -> float:
        """The moment, on the clock of `now`."""
        if self._moment is None:
            self._moment = now
        return self._moment
