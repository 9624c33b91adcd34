"""Mouth: what is between the lips. The photograph's own teeth where it shows any, or drawn ones.

Upper teeth are fixed to the skull, lower ones to the jaw; lips only uncover them.
"""

from typing import Literal

import cv2
import numpy as np

from omote.engines.faces.topology import LIPS_INNER, LIPS_OUTER
from omote.engines.kernels import Bytes, Floats
from omote.engines.puppet.pose_transfer import Target
from omote.engines.puppet.reference import Reference
from omote.engines.puppet.stencil import Stencil, ramp, stencil

Interior = Literal["auto", "own", "drawn"]
Corner = tuple[int, int]
"Where a part of the picture begins: left, top."
OPEN = 0.35
"Centimetres between the lips from which on a photograph shows teeth."
PARTING = (0.06, 0.3)
"Centimetres between which parting lips show what is behind them."
UPPER, LOWER = LIPS_INNER[5], LIPS_INNER[15]
PER_CM = 40
"Pixels of the drawn teeth."
WIDE, HIGH = 6.0, 4.0
"Centimetres of them."


class Mouth:
    """Of one reference."""

    def __init__(self, reference: Reference, interior: Interior) -> None:
        self._reference = reference
        shape = reference.shape
        gap = float(np.linalg.norm(shape[UPPER] - shape[LOWER]))
        self.own = interior == "own" or (interior == "auto" and gap > OPEN)
        lips = reference.landmarks[list(LIPS_OUTER), :2]
        self._closed = gap if gap <= OPEN else 0.0
        self._light = _light(reference.rgb, lips)
        self._teeth = _teeth(self._light)
        # Where the lips would meet, in the head's own centimetres.
        self._seam = (shape[UPPER] + shape[LOWER]) / 2
        if gap > OPEN:
            self._seam = shape[UPPER] - np.array([0, 0.15, 0], np.float32)

    def drawn(self, made: Bytes, corner: Corner, target: Target) -> None:
        """Put it into a part of the result (h, w, 3) that begins at `corner`."""
        lips = target.landmarks[list(LIPS_INNER), :2] - corner
        soft = max(0.7, self._reference.likeness.scale / 25)
        hole = stencil(lips, made.shape, soft)
        share = ramp(self._gap(target), *PARTING)
        if hole is None or share == 0:
            return
        content = self._cavity(hole, lips)
        at = (corner[0] + hole.left, corner[1] + hole.top)
        self._add_teeth(at, content, target)
        if self.own:
            self._add_own(at, content, target)
        self._shade(hole, content)
        hole.faded(share).put(content, made)

    def _gap(self, target: Target) -> float:
        """Centimetres between the lips, less what the photograph has when they are closed."""
        apart = target.landmarks[UPPER] - target.landmarks[LOWER]
        return float(np.linalg.norm(apart)) / target.scale - self._closed

    def _shade(self, hole: Stencil, content: Bytes) -> None:
        """Lips cast shadows on what is behind them, the upper one most."""
        scale = self._reference.likeness.scale
        inside = cv2.GaussianBlur(hole.alpha, (0, 0), 0.12 * scale)
        drop = np.array([[1, 0, 0], [0, 1, 0.14 * scale]])
        below = cv2.warpAffine(inside, drop, inside.shape[::-1])
        lit = cv2.min(inside, below).astype(np.float32)[..., None] / 255
        content[:] = (content * (0.5 + 0.5 * np.clip(lit * 1.3, 0, 1))).astype(np.uint8)

    def _cavity(self, hole: Stencil, lips: Floats) -> Bytes:
        """Dark, redder and lighter towards the tongue."""
        rows, columns = hole.alpha.shape
        top, bottom = lips[:, 1].min() - hole.top, lips[:, 1].max() - hole.top
        down = np.clip((np.arange(rows) - top) / max(bottom - top, 1), 0, 1)[:, None, None]
        deep, tongue = self._light * (0.3, 0.13, 0.12), self._light * (0.55, 0.28, 0.26)
        reach = min(1.0, float(bottom - top) / (1.6 * self._reference.likeness.scale))
        colours = deep + (tongue - deep) * np.clip((down - 0.45) / 0.55, 0, 1) ** 1.5 * reach
        return np.ascontiguousarray(np.broadcast_to(colours, (rows, columns, 3))).astype(np.uint8)

    def _add_teeth(self, at: Corner, content: Bytes, target: Target) -> None:
        jaw = target.landmarks[LOWER, :2]
        for number, (colours, alpha) in enumerate(self._teeth):
            affine = self._placed(target, at)
            if number == 1:
                # The lower ones stand a little below the lower lip's edge, wherever the jaw is.
                middle = affine @ (WIDE / 2 * PER_CM, 0.15 * PER_CM, 1)
                affine[:, 2] += jaw - at - middle
                affine[:, 2] += 0.12 * PER_CM * affine[:, 1]
            size = content.shape[1::-1]
            share = cv2.warpAffine(alpha, affine, size)[..., None].astype(np.float32) / 255
            warped = cv2.warpAffine(colours, affine, size, borderMode=cv2.BORDER_REPLICATE)
            content[:] = (content * (1 - share) + warped * share).astype(np.uint8)

    def _placed(self, target: Target, at: Corner) -> Floats:
        """From the drawing of the teeth to the hole: a plane in the head, behind the lips."""
        x, y, z = self._seam
        corners = np.array(
            [
                [x - WIDE / 2, y + HIGH / 2, z - 0.6],
                [x + WIDE / 2, y + HIGH / 2, z - 0.6],
                [x - WIDE / 2, y - HIGH / 2, z - 0.6],
            ],
            np.float32,
        )
        there = (target.scale * corners @ target.rotation.T + target.place)[:, :2] * (1, -1)
        there -= at
        drawing = np.array([[0, 0], [WIDE, 0], [0, HIGH]], np.float32) * PER_CM
        return np.asarray(cv2.getAffineTransform(drawing, there.astype(np.float32)))

    def _add_own(self, at: Corner, content: Bytes, target: Target) -> None:
        """The photograph's own interior, fixed to the head, as far as it shows any."""
        reference = self._reference
        was, (x, y, z) = reference.likeness, self._seam
        plane = np.array([[x, y, z], [x + 4, y, z], [x, y - 4, z]], np.float32)
        before = (was.scale * plane @ was.rotation.T + was.place)[:, :2] * (1, -1)
        after = (target.scale * plane @ target.rotation.T + target.place)[:, :2] * (1, -1)
        affine = cv2.getAffineTransform(before.astype(np.float32), (after - at).astype(np.float32))
        lips = reference.landmarks[list(LIPS_INNER), :2]
        shown = np.zeros(reference.rgb.shape[:2], np.uint8)
        cv2.fillPoly(shown, [np.round(lips).astype(np.int32)], (255,), cv2.LINE_AA)
        edge = max(3, round(reference.likeness.scale / 8)) | 1
        shown = np.asarray(cv2.erode(shown, np.ones((edge, 1), np.uint8)), np.uint8)
        shown = np.asarray(cv2.GaussianBlur(shown, (0, 0), edge / 2), np.uint8)
        size = content.shape[1::-1]
        share = cv2.warpAffine(shown, affine, size)[..., None].astype(np.float32) / 255
        warped = cv2.warpAffine(reference.rgb, affine, size, flags=cv2.INTER_LINEAR)
        content[:] = (content * (1 - share) + warped * share).astype(np.uint8)


