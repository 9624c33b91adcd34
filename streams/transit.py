"""Transit: how far two clocks are apart that nobody has compared, told from when their frames arrive."""

import statistics
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

WINDOW = 300
"Frames that are looked back on, ten seconds at 30 a second."
SLICES = 4
"Parts of the window whose answers are compared."
JUMP_S = 1.0
"A capture time that is so far off from its arrival begins another clock."


@dataclass(frozen=True, slots=True)
class Apart:
    """One clock against another."""

    ahead_s: float = 0.0
    "To be added to the first clock's times to have the second's, seconds."
    doubt_s: float = 0.0
    "By how much that may be wrong, one standard deviation."


class Transits:
    """When the frames of one stream were taken by their own clock, and when they came."""

    def __init__(self) -> None:
        self._delays: deque[float] = deque(maxlen=WINDOW)
        self._taken: deque[float] = deque(maxlen=32)

    def add(self, captured_s: float, arrived: float) -> None:
        """The next frame; its clock has been set anew when it no longer fits."""
        delay = arrived - captured_s
        if self._delays and abs(delay - self._delays[-1]) > JUMP_S:
            self.clear()
        self._delays.append(delay)
        self._taken.append(captured_s)

    def clear(self) -> None:
        """Another sender."""
        self._delays.clear()
        self._taken.clear()

    @property
    def delays(self) -> list[float]:
        """From when each frame was taken to when it came, by two clocks, seconds; the newest last."""
        return list(self._delays)

    @property
    def interval_s(self) -> float:
        """From one frame to the next, median; a thirtieth of a second until that is known."""
        gaps = [after - before for before, after in pairwise(self._taken) if after > before]
        return statistics.median(gaps) if gaps else 1 / 30

    def apart(self, other: "Transits") -> Apart:
        """How far this clock is from another, if the quickest (or the usual) way took both as long.

        Of minimum, lower quartile and median the one whose answers agree best over parts of the
        window: the minimum where queues are what delays, the median where it is noise.
        """
        here, there = self.delays, other.delays
        if min(len(here), len(there)) < 2 * SLICES:
            quick = min(here) - min(there) if here and there else 0.0
            return Apart(quick, self.interval_s)
        return min((_by(of, here, there) for of in ESTIMATES), key=lambda each: each.doubt_s)


Estimate = Callable[[Sequence[float]], float]


def _quartile(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 4]


ESTIMATES: tuple[Estimate, ...] = (min, _quartile, statistics.median)


def _by(of: Estimate, here: Sequence[float], there: Sequence[float]) -> Apart:
    answers = [of(here[k::SLICES]) - of(there[k::SLICES]) for k in range(SLICES)]
    return Apart(of(here) - of(there), statistics.stdev(answers) / SLICES**0.5)
