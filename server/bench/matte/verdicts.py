"""Verdicts: the figures of all clips drawn together, and what they are held against."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from omote.server.bench.bars import Bar, at_least, at_most
from omote.server.bench.matte.works import Work, of_group

METRICS = ("mad", "mse", "gradient", "connectivity", "dtssd", "hair_mad")
STRATA = ("strands plain", "strands busy", "keyed plain", "keyed busy")
ALIKE = 0.02
"Relative difference up to which one is as good as the other."
COSTS = 1.02
"""What the message about the light may cost of hair, at most, for what it saves of flicker: so much
is no difference (`ALIKE`)."""
DRAWS = 2000
"Of the bootstrap."


def bars(works: Sequence[Work]) -> list[Bar]:
    """Every bar that there are figures for."""
    return [
        *_against_cheap(works),
        *_choice(works),
        *_talking_heads(works),
        *_reuse(works),
        *_time(works),
        *_dark(works),
        *_people(works),
    ]


def summary(works: Sequence[Work]) -> list[dict[str, Any]]:
    """By stratum and method: means over clips, and the change against the cheap net with 95 %."""
    rows = []
    for group in dict.fromkeys(work.group for work in works):
        of = of_group(works, group)
        for method in dict.fromkeys(name for work in of for name in work.figures):
            row: dict[str, Any] = {"group": group, "method": method, "clips": len(of)}
            for metric in (*METRICS, "iou", "flicker", "inferred_share", "slow_share"):
                row[metric] = _rounded(_mean(of, method, metric))
            row["mse_change"] = change(of, method, "cheap", "mse")
            row["gradient_change"] = change(of, method, "cheap", "gradient")
            rows.append(row)
    return rows


def change(works: Sequence[Work], method: str, other: str, metric: str) -> dict[str, float] | None:
    """Relative change of the mean, with its 95 % bootstrap interval over clips."""
    pairs = _pairs(works, method, other, metric)
    if not pairs or not sum(theirs for _, theirs in pairs):
        return None
    both = np.array(pairs)
    chosen = np.random.default_rng(0).integers(0, len(both), (DRAWS, len(both)))
    sums = both[chosen].sum(axis=1)
    ratios = sums[:, 0] / np.maximum(sums[:, 1], 1e-12) - 1
    low, high = np.percentile(ratios, (2.5, 97.5))
    whole = both.sum(axis=0)
    return {
        "change": round(float(whole[0] / whole[1] - 1), 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
    }


def _against_cheap(works: Sequence[Work]) -> Iterator[Bar]:
    limits = {"strands": (-0.30, -0.45, 0.05), "keyed": (-0.25, -0.20, 0.0)}
    for tier, (mse, gradient, worst) in limits.items():
        of = of_group(works, f"{tier} plain")
        for metric, limit in (("mse", mse), ("gradient", gradient)):
            value = _change(of, "balanced", "cheap", metric)
            if value is not None:
                yield at_most(f"1 {tier} plain: {metric} against the cheap net", value, limit)
        changes = [
            (value, metric)
            for metric in METRICS
            if (value := _change(of_group(works, f"{tier} busy"), "balanced", "cheap", metric))
            is not None
        ]
        if changes:
            value, metric = max(changes)
            yield at_most(f"1 {tier} busy: worst metric ({metric}) against the net", value, worst)


def _choice(works: Sequence[Work]) -> Iterator[Bar]:
    for group in STRATA:
        of = of_group(works, group)
        branches = [_mean(of, name, "mse") for name in ("matting path", "segmentation path")]
        known = [each for each in branches if each is not None]
        ours = _mean(of, "balanced", "mse")
        if ours is not None and len(known) == 2:
            value = round(ours / min(known) - 1, 4)
            yield at_most(f"1 {group}: MSE of the choice against the better branch", value, 0.05)


def _talking_heads(works: Sequence[Work]) -> Iterator[Bar]:
    of = of_group(works, "keyed plain")
    if (iou := _mean(of, "balanced", "iou")) is not None:
        yield at_least("2 keyed plain: IoU", round(iou, 5), 0.98)
    for other in ("every frame", "cheap"):
        value = _change(of, "balanced", other, "dtssd")
        if value is not None:
            yield at_most(f"2 keyed plain: dtSSD against {other}", value, 0.05)
    webcams = of_group(works, "webcam")
    flicker = _change(webcams, "balanced", "cheap", "flicker")
    if flicker is not None:
        share = round(1 + flicker, 4)
        yield at_most("2 webcam: flicker on still pixels as a share of the net's", share, 0.25)
    lags = {
        work.clip: abs(work.figures["balanced"]["lag"])
        for group in (*STRATA, "walking")
        for work in of_group(works, group)
        if work.figures.get("balanced", {}).get("lag") is not None
    }
    if lags:
        worst = max(lags, key=lambda clip: lags[clip])
        yield at_most(f"2 lag, frames, of the latest clip ({worst})", float(lags[worst]), 0)


def _reuse(works: Sequence[Work]) -> Iterator[Bar]:
    webcams = of_group(works, "webcam")
    for share, limit in (("inferred_share", 0.35), ("slow_share", 0.04)):
        value = _rounded(_mean(webcams, "balanced", share))
        if value is not None:
            yield at_most(f"3 webcam: {share}", value, limit)
    for group in ("keyed plain", "keyed busy"):
        for other in ("every frame", "cheap"):
            value = _change(of_group(works, group), "balanced", other, "mse")
            if value is not None:
                yield at_most(f"3 {group}: MSE against {other}", value, 0.05)
    for work in of_group(works, "still"):
        if "balanced" in work.figures:
            late = work.figures["balanced"]["asked_late"]
            yield at_most("3 still: inferences after the first second", late, 0)
    for work in of_group(works, "cut"):
        if "balanced" in work.figures:
            yield _after_cut(work)


def _after_cut(work: Work) -> Bar:
    ours, cheap = (work.figures[name]["mse_by_frame"] for name in ("balanced", "cheap"))
    at = len(ours) // 2
    value = round(ours[at] / max(cheap[at], 1e-9) - 1, 4)
    return at_most("3 cut: MSE of the first frame after it against the cheap net's", value, ALIKE)


def _time(works: Sequence[Work]) -> Iterator[Bar]:
    value = _mean(of_group(works, "webcam"), "balanced", "cpu_mean_ms")
    if value is not None:
        yield at_most("4 webcam: CPU ms a frame, all threads", round(value, 2), 15)


def _dark(works: Sequence[Work]) -> Iterator[Bar]:
    for tier in ("strands", "keyed"):
        groups = [of_group(works, f"{tier} ISO {iso}") for iso in ("100", "3200", "3200 told")]
        clear, dark, told = (_mean(of, "balanced", "hair_mad") for of in groups)
        if clear and dark and told:
            ratio = round(told / clear, 4)
            yield at_most(f"5 {tier}: hair-band MAD, ISO 3200 over ISO 100", ratio, 1.5)
            costs = round(told / dark, 4)
            yield at_most(f"5 {tier}: hair-band MAD, with the message over without", costs, COSTS)
        untold, calm = (_mean(of, "balanced", "flicker") for of in groups[1:])
        if untold and calm:
            helps = round(calm / untold, 4)
            yield at_most(f"5 {tier}: flicker, with the message over without", helps, 0.9)


def _people(works: Sequence[Work]) -> Iterator[Bar]:
    """Fusion is held against the same drawing without it, quality fast, and each against the net.

    How much of the hair is kept says nothing against the net: a mask a size too large keeps it all.
    What it gets wrong of it, either way, does.
    """
    for group in ("two people", "two people, keyed"):
        of = [work for work in of_group(works, group) if "balanced" in work.figures]
        for figure, words, other, room in (
            ("kept", "alpha lost against the cheap net", "cheap", 0.005),
            ("kept", "alpha lost by fusion", "fast", 0.005),
            ("hair_kept", "hair lost by fusion", "fast", 0.02),
        ):
            lost = [value for work in of for value in _lost(work, figure, other)]
            if lost:
                yield at_most(f"6 {group}: {words}", round(max(lost), 4), room)
        worse = [[-value for value in _lost(work, "hair_wrong", "cheap")] for work in of]
        if any(worse):  # of either, on plain and busy backgrounds together
            value = round(max(map(float, np.mean(worse, axis=0))), 4)
            yield at_most(f"6 {group}: hair wrong, more than the cheap net's", value, 0)


def _lost(work: Work, figure: str, other: str) -> Iterator[float]:
    """Of each person, how much less the effect has than another method."""
    theirs, ours = (work.figures.get(name, {}) for name in (other, "balanced"))
    for key in (f"{figure}_{number}" for number in range(2)):
        if theirs.get(key) is not None and ours.get(key) is not None:
            yield theirs[key] - ours[key]


def _change(works: Sequence[Work], method: str, other: str, metric: str) -> float | None:
    found = change(works, method, other, metric)
    return None if found is None else found["change"]


def _pairs(
    works: Sequence[Work], method: str, other: str, metric: str
) -> list[tuple[float, float]]:
    found = []
    for work in works:
        ours, theirs = (work.figures.get(name, {}).get(metric) for name in (method, other))
        if ours is not None and theirs is not None:
            found.append((ours, theirs))
    return found


def _mean(works: Sequence[Work], method: str, metric: str) -> float | None:
    values = [
        value for work in works if (value := work.figures.get(method, {}).get(metric)) is not None
    ]
    return float(np.mean(values)) if values else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)
