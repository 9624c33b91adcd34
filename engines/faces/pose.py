"""Pose: how a head is turned and where it is, and its face without that."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines.faces.canonical import CanonicalFace
from omote.engines.kernels import Floats

FIELD_OF_VIEW = math.radians(63)
"Vertical, of a camera nobody has measured, as MediaPipe assumes; it only scales distances."
MIRRORED = np.array([1, -1, -1])
"Of picture axes (y down, z away) to those of a pose (y up, z towards the viewer)."


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """`picture = scale * rotation @ face + place`, after `MIRRORED`."""

    scale: float
    "Pixels a centimetre."
    rotation: Floats
    "(3, 3)."
    place: Floats
    "(3,), pixels."

    def matrix(self, size: tuple[int, int]) -> Floats:
        """(4, 4), canonical face to camera in centimetres; `size` is the picture's, pixels."""
        width, height = size
        focal = height / 2 / math.tan(FIELD_OF_VIEW / 2)
        sideways = (self.place[:2] - np.array([width, -height]) / 2) / self.scale
        matrix = np.eye(4, dtype=np.float32)
        matrix[:3, :3] = self.rotation
        matrix[:3, 3] = (*sideways, -focal / self.scale)
        return matrix

    def undone(self, landmarks: Floats) -> Floats:
        """Landmarks (n, 3) as if the head stood straight, centimetres."""
        straight = (landmarks * MIRRORED - self.place) @ self.rotation / self.scale
        return np.asarray(straight, np.float32)


def fitted(landmarks: Floats, face: CanonicalFace) -> Likeness:
    """The similarity that brings the canonical face closest to landmarks (weighted Procrustes)."""
    used = face.weights > 0
    weights = face.weights[used, None] / face.weights.sum()
    there = landmarks[: len(used)][used] * MIRRORED
    here = face.vertices[used]
    there_middle, here_middle = (weights * there).sum(0), (weights * here).sum(0)
    there, here = there - there_middle, here - here_middle
    left, sizes, right = np.linalg.svd((weights * there).T @ here)
    signs = np.array([1, 1, np.sign(np.linalg.det(left @ right))])
    rotation = (left * signs) @ right
    scale = float((sizes * signs).sum() / (weights * here**2).sum())
    place = there_middle - scale * rotation @ here_middle
    return Likeness(scale, rotation.astype(np.float32), place.astype(np.float32))


@dataclass(frozen=True, slots=True)
class Angles:
    """Of a head, degrees: it rolls, then nods, then turns; all 0 when it looks into the camera."""

    yaw: float
    "To the picture's right is positive."
    pitch: float
    "Up is positive."
    roll: float
    "Towards the picture's right shoulder, clockwise, is positive."


def angles(pose: Floats) -> Angles:
    """Of a pose (4, 4) or a rotation (3, 3)."""
    forward = pose[:3, 2]
    yaw = math.atan2(forward[0], forward[2])
    pitch = math.asin(max(-1.0, min(1.0, float(forward[1]))))
    roll = math.atan2(-pose[1, 0], pose[1, 1])
    return Angles(*(math.degrees(angle) for angle in (yaw, pitch, roll)))


def posed(turned: Angles, place: tuple[float, float, float]) -> Floats:
    """The pose (4, 4) of angles and a place, centimetres; `angles` finds them again."""
    yaw, pitch, roll = (math.radians(angle) for angle in (turned.yaw, turned.pitch, turned.roll))
    turns = ((0.0, yaw, 0.0), (-pitch, 0.0, 0.0), (0.0, 0.0, -roll))
    about_y, about_x, about_z = (cv2.Rodrigues(np.array(turn))[0] for turn in turns)
    pose = np.eye(4, dtype=np.float32)
    pose[:3, :3] = about_y @ about_x @ about_z
    pose[:3, 3] = place
    return pose


def projected(shape: Floats, pose: Floats, size: tuple[int, int]) -> Floats:
    """Landmarks (n, 3) of a shape, in a picture of `size`, pixels: `Likeness.matrix` undone."""
    width, height = size
    scale = height / 2 / math.tan(FIELD_OF_VIEW / 2) / max(-float(pose[2, 3]), 1.0)
    place = np.array([*(pose[:2, 3] * scale + np.array([width, -height]) / 2), 0])
    return np.asarray((scale * shape @ pose[:3, :3].T + place) * MIRRORED, np.float32)
