"""The ladder: what a stage gives up, in order, when a frame takes longer than its budget.

Pure: it is told how long frames took and says which rung to stand on. Down fast, up with hysteresis;
a rung that proved too much is tried again later and later.
"""

from omote.engines.effect import Rung

DOWN_AFTER = 0.4
"Seconds over budget before a step down."
UP_AFTER = 0.6
"Seconds with room before a step up."
ROOM = 0.8
"Share of the budget that must be enough before a step up."
MOST_WAIT = 16.0
"Seconds that a rung which proved too much is left alone at most."
WEIGHT = 0.15
"Of the newest frame in the running mean."


class Ladder:
    """One stage's place on it."""

    def __init__(self) -> None:
        self.rung = Rung.FULL
        self._mean: float | None = None
        self._over_since: float | None = None
        self._room_since: float | None = None
        self._stepped_up = -1e9
        self._wait = UP_AFTER

    def frame(self, now: float, took: float, budget: float, replaced: bool) -> Rung:
        """Note a frame: `took` and `budget` in seconds, `replaced` if others were dropped for it.

        `took` runs from the frame's arrival to its packets, so waiting counts as much as work.
        """
        self._mean = took if self._mean is None else self._mean + WEIGHT * (took - self._mean)
        if self._mean > budget:
            self._over(now)
        elif self._mean < ROOM * budget and not replaced:
            self._room(now)
        else:
            self._over_since = self._room_since = None
            if self.rung is Rung.FULL and replaced:
                self.rung = Rung.NEWEST
        return self.rung

    def _over(self, now: float) -> None:
        self._room_since = None
        self._over_since = now if self._over_since is None else self._over_since
        if now - self._over_since < DOWN_AFTER or self.rung is Rung.PASS:
            return
        if now - self._stepped_up < 2.0:  # the last step up was a mistake
            self._wait = min(2 * self._wait, MOST_WAIT)
        self.rung = Rung(max(self.rung, Rung.NEWEST) + 1)
        self._over_since, self._mean = now, None

    def _room(self, now: float) -> None:
        self._over_since = None
        self._room_since = now if self._room_since is None else self._room_since
        if self.rung is Rung.FULL:
            self._wait = UP_AFTER
            return
        if now - self._room_since < self._wait:
            return
        self.rung = Rung(self.rung - 1)
        self._room_since, self._stepped_up, self._mean = now, now, None
