"""Figures: what a case measured, and the arithmetic from samples and notes to it."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omote.server.bench.server import MIB, Ages, Sample

Taken = Sequence[tuple[int, float]]
"Number of each picture and when it was taken, `time.monotonic()`."
Shown = Sequence[tuple[int | None, float, int]]
"Number read, when it was shown, timestamp."


@dataclass(slots=True)
class Figures:
    """One case. None is what this case does not measure."""

    case: str
    what: str
    "In words: what was sent, what was done to it, who watched."
    seconds: float = 0.0
    fps_in: float | None = None
    fps_out: float | None = None
    age_p50_ms: float | None = None
    "From a frame's first RTP packet at the server until its own last one is with the socket."
    age_p95_ms: float | None = None
    age_rise_ms: float | None = None
    "By how much the age's median rose over the whole interval, straight line through its medians."
    e2e_p50_ms: float | None = None
    "From the picture taken at the publisher to the same picture decoded at the viewer."
    e2e_p95_ms: float | None = None
    e2e_viewer: str | None = None
    server_cores: float | None = None
    "Processor seconds a second, of the server alone."
    machine_cores: float | None = None
    "The same of every process on this machine, the bench's own and strangers."
    steps_ms: dict[str, float] = field(default_factory=dict)
    "Mean of the medians of each five seconds."
    dropped_undecoded: int | None = None
    dropped_newest: int | None = None
    freeze_max_ms: float | None = None
    "Longest time between two pictures shown."
    rss_growth_mb: float | None = None
    "MiB, from the interval's begin to its end."
    loop_lag_p95_ms: float | None = None
    "The worst of each five seconds' 95th percentiles."
    rung: int | None = None
    "Highest step of the ladder that was seen."
    more: dict[str, Any] = field(default_factory=dict)
    "What only this case measures."
    failed: str | None = None
    "Why there are no figures."

    def told(self) -> dict[str, Any]:
        """Fit for JSON."""
        return asdict(self)


def note_server(figures: Figures, samples: Sequence[Sample]) -> None:
    """Fill in what the server's samples say; of several stages the one with the oldest frames."""
    first, last = samples[0], samples[-1]
    figures.seconds = round(last.at - first.at, 1)
    took = last.at - first.at
    figures.server_cores = round((last.cpu_s - first.cpu_s) / took, 3)
    figures.machine_cores = round((last.busy_s - first.busy_s) / took, 3)
    figures.rss_growth_mb = round((last.rss - first.rss) / MIB, 1)
    stages = list(first.stats)
    if not stages:
        return
    stage = max(stages, key=lambda name: age(samples, name, 0.5) or -1)
    note_stage(figures, samples, stage)
    figures.rung = max(int(sample.stats[name]["rung"]) for sample in samples for name in stages)


def note_stage(figures: Figures, samples: Sequence[Sample], stage: str) -> None:
    """Fill in what the samples say of one stage."""
    first, last = samples[0].stats[stage], samples[-1].stats[stage]
    stats = [sample.stats[stage] for sample in samples[1:]]
    figures.fps_in = mean([each["fps_in"] for each in stats])
    figures.fps_out = mean([each["fps_out"] for each in stats])
    figures.age_p50_ms = age(samples, stage, 0.5)
    figures.age_p95_ms = age(samples, stage, 0.95)
    figures.age_rise_ms = age_rise(samples, stage)
    steps = {step for each in stats for step in each["steps_ms"]}
    figures.steps_ms = {
        step: mean([each["steps_ms"][step] for each in stats if step in each["steps_ms"]], 2)
        for step in sorted(steps)
    }
    figures.dropped_undecoded = last["dropped_undecoded"] - first["dropped_undecoded"]
    figures.dropped_newest = last["dropped_newest"] - first["dropped_newest"]
    lags = [each["loop_lag_p95_ms"] for each in stats if each["loop_lag_p95_ms"] is not None]
    figures.loop_lag_p95_ms = max(lags, default=None)


def note_end_to_end(figures: Figures, taken: Taken, shown: Shown, viewer: str) -> None:
    """Fill in the time from picture taken to picture shown."""
    delays = end_to_end(taken, shown)
    figures.e2e_viewer = viewer
    if len(delays):
        figures.e2e_p50_ms = round(float(np.percentile(delays, 50)), 1)
        figures.e2e_p95_ms = round(float(np.percentile(delays, 95)), 1)
    figures.more["pictures_shown"] = len(shown)
    figures.more["pictures_recognised"] = len(delays)


