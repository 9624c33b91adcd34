"""Gate: who is near, and how far around them the picture's matte holds."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.kernels import Bytes, Floats

Mask = NDArray[np.bool_]

REACH_M = 0.55
"What belongs to a person is no farther than that behind the middle of them."
BIN_M, FARTHEST_M, THICK = 0.05, 8.0, 9
"Of the histogram in which the person is looked for; how many bins a person fills."
ENOUGH = 0.3
"Share of the fullest place that a nearer one must have to be the person."
LEAST = 0.002
"Share of the picture that must be surely somebody, its depth known, to be followed."
STICKY = 0.04
"Hysteresis of near and far, share of the distance."
CLEAR, SHUT = 0.005, 0.016
"Up to there around the person the picture owns the matte; beyond the second it is shut. Of the long side."
HAIR = 0.1
"Holes are the person's hair as far away from them as that. Of the long side."
MOSTLY = 0.95
"Share of the picture that depth must know; with less, part of it may be out of the depth camera's view."
WITHIN = 0.03
"Deep inside, where depth alone is enough. Of the long side."


def subject(metres: Floats, matte: Floats, near_m: float) -> float | None:
    """How far the nearest person of the picture's matte is, metres; None when none can be told."""
    sure = (matte > 0.6) & (metres > near_m)
    if np.count_nonzero(sure) < LEAST * metres.size:
        return None
    values = metres[sure]
    bins = np.bincount((np.minimum(values, FARTHEST_M) / BIN_M).astype(np.int32))
    mass = np.convolve(bins, np.ones(THICK), "same")
    first = int(np.argmax(mass >= ENOUGH * mass.max()))
    # The first window that is full enough only touches the person; the fullest one near is theirs.
    place = first + int(np.argmax(mass[first : first + THICK]))
    there = values[np.abs(values - (place + 0.5) * BIN_M) <= BIN_M * THICK]
    return float(np.median(there))


def near(metres: Floats, near_m: float, far_m: float, before: Mask | None) -> Mask:
    """What lies between two distances; what did `before` may be a little farther. Without specks."""
    slack = np.float32(-STICKY) if before is None else np.where(before, STICKY, -STICKY / 2)
    inside = (metres < far_m * (1 + slack)) & (metres > near_m * (1 - slack))
    around = cv2.boxFilter(inside.astype(np.uint8), cv2.CV_8U, (3, 3), normalize=False)
    return np.asarray(inside & (around >= 4), np.bool_)


@dataclass(frozen=True, slots=True, eq=False)
class Gate:
    """What depth makes of a matte, all (h, w)."""

    opened: Floats
    "0..1: how far the picture's matte holds."
    within: Floats
    "0..1: how surely depth alone says that this is the person."


def gate(inside: Mask, known: Mask) -> Gate:
    """Around what is near the matte holds, holes included; what is surely far is shut.

    Where the depth camera does not look at all nothing is known of anybody, and the matte holds.
    """
    long = max(inside.shape)
    person = inside | _hair(inside, ~known, HAIR * long)
    away = _distance(~person)
    opened = np.clip((SHUT * long - away) / ((SHUT - CLEAR) * long), 0, 1)
    if np.count_nonzero(known) < MOSTLY * known.size:
        beyond = _distance(~known) / (HAIR / 2 * long) - 1
        opened = np.maximum(opened, np.clip(beyond, 0, 1))
    deep = _distance(_closed(inside))
    within = np.clip(deep / (WITHIN * long) - 1, 0, 1)
    return Gate(opened.astype(np.float32), within.astype(np.float32))


def _hair(inside: Mask, hole: Mask, reach: float) -> Mask:
    """Holes that begin at the person and do not lead far; single drop-outs are none."""
    large = cv2.morphologyEx(hole.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    beside = (np.asarray(large, np.uint8) > 0) & (_distance(~inside) <= reach)
    wider = np.asarray(cv2.dilate(inside.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    count, labels = cv2.connectedComponents((wider | beside).astype(np.uint8))
    touched = np.bincount(labels[inside], minlength=count) > 0
    touched[0] = False
    return np.asarray(beside & touched[labels], np.bool_)


def _closed(inside: Mask) -> Mask:
    """Without the small holes of drop-outs."""
    side = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.morphologyEx(inside.astype(np.uint8), cv2.MORPH_CLOSE, side) > 0)


def _distance(mask: Mask) -> Floats:
    """Pixels to the nearest one that is not of the mask."""
    bytes_: Bytes = mask.astype(np.uint8)
    return np.asarray(cv2.distanceTransform(bytes_, cv2.DIST_L2, 3), np.float32)
