"""Noise: what a sensor adds in the dark: photons counted, and the noise of reading them out."""

from functools import cache

import numpy as np

from omote.server.bench.matte.shots import Bytes

FULL_WELL = 12_000
"Electrons of a white pixel at ISO 100, as of a small webcam's sensor."
READ = 3.0
"Deviation of what reading out adds, electrons."
GAMMA = 2.2
SAMPLES = 4096
"Draws kept for each level; pixels take one of them by chance."


def noisy(picture: Bytes, iso: float, seed: int) -> Bytes:
    """The picture, encoded with `GAMMA`, as if taken at that ISO with the light to match.

    Poisson noise on linear light and Gaussian read noise, no smoothing as a camera would add.
    """
    chosen = np.random.default_rng(seed).integers(0, SAMPLES, picture.shape, np.uint16)
    return np.asarray(_draws(iso)[picture, chosen], np.uint8)


@cache
def _draws(iso: float) -> Bytes:
    """(256, SAMPLES): what becomes of each level."""
    rng = np.random.default_rng(round(iso))
    white = FULL_WELL * 100 / iso
    light = white * (np.arange(256) / 255) ** GAMMA
    counted = rng.poisson(light[:, None], (256, SAMPLES)) + rng.normal(0, READ, (256, SAMPLES))
    encoded = np.clip(counted / white, 0, 1) ** (1 / GAMMA)
    return np.round(255 * encoded).astype(np.uint8)
