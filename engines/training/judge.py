"""Judge: what a net makes of held-out pictures, in the figures that are honest."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from omote.engines.i420 import Bytes
from omote.engines.training.glare import Sample
from omote.engines.training.network import Separated, Separator, by_background, by_interference
from omote.engines.training.scores import aligned_psnr, psnr

Rule = Callable[[Tensor, Separated], Tensor]


def by_both(picture: Tensor, of: Separated) -> Tensor:
    """The mean of what the two decoders say."""
    return (by_background(picture, of) + by_interference(picture, of)) / 2


RULES: Mapping[str, Rule] = {
    "background": by_background,
    "interference": by_interference,
    "both": by_both,
}
"How a result can be had of the two branches."


def judged(net: Separator, held: Sequence[Sample]) -> tuple[dict[str, float], list[list[Bytes]]]:
    """Mean gains in dB by rule, what clean pictures come back at; and pictures of each sample."""
    rows: list[dict[str, float]] = []
    clean: list[dict[str, float]] = []
    pictures = []
    for sample in held:
        results, certainty = _results(net, sample)
        pictures.append([*results.values(), certainty])
        (clean if sample.kind == "clean" else rows).append(_gains(sample, results))
    figures = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    figures |= {f"clean_{rule}": float(np.mean([row[rule] for row in clean])) for rule in RULES}
    return figures, pictures


def _results(net: Separator, sample: Sample) -> tuple[dict[str, Bytes], Bytes]:
    shown = torch.from_numpy(sample.shown).permute(2, 0, 1)[None].float() / 255
    shown = shown.contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        of = net(shown)
        results = {name: _bytes(rule(shown, of).clamp(0, 1)) for name, rule in RULES.items()}
        certainty = _bytes(torch.sigmoid(of.certainty).expand(-1, 3, -1, -1))
    return results, certainty


def _bytes(picture: Tensor) -> Bytes:
    return np.asarray((picture[0].permute(1, 2, 0) * 255 + 0.5).byte().numpy(), np.uint8)


def _gains(sample: Sample, results: Mapping[str, Bytes]) -> dict[str, float]:
    """Gains over the input; for clean pictures the bare figure."""
    if sample.kind == "clean":
        return {rule: min(psnr(result, sample.clean), 60.0) for rule, result in results.items()}
    before = psnr(sample.shown, sample.clean), aligned_psnr(sample.shown, sample.clean)
    row = {"input": before[0], "input_aligned": before[1]}
    for rule, result in results.items():
        row[rule] = psnr(result, sample.clean) - before[0]
        row[f"{rule}_aligned"] = aligned_psnr(result, sample.clean) - before[1]
    return row
