"""Fusion: what becomes of the person's mask and what was found of the hair."""

import numpy as np

from omote.engines.kernels import Floats
from omote.engines.portrait.shapes import ramp

BELIEVED, DOUBTED = (0.3, 0.7), (0.05, 0.35)
"What the classes' net must be sure of for somebody to be added, and for him to stay."


def fused(person: Floats, hair: Floats) -> Floats:
    """`T = max(hair, P)`."""
    return np.maximum(person, hair)


def of_several(person: Floats, hair: Floats, people: int) -> Floats:
    """P2: with two people or more, a matting net for one may miss the other: `max(H, P)` first."""
    return np.maximum(person, hair) if people > 1 else person


def corrected(person: Floats, classed: Floats, matting: Floats) -> Floats:
    """P where the two slow nets outvote it; `classed`: what is not background.

    It takes more to take away than to add: a hole in somebody is uglier than a bit of wall.
    """
    least = np.minimum(ramp(classed, *BELIEVED), matting)
    most = np.maximum(ramp(classed, *DOUBTED), matting)
    return np.clip(person, least, most)
