"""Pose transfer: where the landmarks of a reference go when a driver moves."""

import math
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

SIDES = (127, 162, 234, 93, 356, 389, 454, 323)
"Landmarks of the temples and before the ears."
LEAST_TURN = 2.0
"Degrees in the picture that the hair does not follow."
LEAST_SIZE = 0.03
"The same of growing, as a share."


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
    "(2, 3): where hair and ears go, from the photograph."
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
        _head(reference, landmarks.astype(np.float32)),
        rotation,
        scale,
        place,
    )


def _head(reference: Reference, landmarks: Floats) -> Floats:
    """The similarity that follows the sides of the face, where it is as deep as ears and hair.

    A net of landmarks takes a jaw that drops for a head that turns or grows a little, and then a
    whole head of hair would nod with every word: small turns and sizes are left to the face.
    """
    here, there = (points[list(SIDES), :2] @ (1, 1j) for points in (reference.landmarks, landmarks))
    start, end = here.mean(), there.mean()
    apart = here - start
    turned = ((there - end) @ apart.conj()) / (apart @ apart.conj()).real
    size = math.exp(_beyond(math.log(abs(turned)), LEAST_SIZE))
    angle = _beyond(float(np.angle(turned)), math.radians(LEAST_TURN))
    along, across = size * math.cos(angle), size * math.sin(angle)
    linear = np.array([[along, -across], [across, along]])
    begin, finish = (np.array([at.real, at.imag]) for at in (start, end))
    return np.column_stack([linear, finish - linear @ begin]).astype(np.float32)


def _beyond(value: float, least: float) -> float:
    return math.copysign(max(0.0, abs(value) - least), value)


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
