"""Region: the turned square of a picture that a landmark net looks at."""

import math
from dataclasses import dataclass

import numpy as np

from omote.engines.faces.topology import LEFT_CORNERS, RIGHT_CORNERS
from omote.engines.kernels import Floats

ROOM = 1.5
"Side of the region over the larger side of the face in it, as the net was trained."


@dataclass(frozen=True, slots=True)
class Region:
    """A square, in the picture's pixels."""

    x: float
    y: float
    "Its middle."
    side: float
    angle: float
    "By which the head in it is turned clockwise, radians."

    def affine(self, size: int) -> Floats:
        """(2, 3): from positions in a crop `size` wide to positions in the picture."""
        scale = self.side / size
        a, b = scale * math.cos(self.angle), scale * math.sin(self.angle)
        turn = np.array([[a, -b], [b, a]])
        corner = np.array([self.x, self.y]) - turn @ np.array([size / 2, size / 2])
        return np.column_stack([turn, corner]).astype(np.float32)

    def placed(self, points: Floats, size: int) -> Floats:
        """Points (n, 3) of a crop `size` wide, in the picture; depth keeps the same scale."""
        affine = self.affine(size)
        flat = points[:, :2] @ affine[:, :2].T + affine[:, 2]
        return np.column_stack([flat, points[:, 2] * (self.side / size)]).astype(np.float32)

    def upright(self, points: Floats) -> Floats:
        """Points (n, 3) of the picture, turned so that the head stands straight."""
        a, b = math.cos(self.angle), math.sin(self.angle)
        turn = np.array([[a, -b, 0], [b, a, 0], [0, 0, 1]], np.float32)
        return np.asarray(points @ turn, np.float32)


def around(landmarks: Floats) -> Region:
    """Where to look for the face that had these landmarks a frame ago."""
    right, left = (landmarks[list(c), :2].mean(0) for c in (RIGHT_CORNERS, LEFT_CORNERS))
    return turned_box(landmarks[:, :2], right, left)


def turned_box(points: Floats, right_eye: Floats, left_eye: Floats) -> Region:
    """The square around `points` (n, 2), with room, in which the eyes are level."""
    across = left_eye - right_eye
    angle = math.atan2(float(across[1]), float(across[0]))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    upright = points @ turn
    low, high = upright.min(0), upright.max(0)
    x, y = turn @ ((low + high) / 2)
    return Region(float(x), float(y), ROOM * float((high - low).max()), angle)
