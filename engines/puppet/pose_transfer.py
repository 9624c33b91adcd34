"""Pose transfer: where the landmarks of a reference go when a driver moves."""

from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines.faces.topology import LEFT_CORNERS, RIGHT_CORNERS
from omote.engines.kernels import Floats
from omote.engines.puppet.reference import Reference
from omote.streams.frame import Face

LARGEST_TURN = 25.0
"Degrees from the photograph beyond which hidden skin would show."
FARTHEST = 0.45
"Of the face's width: how far a head is moved at most."
SIZES = (0.85, 1.2)
"How much smaller or larger it becomes at most."


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of the driver's motion is taken over."""

    expression: float = 1.0
    turn: float = 1.0
    travel: float = 1.0
    relative: bool = True
    "From the driver's own neutral face, so that the reference keeps its shape."


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """Where the reference's face goes."""

    landmarks: Floats
    "(478, 3), pixels."
    head: Floats
    "(2, 3): where the head itself goes, from the photograph, at the depth of the contour."
    rotation: Floats
    "(3, 3)."
    scale: float
    place: Floats


def transferred(reference: Reference, face: Face | None, amounts: Amounts) -> Target:
    """Without a face, or a neutral one to measure from, the reference stays as it is."""
    likeness, shape = reference.likeness, reference.shape
    rotation, scale, place = likeness.rotation, likeness.scale, likeness.place
    if face is None or face.shape is None or face.pose is None or face.neutral is None:
        return _target(reference, shape, rotation, scale, place)
    rest = face.neutral
    strength = face.strength
    moved = face.shape - (rest.shape if amounts.relative else shape)
    shape = shape + np.float32(amounts.expression) * moved
    start = rest.pose if amounts.relative else _pose_of(reference, face.pose)
    turned = _limited(face.pose[:3, :3] @ start[:3, :3].T, strength * amounts.turn)
    nearer = float(np.clip((start[2, 3] / face.pose[2, 3]) ** (strength * amounts.travel), *SIZES))
    # Sideways in the picture, where both distances are known alike.
    seen, rested = (pose[:2, 3] / pose[2, 3] * start[2, 3] for pose in (face.pose, start))
    shift = strength * amounts.travel * (seen - rested) * scale
    most = FARTHEST * _width(reference)
    shift *= min(1.0, most / max(float(np.linalg.norm(shift)), 1e-6))
    place = place + np.array([*shift, 0], np.float32)
    return _target(reference, shape, turned @ rotation, scale * nearer, place)


def _target(
    reference: Reference, shape: Floats, rotation: Floats, scale: float, place: Floats
) -> Target:
    flip = np.array([1, -1, -1], np.float32)
    landmarks = (scale * shape @ rotation.T + place) * flip
    return Target(
        landmarks.astype(np.float32),
        _head(reference, rotation, scale, place),
        rotation,
        scale,
        place,
    )


def _head(reference: Reference, rotation: Floats, scale: float, place: Floats) -> Floats:
    """The affine motion of the plane of the ears."""
    plane = np.array([[0, 0, 0], [6, 0, 0], [0, 6, 0]], np.float32)
    was = reference.likeness
    before = (was.scale * plane @ was.rotation.T + was.place)[:, :2] * (1, -1)
    after = (scale * plane @ rotation.T + place)[:, :2] * (1, -1)
    return np.asarray(
        cv2.getAffineTransform(before.astype(np.float32), after.astype(np.float32)), np.float32
    )


def _limited(rotation: Floats, share: float) -> Floats:
    """A part of a rotation, and never more than the largest, approached softly."""
    turn = cv2.Rodrigues(rotation.astype(np.float64))[0] * share
    angle = float(np.linalg.norm(turn))
    most = np.radians(LARGEST_TURN)
    if angle > 0.6 * most:
        soft = 0.6 * most + 0.4 * most * np.tanh((angle - 0.6 * most) / (0.4 * most))
        turn *= soft / angle
    return np.asarray(cv2.Rodrigues(turn)[0], np.float32)


def _pose_of(reference: Reference, like: Floats) -> Floats:
    """The reference's pose as if it stood where the driver does."""
    pose = like.copy()
    pose[:3, :3] = reference.likeness.rotation
    return pose


def _width(reference: Reference) -> float:
    right, left = (reference.landmarks[c[0], :2] for c in (RIGHT_CORNERS, LEFT_CORNERS))
    return 1.6 * float(np.linalg.norm(left - right))
