"""Complexity: how much there is to see behind the hair.

Unit: change of light from one pixel to the next of a map whose long side is `LONG`, as a share of
all light; so it is the same for every frame size. A plain wall gives 0.01, a bookshelf 0.1.
"""

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats
from omote.engines.portrait.shapes import blurred, dilated

Operator = Literal["sobel", "scharr", "laplacian"]
Method = Literal["mean", "mode", "likeness"]

LONG = 256
"Long side of the maps on which it is measured, pixels."
BINS = 16
"Bins of the histogram whose fullest one `mode` takes."
HIGHEST = 0.4
"Upper end of that histogram."


def gradient(luma: Bytes, operator: Operator) -> Floats:
    """|Gx| + |Gy| of a luma map (h, w), 0..1 a pixel."""
    # Divided by what each operator makes of a slope of one level a pixel.
    if operator == "laplacian":
        return np.abs(cv2.Laplacian(luma, cv2.CV_32F)) * np.float32(1 / 255)
    kind, sum_ = (cv2.Sobel, 8) if operator == "sobel" else (cv2.Scharr, 32)
    x, y = (np.abs(kind(luma, cv2.CV_32F, *way)) for way in ((1, 0), (0, 1)))
    return np.asarray((x + y) * np.float32(1 / (255 * sum_)), np.float32)


def complexity_image(slopes: Floats, portrait: Floats, margin: float, reach: float) -> Floats:
    """Where behind the portrait there is much to see: its own gradients removed, the rest spread.

    `portrait` (h, w) is person and hair together. Removed up to `margin` beyond it, too, for its
    edge and the strands that stick out of it are no background. The rest spreads by `reach`.
    """
    behind = 1 - dilated((portrait > 0.1).astype(np.float32), margin)
    return blurred(dilated(slopes * behind, reach), reach)


def overall(image: Floats, behind: NDArray[np.bool_], method: Literal["mean", "mode"]) -> float:
    """One figure for the pixels of the background; 0 where there are none."""
    values = image[behind]
    if not values.size:
        return 0.0
    if method == "mean":
        return float(values.mean())
    counts, edges = np.histogram(np.minimum(values, HIGHEST), BINS, (0, HIGHEST))
    fullest = int(counts.argmax())
    return float(edges[fullest] + edges[fullest + 1]) / 2


def likeness(picture: Bytes, hair: Floats, behind: NDArray[np.bool_]) -> float:
    """How alike hair and background are in colour, 0..1, from an RGB map: a complexity, too.

    It is how much their histograms have in common.
    """
    of_hair, of_rest = (_histogram(picture, mask) for mask in (hair > 0.5, behind))
    if not (of_hair.any() and of_rest.any()):
        return 0.0
    return float(np.minimum(of_hair / of_hair.sum(), of_rest / of_rest.sum()).sum())


def _histogram(picture: Bytes, mask: NDArray[np.bool_]) -> Floats:
    where = mask.astype(np.uint8)
    counted = cv2.calcHist([picture], [0, 1, 2], where, [8, 8, 8], [0, 256] * 3)
    # Neighbouring colours are much the same colour.
    return np.asarray(cv2.blur(counted.reshape(8, 64), (3, 3)), np.float32)


def is_busy(before: bool | None, value: float, limit: float, slack: float) -> bool:
    """Whether a complexity is above `limit`; to change its mind it must be `slack`, a share, beyond.

    With that hysteresis the edge does not flicker between two looks. `before`: what it was, None in
    a new scene.
    """
    if before is None:
        return value > limit
    return value > limit * (1 - slack if before else 1 + slack)
