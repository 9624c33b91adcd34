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
from omote.engines.portrait.study import BODY_SKIN, FACE_SKIN
from omote.engines.puppet.reference import landmarks_of

TALLEST = 512
"Height of the face in the finest of its pictures, pixels."
SMALLEST = 64
"The same in the coarsest."
FEATHER = 1.9
"Centimetres from the contour inwards over which a mask becomes skin."
AROUND = 1.6
"Side of the square that is searched for skin, of the face's height."
SIDE = 256
"The same, pixels."
RIM = 13
"Of it, around what is no skin, that is left out or fades."
EDGE_ON = (0.12, 0.45)
"How far skin must face the camera (cosine) until it is shown, and until it is shown whole."


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """The photograph at one size."""

    rgba: Bytes
    "(h, w, 4); alpha is 255 where there is skin, and less where hair or a hand is in front of it."
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
    rgba = np.dstack([photo, _skin(photo, landmarks, models)])
    scale = min(1.0, TALLEST / height_of(landmarks))
    skins: list[Skin] = []
    while scale * height_of(landmarks) >= SMALLEST or not skins:
        small = cv2.resize(rgba, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        skins.append(Skin(np.asarray(small, np.uint8), (landmarks * scale).astype(np.float32)))
        scale /= 2
    return Mask(skins)


def _skin(photo: Bytes, landmarks: Floats, models: Models) -> Bytes:
    """(h, w), 255 where the photograph shows skin, or what is worn on it, near the face."""
    middle, side = landmarks[:, :2].mean(0), AROUND * height_of(landmarks)
    scale = side / SIDE
    affine = np.array([[scale, 0, middle[0] - side / 2], [0, scale, middle[1] - side / 2]])
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    small = cv2.warpAffine(photo, affine, (SIDE, SIDE), flags=flags)
    classes = models["selfie_multiclass"]({"picture": small[None]})["classes"][0]
    share = np.clip((classes[..., BODY_SKIN] + classes[..., FACE_SKIN] - 0.3) / 0.5, 0, 1)
    # Skin beside hair lies in its shadow, which must not come along.
    inner = cv2.erode(share.astype(np.float32), np.ones((RIM, RIM), np.uint8))
    soft = cv2.GaussianBlur(inner, (0, 0), RIM / 4)
    there = cv2.warpAffine(soft, affine, photo.shape[1::-1], flags=cv2.INTER_LINEAR)
    return np.asarray(there * 255, np.uint8)


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


def facing(pose: Floats) -> Floats:
    """(468,): how much of each point may be shown of a head in this pose (4, 4), 0..1."""
    cosine = _normals() @ pose[2, :3]
    share = np.clip((cosine - EDGE_ON[0]) / (EDGE_ON[1] - EDGE_ON[0]), 0, 1)
    return np.asarray(share, np.float32)


@cache
def _normals() -> Floats:
    """(468, 3), of length 1, outwards from the canonical face."""
    face = canonical_face()
    corners = face.vertices[face.triangles]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    summed = np.zeros_like(face.vertices)
    for at in range(3):
        np.add.at(summed, face.triangles[:, at], normals)
    summed *= np.sign(summed[:, 2].sum())
    return np.asarray(summed / np.linalg.norm(summed, axis=1, keepdims=True), np.float32)
