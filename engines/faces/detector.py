"""Detector: where in a picture there is a face, for when none is being followed."""

import cv2
import numpy as np

from omote.engines.faces.region import Region, turned_box
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.streams.frame import Picture

SIDE = 192
"Side of the net's picture, pixels."
GRID = 48
"Cells across and down; each may hold a face."
SURE = 0.55
"Confidence from which on it is one."


class Detector:
    """Finds the largest face, if there is one."""

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._net = models["face_full_range"]
        self._pixels = pixels

    def __call__(self, picture: Picture) -> Region | None:
        """Where the landmark net should look."""
        scale = SIDE / max(picture.width, picture.height)
        size = round(picture.width * scale), round(picture.height * scale)
        small = self._pixels.small(picture, size)
        square = cv2.copyMakeBorder(
            small, 0, SIDE - size[1], 0, SIDE - size[0], cv2.BORDER_CONSTANT
        )
        found = self._net({"picture": square[None]})
        points = _largest(found["boxes"][0], found["scores"][0, :, 0])
        if points is None:
            return None
        points = points / np.array([size[0] / picture.width, size[1] / picture.height])
        return turned_box(points[:4], points[4], points[5])


def _largest(boxes: Floats, scores: Floats) -> Floats | None:
    """Corners, right and left eye of the surest or, of several, the largest: (6, 2), pixels."""
    confidence = 1 / (1 + np.exp(-np.clip(scores, -50, 50)))
    sides = boxes[:, 2:4].max(1)
    best = int(np.argmax(np.where(confidence >= SURE, confidence * sides, 0)))
    if confidence[best] < SURE:
        return None
    cell = (np.array([best % GRID, best // GRID]) + 0.5) * (SIDE / GRID)
    middle, half = cell + boxes[best, :2], boxes[best, 2:4] / 2
    corners = middle + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    eyes = cell + boxes[best, 4:8].reshape(2, 2)
    return np.vstack([corners, eyes]).astype(np.float32)
