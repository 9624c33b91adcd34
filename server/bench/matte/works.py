"""Works: one case measured, in whatever process it is given to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pydantic import ValidationError

from omote.engines.effects.matte import Matte
from omote.server.bench.matte import sheets
from omote.server.bench.matte.cases import Case
from omote.server.bench.matte.fetched import NotFetched
from omote.server.bench.matte.methods import Method
from omote.server.bench.matte.outside import Unfit
from omote.server.bench.matte.runs import Bench
from omote.server.bench.matte.scores import Figures, scored
from omote.server.bench.matte.shots import Bytes, Clip

SHOWN = ("cheap", "balanced")
"Methods on the contact sheets."


@dataclass(frozen=True, slots=True)
class Work:
    """What came of a case."""

    group: str
    clip: str
    what: str = ""
    tier: str = ""
    stratum: str = ""
    texture: float | None = None
    "Mean local entropy of the background, bits: how busy it is by another measure than ours."
    figures: dict[str, Figures] = field(default_factory=dict)
    "By method."
    missing: dict[str, str] = field(default_factory=dict)
    "Methods that could not be run, and why."
    failed: str | None = None
    "Why the clip could not be had."

    def told(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


def measured(case: Case, folder: Path | None) -> Work:
    """Every method over the clip; contact sheets into `folder`."""
    try:
        clip = case.clip()
        clip.shots  # noqa: B018, made here, where a missing package is expected
    except (NotFetched, Unfit) as exc:
        return Work(case.group, case.group, failed=str(exc))
    bench = _bench()
    figures: dict[str, Figures] = {}
    missing: dict[str, str] = {}
    shown: dict[str, list[Bytes]] = {}
    for method in case.methods:
        if unknown := unavailable(method):
            missing[method.name] = unknown
            continue
        run = bench.run(clip, method)
        figures[method.name] = scored(clip, run)
        if method.name in SHOWN:
            shown[method.name] = run.alphas
    if folder is not None and case.sheet and shown:
        sheets.write(folder / f"{case.group}-{clip.name}.png".replace(" ", "-"), clip, shown)
    texture = _texture(clip)
    return Work(
        case.group, clip.name, clip.what, clip.tier, clip.stratum, texture, figures, missing
    )


@cache
def _bench() -> Bench:
    """One for each process: nets take long to load."""
    return Bench()


def unavailable(method: Method) -> str | None:
    """Why the effect cannot be run that way, if it cannot."""
    if method.net is not None:
        return None
    try:
        Matte.Params(**method.params)
    except ValidationError as exc:
        return "; ".join(f"{error['loc'][0]}: {error['msg']}" for error in exc.errors())
    return None


def _texture(clip: Clip) -> float | None:
    """Of the middle frame."""
    shot = clip.shots[len(clip.shots) // 2]
    if shot.alpha is None:
        return None
    grey = cv2.cvtColor(shot.picture, cv2.COLOR_RGB2GRAY)
    smooth = cv2.GaussianBlur(grey, (0, 0), 2)  # the sensor's noise is no texture
    entropies = list(_entropies(np.asarray(smooth, np.uint8), shot.alpha))
    return round(float(np.mean(entropies)), 3) if entropies else None


def _entropies(grey: Bytes, alpha: Bytes, side: int = 48) -> Iterator[float]:
    """Of the levels in each square that is background alone."""
    for top in range(0, grey.shape[0] - side, side):
        for left in range(0, grey.shape[1] - side, side):
            there = np.s_[top : top + side, left : left + side]
            if alpha[there].max() == 0:
                shares = np.bincount(grey[there].ravel() // 8, minlength=32) / side**2
                yield float(-np.sum(shares * np.log2(np.maximum(shares, 1e-12))))


def of_group(works: Sequence[Work], group: str) -> list[Work]:
    """Those of a group that could be had."""
    return [work for work in works if work.group == group and work.failed is None]
