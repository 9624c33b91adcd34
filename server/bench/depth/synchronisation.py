"""Synchronisation: which depth a picture gets when clocks are strangers and the network is uneven."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from omote.server.bench.bars import at_least
from omote.server.bench.depth.result import Result, Task
from omote.streams.depth import CLOCK_HZ, DepthFrame, Hello
from omote.streams.synchroniser import Limits, Synchroniser

FPS = 30
OFFSET_S = 0.25
SETTLED_S, LENGTH_S = 2.0, 20.0
RUNS = 5
WAIT_S = 0.06
"At most; the stage's own default is 20 ms."
NOTHING = np.zeros((2, 2), np.uint16)
Delay = Callable[[random.Random], float]

JITTERS: dict[str, Delay] = {
    "even, 0 to 40 ms": lambda rng: rng.uniform(0, 0.04),
    "queues, 13 ms mean": lambda rng: min(rng.expovariate(1 / 0.013), 0.12),
    "noise, sigma 20 ms": lambda rng: max(rng.gauss(0.08, 0.02), 0.0),
}


@dataclass(slots=True)
class _Tally:
    asked: int = 0
    right: int = 0
    none: int = 0
    waited_s: float = 0.0
    error_s: float = 0.0


def synchronisation(task: Task) -> Result:
    """Both streams at 30 fps, each delayed by itself, the depth's clock 250 ms ahead, nobody told."""
    figures = {}
    for name, delay in JITTERS.items():
        task.tell(f"synchronising: {name}")
        tallies = [_run(delay, task.seed + run, WAIT_S) for run in range(RUNS)]
        at_once = [_run(delay, task.seed + run, 0.0) for run in range(RUNS)]
        asked = sum(each.asked for each in tallies)
        figures[name] = {
            "right_share": round(sum(each.right for each in tallies) / asked, 4),
            "without_depth": round(sum(each.none for each in tallies) / asked, 4),
            "mean_wait_ms": round(1e3 * sum(each.waited_s for each in tallies) / asked, 1),
            "clock_error_ms": round(1e3 * max(each.error_s for each in tallies), 1),
            "right_share_without_waiting": round(sum(each.right for each in at_once) / asked, 4),
        }
    bars = [
        at_least(f"synchronisation: right depth, {name}", each["right_share"], 0.95)
        for name, each in figures.items()
    ]
    return Result("synchronisation", synchronisation.__doc__ or "", figures, bars)


def _run(delay: Delay, seed: int, wait_s: float) -> _Tally:
    rng, sync, tally = random.Random(seed), Synchroniser(), _Tally()
    sync.hello(Hello("own"), "channel")
    events = _arrivals(rng, delay)
    while events:
        now, kind, index, came = heapq.heappop(events)
        if kind == 0:
            captured = round((index / FPS + OFFSET_S) * CLOCK_HZ)
            sync.put(DepthFrame(NOTHING, 0.001, captured, "own", index, now))
        elif kind == 1:
            sync.picture(index / FPS, now, now)
            heapq.heappush(events, (now, 2, index, now))
        elif not sync.is_there(index / FPS) and now < came + sync.patience_s(wait_s):
            heapq.heappush(events, (now + 0.001, 2, index, came))
        elif index >= SETTLED_S * FPS:
            _judge(sync, index, now - came, tally)
    return tally


def _arrivals(rng: random.Random, delay: Delay) -> list[tuple[float, int, int, float]]:
    """(when, 0 depth or 1 picture, index, 0); within a stream nothing overtakes."""
    events: list[tuple[float, int, int, float]] = []
    last = [0.0, 0.0]
    for index in range(round(LENGTH_S * FPS)):
        for kind in (0, 1):
            last[kind] = max(last[kind] + 1e-4, 100 + index / FPS + delay(rng))
            events.append((last[kind], kind, index, 0.0))
    heapq.heapify(events)
    return events


def _judge(sync: Synchroniser, index: int, waited_s: float, tally: _Tally) -> None:
    found = sync.match(index / FPS, Limits())
    tally.asked += 1
    tally.none += found is None
    tally.right += found is not None and found.frame.index == index
    tally.waited_s += waited_s
    tally.error_s = max(tally.error_s, abs(sync.apart.ahead_s + OFFSET_S))
