"""Bank: a few closeups of one person, as different as can be, to take skin, teeth and eyes from."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from omote.engines.faces.topology import (
    LEFT_BROW,
    LEFT_EYE,
    LEFT_IRIS,
    LIPS_INNER,
    LIPS_OUTER,
    NOSE,
    OVAL,
    RIGHT_BROW,
    RIGHT_EYE,
    RIGHT_IRIS,
)
from omote.engines.kernels import Bytes, Floats
from omote.engines.puppet.closeup import SIDE, Closeup
from omote.engines.puppet.reference import FACE_POINTS
from omote.engines.puppet.surround import CHEEKS, HOLES, RINGS, ring_count, triangles
from omote.engines.puppet.unrolled import unroll

COARSE = 72
"Side of the map from a closeup to a keyframe, before it is enlarged."
FAR, BEHIND = 1e9, 1e6
"Depths of what nothing was drawn on yet, and of what is around the face."
UPPER = (33, 263, 168, 10, 234, 454)
"Landmarks that no expression moves; what is around the face is measured from their middle."
AT_ONCE = 4
"Keyframes that are laid over one another."
LEAST = 0.03
"Share of one that is worth the work."
TINY = 1e-3
WEIGHED = (
    ((*LIPS_INNER,), 2.0),
    ((*LIPS_OUTER,), 1.0),
    ((*RIGHT_EYE, *LEFT_EYE), 2.0),
    ((RIGHT_IRIS, LEFT_IRIS), 4.0),
    ((*RIGHT_BROW, *LEFT_BROW), 1.0),
    ((*NOSE,), 2.0),
    ((*OVAL,), 1.0),
)
"What of a face says whether another looks alike, and how much each part of it says."
POINTS = [point for points, _ in WEIGHED for point in points]
WEIGHTS = np.array(
    [[(weight / len(points)) ** 0.5] for points, weight in WEIGHED for _ in points], np.float32
)


@dataclass(frozen=True, slots=True, eq=False)
class Keyframe:
    """A closeup and its picture."""

    picture: Bytes
    "(SIDE, SIDE, 4): RGB, and 255 where the person is."
    landmarks: Floats
    "(478, 3), in it."


@dataclass(frozen=True, eq=False)
class Bank:
    """Keyframes of one person; the first is the one nearest to all others."""

    keyframes: tuple[Keyframe, ...]
    of: str = ""
    "Stamp of the clip, by which it is known again."

    def shares(self, target: Closeup) -> Floats:
        """(n,): how much of each keyframe a face is, 1 in all; of all but `AT_ONCE` nothing.

        They change without a jump, also when another keyframe becomes one of the likest.
        """
        return shares(self.apart(target))

    def apart(self, target: Closeup) -> Floats:
        """(n,): how little each keyframe is like a face, squared pixels of a closeup."""
        return np.asarray(((self._features - _features(target.landmarks)) ** 2).sum(1), np.float32)

    @cached_property
    def _features(self) -> Floats:
        return np.stack([_features(each.landmarks) for each in self.keyframes])

    def blended(self, target: Closeup, shares: Floats, size: int = SIDE) -> tuple[Bytes, Bytes]:
        """What the face looks like, of several keyframes and of the likest alone; (size, size, 4)."""
        order = np.argsort(-shares)[:AT_ONCE]
        order = order[shares[order] > LEAST]
        pictures = warped([self.keyframes[k] for k in order], target, size)
        return mixed(pictures, shares[order]), pictures[0]


def shares(apart: Floats) -> Floats:
    """(n,) of squared distances (n,): the nearer the more."""
    near = 1 / (apart + TINY)
    least = np.sort(near)[-AT_ONCE - 1] if len(near) > AT_ONCE else 0.0
    share = np.maximum(near - least, 0)
    return np.asarray(share / share.sum(), np.float32)


def mixed(pictures: Sequence[Bytes], shares: Floats) -> Bytes:
    """Pictures of one size, each by its share."""
    made, upto = pictures[0], float(shares[0])
    for picture, share in zip(pictures[1:], shares[1:].tolist(), strict=True):
        upto += share
        made = np.asarray(
            cv2.addWeighted(made, 1 - share / upto, picture, share / upto, 0), np.uint8
        )
    return made


def warped(keyframes: Sequence[Keyframe], target: Closeup, size: int = SIDE) -> list[Bytes]:
    """The face of each keyframe (size, size, 4) where the target's is."""
    edge = cv2.BORDER_REPLICATE
    maps, made = _maps(keyframes, target), []
    for number, keyframe in enumerate(keyframes):
        # Of more than four channels at once OpenCV 5.0 makes a muddle.
        few = (np.ascontiguousarray(maps[..., 2 * number + axis]) for axis in (0, 1))
        x, y = (cv2.resize(each, (size, size)) for each in few)
        taken = cv2.remap(keyframe.picture, x, y, cv2.INTER_LINEAR, borderMode=edge)
        made.append(np.asarray(taken, np.uint8))
    return made


