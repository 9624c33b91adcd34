"""The ladder: what a stage gives up, in order, when a frame takes longer than its budget.

Pure: it is told how long frames took and says which rung to stand on. Down fast, up with hysteresis;
a rung that proved too much is tried again later and later, unless things have become easier.
"""

from omote.engines.effect import Rung

DOWN_AFTER = 0.3
"Seconds of too much before a step down."
GIVE_UP_AFTER = 1.5
"The same before pictures are passed through: worse than anything a frame may lack."
SPARSE = 1.6
"Budgets that are not too much where every second frame is left out; two would age it by a frame."
UP_AFTER = 0.5
"Seconds of room before a step up."
MOST_WAIT = 16.0
"Seconds that a rung which proved too much is left alone at most."
MISTAKE = 2.0
"Seconds after a step up within which too much means that the step was a mistake."
ROOM = 0.8
"Share of the budget that must be enough before a step up."
EASIER = 0.75
"Share of what a frame took before a mistaken step up; taking less means the load has changed."
WEIGHT = 0.12
"Of the newest frame in the running means."
STARVED, CALM = 0.15, 0.03
"Shares of frames replaced because the stage was slow: too many, and few enough."


class Ladder:
    """One stage's place on it."""

    def __init__(self) -> None:
        self.rung = Rung.FULL
        self._begun = False
        self._took: float | None = None
        self._starved = 0.0
        self._over_since: float | None = None
        self._room_since: float | None = None
        self._stepped_up = -MISTAKE
        self._left_at = 0.0  # what a frame took before the last step up
        self._mistaken_at: float | None = None  # the same, of one that proved a mistake
        self._wait = UP_AFTER

    def frame(self, now: float, took: float, budget: float, starved: bool) -> Rung:
        """Note a frame; seconds.

        `took` runs from when it could be taken to its packets, so waiting counts as much as work;
        `starved` says whether another had to be replaced meanwhile because the stage was slow.
        """
        if not self._begun:
            # Before the first frame effects may wait for their networks: no later one is as slow.
            took, self._begun = min(took, budget), True
        self._took = took if self._took is None else self._took + WEIGHT * (took - self._took)
        self._starved += WEIGHT * (starved - self._starved)
        enough = SPARSE * budget if self.rung >= Rung.RATE else budget
        if self._took > enough or self._starved > STARVED:
            self._over(now)
        elif self._took < ROOM * budget and self._starved < CALM:
            self._room(now)
        else:
            self._over_since = self._room_since = None
        if starved and self.rung is Rung.FULL:
            self.rung = Rung.NEWEST
        return self.rung

    def _over(self, now: float) -> None:
        self._room_since = None
        if self._over_since is None:
            self._over_since = now
        patience = GIVE_UP_AFTER if self.rung is Rung.PUBLISHER else DOWN_AFTER
        if now - self._over_since < patience or self.rung is Rung.PASS:
            return
        if now - self._stepped_up < MISTAKE:
            self._mistaken_at = self._left_at
            self._wait = min(2 * self._wait, MOST_WAIT)
        self._step(Rung(max(self.rung, Rung.NEWEST) + 1))

    def _room(self, now: float) -> None:
        self._over_since = None
        if self._room_since is None:
            self._room_since = now
        if now - self._room_since < self._patience() or self.rung is Rung.FULL:
            return
        self._left_at, self._stepped_up = self._took or 0.0, now
        self._step(Rung(self.rung - 1))

    def _patience(self) -> float:
        """How long there must be room: what once was a mistake need not be one for ever."""
        if self._mistaken_at is not None and (self._took or 0.0) < EASIER * self._mistaken_at:
            self._mistaken_at, self._wait = None, UP_AFTER
        return self._wait

    def _step(self, rung: Rung) -> None:
        """What was measured on one rung says nothing of the next."""
        self.rung = rung
        self._took, self._starved = None, 0.0
        self._over_since = self._room_since = None
