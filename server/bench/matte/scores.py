"""Scores: a run held against the truth, one figure per clip and metric."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.server.bench.matte import metrics
from omote.server.bench.matte.nets import CHEAP, SLOW
from omote.server.bench.matte.runs import Run
from omote.server.bench.matte.shots import Bytes, Clip, Shot

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Figures = dict[str, Any]

SPARSE = 8
"Gradient and connectivity are taken at every so many frames: they cost the most."
NOISE = 3.0
"Levels of 255 a pixel's surroundings may differ from frame to frame and still stand still."
WARM = 1
"Frames left out of timings."


def scored(clip: Clip, run: Run) -> Figures:
    """Every metric the clip has the truth for."""
    figures: Figures = {"frames": len(run.alphas), **_nets(clip, run)}
    if not clip.simulated:
        figures |= _times(run)
    known = _known(clip)
    figures["flicker"] = _mean(_flickers(known.still, run.alphas))
    if clip.tier != "none":
        figures |= _errors(clip.shots, run.alphas, known.bands)
    if any(shot.people for shot in clip.shots):
        figures |= _of_people(clip.shots, run.alphas)
    return {key: _rounded(value) for key, value in figures.items()}


def _errors(shots: Sequence[Shot], alphas: Sequence[Bytes], bands: Sequence[Mask]) -> Figures:
    """Against the truth of each frame, and against that of its neighbours in time."""
    found: dict[str, list[float]] = {}

    def note(**values: float) -> None:
        for key, value in values.items():
            found.setdefault(key, []).append(value)

    earlier: tuple[Floats, Floats] | None = None
    for index, (shot, levels) in enumerate(zip(shots, alphas, strict=True)):
        alpha, truth = unit(levels), unit(truth_of(shot))
        note(mad=metrics.mad(alpha, truth), mse=metrics.mse(alpha, truth))
        note(iou=metrics.iou(alpha, truth))
        note(hair_mad=metrics.mad(alpha, truth, bands[index]))
        if index % SPARSE == 0:
            note(gradient=metrics.gradient(alpha, truth))
            note(connectivity=metrics.connectivity(alpha, truth))
        if earlier is not None:
            note(dtssd=metrics.dtssd(alpha, earlier[0], truth, earlier[1]))
        earlier = alpha, truth
    means = {key: _mean(values) for key, values in found.items()}
    return {**means, "lag": _lag(shots, alphas), "mse_by_frame": found.get("mse", [])}


def _lag(shots: Sequence[Shot], alphas: Sequence[Bytes]) -> int | None:
    """Frames; None where nothing moves enough to tell."""
    size = (320, 180)
    truths = [unit(cv2.resize(truth_of(shot), size)) for shot in shots]
    moves = [metrics.mad(*pair) for pair in pairwise(truths)]
    if (_mean(moves) or 0) < 0.5:
        return None
    found = [unit(cv2.resize(levels, size)) for levels in alphas]
    return metrics.lag(found, truths)


def _flickers(still: Sequence[Mask], alphas: Sequence[Bytes]) -> list[float]:
    pairs = zip(still, pairwise(alphas), strict=True)
    return [
        metrics.flicker(unit(now), unit(then), where) for where, (then, now) in pairs if where.any()
    ]


@dataclass(frozen=True, slots=True, eq=False)
class _Known:
    """What is the same whatever method is judged."""

    still: Sequence[Mask]
    "Where nothing changed, from each frame to the next."
    bands: Sequence[Mask]
    "The outline of the hair of each frame with known alpha."


@lru_cache(maxsize=1)
def _known(clip: Clip) -> _Known:
    still = [_still(*both) for both in pairwise(clip.shots)]
    bands = [_band(shot) for shot in clip.shots if shot.alpha is not None]
    return _Known(still, bands)


def _band(shot: Shot) -> Mask:
    truth = unit(truth_of(shot))
    return metrics.outline(truth, truth if shot.hair is None else unit(shot.hair))


def _still(before: Shot, now: Shot) -> Mask:
    """Where neither picture nor truth changes."""
    greys = [cv2.cvtColor(shot.picture, cv2.COLOR_RGB2GRAY) for shot in (before, now)]
    smooth = [cv2.blur(grey, (5, 5)) for grey in greys]
    still = cv2.absdiff(*smooth) < NOISE
    if now.alpha is not None and before.alpha is not None:
        still &= cv2.absdiff(before.alpha, now.alpha) < 3
    return np.asarray(still, bool)


def _of_people(shots: Sequence[Shot], alphas: Sequence[Bytes]) -> Figures:
    """Of each person: alpha found over alpha there, inside, and in the hair's outline.

    And the mean absolute error there, where nobody else is.
    """
    kept: dict[str, list[float]] = {}
    for shot, levels in zip(shots, alphas, strict=True):
        alpha, hair = unit(levels), unit(shot.hair if shot.hair is not None else truth_of(shot))
        for number, person in enumerate(shot.people):
            own = unit(person)
            band = metrics.outline(own, own * hair) & (own > 0.05)
            inside = own > 0.98
            kept.setdefault(f"kept_{number}", []).append(float(alpha[inside].mean()))
            share = float(np.minimum(alpha, own)[band].sum() / max(own[band].sum(), 1e-6))
            kept.setdefault(f"hair_kept_{number}", []).append(share)
            alone = metrics.outline(own, own * hair) & (unit(truth_of(shot)) - own < 0.02)
            wrong = float(np.abs(alpha - own)[alone].mean())
            kept.setdefault(f"hair_wrong_{number}", []).append(wrong)
    return {key: _mean(values) for key, values in kept.items()}


def _nets(clip: Clip, run: Run) -> Figures:
    frames = max(len(run.alphas), 1)
    asked = run.ledger.asked
    return {
        "inferred_share": run.ledger.frames_with(*CHEAP) / frames,
        "slow_share": run.ledger.frames_with(*SLOW) / frames,
        "asked": {net: len(when) for net, when in sorted(asked.items())},
        "asked_late": sum(1 for net in asked for when in asked[net] if when >= clip.fps),
    }


def _times(run: Run) -> Figures:
    """Milliseconds a frame; `cpu_mean` is all threads', the rest the frame's own."""
    frames = max(len(run.cpu_ms), 1)
    warm = WARM if frames > WARM else 0
    steps = {
        step: [round(float(x), 2) for x in np.percentile(_filled(spent, frames)[warm:], (50, 95))]
        for step, spent in sorted(run.steps_ms.items())
    }
    cpu, wall = run.cpu_ms[warm:] or [0.0], run.wall_ms[warm:] or [0.0]
    return {
        "cpu_mean_ms": run.process_ms / frames,
        "cpu_p50_ms": float(np.percentile(cpu, 50)),
        "cpu_p95_ms": float(np.percentile(cpu, 95)),
        "wall_p50_ms": float(np.percentile(wall, 50)),
        "wall_p95_ms": float(np.percentile(wall, 95)),
        "steps_cpu_p50_p95_ms": steps,
    }


def _filled(spent: list[float], frames: int) -> list[float]:
    return spent + [0.0] * (frames - len(spent))


def truth_of(shot: Shot) -> Bytes:
    """Its alpha, which it must have."""
    if shot.alpha is None:
        raise LookupError("this clip comes without the truth")
    return shot.alpha


def unit(levels: "NDArray[Any]") -> Floats:
    """0..255 as 0..1."""
    return np.asarray(levels, np.float32) * np.float32(1 / 255)


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 5)
    return [round(each, 4) for each in value] if isinstance(value, list) else value
