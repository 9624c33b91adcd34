"""Result: what one case of `omote bench depth` measured, and which bars it held."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omote.server.bench.bars import Bar

Rgb = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Task:
    """How the cases are to be done."""

    tell: Callable[[str], None]
    "Told what is going on."
    seconds: float = 20.0
    "Of each interval that is measured over the wire."
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Result:
    """One case."""

    case: str
    what: str
    "In words: what was measured, on what."
    figures: Mapping[str, Any] = field(default_factory=dict)
    bars: Sequence[Bar] = ()
    sheet: Rgb | None = None
    "Contact sheet, (H, W, 3)."
    failed: str | None = None
    "Why there are no figures."

    def told(self) -> dict[str, Any]:
        """Fit for JSON."""
        bars = [bar.told() for bar in self.bars]
        return {
            "case": self.case,
            "what": self.what,
            "figures": dict(self.figures),
            "bars": bars,
            "failed": self.failed,
        }


Case = Callable[[Task], Result]


class CaseFailed(Exception):
    """The case cannot be measured here; the message says what is missing."""


def cpu_ms(work: Callable[[], object], times: int = 60) -> dict[str, float]:
    """Processor milliseconds of this thread: least and median; the least is what other load spares."""
    work()
    took = []
    for _ in range(times):
        began = time.thread_time()
        work()
        took.append((time.thread_time() - began) * 1e3)
    return {"cpu_least_ms": round(min(took), 2), "cpu_median_ms": round(float(np.median(took)), 2)}


CACHE = Path(".cache")
"For what is fetched and drawn once."
