"""Fusion: what becomes of the person's mask and what was found of the hair."""

import numpy as np

from omote.engines.kernels import Floats


def fused(person: Floats, hair: Floats) -> Floats:
    """`T = max(hair, P)`."""
    return np.maximum(person, hair)


def of_several(person: Floats, hair: Floats, people: int) -> Floats:
    """P2: with two people or more, a matting net for one may miss the other: `max(H, P)` first."""
    return np.maximum(person, hair) if people > 1 else person
