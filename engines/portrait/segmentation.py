"""Segmentation path: before a busy background the matting net errs, the hair class is used."""

import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats
from omote.engines.portrait.guided import guided
from omote.engines.portrait.shapes import blurred, eroded


def drawn_in(
    hair: Floats, guide: Bytes, shrink: float, blur: float, radius: float, contrast: float
) -> Floats:
    """H eroded, blurred, and drawn along the edges of `guide`; all radii in pixels of the map."""
    return guided(guide, blurred(eroded(hair, shrink), blur), radius, contrast)


def without_grid(hair: Floats, before: Floats, least: float, blur: float) -> Floats:
    """Blurred once more where `before`, the hair class, covers less than `least` of the frame.

    Small regions show the filter's pixels.
    """
    return blurred(hair, blur) if float((before > 0.5).mean()) < least else hair


def gamma(complexity: float, limit: float, strength: float) -> float:
    """The exponent: 1 at the limit, growing with what the complexity is above it."""
    return 1 + strength * max(complexity / limit - 1, 0)


def pulled_in(hair: Floats, exponent: float) -> Floats:
    """Gamma correction: the edge goes inward, 0 and 1 stay."""
    return np.asarray(np.power(np.clip(hair, 0, 1), exponent), np.float32)
