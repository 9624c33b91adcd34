"""Expressions: a face's shape from its coefficients alone, for drivers that send no landmarks.

Each coefficient is a displacement of the canonical face, modelled by hand: soft strokes, a hinge for
the jaw, lids that meet. The net that reads coefficients from landmarks is what they were tried on.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, TypeAlias

import numpy as np

from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.topology import (
    BLENDSHAPES,
    LANDMARKS,
    LEFT_CORNERS,
    LEFT_EYE,
    LEFT_IRIS,
    RIGHT_CORNERS,
    RIGHT_EYE,
    RIGHT_IRIS,
)
from omote.engines.kernels import Floats

Part: TypeAlias = Literal["all", "upper lip", "lower lip"]

MOUTH_Y, CORNER_X = -4.27, 2.46
"Height of the line between the lips and distance of their corners from the middle, centimetres."
HINGE = (0.5, -2.0)
"Height and depth of the jaw's axis, centimetres."
WIDEST = 0.36
"Radians by which the jaw turns at most."
IRIS_CM, IRIS_UP = 0.59, 0.1
"Radius of an iris, and how far over the corners it rests, centimetres."
NARROWER = 0.15
"By how much the corners of the mouth come together as the jaw opens, centimetres."
CREASES = ((247, 30, 29, 27, 28, 56, 190), (467, 260, 259, 257, 258, 286, 414))
"Above the right and the left eye."


@dataclass(frozen=True, slots=True)
class Stroke:
    """A soft round displacement; of the person's left side where the shape has two."""

    x: float
    y: float
    wide: float
    high: float
    by: tuple[float, float, float]
    "Centimetres in its middle."
    part: Part = "all"


BROW_IN, BROW_OUT = (2.2, 5.0), (5.2, 4.8)
MIDDLE_UP, MIDDLE_LOW = (0.0, -3.8), (0.0, -4.8)

