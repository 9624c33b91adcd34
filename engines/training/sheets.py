"""Sheets: samples side by side, for people to look at."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.training.glare import Sample


def sheet(samples: Sequence[Sample], results: Sequence[Sequence[Bytes]], file: Path) -> None:
    """A row for each: as shown, what was made of it, as it should be; two rows beside each other."""
    rows = [
        np.hstack([sample.shown, *made, sample.clean])
        for sample, made in zip(samples, results, strict=True)
    ]
    if len(rows) % 2:
        rows.append(np.zeros_like(rows[0]))
    pairs = [np.hstack([left, right]) for left, right in zip(rows[::2], rows[1::2], strict=True)]
    cv2.imwrite(str(file), cv2.cvtColor(np.vstack(pairs), cv2.COLOR_RGB2BGR))
