"""Synthetic: a person in a room, drawn for any lens, with depth and alpha that are exact.

Everything is an ellipsoid, but for hair. The world is the picture's camera: x to the right, y down,
z ahead, metres. It stands in for a depth camera in the demo, in tests and in `omote bench depth`.
"""

import math
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.streams.calibration import Calibration, Lens
from omote.streams.kernel import kernel

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

COLOUR = Lens(width=1280, height=720, fx=1000, fy=1000, cx=639.5, cy=359.5)
"The picture's camera."
DEPTH = Lens(
    width=320,
    height=240,
    fx=232,
    fy=232,
    cx=159.5,
    cy=119.5,
    distortion=(0.06, -0.05, 0.001, -0.001, 0.0),
    rotation=((0.9998, 0.0, 0.02), (0.0, 1.0, 0.0), (-0.02, 0.0, 0.9998)),
    translation=(-0.025, 0.0, 0.002),
)
"A TOF camera 25 mm beside it, a little askew."
CAMERAS = Calibration(depth=DEPTH, colour=COLOUR)

Part = Literal["skin", "hair", "shirt", "dark", "lip", "wall", "shelf", "lamp"]
TINTS: dict[Part, tuple[int, int, int]] = {
    "skin": (222, 172, 142),
    "hair": (62, 42, 30),
    "shirt": (58, 84, 120),
    "dark": (40, 30, 28),
    "lip": (176, 92, 88),
    "wall": (188, 180, 168),
    "shelf": (126, 100, 76),
    "lamp": (240, 214, 160),
}
STRANDS = 150
"Of hair, per head."


