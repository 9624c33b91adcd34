"""Closeup: the square of a picture around a head, upright, as large as the head is.

In it a face hardly moves but for its expression and its turning: what there is to learn or to keep
of a person is kept there.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.pose import MIRRORED, Likeness, fitted
from omote.engines.faces.region import Region
from omote.engines.kernels import Bytes, Floats

SIDE = 256
"Of a closeup, pixels."
WIDTH = 22.0
"What it shows, centimetres of the canonical face."
MIDDLE = np.array([0.0, -1.3, 3.0], np.float32)
"In the head, so that a jaw that opens stays inside."


@dataclass(frozen=True, slots=True, eq=False)
class Closeup:
    """Where a face is, seen closely; everything in pixels of a square `SIDE` wide."""

    region: Region
    "Of the picture it is in."
    landmarks: Floats
    "(478, 3)."

    @property
    def affine(self) -> Floats:
        """(2, 3): from its positions to the picture's, both counted from the corner."""
        return self.region.affine(SIDE)


def closeup(landmarks: Floats, likeness: Likeness | None = None) -> Closeup:
    """Of a face whose landmarks (478, 3) are known, pixels of any picture."""
    likeness = likeness or fitted(landmarks, canonical_face())
    region = _region(likeness)
    inverse = np.linalg.inv(np.vstack([region.affine(SIDE), [0, 0, 1]]))[:2]
    flat = landmarks[:, :2] @ inverse[:, :2].T + inverse[:, 2]
    close = np.column_stack([flat, landmarks[:, 2] * (SIDE / region.side)])
    return Closeup(region, close.astype(np.float32))


def _region(likeness: Likeness) -> Region:
    middle = likeness.scale * likeness.rotation @ MIDDLE + likeness.place
    x, y, _ = middle * MIRRORED
    across = likeness.rotation[:, 0]
    angle = math.atan2(-float(across[1]), float(across[0]))
    return Region(float(x), float(y), WIDTH * likeness.scale, angle)


def cut_out(rgb: Bytes, at: Closeup) -> Bytes:
    """What a picture (h, w, 3) shows there, (SIDE, SIDE, 3)."""
    affine = at.affine.astype(np.float64)
    affine[:, 2] += affine[:, :2] @ (0.5, 0.5) - 0.5
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(rgb, affine, (SIDE, SIDE), flags=flags), np.uint8)
