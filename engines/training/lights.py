"""Lights: layers of light that glass throws at a camera, each about 1 at its brightest.

Every function takes a size (width, height), a picture that may be reflected, (h, w, 3) RGB of any
size, and a generator of random numbers; and gives (height, width, 3) linear light.
"""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats

Size = tuple[int, int]
"Width, height, pixels."
Numbers = NDArray[np.floating[Any]]

WHOLE = 256
"Longer side of a whole frame, pixels."

FINE = 4
"Bits of a pixel's fraction when shapes are drawn."


def patch(size: Size, other: Bytes, rng: np.random.Generator) -> Floats:
    """A picture reflected in a part, its border feathered."""
    return _reflected(size, other, rng) * region(size, rng)[..., None]


def everywhere(size: Size, other: Bytes, rng: np.random.Generator) -> Floats:
    """A picture reflected all over the glass."""
    return _reflected(size, other, rng, 2.6)


def window(size: Size, other: Bytes, rng: np.random.Generator) -> Floats:
    """Windows with bars, and something of what is outside."""
    mask = np.zeros(size[::-1], np.uint8)
    for _ in range(rng.integers(1, 4)):
        across, down = rng.integers(1, 4), rng.integers(1, 5)
        corners = _quad(size, rng, rng.uniform(0.12, 0.6), rng.uniform(0.4, 2.2))
        _panes(mask, corners, int(across), int(down), rng.uniform(0.02, 0.1))
    return _filled(mask, other, rng, rng.uniform(0, 0.8))


def screen(size: Size, other: Bytes, rng: np.random.Generator) -> Floats:
    """Screens: blueish, with lines of writing or a picture in them."""
    mask = np.zeros(size[::-1], np.uint8)
    for _ in range(rng.integers(1, 3)):
        corners = _quad(size, rng, rng.uniform(0.1, 0.5), rng.uniform(0.5, 0.75))
        rows = int(rng.integers(4, 14)) if rng.random() < 0.6 else 1
        _panes(mask, corners, 1, rows, rng.uniform(0.03, 0.12) if rows > 1 else 0.0)
    light = _filled(mask, other, rng, rng.uniform(0, 0.9))
    return np.asarray(light * np.array([0.8, 0.92, 1.05], np.float32), np.float32)


def lamp(size: Size, other: Bytes, rng: np.random.Generator) -> Floats:
    """Lamps, rings and tubes, with a halo and perhaps a streak."""
    core = np.zeros(size[::-1], np.uint8)
    for _ in range(rng.integers(1, 6)):
        _source(core, size, rng)
    light = core.astype(np.float32) / 255
    halo = cv2.GaussianBlur(light, (0, 0), rng.uniform(4, 16))
    light = light + halo * (rng.uniform(0, 0.6) / max(float(halo.max()), 1e-3))
    if rng.random() < 0.3:
        light = light + _streak(core, rng)
    return _coloured(light)


def spectacles(size: Size, other: Bytes, rng: np.random.Generator) -> Floats:
    """A window or a screen in the two lenses of somebody's glasses, alike but not the same."""
    width = _frame(size, rng) * rng.uniform(0.08, 0.24)
    middle = rng.uniform(0.3, 0.7, 2) * size
    tilt = rng.normal(0, 0.15)
    ahead = np.array([np.cos(tilt), np.sin(tilt)])
    lenses = np.zeros(size[::-1], np.float32)
    mask = np.zeros(size[::-1], np.uint8)
    inside = rng.normal(0, 0.25, 2) * width
    for side in (-0.62, 0.62):
        centre = middle + side * width * ahead
        lenses = np.maximum(lenses, _ellipse(size, centre, (width / 2, width * 0.4), tilt, 1.2))
        corners = _around(centre + inside, width * rng.uniform(0.3, 0.8), rng.uniform(0.4, 1), rng)
        _panes(mask, corners, int(rng.integers(1, 3)), int(rng.integers(1, 4)), 0.08)
    light = _filled(mask, other, rng, rng.uniform(0, 0.8))
    return np.asarray((light + rng.uniform(0, 0.12)) * lenses[..., None], np.float32)


