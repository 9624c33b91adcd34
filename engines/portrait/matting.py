"""Matting path: before a plain background the matting net's hair is used, and polished."""

import numpy as np

from omote.engines.kernels import Floats
from omote.engines.portrait.shapes import blurred, dilated, eroded, ramp


def hair_only(matting: Floats, hair: Floats, reach: float) -> Floats:
    """`M * dilate(H)`: what the matting net finds is hair only near hair."""
    return np.asarray(matting * blurred(dilated(hair, reach), reach / 2), np.float32)


def withdrawn(matting: Floats, where: Floats | float, shrink: float, blur: float) -> Floats:
    """Eroded and blurred, as far as `where` (0..1) says: what was found there is doubtful."""
    calm = blurred(eroded(matting, shrink), blur)
    return np.asarray(matting + where * (np.minimum(calm, matting) - matting), np.float32)


def strengthened(matting: Floats, where: Floats | float, gain: float) -> Floats:
    """Half transparent hair made more visible, as far as `where` (0..1) says; 0 and 1 stay."""
    return np.asarray(matting + where * gain * matting * (1 - matting), np.float32)


def busy_parts(complexity: Floats, limit: float, reach: float) -> Floats:
    """1 where the complexity image is above `limit`, and `reach` around; soft at the rim."""
    return blurred(dilated(ramp(complexity, 0.8 * limit, 1.2 * limit), reach), reach)
