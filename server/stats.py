"""Stats: figures of a stage's last seconds, and histograms of its whole life."""

import time
from collections import deque
from typing import Any

WINDOW = 5.0
"Seconds that quantiles and rates look back."
EDGES_MS = (*range(1, 100), *range(100, 500, 10), *range(500, 5001, 100))
"Upper bounds of the age histogram's buckets, milliseconds."


class Window:
    """Values of the last seconds, with their times."""

    def __init__(self, seconds: float = WINDOW) -> None:
        self._seconds = seconds
        self._items: deque[tuple[float, float]] = deque(maxlen=10_000)
        self._since = 0.0  # when the first came after a time without any

    def add(self, value: float) -> None:
        """Note a value now."""
        now = time.monotonic()
        self._forget(now)
        if not self._items:
            self._since = now
        self._items.append((now, value))

    def values(self) -> list[float]:
        """What is young enough, oldest first."""
        self._forget(time.monotonic())
        return [value for _, value in self._items]

    def _forget(self, now: float) -> None:
        while self._items and self._items[0][0] < now - self._seconds:
            self._items.popleft()

    def _span(self) -> float:
        """Seconds that the values cover: a window that is filling up is not yet all of its length."""
        return min(self._seconds, max(1.0, time.monotonic() - self._since))

    def quantile(self, share: float) -> float | None:
        """The value below which `share` of them lie; None without values."""
        values = sorted(self.values())
        return values[min(int(share * len(values)), len(values) - 1)] if values else None

    def rounded_quantile(self, share: float) -> float | None:
        """`quantile`, fit to be read."""
        return rounded(self.quantile(share))

    def mean(self) -> float | None:
        """Their mean; None without values."""
        values = self.values()
        return sum(values) / len(values) if values else None

    def rate(self) -> float:
        """How many there were a second."""
        return len(self.values()) / self._span()

    def total_rate(self) -> float:
        """Their sum, a second."""
        return sum(self.values()) / self._span()


class Histogram:
    """Counts by upper bound, as Prometheus has them."""

    def __init__(self) -> None:
        self.counts = [0] * (len(EDGES_MS) + 1)
        self.sum_ms = 0.0

    def add(self, value_ms: float) -> None:
        """Count a value, milliseconds."""
        self.counts[self._bucket(value_ms)] += 1
        self.sum_ms += value_ms

    @staticmethod
    def _bucket(value_ms: float) -> int:
        if value_ms < 99:
            return max(0, -int(-value_ms // 1) - 1)
        return next((i for i, edge in enumerate(EDGES_MS) if value_ms <= edge), len(EDGES_MS))

    def buckets(self) -> list[tuple[float, int]]:
        """(upper bound in milliseconds, cumulative count); the last bound is infinite."""
        total, rows = 0, []
        for edge, count in zip((*EDGES_MS, float("inf")), self.counts, strict=True):
            total += count
            rows.append((float(edge), total))
        return rows


class Stats:
    """What one stage measures of itself. Only the loop's thread writes."""

    def __init__(self) -> None:
        self.ages = Window()
        "Milliseconds from a frame's first RTP packet to its own last one with the socket."
        self.age_histogram = Histogram()
        self.arrived = Window()
        self.encoded = Window()
        "Bytes of each encoded picture."
        self.steps: dict[str, Window] = {}
        "Milliseconds per step."
        self.inferred = Window()
        "1 where the matte was computed for the frame, 0 where it was reused."
        self.tracked = Window()
        "1 where the followed face was seen, 0 where it was not."
        self.matte_ages = Window()
        "Milliseconds since the picture the matte was computed on."
        self.frames_out = 0
        self.keyframes = 0

    def sent(self, age_s: float) -> None:
        """Note the age at which a frame left."""
        self.ages.add(age_s * 1e3)
        self.age_histogram.add(age_s * 1e3)

    def step(self, name: str, took_ms: float) -> None:
        """Note how long a step took."""
        self.steps.setdefault(name, Window()).add(took_ms)

    def report(self) -> dict[str, Any]:
        """Rates a second and quantiles in milliseconds, over the window."""
        return {
            "fps_in": round(self.arrived.rate(), 1),
            "fps_out": round(self.encoded.rate(), 1),
            "age_p50_ms": self.ages.rounded_quantile(0.5),
            "age_p95_ms": self.ages.rounded_quantile(0.95),
            "matte_age_ms": rounded(self.matte_ages.mean()),
            "inferred_share": rounded(self.inferred.mean(), 2),
            "tracked_share": rounded(self.tracked.mean(), 3),
            "bitrate_kbps": round(self.encoded.total_rate() * 8 / 1e3),
            "steps_ms": self.steps_ms(),
        }

    def steps_ms(self) -> dict[str, float]:
        """Median milliseconds of each step that was taken lately."""
        medians = {name: window.quantile(0.5) for name, window in self.steps.items()}
        return {name: round(value, 2) for name, value in medians.items() if value is not None}


def rounded(value: float | None, digits: int = 1) -> float | None:
    """A figure fit to be read."""
    return None if value is None else round(value, digits)