@dataclass(frozen=True, slots=True)
class Blob:
    """An ellipsoid, its axes along the world's."""

    part: Part
    centre: tuple[float, float, float]
    radii: tuple[float, float, float]
    person: int
    "0: the room; 1: who the picture is of; 2 and more: who is behind."


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The scene as one camera sees it."""

    rgb: Bytes
    "(H, W, 3)."
    metres: Floats
    "(H, W), along the camera's axis, exact; of what is behind thin hair where there is some."
    alpha: Floats
    "(H, W), 0..1: how much of a pixel is the person in front."
    hair: Floats
    "(H, W), 0..1: how much of a pixel is anybody's loose hair."
    person: Bytes
    "(H, W): whose pixel it is, 0 the room."


class Room:
    """A person at `distance` metres, the wall at 3.5, and who is between."""

    def __init__(
        self, distance: float = 1.0, behind: tuple[float, ...] = (), seed: int = 1
    ) -> None:
        self._distance = distance
        self._behind = behind
        self._seed = seed
        self._rooms: dict[Lens, _Canvas] = {}

    def view(self, lens: Lens, second: float = 0.0, finer: int = 1) -> View:
        """What `lens` sees at a second; `finer` times as many pixels are drawn and then merged."""
        large = lens.at(lens.width * finer, lens.height * finer)
        canvas = self._room(large).copy()
        for number, distance in enumerate((self._distance, *self._behind), 1):
            where = _sway(distance, second + 2.1 * (number - 1), number)
            for blob in _person(where, number):
                canvas.draw(blob)
            canvas.strands(where, number, self._seed + number, second)
        return canvas.seen(finer)

    def _room(self, lens: Lens) -> "_Canvas":
        if lens not in self._rooms:
            canvas = _Canvas(lens)
            for blob in _furniture():
                canvas.draw(blob)
            self._rooms[lens] = canvas
        return self._rooms[lens]


def _sway(distance: float, second: float, number: int) -> tuple[float, float, float]:
    """Where the middle of the head is: nobody sits still."""
    beside = 0.0 if number == 1 else 0.25 * distance * (-1) ** number
    across = beside + 0.035 * distance * math.sin(0.9 * second) + 0.01 * math.sin(2.3 * second)
    return across, -0.06 + 0.008 * math.sin(1.7 * second), distance + 0.02 * math.sin(0.6 * second)


def _person(at: tuple[float, float, float], number: int) -> list[Blob]:
    parts: list[tuple[Part, tuple[float, float, float], tuple[float, float, float]]] = [
        ("shirt", (0, 0.62, 0.09), (0.24, 0.46, 0.13)),
        ("shirt", (-0.16, 0.31, 0.08), (0.10, 0.09, 0.09)),
        ("shirt", (0.16, 0.31, 0.08), (0.10, 0.09, 0.09)),
        ("shirt", (-0.225, 0.50, 0.06), (0.075, 0.22, 0.075)),
        ("shirt", (0.225, 0.50, 0.06), (0.075, 0.22, 0.075)),
        ("skin", (0, 0.14, 0.05), (0.058, 0.12, 0.058)),
        ("hair", (0, -0.02, 0.045), (0.102, 0.138, 0.105)),
        ("skin", (0, 0.02, 0), (0.076, 0.108, 0.088)),
        ("hair", (0, -0.095, -0.015), (0.080, 0.038, 0.078)),
        ("skin", (-0.078, 0.02, 0.02), (0.012, 0.028, 0.018)),
        ("skin", (0.078, 0.02, 0.02), (0.012, 0.028, 0.018)),
        ("skin", (0, 0.03, -0.088), (0.013, 0.028, 0.018)),
        ("dark", (-0.031, 0.0, -0.076), (0.013, 0.006, 0.010)),
        ("dark", (0.031, 0.0, -0.076), (0.013, 0.006, 0.010)),
        ("hair", (-0.032, -0.02, -0.078), (0.019, 0.004, 0.008)),
        ("hair", (0.032, -0.02, -0.078), (0.019, 0.004, 0.008)),
        ("lip", (0, 0.073, -0.073), (0.024, 0.007, 0.010)),
    ]
    return [
        Blob(part, (at[0] + x, at[1] + y, at[2] + z), radii, number)
        for part, (x, y, z), radii in parts
    ]


def _furniture() -> list[Blob]:
    """The wall is the far side of a huge ellipsoid that we are in."""
    return [
        Blob("shelf", (-1.5, 0.9, 3.0), (0.35, 1.3, 0.2), 0),
        Blob("shelf", (1.7, 1.2, 2.6), (0.5, 0.5, 0.3), 0),
        Blob("lamp", (1.3, -0.75, 3.1), (0.16, 0.16, 0.16), 0),
        Blob("lamp", (-0.5, -0.8, 3.3), (0.28, 0.2, 0.05), 0),
    ]


class _Canvas:
    """What has been drawn so far for one lens."""

    def __init__(self, lens: Lens) -> None:
        self.lens = lens
        self.rays, self.eye, self.turn = _rays(lens)
        shape = lens.height, lens.width
        self.metres, self.light = np.empty(shape, np.float32), np.empty(shape, np.float32)
        self.person, self.strand = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        self.whose = np.zeros(shape, np.uint8)
        self.rgb = np.empty((*shape, 3), np.uint8)
        self._wall()

    def _wall(self) -> None:
        """3.5 m away, with a grain that every camera sees at the same place."""
        toward = self.rays[2]
        metres = (3.5 - self.eye[2]) / toward
        x, y = (self.eye[i] + metres * self.rays[i] for i in (0, 1))
        grain = 0.03 * np.sin(9 * x) * np.sin(7 * y + 1) + 0.015 * np.sign(np.sin(8 * x))
        light = 0.95 - 0.1 * np.hypot(x - 0.8, y + 0.8) + grain
        self.metres[:] = metres
        self.rgb[:] = np.clip(np.array(TINTS["wall"]) * light[..., None], 0, 255)

    def copy(self) -> "_Canvas":
        twin = object.__new__(_Canvas)
        twin.lens, twin.rays, twin.eye, twin.turn = self.lens, self.rays, self.eye, self.turn
        twin.metres, twin.light, twin.rgb = self.metres.copy(), self.light, self.rgb.copy()
        twin.person, twin.strand = self.person.copy(), self.strand.copy()
        twin.whose = self.whose.copy()
        return twin

    def draw(self, blob: Blob) -> None:
        left, top, right, bottom = self._box(blob)
        if left < right and top < bottom:
            at = slice(top, bottom), slice(left, right)
            tint = np.array(_tint(blob), np.float32)
            start = (self.eye - np.array(blob.centre)).astype(np.float32)
            radii = np.array(blob.radii, np.float32)
            cast(
                self.rays[:, *at],
                start,
                radii,
                tint,
                blob.person,
                self.metres[at],
                self.rgb[at],
                self.person[at],
            )

    def _box(self, blob: Blob) -> tuple[int, int, int, int]:
        """Of a sphere around it, pixels; a lens bends little, which the margin covers."""
        x, y, z = self.turn @ np.array(blob.centre) + np.array(self.lens.translation)
        reach = 1.12 * max(blob.radii)
        near = max(z - reach, 0.2)
        column, row = self.lens.cx + self.lens.fx * x / z, self.lens.cy + self.lens.fy * y / z
        wide, high = self.lens.fx * reach / near + 4, self.lens.fy * reach / near + 4
        return (
            max(0, math.floor(column - wide)),
            max(0, math.floor(row - high)),
            min(self.lens.width, math.ceil(column + wide)),
            min(self.lens.height, math.ceil(row + high)),
        )

    def strands(
        self, at: tuple[float, float, float], number: int, seed: int, second: float
    ) -> None:
        """Loose hair around a head, drawn where nothing is nearer; too thin for a depth camera."""
        rng = np.random.default_rng(seed)
        pen = np.zeros(self.metres.shape, np.uint8)
        for _ in range(STRANDS):
            points = self._pixels(_strand(rng, at, second))
            cv2.polylines(pen, [points], False, 255, 1, cv2.LINE_AA, 4)
        pen[self.metres < at[2] - 0.02] = 0
        share = pen[..., None] * np.float32(1 / 255)
        hair = np.array(TINTS["hair"], np.float32)
        self.rgb[:] = self.rgb + share * (hair - self.rgb) + 0.5
        self.strand[:] = np.maximum(self.strand, pen)
        if number == 1:
            self.whose[:] = pen

    def _pixels(self, world: NDArray[np.float64]) -> NDArray[np.int32]:
        """(n, 3) to (n, 2), in sixteenths of a pixel."""
        camera = world @ self.turn.T + np.array(self.lens.translation)
        bend = np.array(self.lens.distortion or (0.0,) * 4)
        flat, _ = cv2.projectPoints(camera, np.zeros(3), np.zeros(3), self.lens.matrix, bend)
        return np.asarray(np.clip(flat[:, 0], -4000, 12000) * 16 + 0.5, np.int32)

    def seen(self, finer: int) -> View:
        size = self.lens.width // finer, self.lens.height // finer
        alpha = np.maximum((self.person == 1) * np.float32(1), self.whose * np.float32(1 / 255))
        hair = self.strand * np.float32(1 / 255)
        if finer == 1:
            return View(self.rgb, self.metres, alpha, hair, self.person)
        mean, first = cv2.INTER_AREA, slice(finer // 2, None, finer)
        return View(
            np.asarray(cv2.resize(self.rgb, size, interpolation=mean), np.uint8),
            np.ascontiguousarray(self.metres[first, first]),
            np.asarray(cv2.resize(alpha, size, interpolation=mean), np.float32),
            np.asarray(cv2.resize(hair, size, interpolation=mean), np.float32),
            np.ascontiguousarray(self.person[first, first]),
        )


def _tint(blob: Blob) -> tuple[float, float, float]:
    """Whoever is behind wears something else."""
    red, green, blue = TINTS[blob.part]
    if blob.part == "shirt" and blob.person > 1:
        return 150, 70, 62
    return red, green, blue


def _strand(
    rng: np.random.Generator, at: tuple[float, float, float], second: float
) -> NDArray[np.float64]:
    """(n, 3): from the outline of the head outwards and down."""
    angle = rng.uniform(-3.4, 0.26)
    out, length = rng.uniform(0.92, 1.0), rng.uniform(0.02, 0.06)
    root = np.array([0.1 * math.cos(angle) * out, -0.02 + 0.138 * math.sin(angle) * out, 0.045])
    along = np.array([math.cos(angle), math.sin(angle), rng.uniform(-0.2, 0.2)])
    steps = np.linspace(0, 1, 7)[:, None]
    curl = rng.uniform(-0.02, 0.02) + 0.004 * math.sin(1.3 * second + angle)
    bent = np.array([-along[1], along[0], 0]) * curl * steps**2 + [0, 0.05, 0] * steps**2
    strand: NDArray[np.float64] = np.array(at) + root + along * length * steps + bent
    return strand


def _rays(lens: Lens) -> tuple[Floats, NDArray[np.float64], NDArray[np.float64]]:
    """(3, H, W) world directions with a step of 1 along the camera's axis; its place; its turn."""
    columns, rows = np.meshgrid(np.arange(lens.width), np.arange(lens.height))
    pixels = np.stack([columns, rows], -1).reshape(-1, 1, 2).astype(np.float64)
    bend = np.array(lens.distortion or (0.0,) * 4)
    straight = cv2.undistortPoints(pixels, lens.matrix, bend).reshape(-1, 2)
    turn = np.array(lens.rotation)
    rays = turn.T @ np.concatenate([straight, np.ones((len(straight), 1))], 1).T
    shaped = np.ascontiguousarray(rays.reshape(3, lens.height, lens.width), np.float32)
    return shaped, -turn.T @ np.array(lens.translation), turn


