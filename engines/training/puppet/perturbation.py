"""Perturbation: a keyframe as if its face had done something else, so that it can be undone."""

import numpy as np

from omote.engines.faces.region import Region
from omote.engines.faces.topology import LEFT_BROW, LEFT_EYE, LIPS_INNER, RIGHT_BROW, RIGHT_EYE
from omote.engines.kernels import Floats
from omote.engines.puppet.bank import Keyframe, warped
from omote.engines.puppet.closeup import Closeup

TURN = 12.0
"Degrees, standard deviation of a head's turning."
SHIFT = 2.5
"Pixels of a closeup, of the corners of mouth and eyes and the like."


def perturbed(key: Keyframe, chance: np.random.Generator) -> Keyframe:
    """The same face with contour, features and expression moved at random, drawn by warping."""
    landmarks = _turned(key.landmarks, chance)
    landmarks = landmarks + _bumps(landmarks, chance)
    lips, jaw = landmarks[list(LIPS_INNER)], chance.normal(0, 6)
    opened = np.clip((landmarks[:, 1] - lips[:, 1].mean()) / 20, 0, 1)
    landmarks[:, 1] += np.float32(max(jaw, -2.0)) * opened * (landmarks[:, 1] > lips[:, 1].mean())
    for eye in (RIGHT_EYE, LEFT_EYE):
        ring = list(eye)
        middle = landmarks[ring, 1].mean()
        landmarks[ring, 1] = middle + chance.uniform(0.3, 1.3) * (landmarks[ring, 1] - middle)
    brows = [*RIGHT_BROW, *LEFT_BROW]
    landmarks[brows, 1] += np.float32(chance.normal(0, SHIFT))
    there = Closeup(Region(0, 0, 1, 0), landmarks.astype(np.float32))
    return Keyframe(warped([key], there)[0], there.landmarks)


def _turned(landmarks: Floats, chance: np.random.Generator) -> Floats:
    """Turned about the middle of the head a little, as seen from far away."""
    yaw, pitch = np.radians(chance.normal(0, TURN, 2) * (1, 0.6))
    middle = landmarks.mean(0)
    about_y = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
    about_x = np.array(
        [[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]]
    )
    return np.asarray((landmarks - middle) @ (about_y @ about_x).T + middle, np.float32)


def _bumps(landmarks: Floats, chance: np.random.Generator) -> Floats:
    """(478, 3): a few soft pushes."""
    pushed = np.zeros_like(landmarks)
    for _ in range(6):
        middle = landmarks[chance.integers(len(landmarks)), :2]
        near = np.exp(-((landmarks[:, :2] - middle) ** 2).sum(1) / (2 * 25.0**2))
        pushed[:, :2] += near[:, None] * chance.normal(0, SHIFT, 2)
    return pushed
