"""Mask: the skin of a photographed face, and which of it is laid on another's."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np

from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.topology import OVAL
from omote.engines.kernels import Bytes, Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.engines.puppet.reference import FACE_POINTS, landmarks_of

TALLEST = 512
"Height of the face in the finest of its pictures, pixels."
SMALLEST = 64
"The same in the coarsest."
FEATHER = 1.9
"Centimetres from the contour inwards over which a mask becomes skin."
EDGE_ON = (0.12, 0.45)
"How far skin must face the camera (cosine) until it is shown, and until it is shown whole."


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """The photograph at one size."""

    rgb: Bytes
    "(h, w, 3)."
    landmarks: Floats
    "(478, 3), its pixels."


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A photographed face, at sizes of which each is half the one before."""

    skins: Sequence[Skin]

    def near(self, height: float) -> Skin:
        """The smallest that is no smaller than a face of that height, pixels; or the largest."""
        fits = [skin for skin in self.skins if height_of(skin.landmarks) >= 0.8 * height]
        return fits[-1] if fits else self.skins[0]


def taken_off(photo: Bytes, models: Models, pixels: Pixels) -> Mask:
    """The face in a photograph (h, w, 3); raises `NoFace`."""
    landmarks = landmarks_of(photo, models, pixels)
    scale = min(1.0, TALLEST / height_of(landmarks))
    skins: list[Skin] = []
    while scale * height_of(landmarks) >= SMALLEST or not skins:
        rgb = cv2.resize(photo, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        skins.append(Skin(np.asarray(rgb, np.uint8), (landmarks * scale).astype(np.float32)))
        scale /= 2
    return Mask(skins)


def height_of(landmarks: Floats) -> float:
    """Of the face, pixels."""
    return float(np.ptp(landmarks[:, 1]))


@cache
def inwards() -> Floats:
    """(468,): 0 on the contour of the face, 1 well inside it."""
    face = canonical_face().vertices
    away = np.linalg.norm(face[:, None, :2] - face[None, list(OVAL), :2], axis=2).min(1)
    share = np.clip(away / FEATHER, 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def facing(landmarks: Floats) -> Floats:
    """(468,): how much of each point may be shown as the head is turned now, 0..1."""
    corners = landmarks[canonical_face().triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    summed = _around() @ normals
    cosine = summed[:, 2] / np.maximum(np.linalg.norm(summed, axis=1), 1e-6)
    share = np.clip((cosine - EDGE_ON[0]) / (EDGE_ON[1] - EDGE_ON[0]), 0, 1)
    return np.asarray(share, np.float32)


@cache
def _around() -> Floats:
    """(468, 898): which triangles meet in a point; signed so that a face's front is positive."""
    face = canonical_face()
    made = np.zeros((FACE_POINTS, len(face.triangles)), np.float32)
    for number, corners in enumerate(face.triangles):
        made[corners, number] = 1
    # Landmarks count down and away from the camera.
    corners = face.vertices[face.triangles] * (1, -1, -1)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return np.asarray(made * np.sign(normals[:, 2].sum()), np.float32)