def end_to_end(taken: Taken, shown: Shown) -> NDArray[np.float64]:
    """Milliseconds each recognised picture was under way; numbers may repeat."""
    moments: dict[int | None, list[float]] = {}
    for number, moment in taken:
        moments.setdefault(number, []).append(moment)
    delays: list[float] = []
    for read, seen, _ in shown:
        before = [moment for moment in moments.get(read, []) if moment <= seen]
        if before:
            delays.append((seen - before[-1]) * 1e3)
    return np.array(delays)


def within(shown: Shown, samples: Sequence[Sample]) -> Shown:
    """What was shown while the samples were taken."""
    return [each for each in shown if samples[0].at <= each[1] <= samples[-1].at]


def longest_gap(shown: Shown) -> float | None:
    """Milliseconds between two pictures at most; None for fewer than two."""
    gaps = np.diff([moment for _, moment, _ in shown])
    return round(float(gaps.max()) * 1e3, 1) if len(gaps) else None


def age(samples: Sequence[Sample], stage: str, share: float) -> float | None:
    """The age below which `share` of the frames left, milliseconds, exact to a bucket of 1 ms."""
    return quantile(since(samples[0].ages[stage], samples[-1].ages[stage]), share)


def age_rise(samples: Sequence[Sample], stage: str) -> float | None:
    """Milliseconds by which the median rose from the first part of the interval to the last."""
    points = [
        ((before.at + after.at) / 2, quantile(since(before.ages[stage], after.ages[stage]), 0.5))
        for before, after in pairwise(samples)
    ]
    known = [(at, median) for at, median in points if median is not None]
    if len(known) < 3:
        return None
    times, medians = np.array(known).T
    slope = np.polyfit(times - times[0], medians, 1)[0]
    return round(float(slope * (samples[-1].at - samples[0].at)), 2)


def since(before: Ages, after: Ages) -> Ages:
    """Frames that left between two looks, by age, adding up."""
    return {edge: count - before.get(edge, 0) for edge, count in after.items()}


def quantile(ages: Ages, share: float) -> float | None:
    """Upper bound of the bucket in which the quantile lies; None without frames."""
    total = max(ages.values(), default=0)
    if total == 0:
        return None
    bounds = [edge for edge, count in sorted(ages.items()) if count >= share * total]
    return bounds[0] if bounds[0] < inf else None


def mean(values: Sequence[float], digits: int = 1) -> float:
    """Their mean, 0 without any."""
    return round(sum(values) / len(values), digits) if values else 0.0


def together(viewer: Mapping[str, Any]) -> dict[str, float]:
    """How far the picture is behind the sound, milliseconds; negative: before it.

    `by_reports`: as a player aligns them, by the timestamps and the sender reports of both streams.
    `by_arrival`: a picture decoded against its beep's packet come, as without any player's buffer.
    """
    flashes = [(at, stamp) for number, at, stamp in viewer["shown"] if number and number % 30 == 0]
    picture_clock = clock_of(viewer["reports"]["video"], 90_000)
    sound_clock = clock_of(viewer["reports"]["audio"], 48_000)
    if picture_clock is None or sound_clock is None or not flashes:
        return {}
    reported, arrived = [], []
    for stamp, came in viewer["beeps"]:
        heard = sound_clock(stamp)
        apart = min((picture_clock(seen) - heard for _, seen in flashes), key=abs)
        if abs(apart) < 0.4:
            reported.append(apart * 1e3)
        if abs(late := min((at - came for at, _ in flashes), key=abs)) < 0.4:
            arrived.append(late * 1e3)
    return {
        **spread("av_by_reports", reported),
        **spread("av_by_arrival", arrived),
        "beeps": len(reported),
    }


def spread(name: str, values: Sequence[float]) -> dict[str, float]:
    """Median, and the distance from 0 that 95 of 100 stay within."""
    if not values:
        return {}
    far = np.percentile(np.abs(values), 95)
    median = float(np.median(values))
    return {f"{name}_p50_ms": round(median, 1), f"{name}_p95_ms": round(float(far), 1)}


class SenderClock:
    """NTP seconds of RTP timestamps: the median over all sender reports, as players smooth them."""

    def __init__(self, reports: Sequence[tuple[float, int]], rate: int) -> None:
        self._origin = reports[0][1]
        self._rate = rate
        self._shift = float(np.median([second - self._of(stamp) for second, stamp in reports]))

    def __call__(self, stamp: int) -> float:
        """The second at which a timestamp would have left."""
        return self._shift + self._of(stamp)

    def _of(self, stamp: int) -> float:
        delta = (stamp - self._origin) & 0xFFFFFFFF
        return (delta - (1 << 32) if delta >= 1 << 31 else delta) / self._rate


def clock_of(reports: Sequence[tuple[float, int]], rate: int) -> SenderClock | None:
    """A clock from the reports about a stream; None without."""
    return SenderClock(reports, rate) if reports else None
