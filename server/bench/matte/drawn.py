"""Drawn: clips of drawn people before drawn backgrounds. No network, no files: exact and seeded.

Seeds of 1000 and more are for tuning; the bench judges by smaller ones.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.server.bench.matte import backgrounds
from omote.server.bench.matte.noise import noisy
from omote.server.bench.matte.shots import Bytes, Clip, Shot, Stratum
from omote.server.bench.matte.strands import SIZE, Person, person
from omote.streams.frame import Face, Scene

WIDTH, HEIGHT = 1280, 720
FPS = 30.0
TUNING = 1000
"Seeds from here on are not judged by."
DAYLIGHT_ISO = 200

Move = Callable[[int], NDArray[np.float64]]
"(2, 3): where the square of a person lies on the picture, by frame."
Layer = tuple[Person, Move]


@dataclass(frozen=True, slots=True)
class _Scene:
    """What a clip is drawn from."""

    layers: tuple[Layer, ...]
    "The nearest first."
    background: Bytes
    seed: int
    over: Callable[[Shot, int], Shot] | None = None
    "Something done to every frame before the noise."
    iso: float = DAYLIGHT_ISO
    told: Scene | None = None
    "What the camera says of the light."

    def shot(self, index: int) -> Shot:
        drawn = _composed(self.layers, self.background, index)
        drawn = drawn if self.over is None else self.over(drawn, index)
        grains = self.seed * 1000 + index
        told = Scene() if self.told is None else self.told
        return replace(drawn, picture=noisy(drawn.picture, self.iso, grains), scene=told)


def talking(
    seed: int,
    stratum: Stratum,
    count: int,
    iso: float = DAYLIGHT_ISO,
    scene: Scene | None = None,
) -> Clip:
    """A head that sways as talking heads do; the background stands still."""
    layers = ((_person(seed), _sway(seed)),)
    drawn = _Scene(layers, _behind(seed, stratum), seed, iso=iso, told=scene)
    what = f"drawn person {seed} with single hairs, swaying, {stratum} background"
    return _clip(f"strands {stratum} {seed}", what, stratum, count, drawn)


def skin_coloured(seed: int, count: int) -> Clip:
    """Wood and pale fingers behind."""
    behind = backgrounds.skin_coloured(seed, WIDTH, HEIGHT)
    scene = _Scene(((_person(seed), _sway(seed)),), behind, seed)
    return _clip(f"skin {seed}", "drawn person before skin-coloured things", "other", count, scene)


def walking(seed: int, count: int) -> Clip:
    """Steadily across the picture, 8 pixels a frame."""

    def move(index: int) -> NDArray[np.float64]:
        return _placed(1.0, 40 + 8 * index, 6 * math.sin(index / 2), 0)

    scene = _Scene(((_person(seed), move),), _behind(seed, "plain"), seed)
    return _clip(f"walking {seed}", "8 pixels a frame to the right", "other", count, scene)


def waving(seed: int, count: int) -> Clip:
    """An arm that waves fast beside the head, three times a second."""
    scene = _Scene(((_person(seed), _sway(seed)),), _behind(seed, "plain"), seed, _arm)
    return _clip(f"waving {seed}", "an arm waves, three times a second", "other", count, scene)


def occluded(seed: int, count: int) -> Clip:
    """A box is carried through the picture before the person."""
    scene = _Scene(((_person(seed), _sway(seed)),), _behind(seed, "plain"), seed, _box)
    return _clip(f"occluded {seed}", "a box passes before the person", "other", count, scene)


def cut(seed: int, count: int) -> Clip:
    """Half way somebody else sits somewhere else."""
    half = count // 2
    first = _Scene(((_person(seed), _sway(seed)),), _behind(seed, "plain"), seed)
    elsewhere = _Scene(((_person(seed + 7), _aside(seed)),), _behind(seed + 1, "busy"), seed + 1)

    def make(index: int) -> Shot:
        return first.shot(index) if index < half else elsewhere.shot(index)

    what = f"another scene from frame {half} on"
    return Clip(f"cut {seed}", what, "other", "exact", FPS, count, make, simulated=True)


def still(seed: int, count: int) -> Clip:
    """One and the same picture, its noise standing still too."""
    scene = _Scene(((_person(seed), _sway(seed)),), _behind(seed, "plain"), seed)

    @cache
    def only() -> Shot:
        return scene.shot(0)

    what = "one picture, again and again"
    return Clip(
        f"still {seed}", what, "other", "exact", FPS, count, lambda _: only(), simulated=True
    )


def pair(seed: int, stratum: Stratum, count: int) -> Clip:
    """Two people, one partly before the other."""
    near = (_person(seed), _moved(_sway(seed), -170))
    far = (_person(seed + 3), _moved(_sway(seed + 1, 0.86), 190))
    scene = _Scene((near, far), _behind(seed, stratum), seed)
    what = f"two drawn people, the left one nearer, {stratum} background"
    return _clip(f"pair {stratum} {seed}", what, "other", count, scene)


def _clip(name: str, what: str, stratum: Stratum, count: int, scene: _Scene) -> Clip:
    return Clip(name, what, stratum, "exact", FPS, count, scene.shot, simulated=True)


@cache
def _person(seed: int) -> Person:
    return person(seed)


def _behind(seed: int, stratum: Stratum) -> Bytes:
    paint = backgrounds.busy if stratum == "busy" else backgrounds.plain
    return paint(seed, WIDTH, HEIGHT)


def _sway(seed: int, size: float = 1.0) -> Move:
    """Some pixels to and fro, some degrees, and pauses."""
    rng = np.random.default_rng((seed, 4))
    phase, speed = rng.uniform(0, 6, 3), rng.uniform(0.8, 1.6, 3)
    centre = (WIDTH - size * SIZE) / 2

    def move(index: int) -> NDArray[np.float64]:
        second = index / FPS
        x, y, turn = np.sin(phase + 2 * speed * second) * (22, 8, 2.5)
        return _placed(size, centre + x, HEIGHT - size * SIZE + abs(y), turn)

    return move


def _aside(seed: int) -> Move:
    return _moved(_sway(seed + 9, 0.9), 240)


def _moved(move: Move, right: float) -> Move:
    def moved(index: int) -> NDArray[np.float64]:
        placed = move(index).copy()
        placed[0, 2] += right
        return placed

    return moved


def _placed(size: float, x: float, y: float, turn: float) -> NDArray[np.float64]:
    """Scaled and turned (degrees) about the square's middle of the lower edge, then moved."""
    placed = cv2.getRotationMatrix2D((SIZE / 2, SIZE), turn, size).astype(np.float64)
    placed[:, 2] += (x - (SIZE - size * SIZE) / 2, y - (SIZE - size * SIZE))
    return placed