PAIRS: dict[str, tuple[Stroke, ...]] = {
    "browDown": (
        Stroke(*BROW_IN, 1.6, 1.2, (-0.25, -0.75, 0.1)),
        Stroke(*BROW_OUT, 1.6, 1.2, (0, -0.35, 0)),
    ),
    "browOuterUp": (Stroke(*BROW_OUT, 1.7, 1.5, (0, 0.9, 0)),),
    "cheekSquint": (Stroke(3.9, 0.6, 1.6, 1.1, (0, 0.45, 0.1)),),
    "mouthDimple": (Stroke(2.6, -4.3, 0.9, 0.8, (0.45, 0.1, -0.35)),),
    "mouthFrown": (Stroke(2.4, -4.6, 1.1, 0.9, (0.15, -0.65, -0.1)),),
    "mouthLowerDown": (Stroke(1.2, -5.0, 1.0, 0.7, (0.15, -0.7, 0), "lower lip"),),
    "mouthPress": (
        Stroke(1.6, -3.9, 1.0, 0.5, (0.05, -0.18, -0.1), "upper lip"),
        Stroke(1.6, -4.8, 1.0, 0.6, (0.05, 0.3, -0.1), "lower lip"),
    ),
    "mouthSmile": (
        Stroke(2.6, -4.2, 1.25, 1.0, (0.75, 0.85, -0.35)),
        Stroke(3.9, -1.2, 1.6, 1.5, (0.1, 0.3, 0.2)),
    ),
    "mouthStretch": (Stroke(2.6, -4.6, 1.2, 1.1, (0.75, -0.35, -0.35)),),
    "mouthUpperUp": (
        Stroke(1.3, -3.5, 0.9, 0.8, (0.05, 0.65, 0.05), "upper lip"),
        Stroke(1.9, -1.6, 0.9, 0.9, (0, 0.25, 0)),
    ),
    "noseSneer": (
        Stroke(1.4, -0.8, 0.9, 1.0, (0.05, 0.5, 0.05)),
        Stroke(0.9, 1.6, 0.9, 1.0, (0, 0.2, 0.15)),
        Stroke(1.4, -3.2, 0.9, 0.6, (0, 0.25, 0), "upper lip"),
    ),
}
WHOLE: dict[str, tuple[Stroke, ...]] = {
    "browInnerUp": (Stroke(0, 5.2, 2.4, 1.6, (0, 0.9, 0)),),
    "cheekPuff": (
        Stroke(4.4, -3.4, 1.6, 1.7, (0.5, 0, 0.7)),
        Stroke(-4.4, -3.4, 1.6, 1.7, (-0.5, 0, 0.7)),
    ),
    "mouthClose": (
        Stroke(*MIDDLE_LOW, 1.7, 0.9, (0, 1.3, 0), "lower lip"),
        Stroke(*MIDDLE_UP, 1.7, 0.7, (0, -0.15, 0), "upper lip"),
    ),
    "mouthFunnel": (
        Stroke(2.2, -4.3, 1.0, 1.0, (-0.7, 0, 0.3)),
        Stroke(-2.2, -4.3, 1.0, 1.0, (0.7, 0, 0.3)),
        Stroke(*MIDDLE_UP, 1.4, 0.6, (0, 0.3, 0.6), "upper lip"),
        Stroke(*MIDDLE_LOW, 1.4, 0.6, (0, -0.6, 0.6), "lower lip"),
    ),
    "mouthLeft": (Stroke(0, -4.4, 2.2, 1.2, (0.9, 0, 0)),),
    "mouthRight": (Stroke(0, -4.4, 2.2, 1.2, (-0.9, 0, 0)),),
    "mouthPucker": (
        Stroke(2.2, -4.3, 1.1, 1.0, (-1.0, 0, 0.4)),
        Stroke(-2.2, -4.3, 1.1, 1.0, (1.0, 0, 0.4)),
        Stroke(0, -4.4, 1.3, 0.9, (0, 0, 0.7)),
    ),
    "mouthRollLower": (Stroke(*MIDDLE_LOW, 1.8, 0.5, (0, 0.35, -0.4), "lower lip"),),
    "mouthRollUpper": (Stroke(*MIDDLE_UP, 1.8, 0.5, (0, -0.3, -0.4), "upper lip"),),
    "mouthShrugLower": (Stroke(0, -5.6, 1.9, 1.2, (0, 0.6, 0.2), "lower lip"),),
    "mouthShrugUpper": (Stroke(0, -3.4, 1.8, 0.8, (0, 0.35, 0.2), "upper lip"),),
}
GAZE = {"In": (-0.45, 0.0), "Out": (0.45, 0.0), "Up": (0.0, 0.4), "Down": (0.0, -0.32)}
"Of the left eye, centimetres."
LIDS = {"eyeBlink": (-1.0, 0.06), "eyeSquint": (-0.25, 0.3), "eyeWide": (0.7, -0.12)}
"How far the upper and the lower lid go, of the opening between them; up is positive."


@cache
def plain_face() -> Floats:
    """(478, 3): the canonical face, its irises too, centimetres."""
    face = np.zeros((LANDMARKS, 3), np.float32)
    face[:468] = canonical_face().vertices
    for iris, (outer, inner) in ((RIGHT_IRIS, RIGHT_CORNERS), (LEFT_IRIS, LEFT_CORNERS)):
        middle = (face[outer] + face[inner]) / 2 + np.array([0, IRIS_UP, 0], np.float32)
        ring = [(0, 0), (1, 0), (0, 1), (-1, 0), (0, -1)]
        face[iris : iris + 5] = middle
        face[iris : iris + 5, :2] += IRIS_CM * np.array(ring, np.float32)
    return face


@cache
def expressions() -> Floats:
    """(52, 478, 3): what each coefficient of `BLENDSHAPES` adds to the plain face, centimetres."""
    found = np.zeros((len(BLENDSHAPES), LANDMARKS, 3), np.float32)
    for index, name in enumerate(BLENDSHAPES[1:], 1):
        found[index] = _expression(name)
    return found


def shape_of(coefficients: Floats) -> Floats:
    """(478, 3), as `Face.shape`, of coefficients (52,), 0..1."""
    return np.asarray(
        plain_face() + np.tensordot(coefficients, expressions(), 1).astype(np.float32), np.float32
    )


