"""Composition: a person over another background, without the colours of the old one.

The foreground's colour at the edge is estimated after Forte and Pitié, "Approximate fast foreground
colour estimation" (2021), from the mean colours of either side: F + a (I - a F - (1 - a) B).
Blocks without an edge are copied, so that only the edge costs anything.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines.edges import BLOCK, EDGE, FULL, Alpha
from omote.engines.i420 import I420, Planes, blank
from omote.engines.kernels import Bytes, Floats, Steps, kernel, spread, steps

WRAP = 2
"How far the new background's light reaches into the person, coarse pixels."


@dataclass(frozen=True, slots=True)
class Edge:
    """What becomes of the edge."""

    decontaminate: float = 1.0
    "How much of the old background is taken out of its colours, 0..1."
    light_wrap: float = 0.0
    "How much of the new background's light falls on it, 0..1."
    hardness: float = 0.0
    "0 keeps the matte's transition, 1 leaves hardly any, and that farther inside."


@dataclass(frozen=True, slots=True, eq=False)
class Soft:
    """A picture without detail, kept small until it is composed."""

    width: int
    "Columns of the picture it stands for, pixels."
    height: int
    planes: Planes
    "Y, U and V of one small size."


@dataclass(frozen=True, slots=True, eq=False)
class Layered(Soft):
    """Without detail too, but where another picture shows through."""

    sharp: I420
    "The other."
    sharpness: Bytes
    "(h, w), 0..128: how much of it."


def composed(picture: I420, matte: Alpha, behind: I420 | Soft, edge: Edge) -> I420:
    """The person of `picture` over `behind`, whose size is the same."""
    made = blank(picture.width, picture.height, picture.colours)
    for there, here in zip(made.planes, behind.planes, strict=True):
        _stretch(here, there)
    if isinstance(behind, Layered):
        for plane, there, here in zip(made.planes, made.rows, behind.sharp.rows, strict=True):
            levels = cv2.resize(behind.sharpness, plane.shape[::-1])
            show(here, np.asarray(levels, np.uint8), there)
    shape = matte.low.shape
    light = np.zeros(shape, np.float32)
    blocks = matte.blocks
    if edge.light_wrap > 0:
        light = _light(matte.low, edge.light_wrap)
        blocks = _widened(blocks, matte)
    soft = _coarse(behind, shape)
    middle, steep = np.float32(0.5 + 0.2 * edge.hardness), np.float32(1 / (1 - 0.9 * edge.hardness))
    for index, (source, target) in enumerate(zip(picture.rows, made.rows, strict=True)):
        scale = 2 if index == 0 else 1
        # Cameras halve colour's resolution, so it bleeds farther over the edge than light.
        bled = matte.near * np.float32(edge.decontaminate * (index > 0))
        inside, outside = matte.foreground[index], matte.background[index]
        maps = np.stack([inside, outside, light, soft[index], bled])
        down, across = (steps(scale * n, m) for n, m in zip(matte.half.shape, shape, strict=True))
        lay(
            matte.half, blocks, scale, source, target, maps,
            np.float32(edge.decontaminate), middle, steep, down, across,
        )  # fmt: skip
    return made


def _stretch(plane: Bytes, target: Bytes) -> None:
    if plane.shape == target.shape:
        np.copyto(target, plane)
    else:
        cv2.resize(plane, target.shape[::-1], dst=target, interpolation=cv2.INTER_LINEAR)


def _coarse(behind: I420 | Soft, shape: tuple[int, ...]) -> list[Floats]:
    planes = behind.level(behind.coarse) if isinstance(behind, I420) else behind.planes
    return [cv2.resize(plane, shape[::-1]).astype(np.float32) for plane in planes]


def _light(low: Floats, strength: float) -> Floats:
    """How much light of the background reaches each coarse pixel, 0..1."""
    side = 2 * WRAP + 1
    reach = cv2.blur(1 - low, (side, side), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(reach * reach * np.float32(strength), np.float32)


def _widened(blocks: Bytes, matte: Alpha) -> Bytes:
    """Blocks the light reaches are edges too."""
    reach = -(-WRAP * matte.half.shape[1] // (matte.low.shape[1] * BLOCK))
    window = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    near = cv2.dilate((blocks == EDGE).astype(np.uint8), window)
    return np.where((near > 0) & (blocks == FULL), np.uint8(EDGE), blocks)


@kernel
def lay(
    alpha: Bytes,
    blocks: Bytes,
    scale: int,
    source: Bytes,
    target: Bytes,
    maps: Floats,
    clean: np.float32,
    middle: np.float32,
    steep: np.float32,
    down: Steps,
    across: Steps,
) -> None:
    """Lay a plane's person over `target`, in place.

    `scale`: pixels of the plane per pixel of alpha, 1 or 2. `maps` (5, h, w): colour inside, colour
    outside, light, the new background without detail, how much colour may have bled. `clean`:
    0..1 decontaminated.
    """
    size = 8 * scale
    height, width = alpha.shape[0] * scale, alpha.shape[1] * scale
    wide = np.empty((5, int(np.max(down[1][:size])) + 3, width), np.float32)
    opacity = np.empty(width, np.float32)
    for row in range(blocks.shape[0]):
        kinds, block = blocks[row], 0
        first, last = row * size, min(row * size + size, height)
        top, bottom = down[0][first], down[1][last - 1]
        while block < kinds.size:
            kind, start = kinds[block], block * size
            while block < kinds.size and kinds[block] == kind:
                block += 1
            stop = min(block * size, width)
            if kind == 1:
                for j in range(first, last):
                    _copy(source[j, start:stop], target[j, start:stop])
            if kind != 2:
                continue
            spread(maps, top, bottom, across, start, stop, wide)
            for j in range(first, last):
                _alphas(alpha, scale, j, start, stop, opacity)
                seen, shown = source[j, start:stop], target[j, start:stop]
                above, below, part = down[0][j] - top, down[1][j] - top, down[2][j]
                _mix(seen, shown, opacity, wide, start, above, below, part, clean, middle, steep)


@kernel
def show(source: Bytes, sharpness: Bytes, target: Bytes) -> None:
    """Lay `source` over `target`, in place, by 0..128 of `sharpness`; both may be wider."""
    most = np.int16(128)
    for j in range(sharpness.shape[0]):
        seen, levels, made = source[j], sharpness[j], target[j]
        for i in range(levels.size):
            level = np.int16(levels[i])
            total = np.int32(seen[i]) * level + np.int32(made[i]) * (most - level)
            made[i] = np.uint8((total + np.int32(64)) >> np.int32(7))


@kernel
def _copy(source: Bytes, target: Bytes) -> None:
    for i in range(source.size):
        target[i] = source[i]


@kernel
def _alphas(alpha: Bytes, scale: int, j: int, start: int, stop: int, values: Floats) -> None:
    """Row `j` of alpha at `scale`, from `start` to `stop`, 0..1, from the first of `values` on."""
    much, little = np.float32(0.75 / 255), np.float32(0.25 / 255)
    if scale == 1:
        here = alpha[j, start:stop]
        for i in range(here.size):
            values[i] = (much + little) * np.float32(here[i])
        return
    height, width = alpha.shape
    first, last = start // 2, stop // 2
    near, far = alpha[j // 2], alpha[min(max(j // 2 + (j % 2) * 2 - 1, 0), height - 1)]
    column = np.empty(last - first + 2, np.float32)
    before, after = max(first - 1, 0), min(last, width - 1)
    column[0] = much * np.float32(near[before]) + little * np.float32(far[before])
    column[-1] = much * np.float32(near[after]) + little * np.float32(far[after])
    inner, near, far = column[1:-1], near[first:last], far[first:last]
    for i in range(inner.size):
        inner[i] = much * np.float32(near[i]) + little * np.float32(far[i])
    for i in range(inner.size):
        middle = np.float32(0.75) * column[i + 1]
        values[2 * i] = middle + np.float32(0.25) * column[i]
        values[2 * i + 1] = middle + np.float32(0.25) * column[i + 2]


@kernel
def _mix(
    source: Bytes,
    target: Bytes,
    alpha: Floats,
    wide: Floats,
    start: int,
    above: int,
    below: int,
    part: np.float32,
    clean: np.float32,
    middle: np.float32,
    steep: np.float32,
) -> None:
    none, half, one, most = np.float32(0), np.float32(0.5), np.float32(1), np.float32(255)
    stop = start + source.size
    f0, f1 = wide[0, above, start:stop], wide[0, below, start:stop]
    b0, b1 = wide[1, above, start:stop], wide[1, below, start:stop]
    l0, l1 = wide[2, above, start:stop], wide[2, below, start:stop]
    n0, n1 = wide[3, above, start:stop], wide[3, below, start:stop]
    e0, e1 = wide[4, above, start:stop], wide[4, below, start:stop]
    for i in range(source.size):
        inside = f0[i] + (f1[i] - f0[i]) * part
        outside = b0[i] + (b1[i] - b0[i]) * part
        light = l0[i] + (l1[i] - l0[i]) * part
        soft = n0[i] + (n1[i] - n0[i]) * part
        seen, new, a = np.float32(source[i]), np.float32(target[i]), alpha[i]
        estimate = inside + a * (seen - a * inside - (one - a) * outside)
        person = seen + clean * (estimate - seen)
        apart = inside - outside
        foreign = (inside - seen) * apart / (apart * apart + np.float32(25))
        foreign = min(max((foreign - np.float32(0.04)) * np.float32(5), none), one)
        bled = e0[i] + (e1[i] - e0[i]) * part
        person += bled * foreign * (inside - person)
        person += light * (soft - person)
        person = min(max(person, none), most)
        opacity = min(max((a - middle) * steep + half, none), one)
        target[i] = np.uint8(new + opacity * (person - new) + half)


KERNELS = (lay, show)
