"""Mesh: the 478 landmarks of the face in a region, and the 52 coefficients of its expression."""

from collections.abc import Mapping

import numpy as np

from omote.engines.faces.region import Region
from omote.engines.faces.topology import BLENDSHAPES, LANDMARKS, SEEN
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.streams.frame import Picture

SIDE = 256
"Side of the net's picture, pixels."


class MeshNet:
    """Landmarks of a face that is roughly known already."""

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._net = models["face_landmarks"]
        self._pixels = pixels

    def __call__(self, picture: Picture, region: Region) -> tuple[Floats, float]:
        """(478, 3) in the picture's pixels, and how surely there is a face at all, 0..1."""
        crop = self._pixels.straightened(picture, region.affine(SIDE), (SIDE, SIDE))
        found = self._net({"picture": crop[None]})
        points = found["landmarks"].reshape(LANDMARKS, 3)
        presence = 1 / (1 + np.exp(-np.clip(found["presence"].item(), -50, 50)))
        return region.placed(points, SIDE), float(presence)


class ExpressionNet:
    """Coefficients of landmarks."""

    def __init__(self, models: Models) -> None:
        self._net = models["face_blendshapes"]

    def __call__(self, landmarks: Floats) -> Floats:
        """(52,), 0..1, in the order of `BLENDSHAPES`; a tilted head must stand upright in them."""
        points = landmarks[list(SEEN), :2]
        return np.asarray(self._net({"points": points[None]})["coefficients"], np.float32)


def named(coefficients: Floats) -> Mapping[str, float]:
    """By ARKit name; the first, which says that nothing moves, is none of them."""
    return dict(zip(BLENDSHAPES[1:], map(float, coefficients[1:]), strict=True))
