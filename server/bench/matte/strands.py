"""Strands: drawn people with single hairs, whose alpha is exact because it is what was drawn."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.server.bench.matte.shots import Bytes

Floats = NDArray[np.float32]
Points = NDArray[np.float64]

SIZE = 720
"Side of the square a person is drawn on, pixels."
FINER = 2
"Drawn so many times larger, then reduced."

SKINS = ((224, 172, 140), (198, 134, 98), (141, 85, 58), (241, 194, 165))
HAIRS = ((44, 30, 22), (92, 58, 34), (150, 105, 62), (196, 160, 108), (60, 60, 64))
CLOTHES = ((70, 84, 110), (120, 60, 62), (58, 92, 70), (96, 96, 100))


@dataclass(frozen=True, slots=True, eq=False)
class Person:
    """A drawn person on a square of `SIZE`."""

    colours: Bytes
    "RGB (SIZE, SIZE, 3), defined beyond the outline too."
    alpha: Bytes
    "(SIZE, SIZE), 0..255."
    hair: Bytes
    "(SIZE, SIZE), 0..255: of alpha, what is hair."
    face: tuple[float, float, float, float]
    "Left, top, right, bottom of the face on the square, pixels."


def person(seed: int) -> Person:
    """Somebody, whose looks the seed decides."""
    rng = np.random.default_rng(seed)
    side = SIZE * FINER
    skin, hair, cloth = (kinds[rng.integers(len(kinds))] for kinds in (SKINS, HAIRS, CLOTHES))
    colours = np.full((side, side, 3), hair, np.uint8)
    alpha, strands = np.zeros((side, side), np.uint8), np.zeros((side, side), np.uint8)
    _body(colours, alpha, cloth, skin)
    head = _Head(side, rng.uniform(0.9, 1.1))
    _hair_behind(colours, strands, head, hair, rng)
    _face(colours, alpha, strands, head, skin)
    _hair_in_front(colours, strands, head, hair, rng)
    alpha = np.maximum(alpha, strands)
    _texture(colours, rng)
    small = [_reduced(layer) for layer in (colours, alpha, strands)]
    return Person(small[0], small[1], np.minimum(small[1], small[2]), head.box())


@dataclass(frozen=True, slots=True)
class _Head:
    side: int
    width: float

    @property
    def centre(self) -> tuple[int, int]:
        return self.side // 2, round(0.42 * self.side)

    @property
    def axes(self) -> tuple[int, int]:
        """Half width and half height."""
        return round(0.125 * self.side * self.width), round(0.17 * self.side)

    def at(self, angle: float, reach: float) -> tuple[float, float]:
        """A point on the skull: the angle from straight up, clockwise, radians."""
        (x, y), (a, b) = self.centre, self.axes
        return x + reach * a * np.sin(angle), y - reach * b * np.cos(angle)

    def box(self) -> tuple[float, float, float, float]:
        (x, y), (a, b) = self.centre, self.axes
        return (x - a) / FINER, (y - b) / FINER, (x + a) / FINER, (y + b) / FINER


def _body(colours: Bytes, alpha: Bytes, cloth: tuple[int, ...], skin: tuple[int, ...]) -> None:
    side = alpha.shape[0]
    shoulders = ((side // 2, round(1.03 * side)), (round(0.36 * side), round(0.36 * side)))
    neck = np.array([[0.44, 0.5], [0.56, 0.5], [0.58, 0.74], [0.42, 0.74]]) * side
    for picture, tones in ((colours, (cloth, skin)), (alpha, ((255,), (255,)))):
        cv2.ellipse(picture, *shoulders, 0, 0, 360, tones[0], -1, cv2.LINE_AA)
        cv2.fillConvexPoly(picture, neck.astype(np.int32), tones[1], cv2.LINE_AA)


def _face(colours: Bytes, alpha: Bytes, strands: Bytes, head: _Head, skin: tuple[int, ...]) -> None:
    """The face covers the hair behind it."""
    oval = (head.centre, head.axes, 0, 0, 360)
    cv2.ellipse(colours, *oval, skin, -1, cv2.LINE_AA)
    cv2.ellipse(alpha, *oval, (255,), -1, cv2.LINE_AA)
    cv2.ellipse(strands, *oval, (0,), -1, cv2.LINE_AA)
    (x, y), (a, b) = head.centre, head.axes
    for across in (-0.42, 0.42):
        eye = (round(x + across * a), round(y - 0.05 * b))
        cv2.ellipse(colours, eye, (a // 6, b // 16), 0, 0, 360, (245, 245, 245), -1, cv2.LINE_AA)
        cv2.circle(colours, eye, b // 18, (40, 30, 30), -1, cv2.LINE_AA)
    mouth = ((x, round(y + 0.52 * b)), (a // 3, b // 14))
    cv2.ellipse(colours, *mouth, 0, 0, 360, (170, 80, 80), -1, cv2.LINE_AA)
    nose = np.array([[x, y], [x - a // 9, y + b // 4], [x + a // 12, y + b // 4]], np.int32)
    cv2.polylines(colours, [nose], False, tuple(int(0.8 * c) for c in skin), 5, cv2.LINE_AA)


def _hair_behind(
    colours: Bytes, strands: Bytes, head: _Head, hair: tuple[int, ...], rng: np.random.Generator
) -> None:
    """A mass around the skull and single strands that leave it."""
    length = rng.uniform(0.5, 1.3)
    (x, y), (a, b) = head.centre, head.axes
    mass = ((x, round(y - 0.05 * b)), (round(1.16 * a), round(1.14 * b)))
    cv2.ellipse(colours, *mass, 0, 0, 360, hair, -1, cv2.LINE_AA)
    cv2.ellipse(strands, *mass, 0, 150, 390, (255,), -1, cv2.LINE_AA)
    curl, spread = rng.uniform(0.02, 0.25), rng.uniform(0.75, 1.0)
    for angle in rng.uniform(-2.1, 2.1, 900):
        path = _strand(head, float(angle), length, curl, spread, rng)
        _draw(colours, strands, path, hair, rng)


def _hair_in_front(
    colours: Bytes, strands: Bytes, head: _Head, hair: tuple[int, ...], rng: np.random.Generator
) -> None:
    """The fringe: short hair over the forehead."""
    for angle in rng.uniform(-0.9, 0.9, 260):
        start = np.array(head.at(float(angle), rng.uniform(0.9, 1.08)))
        end = np.array(head.at(float(angle) * 1.25, rng.uniform(0.55, 0.75)))
        bend = rng.normal(0, 0.01 * head.side, 2)
        _draw(colours, strands, _curve(start, (start + end) / 2 + bend, end), hair, rng)


def _strand(
    head: _Head, angle: float, length: float, curl: float, spread: float, rng: np.random.Generator
) -> Points:
    """From the scalp outwards, then down: the longer the heavier, a few stand off."""
    root = np.array(head.at(angle, rng.uniform(0.9, 1.12)))
    far = length * head.axes[1] * rng.uniform(0.25, 1.0) * (1.6 if rng.random() < 0.08 else 1.0)
    out = np.array([np.sin(angle), -np.cos(angle)])
    middle = root + out * far * 0.4 * spread
    end = middle + out * far * 0.15 + np.array([0.15 * far * np.sign(angle), far * abs(angle) / 2])
    path = _curve(root, middle, end)
    along = np.linspace(0, 1, len(path))[:, None]
    wave = np.sin(along * rng.uniform(4, 14) + rng.uniform(0, 6)) * curl * 0.2 * far * along
    return np.asarray(path + wave * np.array([[out[1], -out[0]]]))


def _curve(start: Points, middle: Points, end: Points) -> Points:
    """(16, 2): a quadratic Bézier curve."""
    t = np.linspace(0, 1, 16)[:, None]
    return np.asarray((1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end)


def _draw(
    colours: Bytes, strands: Bytes, path: Points, hair: tuple[int, ...], rng: np.random.Generator
) -> None:
    """One hair, one to three fine pixels wide."""
    points = [np.round(path * 16).astype(np.int32)]
    shade = rng.uniform(0.75, 1.3)
    tone = tuple(int(min(255, shade * value)) for value in hair)
    wide = int(rng.choice((1, 1, 2, 2, 3)))
    cv2.polylines(colours, points, False, tone, wide + 2, cv2.LINE_AA, 4)
    cv2.polylines(strands, points, False, (255,), wide, cv2.LINE_AA, 4)


def _texture(colours: Bytes, rng: np.random.Generator) -> None:
    """Light from one side and a little unevenness, so that nothing is one flat colour."""
    side = colours.shape[0]
    rough = cv2.resize(rng.normal(0, 1, (side // 16, side // 16)).astype(np.float32), (side, side))
    light = np.linspace(1.08, 0.88, side, dtype=np.float32)[None] + 0.02 * rough
    np.copyto(colours, np.clip(colours * light[..., None], 0, 255).astype(np.uint8))


def _reduced(layer: Bytes) -> Bytes:
    return np.asarray(cv2.resize(layer, (SIZE, SIZE), interpolation=cv2.INTER_AREA), np.uint8)
