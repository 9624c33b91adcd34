"""Surround: the face's triangles, closed over eyes and mouth, and rings around them out to stillness."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.topology import LEFT_EYE, LIPS_INNER, OVAL, RIGHT_EYE
from omote.engines.kernels import Bytes, Floats
from omote.engines.puppet.pose_transfer import Target
from omote.engines.puppet.reference import FACE_POINTS, Reference

Triangles = NDArray[np.int32]
HOLES = (RIGHT_EYE, LEFT_EYE, LIPS_INNER)
RINGS = (1.12, 1.3, 1.55, 1.9, 2.35)
"How far each ring is from the middle of the face, of its contour's distance."
HEAD = (1.0, 1.0, 0.9, 0.45, 0.0)
"How much of the head's motion each ring has above the chin: hair goes with it, the wall does not."
NECK = (0.6, 0.3, 0.1, 0.0, 0.0)
"The same below the chin."
FACE_TOO = (0.5, 0.2, 0.0, 0.0, 0.0)
"How much of the contour's own motion, such as of a jaw that opens, each ring has."
COVERED = (0.9, 0.5, 0.15, 0.0, 0.0)
"The same where the contour moves over what is around it; less would fold."
OVER = 0.15
"Of the contour's distance from the middle, by which it does so entirely."
LEAST_GAP = 0.25
"How much of its distance from the ring within it a ring keeps: the contour pushes it outwards."

CHEEKS = 2
"Rings between the contour and the others: skin that a face uncovers as it turns away."
STRETCHED = 0.06
"Of the contour's distance from the middle, by which what is beside it is stretched before that."
BESIDE = (-0.2, -0.05, 0.15, 0.35)
"How far down, from middle to chin, skin is uncovered: from the temple to below the ear."
RIM = (1.5, 0.15)
"""How much of the face's rim, where the wall shines through, is left out then: of what is uncovered,
and of the contour's distance from the middle at most."""
LIGHT_REACH = (2.1, 1.9, 1.75, 1.6, 1.5, 1.4, 1.3)
"As far as light that falls on the face reaches, from nothing to all of it."


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Corners of triangles before and after, pixels; later triangles lie farther back."""

    before: Floats
    "(n, 2)."
    after: Floats
    "(n, 2)."
    depth: Floats
    "(n,), nearer is smaller."


@cache
def triangles() -> Triangles:
    """(m, 3): the rings from the outside in, then the face; corners as in `Sheet`."""
    face = canonical_face().triangles.astype(np.int32)
    middles = FACE_POINTS + (CHEEKS + len(RINGS)) * len(OVAL)
    fans = [
        (contour[i], contour[(i + 1) % len(contour)], middles + number)
        for number, contour in enumerate(HOLES)
        for i in range(len(contour))
    ]
    return np.array([*_strips(), *face.tolist(), *fans], np.int32)


def ring_count() -> int:
    """How many of the triangles belong to rings."""
    return 2 * len(OVAL) * (CHEEKS + len(RINGS))


def _strips() -> list[tuple[int, int, int]]:
    made = []
    rows = [list(OVAL)]
    for k in range(CHEEKS + len(RINGS)):
        rows.append([FACE_POINTS + k * len(OVAL) + i for i in range(len(OVAL))])
    for inner, outer in reversed(list(pairwise(rows))):
        for i in range(len(OVAL)):
            j = (i + 1) % len(OVAL)
            made += [(inner[i], outer[i], inner[j]), (inner[j], outer[i], outer[j])]
    return made


def sheet(reference: Reference, target: Target) -> Sheet:
    """Where every corner is in the photograph, and where it goes."""
    here, there = reference.landmarks, target.landmarks
    here = here.copy()
    rings_here, rings_there, here[list(OVAL), :2] = _rings(reference, target)
    holes_here, holes_there = (
        [points[list(hole)].mean(0) for hole in HOLES] for points in (here, there)
    )
    before = np.vstack([here[:FACE_POINTS, :2], rings_here, np.array(holes_here)[:, :2]])
    after = np.vstack([there[:FACE_POINTS, :2], rings_there, np.array(holes_there)[:, :2]])
    depth = np.concatenate(
        [there[:FACE_POINTS, 2], np.full(len(rings_here), 1e6), np.array(holes_there)[:, 2]]
    )
    return Sheet(*(np.ascontiguousarray(each, np.float32) for each in (before, after, depth)))


def reach(reference: Reference) -> tuple[Floats, Floats]:
    """Left and top, right and bottom of everything that may move, pixels."""
    oval = reference.landmarks[list(OVAL), :2]
    ring = oval.mean(0) + RINGS[-1] * (oval - oval.mean(0))
    return ring.min(0), ring.max(0)


def lit(reference: Reference) -> Bytes:
    """(H, W): how much of the light on the face each place has, 0..255; none beyond the rings."""
    flat = np.zeros(reference.rgb.shape[:2], np.uint8)
    oval = reference.landmarks[list(OVAL), :2]
    middle = oval.mean(0)
    for far, share in zip(LIGHT_REACH, np.linspace(0, 255, len(LIGHT_REACH)), strict=True):
        ring = middle + far * (oval - middle)
        cv2.fillPoly(flat, [ring.round().astype(np.int32)], (round(float(share)),))
    soft = 0.1 * float(np.ptp(oval[:, 0]))
    return np.asarray(cv2.GaussianBlur(flat, (0, 0), soft), np.uint8)


def _rings(reference: Reference, target: Target) -> tuple[Floats, Floats, Floats]:
    """Corners of all rings before and after, and where in the photograph the contour now is."""
    oval, contour = (points[list(OVAL), :2] for points in (reference.landmarks, target.landmarks))
    middle = oval.mean(0)
    own = contour - _with_head(oval, target)
    down = (oval - middle)[:, 1] / np.abs((oval - middle)[:, 1]).max()
    below = np.clip((down - 0.35) / 0.4, 0, 1)[:, None]
    away = np.linalg.norm(oval - middle, axis=1, keepdims=True)
    outwards = (oval - middle) / away
    over = np.clip((own * outwards).sum(1, keepdims=True) / (OVER * away), 0, 1)
    edge = ((contour - middle) * outwards).sum(1, keepdims=True)
    here, there, edges = [], [], [edge]
    for k, far in enumerate(RINGS):
        ring = middle + far * (oval - middle)
        much = HEAD[k] * (1 - below) + NECK[k] * below
        goes = ring + much * (_with_head(ring, target) - ring)
        goes += (FACE_TOO[k] + (COVERED[k] - FACE_TOO[k]) * over) * own
        reached = ((goes - middle) * outwards).sum(1, keepdims=True)
        least = edges[-1] + LEAST_GAP * (far - (1.0, *RINGS)[k]) * away
        here.append(ring)
        there.append(goes + np.maximum(least - reached, 0) * outwards)
        edges.append(np.maximum(reached, least))
    wide = np.maximum(edges[1] - edge - (RINGS[0] - 1 + STRETCHED) * away, 0)
    wide *= np.interp(down, BESIDE, (0, 1, 1, 0))[:, None]
    # Skin that was not to be seen is like its neighbour: into the face and back to its contour.
    rim = oval - np.minimum(RIM[0] * wide, RIM[1] * away) * outwards
    bare = wide * outwards
    before = np.vstack([rim - bare / 2, rim, *here])
    return before, np.vstack([contour + bare / 2, contour + bare, *there]), rim


def _with_head(points: Floats, target: Target) -> Floats:
    return np.asarray(points @ target.head[:, :2].T + target.head[:, 2], np.float32)
