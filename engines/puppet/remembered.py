"""Remembered: a face as a clip has shown it, laid into the moved photograph."""

from collections.abc import Callable

import cv2
import numpy as np

from omote.engines.faces.pose import Likeness
from omote.engines.faces.topology import OVAL
from omote.engines.kernels import Bytes, Floats
from omote.engines.puppet.bank import Bank
from omote.engines.puppet.closeup import SIDE, Closeup, closeup, cut_out
from omote.engines.puppet.pose_transfer import Target
from omote.engines.puppet.reference import Reference
from omote.engines.puppet.stencil import stencil

CHIN, HAIR = 1.04, 1.12
"How far beyond the face's contour it reaches, of the contour's distance from the middle."
HIGHEST = 10
"Landmark on the forehead."
SOFT = 0.45
"Centimetres over which it goes over into the photograph."
LIVELY = 0.5
"Share of what is wanted now that is taken over at once: keyframes take turns softly."


Drawn = Callable[[Closeup], Bytes]
"From where a face is to what it looks like there, a closeup (SIDE, SIDE, 4)."


class Remembered:
    """What a bank shows, moved; frames in order."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._shares: Floats | None = None

    def __call__(self, face: Closeup) -> Bytes:
        """The likest keyframes laid over one another, (SIDE, SIDE, 4)."""
        return self._bank.blended(face, self.shares(face))[0]

    def shares(self, face: Closeup) -> Floats:
        """(n,) of the keyframes, which come and go within a few frames."""
        wanted = self._bank.shares(face)
        if self._shares is not None:
            wanted = self._shares + np.float32(LIVELY) * (wanted - self._shares)
        self._shares = wanted
        return wanted


class Inlay:
    """Puts what is drawn of a face where the photograph's goes, in the photograph's light."""

    def __init__(self, reference: Reference, drawn: Drawn) -> None:
        self._drawn = drawn
        at = closeup(reference.landmarks, reference.likeness)
        self._levels = _levels(cut_out(reference.rgb, at), drawn(at)[..., :3], at)

    def __call__(self, made: Bytes, corner: tuple[int, int], target: Target) -> None:
        """Into a part of the result that begins at `corner`, (h, w, 4) as `Reference.front`."""
        at = closeup(target.landmarks, Likeness(target.scale, target.rotation, target.place))
        hole = stencil(_reach(target.landmarks) - corner, made.shape, SOFT * target.scale)
        if hole is None:
            return
        affine = at.affine.astype(np.float64)
        affine[:, 2] += affine[:, :2] @ (0.5, 0.5) - 0.5
        affine[:, 2] -= (corner[0] + hole.left, corner[1] + hole.top)
        size = hole.alpha.shape[::-1]
        seen = self._drawn(at)
        lit, share = cv2.LUT(seen[..., :3], self._levels), cv2.merge([seen[..., 3]] * 3)
        front = np.dstack([cv2.multiply(lit, share, scale=1 / 255), seen[..., 3]])
        placed = cv2.warpAffine(front, affine, size, borderMode=cv2.BORDER_REPLICATE)
        hole.put(np.asarray(placed, np.uint8), made)


def _reach(landmarks: Floats) -> Floats:
    """(n, 2): around the face, with its hair and ears but without its neck."""
    contour = landmarks[list(OVAL), :2]
    middle = contour.mean(0)
    up = landmarks[HIGHEST, :2] - middle
    above = (contour - middle) @ up / (up @ up)
    grown = CHIN + (HAIR - CHIN) * np.clip((above + 0.35) / 0.5, 0, 1)
    return np.asarray(middle + grown[:, None] * (contour - middle), np.float32)


def _levels(wanted: Bytes, given: Bytes, at: Closeup) -> Bytes:
    """(1, 256, 3): what each level becomes so that skin has the wanted colour."""
    where = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(where, [at.landmarks[list(OVAL), :2].round().astype(np.int32)], (255,))
    gains = [np.array(cv2.mean(each, where)[:3]) for each in (wanted, given)]
    gain = np.clip(gains[0] / np.maximum(gains[1], 1), 0.5, 2.0)
    levels = np.clip(np.arange(256)[:, None] * gain + 0.5, 0, 255)
    return np.asarray(levels[None], np.uint8)