def _composed(layers: tuple[Layer, ...], background: Bytes, index: int) -> Shot:
    """The layers over the background, the farthest first."""
    picture = background.astype(np.float32)
    through = np.ones((HEIGHT, WIDTH), np.float32)
    alphas: list[Bytes] = []
    hairs: list[NDArray[np.float32]] = []
    faces: list[Face] = []
    warped = [(_warped(who, move(index)), who, move(index)) for who, move in layers]
    for (colours, alpha, _), _, _ in reversed(warped):
        picture += alpha[..., None] * (colours - picture)
    for (_, alpha, hair), who, placed in warped:
        alphas.append(_levels(through * alpha))
        hairs.append(through * hair)
        faces.append(_face(who, placed))
        through = through * (1 - alpha)
    people = tuple(alphas) if len(alphas) > 1 else ()
    everybodys = _levels(np.sum(hairs, axis=0))
    return Shot(_bytes(picture), _levels(1 - through), everybodys, people, tuple(faces))


Warped = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def _warped(who: Person, placed: NDArray[np.float64]) -> Warped:
    """Colours 0..255, alpha and hair 0..1, on the picture."""
    size = (WIDTH, HEIGHT)
    edge = cv2.BORDER_REPLICATE
    colours = cv2.warpAffine(who.colours, placed, size, borderMode=edge).astype(np.float32)
    alpha, hair = (cv2.warpAffine(layer, placed, size) for layer in (who.alpha, who.hair))
    scale = np.float32(1 / 255)
    return colours, alpha * scale, np.minimum(hair, alpha) * scale


def _face(who: Person, placed: NDArray[np.float64]) -> Face:
    left, top, right, bottom = who.face
    corners = np.array([[left, top, 1], [right, bottom, 1]]) @ placed.T
    (x0, y0), (x1, y1) = corners.tolist()
    return Face((x0, y0, x1, y1), np.zeros((478, 3), np.float32))


def _arm(shot: Shot, index: int) -> Shot:
    """Forearm and hand from the lower right, swinging about the elbow."""
    swing = 0.55 * math.sin(2 * math.pi * 3 * index / FPS)
    elbow = np.array((930.0, 700.0))
    hand = elbow + 300 * np.array((math.sin(swing + 0.25), -math.cos(swing + 0.25)))
    arm = np.zeros((HEIGHT, WIDTH), np.uint8)
    ends = elbow.astype(int).tolist(), hand.astype(int).tolist()
    cv2.line(arm, *ends, (255,), 70, cv2.LINE_AA)
    cv2.circle(arm, ends[1], 56, (255,), -1, cv2.LINE_AA)
    return _over(shot, arm, (214, 164, 134), counts=True)


def _box(shot: Shot, index: int) -> Shot:
    box = np.zeros((HEIGHT, WIDTH), np.uint8)
    left = 120 + 16 * index
    cv2.rectangle(box, (left, 330), (left + 220, 560), (255,), -1)
    return _over(shot, box, (150, 110, 60), counts=False)


def _over(shot: Shot, layer: Bytes, tone: tuple[int, int, int], counts: bool) -> Shot:
    """One more layer in front, which is part of the person or hides it."""
    share = layer[..., None].astype(np.float32) / 255
    picture = shot.picture + share * (np.array(tone, np.float32) - shot.picture)
    assert shot.alpha is not None and shot.hair is not None
    rest = 255 - layer
    whole = np.maximum(shot.alpha, layer) if counts else np.minimum(shot.alpha, rest)
    hair = np.minimum(shot.hair, rest)
    return replace(
        shot,
        picture=_bytes(picture),
        alpha=np.asarray(whole, np.uint8),
        hair=np.asarray(hair, np.uint8),
    )


def _levels(alpha: NDArray[np.float32]) -> Bytes:
    return np.round(255 * np.clip(alpha, 0, 1)).astype(np.uint8)


def _bytes(picture: NDArray[Any]) -> Bytes:
    return np.asarray(np.clip(picture + 0.5, 0, 255), np.uint8)