@kernel
def cast(
    rays: Floats,
    start: Floats,
    radii: Floats,
    tint: Floats,
    person: int,
    metres: Floats,
    rgb: Bytes,
    whose: Bytes,
) -> None:
    """One ellipsoid, centred on the origin, seen from `start`; lit from the upper left."""
    for j in range(metres.shape[0]):
        for i in range(metres.shape[1]):
            a, b, c = np.float32(0), np.float32(0), np.float32(-1)
            for k in range(3):
                along, from_ = rays[k, j, i] / radii[k], start[k] / radii[k]
                a += along * along
                b += along * from_
                c += from_ * from_
            inside = b * b - a * c
            if inside <= 0:
                continue
            depth = (-b - np.sqrt(inside)) / a
            if depth < np.float32(0.05) or depth >= metres[j, i]:
                continue
            normal = np.empty(3, np.float32)
            for k in range(3):
                normal[k] = (start[k] + depth * rays[k, j, i]) / (radii[k] * radii[k])
            length = np.sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
            towards = (
                np.float32(-0.4) * normal[0]
                - np.float32(0.5) * normal[1]
                - np.float32(0.77) * normal[2]
            )
            light = np.float32(0.45) + np.float32(0.55) * max(towards / length, np.float32(0))
            metres[j, i], whose[j, i] = depth, person
            for k in range(3):
                rgb[j, i, k] = np.uint8(tint[k] * light)
