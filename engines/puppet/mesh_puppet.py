"""Mesh puppet: a photograph whose face, hair and neck follow a driver; what is behind stands still."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines import backdrops
from omote.engines.beside import Beside
from omote.engines.kernels import Bytes, Floats
from omote.engines.puppet import album, eyes
from omote.engines.puppet.bank import Bank
from omote.engines.puppet.enrolment import enrol
from omote.engines.puppet.mouth import Interior, Mouth
from omote.engines.puppet.performance import Casting
from omote.engines.puppet.pose_transfer import Amounts, Target, transferred
from omote.engines.puppet.reference import Reference, studied
from omote.engines.puppet.remembered import Drawn, Inlay, Remembered
from omote.engines.puppet.surround import lit, reach, ring_count, sheet, triangles
from omote.engines.puppet.unrolled import add_lit_over, add_over, unroll
from omote.streams.frame import Frame, Picture

COARSE = 320
"Long side of the map from the result to the photograph, before it is enlarged."


FAR = 1e9
"Depth of what nothing was drawn on yet."


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The part of the picture that may have changed."""

    rgb: Bytes
    "(h, w, 3)."
    left: int
    "Even, pixels."
    top: int
    "Even, pixels."


class Animated:
    """The whole photograph, alive: shown instead of the camera's picture."""

    def __init__(self, of: Casting, drawn: Callable[[Bank], Drawn] = Remembered) -> None:
        """Study the photograph; raises `NoFace`, or `ValueError` if it cannot be decoded.

        A clip that was not looked through yet is so beside the stream; until that is done its
        first picture is the photograph.
        """
        self._of, self._drawn = of, drawn
        self._beside: Beside[_Set] = Beside("puppet", f"looking {of.source.name} through")
        bank = album.bank(of.source)
        self._use(self._set(bank))
        if bank is None and backdrops.length(of.source) > 1:
            self._beside.start(lambda: self._set(enrol(of.source, of.models, of.pixels)))

    def __call__(self, frame: Frame, amounts: Amounts) -> Picture:
        """See `Performance`; without a driver the photograph is at rest."""
        if (better := self._beside.taken()) is not None:
            self._use(better)
        face = frame.faces[0] if frame.faces else None
        made = self._puppet(transferred(self._puppet.reference, face, amounts))
        return self._of.pixels.patched(self._still, made.rgb, made.left, made.top)

    def settle(self) -> None:
        """Wait until the clip was looked through."""
        self._beside.settle()

    def reset(self) -> None:
        """No past."""

    def close(self) -> None:
        """End what is under way."""
        self._beside.close()

    def _use(self, made: "_Set") -> None:
        self._puppet, self._still = made.puppet, made.still

    def _set(self, bank: Bank | None) -> "_Set":
        of = self._of
        size = (of.like.width, of.like.height)
        reference = studied(album.photo(of.source, of.pixels), size, of.models, of.pixels)
        several = bank is not None and (self._drawn is not Remembered or len(bank.keyframes) > 1)
        inlay = Inlay(reference, self._drawn(bank)) if bank is not None and several else None
        puppet = MeshPuppet(reference, of.interior, inlay)
        return _Set(puppet, of.pixels.from_rgb(puppet.still(), of.like))


@dataclass(frozen=True, slots=True, eq=False)
class _Set:
    """A photograph in a frame's size, ready to be moved."""

    puppet: "MeshPuppet"
    still: Picture


class MeshPuppet:
    """Of one reference, set into one size."""

    def __init__(
        self, reference: Reference, interior: Interior, inlay: Inlay | None = None
    ) -> None:
        """With an `inlay` the face is its, with the eyes and the mouth in it."""
        self.reference = reference
        self.mouth = Mouth(reference, interior)
        self._inlay = inlay
        self._box = _box(reference)
        left, top, right, bottom = self._box
        part = np.s_[top:bottom, left:right]
        self._behind = np.ascontiguousarray(reference.behind[part])
        self._lit = np.ascontiguousarray(lit(reference)[part])
        self._few = min(1.0, COARSE / max(right - left, bottom - top))
        self._coarse = _places(round((right - left) * self._few), round((bottom - top) * self._few))
        self._places = _places(right - left, bottom - top) + np.array([left, top], np.float32)

    def __call__(self, target: Target) -> Patch:
        """The picture where the face goes, and around it."""
        left, top, _, _ = self._box
        of, (x, y) = self.reference, cv2.split(self._maps(target))
        taken = cv2.remap(of.front, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        person = np.asarray(taken, np.uint8)
        if self._inlay is not None:
            self._inlay(person, (left, top), target)
        else:
            colours = person[..., :3]
            eyes.drawn(of.rgb, colours, (left, top), of.landmarks, target.landmarks)
            self.mouth.drawn(colours, (left, top), target)
        made = np.empty_like(self._behind)
        add_lit_over(person, self._lit, target.gain, self._behind, made)
        return Patch(made, left, top)

    def still(self) -> Bytes:
        """The whole picture (H, W, 3) as it is where nothing ever moves."""
        of = self.reference
        made = np.empty_like(of.behind)
        add_over(of.front, of.behind, made)
        return made

    def _maps(self, target: Target) -> Floats:
        """(h, w, 2): where each pixel of the part comes from."""
        left, top, right, bottom = self._box
        rows, columns = self._coarse.shape[:2]
        scale = np.array([columns / (right - left), rows / (bottom - top)], np.float32)
        laid = sheet(self.reference, target)
        out = self._coarse.copy()
        near = np.full((rows, columns), FAR, np.float32)
        before, after = (
            (points - np.array([left, top], np.float32)) * scale - np.float32(0.5)
            for points in (laid.before, laid.after)
        )
        unroll(before, after, laid.depth, triangles(), ring_count(), near, out)
        moved = (out - self._coarse) / scale
        full = cv2.resize(moved, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.add(full, self._places), np.float32)


def _box(reference: Reference) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the outermost ring, even, within the picture."""
    height, width = reference.rgb.shape[:2]
    low, high = reach(reference)
    left, top = (max(0, int(edge)) & ~1 for edge in low)
    right = min(width, math.ceil(high[0]) + 1 & ~1)
    return left, top, right, min(height, math.ceil(high[1]) + 1 & ~1)


def _places(width: int, height: int) -> Floats:
    """(height, width, 2): the index of each pixel."""
    ys, xs = np.mgrid[:height, :width].astype(np.float32)
    return np.ascontiguousarray(np.stack([xs, ys], -1))
