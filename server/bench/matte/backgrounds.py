"""Backgrounds: drawn ones, plain and busy, that a seed decides."""

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.server.bench.matte.shots import Bytes

Floats = NDArray[np.float32]
WALLS = ((196, 190, 178), (120, 140, 160), (225, 226, 222), (88, 104, 92), (170, 130, 120))


def plain(seed: int, width: int, height: int) -> Bytes:
    """A wall with uneven light and the corner of a room."""
    rng = np.random.default_rng((seed, 1))
    x, y = _here(width, height)
    light = 1 + 0.15 * (x * rng.uniform(-1, 1) + y * rng.uniform(-1, 1))
    corner = np.clip((x - rng.uniform(-0.8, 0.8)) * 200, 0, 1) * rng.uniform(-0.08, 0.08)
    wall = np.array(WALLS[rng.integers(len(WALLS))], np.float32)
    rough = 0.008 * _cloud(rng, width, height, 4)
    return _bytes(wall * (light + corner + rough)[..., None])


def busy(seed: int, width: int, height: int) -> Bytes:
    """Leaves, a shelf or a crowd of patches."""
    rng = np.random.default_rng((seed, 2))
    return (_leaves, _shelf, _patches)[seed % 3](rng, width, height)


def skin_coloured(seed: int, width: int, height: int) -> Bytes:
    """Grained wood, and before it pale rounded bars side by side as fingers are."""
    rng = np.random.default_rng((seed, 3))
    picture = _wood(rng, width, height)
    top = round(rng.uniform(0.05, 0.2) * height)
    thick = round(0.09 * height)
    for number in range(4):
        left = round(width * 0.06 + number * thick * 1.1)
        tone = tuple(int(value) for value in np.array((226, 178, 148)) * rng.uniform(0.85, 1.05))
        ends = (left, top + number % 2 * thick), (left, top + round(0.62 * height))
        cv2.line(picture, *ends, tone, thick, cv2.LINE_AA)
    return picture


def _leaves(rng: np.random.Generator, width: int, height: int) -> Bytes:
    picture = _bytes(np.full((height, width, 3), (38, 52, 30), np.float32))
    for _ in range(900):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        long = int(rng.integers(8, 46))
        tone = tuple(int(v) for v in np.array((90, 140, 60)) * rng.uniform(0.3, 1.6, 3) % 255)
        angle = float(rng.uniform(0, 180))
        axes = (long, max(2, long // int(rng.integers(3, 8))))
        cv2.ellipse(picture, centre, axes, angle, 0, 360, tone, -1, cv2.LINE_AA)
    for _ in range(160):
        ends = rng.integers(0, (width, height), (2, 2))
        end = ends[0] + (ends[1] - ends[0]) // 5
        tone = tuple(int(v) for v in rng.integers(20, 90, 3))
        cv2.line(
            picture, ends[0].tolist(), end.tolist(), tone, int(rng.integers(1, 4)), cv2.LINE_AA
        )
    return picture


def _shelf(rng: np.random.Generator, width: int, height: int) -> Bytes:
    picture = _wood(rng, width, height)
    board = height // 4
    for top in range(0, height, board):
        left = 0
        while left < width:
            wide, tall = int(rng.integers(9, 40)), int(rng.uniform(0.6, 0.92) * board)
            tone = tuple(int(v) for v in rng.integers(20, 235, 3))
            low = top + board - 8
            cv2.rectangle(picture, (left, low - tall), (left + wide - 2, low), tone, -1)
            mark = low - tall + int(rng.integers(8, 40))
            cv2.rectangle(picture, (left + 3, mark), (left + wide - 5, mark + 6), tone[::-1], -1)
            left += wide
    return picture


def _patches(rng: np.random.Generator, width: int, height: int) -> Bytes:
    """Coloured noise of every size, as in a crowd or a market."""
    picture = np.full((height, width, 3), 110, np.float32)
    for cell in (3, 6, 12, 24, 48, 96):
        tint = rng.normal(0, 7, 3).astype(np.float32) + np.float32(rng.normal(0, 18))
        picture += _cloud(rng, width, height, cell)[..., None] * tint
    return _bytes(picture)


def _wood(rng: np.random.Generator, width: int, height: int) -> Bytes:
    x, y = _here(width, height)
    rings = np.sin(28 * (y + 0.15 * np.sin(2.2 * x + rng.uniform(0, 6)) + 0.02 * x**2))
    grain = 0.5 * _cloud(rng, width, height, 3) * 0.12 + 0.1 * rings
    return _bytes(np.array((186, 132, 92), np.float32) * (1 + grain)[..., None])


def _cloud(rng: np.random.Generator, width: int, height: int, cell: int) -> Floats:
    """(height, width): noise of deviation 1 whose grains are `cell` pixels wide."""
    few = rng.normal(0, 1, (height // cell + 2, width // cell + 2)).astype(np.float32)
    grown = cv2.resize(few, (few.shape[1] * cell, few.shape[0] * cell))
    return np.asarray(grown[:height, :width], np.float32)


def _here(width: int, height: int) -> tuple[Floats, Floats]:
    """Each pixel's x and y, -1..1."""
    across = np.linspace(-1, 1, width, dtype=np.float32)
    down = np.linspace(-1, 1, height, dtype=np.float32)
    x, y = np.meshgrid(across, down)
    return np.asarray(x, np.float32), np.asarray(y, np.float32)


def _bytes(values: NDArray[np.floating]) -> Bytes:
    return np.asarray(np.clip(values, 0, 255), np.uint8)
