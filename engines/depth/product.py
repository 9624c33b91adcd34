"""Product: matte and depth multiplied, the literal formula."""

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.kernels import Floats


def product(
    matte: Floats,
    probability: Floats,
    metres: Floats,
    second: Floats | None = None,
    normalise: bool = True,
    percentile: float = 100.0,
) -> Floats:
    """S_out = I2 (1 - d) I1 S, divided by E, the largest such product, where asked for. All (h, w).

    S is `matte`, I1 `probability`, d the depth by its largest (or a percentile of it) in the frame,
    I2 `second`, the depth network's own, else 1 - d. Where depth is unknown, that around it holds.
    """
    if not np.isfinite(metres).any():
        return np.asarray(probability * matte, np.float32)
    d = _relative(filled(metres), percentile)
    i2 = 1 - d if second is None else np.clip(second, 0, 1)
    out = i2 * (1 - d) * probability * matte
    most = float(out.max())
    return np.asarray(out / most if normalise and most > 0 else out, np.float32)


def over(product: Floats, threshold: float) -> Floats:
    """The portrait: what lies over the second threshold."""
    return np.where(product > threshold, product, np.float32(0))


def filled(metres: Floats) -> Floats:
    """Holes filled from around them, from farther around the larger they are; some depth is known."""
    made, known = metres.copy(), np.isfinite(metres)
    radius = 2
    while not known.all():
        sums, counts = _around(np.where(known, made, 0), radius), _around(known, radius)
        reached = ~known & (counts > 0.5)
        made[reached] = sums[reached] / counts[reached]
        known |= reached
        radius *= 2
    return made


def _relative(metres: Floats, percentile: float) -> Floats:
    most = max(float(np.percentile(metres, percentile)), 1e-6)
    return np.asarray(np.clip(metres / most, 0, 1), np.float32)


def _around(values: NDArray[np.generic], radius: int) -> Floats:
    side, outside = (2 * radius + 1,) * 2, cv2.BORDER_CONSTANT
    given = values.astype(np.float32)
    sums = cv2.boxFilter(given, -1, side, normalize=False, borderType=outside)
    return np.asarray(sums, np.float32)
