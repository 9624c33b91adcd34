"""Mesh puppet: a photograph whose face, hair and neck follow a driver; what is behind stands still."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines.kernels import Bytes, Floats
from omote.engines.puppet import eyes
from omote.engines.puppet.mouth import Interior, Mouth
from omote.engines.puppet.pose_transfer import Target
from omote.engines.puppet.reference import Reference
from omote.engines.puppet.surround import reach, ring_count, sheet, triangles
from omote.engines.puppet.unrolled import unroll

COARSE = 320
"Long side of the map from the result to the photograph, before it is enlarged."


@dataclass(frozen=True, slots=True, eq=False)
class Patch:
    """The part of the picture that may have changed."""

    rgb: Bytes
    "(h, w, 3)."
    left: int
    "Even, pixels."
    top: int
    "Even, pixels."


class MeshPuppet:
    """Of one reference, set into one size."""

    def __init__(self, reference: Reference, interior: Interior) -> None:
        self.reference = reference
        self.mouth = Mouth(reference, interior)
        self.folded = 0
        "Triangles around the face that were folded in the latest result."
        self._box = _box(reference)
        left, top, right, bottom = self._box
        part = np.s_[top:bottom, left:right]
        self._rgba = np.dstack([reference.rgb, reference.alpha])
        self._behind = np.ascontiguousarray(reference.behind[part])
        self._places = _places(right - left, bottom - top) + np.float32([left, top])

    def __call__(self, target: Target) -> Patch:
        """The picture where the face goes, and around it."""
        left, top, _, _ = self._box
        maps = self._maps(target)
        warped = cv2.remap(
            self._rgba, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        person = np.ascontiguousarray(warped[..., :3])
        eyes.drawn(
            self.reference.rgb, person, (left, top), self.reference.landmarks, target.landmarks
        )
        self.mouth.drawn(person, (left, top), target)
        alpha = np.ascontiguousarray(warped[..., 3])
        return Patch(_over(person, alpha, self._behind), left, top)

    def still(self) -> Bytes:
        """The whole picture (H, W, 3) as it is where nothing ever moves."""
        of = self.reference
        return _over(of.rgb, of.alpha, of.behind)

    def _maps(self, target: Target) -> Floats:
        """(h, w, 2): where each pixel of the part comes from."""
        left, top, right, bottom = self._box
        few = min(1.0, COARSE / max(right - left, bottom - top))
        columns, rows = round((right - left) * few), round((bottom - top) * few)
        scale = np.array([columns / (right - left), rows / (bottom - top)], np.float32)
        laid = sheet(self.reference, target)
        out = _places(columns, rows)
        near = np.full((rows, columns), np.inf, np.float32)
        corners = (
            (points - np.float32([left, top])) * scale - np.float32(0.5)
            for points in (laid.before, laid.after)
        )
        self.folded = unroll(*corners, laid.depth, triangles(), ring_count(), near, out)
        moved = (out - _places(columns, rows)) / scale
        full = cv2.resize(moved, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
        full += self._places
        return np.asarray(full, np.float32)


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


def _over(person: Bytes, alpha: Bytes, behind: Bytes) -> Bytes:
    share = cv2.merge([alpha] * 3)
    front = cv2.multiply(person, share, scale=1 / 255)
    rest = cv2.multiply(behind, cv2.bitwise_not(share), scale=1 / 255)
    return np.asarray(cv2.add(front, rest), np.uint8)