def _expression(name: str) -> Floats:
    side = 1.0 if name.endswith("Left") else -1.0
    both = name.removesuffix("Left").removesuffix("Right")
    if name.startswith("jaw"):
        return _jaw(name)
    if name in WHOLE:
        return sum((_stroked(stroke, 1.0) for stroke in WHOLE[name]), np.zeros_like(plain_face()))
    if both.startswith("eyeLook"):
        return _gaze(both.removeprefix("eyeLook"), side)
    if both in LIDS:
        return _lids(*LIDS[both], side)
    return sum((_stroked(stroke, side) for stroke in PAIRS[both]), np.zeros_like(plain_face()))


def _stroked(stroke: Stroke, side: float) -> Floats:
    face = plain_face()
    across = (face[:, 0] - side * stroke.x) / stroke.wide
    up = (face[:, 1] - stroke.y) / stroke.high
    strength = np.exp(-0.5 * (across**2 + up**2)) * _of_part(stroke.part)
    strength[RIGHT_IRIS:] = 0
    return np.asarray(strength[:, None] * (np.array(stroke.by) * (side, 1, 1)), np.float32)


def _of_part(part: Part) -> Floats:
    """1 where a lip is, falling to a half at its corners, 0 on the other lip."""
    face = plain_face()
    if part == "all":
        return np.ones(LANDMARKS, np.float32)
    there = face[:, 1] < MOUTH_Y if part == "lower lip" else face[:, 1] >= MOUTH_Y
    return np.asarray(there * np.clip(1.15 - (face[:, 0] / CORNER_X) ** 2, 0.2, 1), np.float32)


def _jaw(name: str) -> Floats:
    face, held = plain_face(), _of_jaw()[:, None]
    if name != "jawOpen":
        by = {"jawForward": (0, 0, 0.8), "jawLeft": (0.9, 0, 0), "jawRight": (-0.9, 0, 0)}[name]
        return np.asarray(held * by, np.float32)
    up, deep = face[:, 1] - HINGE[0], face[:, 2] - HINGE[1]
    sine, cosine = np.sin(WIDEST), np.cos(WIDEST)
    turned = np.stack(
        [
            -NARROWER * np.clip(face[:, 0] / CORNER_X, -1, 1),
            cosine * up - sine * deep - up,
            sine * up + cosine * deep - deep,
        ],
        axis=1,
    )
    return np.asarray(held * turned, np.float32)


def _of_jaw() -> Floats:
    """How much a point goes with the jaw, 0..1."""
    face = plain_face()
    x, y = np.abs(face[:, 0]), face[:, 1]
    below = _smooth((-y - 2.6) / 4.0) * (1 - 0.5 * _smooth((x - 3) / 4))
    lip = 0.4 + 0.6 * np.clip(1 - (x / CORNER_X) ** 2, 0, 1)
    near = _smooth((3.4 - x) / 0.9)
    mouth = np.where(
        y < MOUTH_Y, np.maximum(lip, below), 0.35 * _smooth((x - 1.6) / 0.9) * (y < -3.6)
    )
    held = near * np.where(y > -3.0, 0, mouth) + (1 - near) * below
    held[RIGHT_IRIS:] = 0
    return np.asarray(held, np.float32)


def _smooth(value: Any) -> Floats:
    value = np.clip(value, 0, 1)
    return np.asarray(value * value * (3 - 2 * value), np.float32)


def _lids(upper: float, lower: float, side: float) -> Floats:
    """The lids' edges, each by a share of the opening where it is; the crease follows the upper."""
    face, made = plain_face(), np.zeros_like(plain_face())
    eye, crease = (LEFT_EYE, CREASES[1]) if side > 0 else (RIGHT_EYE, CREASES[0])
    top, bottom = list(eye[1:8]), list(eye[:8:-1])
    opening = face[top, 1] - face[bottom, 1]
    made[top, 1] = upper * opening
    made[bottom, 1] = lower * opening
    made[list(crease), 1] = 0.4 * upper * opening
    return made


def _gaze(where: str, side: float) -> Floats:
    across, up = GAZE[where]
    iris = LEFT_IRIS if side > 0 else RIGHT_IRIS
    made = _lids(*{"Down": (-0.45, 0.0), "Up": (0.4, 0.0)}.get(where, (0.0, 0.0)), side)
    made[iris : iris + 5, :2] = (side * across, up)
    return made
