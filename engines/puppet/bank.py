"""Bank: a few closeups of one person, as different as can be, to take skin, teeth and eyes from."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
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
from omote.engines.puppet.surround import ring_count, sheet, triangles
from omote.engines.puppet.unrolled import unroll

COARSE = 96
"Side of the map from a closeup to a keyframe, before it is enlarged."
FAR = 1e9
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
"What of a face says whether another looks alike, and how much each point of it says."


@dataclass(frozen=True, slots=True, eq=False)
class Keyframe:
    """A closeup and its picture."""

    picture: Bytes
    "(SIDE, SIDE, 4): RGB, and 255 where the person is."
    landmarks: Floats
    "(478, 3), in it."
    plane: Floats
    "(3, 2), as `Closeup.plane`."


@dataclass(frozen=True, slots=True, eq=False)
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
        wanted = _features(target.landmarks)
        kept = np.stack([_features(each.landmarks) for each in self.keyframes])
        return np.asarray(((kept - wanted) ** 2).sum(1), np.float32)

    def blended(self, target: Closeup, shares: Floats, size: int = SIDE) -> tuple[Bytes, Bytes]:
        """What the face looks like, of several keyframes and of the likest alone; (size, size, 4)."""
        order = np.argsort(-shares)[:AT_ONCE]
        order = order[shares[order] > LEAST]
        pictures = [warped(self.keyframes[k], target, size) for k in order]
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


@dataclass(frozen=True, slots=True, eq=False)
class _Moved:
    landmarks: Floats
    head: Floats


def warped(keyframe: Keyframe, target: Closeup, size: int = SIDE) -> Bytes:
    """The keyframe's face (size, size, 4) where the target's is."""
    maps = _maps(keyframe, target)
    full = cv2.resize(maps, (size, size), interpolation=cv2.INTER_LINEAR)
    made = cv2.remap(
        keyframe.picture,
        full[..., 0],
        full[..., 1],
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(made, np.uint8)


def _maps(keyframe: Keyframe, target: Closeup) -> Floats:
    """(COARSE, COARSE, 2): the index of the keyframe's pixel that is seen at each place."""
    head = cv2.getAffineTransform(keyframe.plane, target.plane).astype(np.float32)
    laid = sheet(keyframe, _Moved(target.landmarks, head))
    scale = np.float32(COARSE / SIDE)
    before = laid.before - np.float32(0.5)
    after = laid.after * scale - np.float32(0.5)
    ys, xs = np.mgrid[:COARSE, :COARSE].astype(np.float32)
    out = np.ascontiguousarray(np.stack([xs, ys], -1) + np.float32(0.5)) / scale - np.float32(0.5)
    near = np.full((COARSE, COARSE), FAR, np.float32)
    unroll(before, after, laid.depth, triangles(), ring_count(), near, out)
    return out


def _features(landmarks: Floats) -> Floats:
    parts = [
        landmarks[list(points), :2].ravel() * np.sqrt(weight / len(points))
        for points, weight in WEIGHED
    ]
    return np.concatenate(parts)


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
            planes=np.stack([each.plane for each in bank.keyframes]),
            of=bank.of,
        )
    os.replace(unfinished, path)


def load(path: Path) -> Bank:
    """As it was saved; raises `OSError`, `ValueError` or `KeyError` if it is none."""
    with np.load(path) as kept:
        rows = zip(kept["pictures"], kept["landmarks"], kept["planes"], strict=True)
        return Bank(tuple(Keyframe(*row) for row in rows), str(kept["of"]))