def flare(size: Size, other: Bytes, rng: np.random.Generator) -> Floats:
    """A bright source at the edge, veiling, and its ghosts on the line through the middle."""
    source = rng.uniform(-0.15, 1.15, 2)
    source[rng.integers(2)] = rng.choice([-0.1, 0.02, 0.98, 1.1])
    centre = np.array([0.5, 0.5])
    light = veil(size, other, rng)
    for _ in range(rng.integers(1, 6)):
        at = (centre + (centre - source) * rng.uniform(-0.9, 1.3)) * size
        radius = rng.uniform(2, 16)
        colour = rng.uniform(0.2, 1, 3).astype(np.float32) * np.float32(rng.uniform(0.1, 0.6))
        disc = _ellipse(size, at, (radius, radius), 0, rng.uniform(0.4, 2))
        light = light + disc[..., None] * colour
    return np.asarray(light, np.float32)


def veil(size: Size, other: Bytes, rng: np.random.Generator) -> Floats:
    """Light spread over everything, more of it towards where it comes from."""
    source = rng.uniform(-0.4, 1.4, 2) * size
    x, y = _coordinates(size)
    distance = np.hypot(x - source[0], y - source[1]) / max(size)
    light = np.exp(-distance / rng.uniform(0.15, 1.5)).astype(np.float32)
    return _coloured(light / max(float(light.max()), 1e-3))


def ramp(size: Size, rng: np.random.Generator) -> Floats:
    """(height, width), 0..1: glass reflects more where it is seen at a grazing angle."""
    angle = rng.uniform(0, 2 * np.pi)
    x, y = _coordinates(size)
    along = (x / size[0] - 0.5) * np.cos(angle) + (y / size[1] - 0.5) * np.sin(angle)
    return np.asarray(np.clip(along * rng.uniform(0.8, 2) + 0.6, 0.05, 1), np.float32)


def region(size: Size, rng: np.random.Generator) -> Floats:
    """(height, width), 0..1: a few ellipses and polygons, softer or harder at the border."""
    mask = np.zeros(size[::-1], np.uint8)
    for _ in range(rng.integers(1, 4)):
        corners = _quad(size, rng, rng.uniform(0.2, 0.8), rng.uniform(0.4, 2))
        if rng.random() < 0.5:
            centre, axes = corners.mean(0), np.ptp(corners, axis=0) / 2
            box = (centre.tolist(), (2 * axes).tolist(), float(rng.uniform(0, 180)))
            cv2.ellipse(mask, box, 255, -1, cv2.LINE_AA)
        else:
            _fill(mask, corners, 255)
    feather = np.exp(rng.uniform(np.log(0.6), np.log(12)))
    soft = cv2.GaussianBlur(mask, (0, 0), float(feather)).astype(np.float32)
    return np.asarray(soft / max(float(soft.max()), 1), np.float32)


def blurred(light: Floats, sigma: float) -> Floats:
    """Out of focus by a Gaussian of `sigma` pixels."""
    edge = cv2.BORDER_REPLICATE
    return np.asarray(cv2.GaussianBlur(light, (0, 0), float(sigma), borderType=edge), np.float32)


def _coordinates(size: Size) -> tuple[Floats, Floats]:
    return np.arange(size[0], dtype=np.float32), np.arange(size[1], dtype=np.float32)[:, None]


def _coloured(light: Numbers) -> Floats:
    return np.asarray(np.repeat(light[..., None], 3, 2), np.float32)


def _reflected(size: Size, other: Bytes, rng: np.random.Generator, steepest: float = 3.6) -> Floats:
    """The other picture, mirrored, as light whose brightest parts are 1; often much contrast."""
    picture = cv2.resize(other[:, ::-1], size, interpolation=cv2.INTER_AREA)
    light = (picture.astype(np.float32) / 255) ** np.float32(rng.uniform(1.6, steepest))
    return np.asarray(light / max(float(np.quantile(light[::4, ::4], 0.98)), 0.05), np.float32)


def _filled(mask: Bytes, other: Bytes, rng: np.random.Generator, texture: float) -> Floats:
    """A drawn shape as light, with `texture` 0..1 of another picture in it."""
    shape = mask.astype(np.float32)[..., None] / 255
    outside = _reflected((mask.shape[1], mask.shape[0]), other, rng)
    return np.asarray(shape * (1 - texture + texture * np.minimum(outside, 1.2)), np.float32)