def _light(rgb: Bytes, lips: Floats) -> Floats:
    """The brightest common colour around the lips: what white is in this light, nearly."""
    low, high = lips.min(0).astype(int), lips.max(0).astype(int)
    grow = (high - low) // 2
    part = rgb[
        max(low[1] - grow[1], 0) : high[1] + grow[1], max(low[0] - grow[0], 0) : high[0] + grow[0]
    ]
    bright = np.percentile(part.reshape(-1, 3), 85, axis=0)
    return np.asarray(0.35 * bright.max() + 0.65 * bright, np.float32)


def _teeth(light: Floats) -> tuple[tuple[Bytes, Bytes], tuple[Bytes, Bytes]]:
    """Upper and lower teeth: colours (h, w, 3) and alpha (h, w); their edges bite at the middle."""
    rows, columns = round(HIGH * PER_CM), round(WIDE * PER_CM)
    y, x = np.mgrid[:rows, :columns] / PER_CM
    x, y = x - WIDE / 2, y - HIGH / 2
    arch = 0.09 * x**2
    shade = np.clip(1.02 - 0.11 * x**2, 0.2, 1)[..., None]
    gaps = 1 - 0.1 * np.exp(-((((x + 0.4) % 0.8 - 0.4) / 0.035) ** 2))[..., None]
    ivory = light * (0.98, 0.9, 0.76)
    upper = ivory * shade * gaps * (0.92 + 0.08 * np.clip(y + 1, 0, 1))[..., None]
    lower = (
        ivory
        * 0.7
        * shade
        * (1 - 0.1 * np.exp(-((((x + 0.27) % 0.54 - 0.27) / 0.03) ** 2)))[..., None]
    )
    side = np.clip((2.5 - np.abs(x)) / 0.25, 0, 1)
    upper_alpha = side * np.clip((0.42 - arch - y) / 0.08, 0, 1) * np.clip((y + 1.3) / 0.1, 0, 1)
    lower_alpha = side * np.clip((y - arch + HIGH / 2 - 0.12) / 0.05, 0, 1) * (y < 0)
    return (
        (upper.clip(0, 255).astype(np.uint8), (255 * upper_alpha).astype(np.uint8)),
        (lower.clip(0, 255).astype(np.uint8), (255 * lower_alpha).astype(np.uint8)),
    )
