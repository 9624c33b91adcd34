"""Fusion: a person's matte from what the picture says and what depth says.

Depth knows who is near and who is far, but not hair, glasses and edges; the picture knows those, but
takes whoever is behind for part of the person. All maps are small, at most 320 pixels on the long side.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines.depth import gate as gates
from omote.engines.depth.gate import Mask
from omote.engines.depth.product import over, product
from omote.engines.kernels import Floats
from omote.streams.frame import Depth

FADE_S = 0.4
"Seconds in which depth that is lost lets go of the matte, and takes hold of it when it comes again."
LONGEST_S = 0.1
"From one frame to the next, as far as fading goes."
CLOSING_S = 0.12
"Time constant with which the gate closes; it opens at once, so that nobody who moves is cut."
FOLLOW = 0.2
"How quickly the person's distance is followed, from frame to frame; a jump is followed at once."
JUMP_M = 0.3
SURE = 0.3
"Confidence below which a depth is taken for unknown."


LEAST = 0.05
"Share of the picture whose depth must be known; with less it is as if there were none."


@dataclass(frozen=True, slots=True, eq=False)
class _Said:
    """What depth made of the last matte: times `scale` plus `more`, all (h, w)."""

    scale: Floats
    more: Floats
    near: Mask | None
    "What was near, for hysteresis."


class Fusion:
    """Fuses one stream's mattes with its depth; remembers, so that nothing flickers or jumps."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self.subject_m: float | None = None
        self._said: _Said | None = None
        self._hold = 0.0  # how much depth has to say, 0..1
        self._now: float | None = None

    def __call__(
        self, matte: Floats, probability: Floats, depth: Depth | None, now: float
    ) -> Floats:
        """The fused matte, (h, w) 0..1, of a refined one and the network's own, both (h, w).

        `now` in seconds. Without depth what it said last fades; without any the matte comes back as
        it is.
        """
        passed = 0.0 if self._now is None else min(max(now - self._now, 0.0), LONGEST_S)
        first, self._now = self._now is None, now
        if self._said is not None and self._said.scale.shape != matte.shape:
            self._said = None
        if depth is not None and depth.fusing.mode != "off" and _says_something(depth):
            self._said = self._say(matte, probability, depth, passed)
            goal = depth.weight
        else:
            goal = 0.0
        step = 1.0 if first else passed / FADE_S
        self._hold += min(max(goal - self._hold, -step), step)
        if self._said is None or self._hold <= 0:
            self._said = None if self._hold <= 0 else self._said
            return matte
        fused = np.clip(matte * self._said.scale + self._said.more, 0, 1)
        return np.asarray(matte + np.float32(self._hold) * (fused - matte), np.float32)

    def _say(self, matte: Floats, probability: Floats, depth: Depth, passed: float) -> _Said:
        metres = _of_size(_trusted(depth), matte)
        if depth.fusing.mode == "product":
            return self._product(matte, probability, metres, depth)
        inside = self._near(metres, matte, depth)
        if depth.fusing.mode == "depth":
            return self._alone(inside, np.isfinite(metres))
        made = gates.gate(inside, np.isfinite(metres))
        opened = made.opened
        if self._said is not None:
            closing = self._said.scale * np.float32(np.exp(-passed / CLOSING_S))
            opened = np.maximum(opened, np.minimum(closing, 1))
        return _Said(opened, opened * made.within * matte * (1 - matte), inside)

    def _product(self, matte: Floats, probability: Floats, metres: Floats, depth: Depth) -> _Said:
        fusing = depth.fusing
        second = None if depth.probability is None else _of_size(depth.probability, matte)
        out = product(matte, probability, metres, second, fusing.normalise, fusing.percentile)
        return _Said(np.zeros_like(matte), over(out, fusing.threshold), None)

    def _near(self, metres: Floats, matte: Floats, depth: Depth) -> Mask:
        fusing = depth.fusing
        far_m = fusing.far_m
        if far_m is None:
            self._follow(gates.subject(metres, matte, fusing.near_m))
            far_m = gates.FARTHEST_M if self.subject_m is None else self.subject_m + gates.REACH_M
        before = self._said.near if self._said is not None else None
        return gates.near(metres, fusing.near_m, far_m, before)

    def _follow(self, seen_m: float | None) -> None:
        if seen_m is None:
            return
        if self.subject_m is None or abs(seen_m - self.subject_m) > JUMP_M:
            self.subject_m = seen_m
        self.subject_m += FOLLOW * (seen_m - self.subject_m)

    def _alone(self, inside: Mask, known: Mask) -> _Said:
        """Depth alone: what is near is the person; of a hole, what was there before."""
        before = self._said.more if self._said is not None else np.zeros(inside.shape, np.float32)
        filled = np.where(known, inside, before > 0.5).astype(np.uint8)
        whole = cv2.medianBlur(filled * 255, 5)
        more = np.asarray(cv2.blur(whole, (3, 3)), np.float32) / np.float32(255)
        return _Said(np.zeros_like(more), more, inside)


def _says_something(depth: Depth) -> bool:
    return bool(np.count_nonzero(np.isfinite(_trusted(depth))) >= LEAST * depth.metres.size)


def _trusted(depth: Depth) -> Floats:
    """Its metres, NaN where it is not confident."""
    if depth.confidence is None:
        return depth.metres
    return np.where(depth.confidence >= SURE, depth.metres, np.float32(np.nan))


def _of_size(values: Floats, like: Floats) -> Floats:
    if values.shape == like.shape:
        return values
    size = like.shape[::-1]
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_NEAREST), np.float32)