def _quad(size: Size, rng: np.random.Generator, share: float, aspect: float) -> Floats:
    """(4, 2) corners anywhere in the picture; `share` of the frame's longer side wide."""
    centre = rng.uniform(-0.05, 1.05, 2) * size
    return _around(centre, share * _frame(size, rng), aspect, rng)


def _frame(size: Size, rng: np.random.Generator) -> float:
    """The longer side of the frame that a picture may be a part of, pixels."""
    return float(max(size) * max(WHOLE / max(size), 1) ** rng.random())


def _around(centre: Numbers, width: float, aspect: float, rng: np.random.Generator) -> Floats:
    """(4, 2) corners around a centre, `aspect` times as high as wide, turned and in perspective."""
    half = np.array([width, width * aspect]) / 2
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half
    angle = rng.normal(0, 0.25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    bent = corners * rng.uniform(0.75, 1.1, (4, 2))
    return np.asarray(bent @ turn.T + centre, np.float32)


def _panes(mask: Bytes, corners: Floats, across: int, down: int, bar: float) -> None:
    """Draw a grid of panes with bars between, `bar` of the whole wide."""
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]], np.float32)
    project = cv2.getPerspectiveTransform(unit, corners.astype(np.float32))
    for i in range(across):
        for j in range(down):
            low = np.array([i / across, j / down]) + bar / 2
            high = np.array([(i + 1) / across, (j + 1) / down]) - bar / 2
            if (high <= low).any():
                continue
            pane = np.array([low, [high[0], low[1]], high, [low[0], high[1]]], np.float32)
            _fill(mask, cv2.perspectiveTransform(pane[None], project)[0], 255)


def _fill(mask: Bytes, corners: Floats, value: int) -> None:
    points = np.round(corners * (1 << FINE)).astype(np.int32)
    cv2.fillPoly(mask, [points], (value,), cv2.LINE_AA, FINE)


def _source(mask: Bytes, size: Size, rng: np.random.Generator) -> None:
    """Draw a bulb, a ring or a tube."""
    at = np.round(rng.uniform(0, 1, 2) * size * (1 << FINE)).astype(int).tolist()
    radius = int(np.exp(rng.uniform(np.log(1.2), np.log(14))) * (1 << FINE))
    value = (int(rng.integers(120, 256)),)
    kind = rng.random()
    if kind < 0.55:
        cv2.circle(mask, at, radius, value, -1, cv2.LINE_AA, FINE)
    elif kind < 0.75:
        cv2.circle(mask, at, 2 * radius, value, int(rng.integers(1, 4)), cv2.LINE_AA, FINE)
    else:
        angle, length = rng.uniform(0, np.pi), rng.uniform(6, 50) * (1 << FINE)
        end = [int(at[0] + length * np.cos(angle)), int(at[1] + length * np.sin(angle))]
        cv2.line(mask, at, end, value, int(rng.integers(1, 6)), cv2.LINE_AA, FINE)


def _streak(core: Bytes, rng: np.random.Generator) -> Floats:
    """(h, w): the cores smeared along one direction."""
    length = 2 * int(rng.integers(10, 30)) + 1
    kernel = np.zeros((length, length), np.float32)
    angle, middle = rng.uniform(0, np.pi), length // 2
    step = np.array([np.cos(angle), np.sin(angle)]) * middle
    start, end = np.round(middle - step).astype(int), np.round(middle + step).astype(int)
    cv2.line(kernel, start.tolist(), end.tolist(), (1.0,), 1, cv2.LINE_AA)
    smeared = cv2.filter2D(core.astype(np.float32) / 255, -1, kernel / kernel.sum())
    return np.asarray(smeared * rng.uniform(0.3, 1.2), np.float32)


def _ellipse(
    size: Size, centre: Numbers, radii: tuple[float, float], tilt: float, soft: float
) -> Floats:
    """(height, width), 0..1: a filled ellipse, `soft` pixels soft at its edge."""
    x, y = _coordinates(size)
    x, y = x - np.float32(centre[0]), y - np.float32(centre[1])
    cos, sin = np.float32(np.cos(tilt)), np.float32(np.sin(tilt))
    along, across = (x * cos + y * sin) / radii[0], (y * cos - x * sin) / radii[1]
    inside = (1 - np.hypot(along, across)) * min(radii) / soft
    return np.asarray(np.clip(inside + 0.5, 0, 1), np.float32)
