"""Pose transfer: where the landmarks of a reference go when a driver moves."""

import math
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from omote.engines.faces.pose import MIRRORED
from omote.engines.faces.topology import LEFT_CORNERS, RIGHT_CORNERS
from omote.engines.kernels import Floats
from omote.engines.puppet.reference import Reference
from omote.streams.frame import Face

LARGEST_TURN = 25.0
"Degrees from the photograph beyond which hidden skin would show."
FARTHEST = 0.45
"Of the face's width: how far a head is moved at most."
GAIN = (0.6, 1.6)
"The least and the most by which the photograph's face is darkened or lightened."
SIZES = (0.85, 1.2)
"How much smaller or larger it becomes at most."

BEHIND = 10.0
"Centimetres from the eyes back to where ears and the outline of the hair are."
LEAST_NOD = 3.0
"Degrees of nodding that the hair does not follow."
LEAST_SIZE = 0.03
"The same of growing, as a share."
EYES = (*RIGHT_CORNERS, *LEFT_CORNERS)
"Landmarks that no expression moves."


@dataclass(frozen=True, slots=True)
class Amounts:
    """How much of the driver's motion is taken over."""

    expression: float = 1.0
    turn: float = 1.0
    travel: float = 1.0
    light: float = 1.0
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
    gain: Floats = field(default_factory=lambda: np.ones(3, np.float32))
    "(3,): how much more light there is on it than on the photograph, by colour."


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
    target = _target(reference, shape, turned @ rotation, scale * nearer, place)
    return replace(target, gain=_gain(face, strength * amounts.light))


def _gain(face: Face, share: float) -> Floats:
    """Light falls on the photograph as it does on the driver, or the camera's exposure changes."""
    rest = None if face.neutral is None else face.neutral.complexion
    if face.complexion is None or rest is None:
        return np.ones(3, np.float32)
    gain = (face.complexion + 1) / (rest + 1)
    return np.asarray(np.clip(gain, *GAIN) ** np.float32(share), np.float32)


def _target(
    reference: Reference, shape: Floats, rotation: Floats, scale: float, place: Floats
) -> Target:
    landmarks = ((scale * shape @ rotation.T + place) * MIRRORED).astype(np.float32)
    head = _head(reference, landmarks, rotation, scale)
    return Target(landmarks, head, rotation, scale, place)


def _head(reference: Reference, landmarks: Floats, rotation: Floats, scale: float) -> Floats:
    """The similarity that follows what is as far back as ears and the outline of the hair.

    It lies behind the axis a head turns about, and so moves against the face. A net of landmarks
    takes a jaw that drops for a head that nods or grows a little, and then a whole head of hair
    would nod with every word: small nods and sizes are left to the face.
    """
    was = reference.likeness
    turn = cv2.Rodrigues((rotation @ was.rotation.T).astype(np.float64))[0][:, 0]
    turn[0] = _beyond(turn[0], math.radians(LEAST_NOD))
    size = math.exp(_beyond(math.log(scale / was.scale), LEAST_SIZE))
    back = cv2.Rodrigues(turn)[0] @ (0, 0, -size * BEHIND * was.scale) * MIRRORED
    start, finish = (points[list(EYES), :2].mean(0) for points in (reference.landmarks, landmarks))
    angle = _tilt(landmarks) - _tilt(reference.landmarks)
    along, across = size * math.cos(angle), size * math.sin(angle)
    linear = np.array([[along, -across], [across, along]])
    moved = finish + back[:2] - linear @ start
    return np.column_stack([linear, moved]).astype(np.float32)


def _tilt(landmarks: Floats) -> float:
    """Of the line through both eyes, radians clockwise."""
    right, left = (
        landmarks[list(corners), :2].mean(0) for corners in (RIGHT_CORNERS, LEFT_CORNERS)
    )
    across = left - right
    return math.atan2(float(across[1]), float(across[0]))


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
