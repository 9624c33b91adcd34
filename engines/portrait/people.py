"""People: how many faces there are, for what can only be done for one."""

import numpy as np
from numpy.typing import NDArray

from omote.engines.kernels import Floats

SIDE = 192
"Side of the detector's picture, pixels."
SURE = 0.6
"Confidence from which on a box is a face."
ALIKE = 0.3
"Overlap (intersection over union) from which on two boxes are of one face."


def faces(boxes: Floats, scores: Floats) -> Floats:
    """The faces that `face_full_range` found, (n, 4): left, top, right, bottom, shares of its picture.

    `boxes` (2304, 16) and `scores` (2304,), logits, of a grid of 48 x 48; the surest first.
    """
    confidence = 1 / (1 + np.exp(-np.clip(scores, -50, 50)))
    found = np.flatnonzero(confidence >= SURE)
    found = found[np.argsort(-confidence[found])]
    side = round(len(boxes) ** 0.5)
    at = np.stack([found % side, found // side], 1) / side + 0.5 / side
    middle, half = at + boxes[found, :2] / SIDE, boxes[found, 2:4] / (2 * SIDE)
    return _distinct(np.hstack([middle - half, middle + half]).astype(np.float32))


def _distinct(boxes: Floats) -> Floats:
    kept: list[NDArray[np.float32]] = []
    for box in boxes:
        if all(overlap(box, other) < ALIKE for other in kept):
            kept.append(box)
    return np.array(kept, np.float32).reshape(-1, 4)


def overlap(one: Floats, other: Floats) -> float:
    """Intersection over union of two boxes."""
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:], other[2:])
    both = float(np.prod(np.maximum(high - low, 0)))
    areas = [float(np.prod(np.maximum(box[2:] - box[:2], 0))) for box in (one, other)]
    return both / max(sum(areas) - both, 1e-9)
