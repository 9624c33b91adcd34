"""Guided filter (He, Sun and Tang, 2010): a map made to follow the edges of a colour picture."""

import cv2
import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats


def guided(guide: Bytes, values: Floats, radius: float, contrast: float) -> Floats:
    """`values` (h, w), 0..1, redrawn along the edges of `guide`, RGB (h, w, 3) of bytes.

    `contrast`, 0..1: changes of light below it are smoothed over. With a float guide OpenCV's
    filter turns into a blur for small contrasts, for its matrices are nearly singular then; with
    bytes it does not.
    """
    if guide.dtype != np.uint8:
        raise TypeError(f"the guide must be bytes, it is {guide.dtype}")
    if round(radius) == 0:
        return values
    made = cv2.ximgproc.guidedFilter(guide, values, round(radius), (255 * contrast) ** 2)
    return np.clip(np.asarray(made, np.float32), 0, 1)