def _maps(keyframes: Sequence[Keyframe], target: Closeup) -> Floats:
    """(COARSE, COARSE, 2 n): the index of each keyframe's pixel that is seen at each place."""
    scale = np.float32(COARSE / SIDE)
    before = np.hstack([_corners(each.landmarks) for each in keyframes]) - np.float32(0.5)
    after = _corners(target.landmarks) * scale - np.float32(0.5)
    depth = np.full(len(after), BEHIND, np.float32)
    depth[:FACE_POINTS] = target.landmarks[:FACE_POINTS, 2]
    depth[-len(HOLES) :] = [target.landmarks[list(hole), 2].mean() for hole in HOLES]
    ys, xs = np.mgrid[:COARSE, :COARSE].astype(np.float32) / scale
    out = np.ascontiguousarray(np.stack([xs, ys] * len(keyframes), -1))
    near = np.full((COARSE, COARSE), FAR, np.float32)
    unroll(before, after, depth, triangles(), ring_count(), near, out)
    return out


def _corners(landmarks: Floats) -> Floats:
    """(n, 2) of the triangles that a closeup is cut into: as in `surround`, but all around go along."""
    flat = landmarks[:, :2]
    oval = flat[list(OVAL)]
    outwards = oval - flat[list(UPPER)].mean(0)
    rings = [oval + (far - 1) * outwards for far in (*(1.0,) * CHEEKS, *RINGS)]
    holes = [flat[list(hole)].mean(0) for hole in HOLES]
    return np.vstack([flat[:FACE_POINTS], *rings, holes]).astype(np.float32)


def _features(landmarks: Floats) -> Floats:
    return np.asarray((landmarks[POINTS, :2] * WEIGHTS).ravel(), np.float32)


def farthest(faces: list[Floats], count: int) -> list[int]:
    """Which of landmarks (478, 3) of closeups differ most: each the farthest from those before."""
    features = np.stack([_features(each) for each in faces])
    first = int(((features - np.median(features, 0)) ** 2).sum(1).argmin())
    chosen, apart = [first], ((features - features[first]) ** 2).sum(1)
    while len(chosen) < min(count, len(faces)):
        chosen.append(int(apart.argmax()))
        apart = np.minimum(apart, ((features - features[chosen[-1]]) ** 2).sum(1))
    return chosen


def save(bank: Bank, path: Path) -> None:
    """Write the file whole or not at all."""
    unfinished = path.with_suffix(".unfinished")
    path.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.open("wb") as file:
        np.savez_compressed(
            file,
            pictures=np.stack([each.picture for each in bank.keyframes]),
            landmarks=np.stack([each.landmarks for each in bank.keyframes]),
            of=bank.of,
        )
    os.replace(unfinished, path)


def load(path: Path) -> Bank:
    """As it was saved; raises `OSError`, `ValueError` or `KeyError` if it is none."""
    with np.load(path) as kept:
        rows = zip(kept["pictures"], kept["landmarks"], strict=True)
        return Bank(tuple(Keyframe(*row) for row in rows), str(kept["of"]))
