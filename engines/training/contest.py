"""Contest: what deglarers make of pictures whose truth is known, in one table with the baselines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.training.glare import Sample
from omote.engines.training.scores import aligned, gradient_error, psnr, ssim

Deglarer = Callable[[Bytes], Bytes]
"(h, w, 3) RGB without its glare, of the same size."

BEST = 60.0
"Decibels from which on nothing is better."


@dataclass(frozen=True, slots=True)
class Score:
    """How near one picture came."""

    kind: str
    psnr: float
    "dB."
    aligned: float
    "dB, with the gain and offset per channel that suit it best."
    ssim: float
    gradient: float
    "Mean difference of the luma's slopes, levels a pixel."


def scored(kind: str, picture: Bytes, truth: Bytes) -> Score:
    """One picture held against the truth."""
    fitted = aligned(picture, truth)
    near, nearer = (min(psnr(each, truth), BEST) for each in (picture, fitted))
    return Score(kind, near, nearer, ssim(picture, truth), gradient_error(picture, truth))


def contest(samples: Iterable[Sample], deglarers: Mapping[str, Deglarer]) -> dict[str, list[Score]]:
    """Scores by name: of the `input`, of the `affine oracle`, and of each deglarer."""
    scores: dict[str, list[Score]] = {name: [] for name in ("input", "affine oracle", *deglarers)}
    for sample in samples:
        results = {"input": sample.shown, "affine oracle": _oracle(sample)}
        results |= {name: deglare(sample.shown) for name, deglare in deglarers.items()}
        for name, result in results.items():
            scores[name].append(scored(sample.kind, result, sample.clean))
    return scores


def _oracle(sample: Sample) -> Bytes:
    """All that brightness and contrast can do, by somebody who knows the truth."""
    return np.asarray(aligned(sample.shown, sample.clean) + 0.5, np.uint8)


def means(scores: Sequence[Score]) -> dict[str, float]:
    """Of each figure, over scores of any kind."""
    names = ("psnr", "aligned", "ssim", "gradient")
    return {name: fmean(getattr(score, name) for score in scores) for name in names}


def interval(gains: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """Bootstrap interval of the mean, 95 %; the unit is the picture."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(np.asarray(gains), (2000, len(gains))).mean(1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)
