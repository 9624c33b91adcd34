"""Judge: how near drawn faces come to frames nothing was learnt from, beside the bank they are made of."""

from collections.abc import Sequence

import numpy as np
import torch

from omote.engines.kernels import Bytes
from omote.engines.training.puppet.material import Sample
from omote.engines.training.puppet.network import Given, Puppeteer
from omote.engines.training.scores import gradient_error, psnr


def shown(net: Puppeteer, given: Given) -> tuple[Bytes, Bytes, Bytes]:
    """Of one sample: the result, what was generated, the fourth mask; (SIDE, SIDE, 3)."""
    with torch.no_grad():
        of = net(given)
        pictures = (of.picture, of.generated, of.keep.expand(-1, 3, -1, -1))
    bytes_ = [(each[0].permute(1, 2, 0) * 255 + 0.5).byte().numpy() for each in pictures]
    return bytes_[0], bytes_[1], bytes_[2]


def judged(held: Sequence[Sample], results: Sequence[tuple[Bytes, ...]]) -> dict[str, float]:
    """Means in dB over the head and over mouth and eyes, of the bank and of the net."""
    rows = []
    for sample, made in zip(held, results, strict=True):
        head, inner = sample.weight > 0.4, sample.weight > 1.5
        row = {}
        for name, picture in (("bank", sample.blend), ("net", made[0]), ("generated", made[1])):
            for where, mask in (("head", head), ("inner", inner)):
                row[f"{name}_{where}"] = psnr(picture[mask], sample.truth[mask])
            row[f"{name}_slope"] = gradient_error(_only(picture, inner), _only(sample.truth, inner))
        rows.append(row)
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _only(picture: Bytes, mask: np.ndarray) -> Bytes:
    """The picture within the mask's rectangle."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
