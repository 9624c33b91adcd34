"""Surround: the face's triangles, closed over eyes and mouth, and rings around them out to stillness."""

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.topology import LEFT_EYE, LIPS_INNER, OVAL, RIGHT_EYE
from omote.engines.kernels import Floats
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
FACE_TOO = (0.65, 0.35, 0.12, 0.0, 0.0)
"How much of the contour's own motion, such as of a jaw that opens, each ring has; less would fold."


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
    middles = FACE_POINTS + len(RINGS) * len(OVAL)
    fans = [
        (contour[i], contour[(i + 1) % len(contour)], middles + number)
        for number, contour in enumerate(HOLES)
        for i in range(len(contour))
    ]
    return np.array([*_strips(), *face.tolist(), *fans], np.int32)


def ring_count() -> int:
    """How many of the triangles belong to rings."""
    return 2 * len(OVAL) * len(RINGS)


def _strips() -> list[tuple[int, int, int]]:
    made = []
    rows = [list(OVAL)]
    rows += [[FACE_POINTS + k * len(OVAL) + i for i in range(len(OVAL))] for k in range(len(RINGS))]
    for inner, outer in reversed(list(pairwise(rows))):
        for i in range(len(OVAL)):
            j = (i + 1) % len(OVAL)
            made += [(inner[i], outer[i], inner[j]), (inner[j], outer[i], outer[j])]
    return made


def sheet(reference: Reference, target: Target) -> Sheet:
    """Where every corner is in the photograph, and where it goes."""
    here, there = reference.landmarks, target.landmarks
    rings_here, rings_there = _rings(reference, target)
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


def _rings(reference: Reference, target: Target) -> tuple[Floats, Floats]:
    oval = reference.landmarks[list(OVAL), :2]
    middle = oval.mean(0)
    flat = oval @ target.head[:, :2].T + target.head[:, 2]
    own = target.landmarks[list(OVAL), :2] - flat
    down = (oval - middle)[:, 1] / np.abs((oval - middle)[:, 1]).max()
    below = np.clip((down - 0.35) / 0.4, 0, 1)[:, None]
    here, there = [], []
    for far, head, neck, face in zip(RINGS, HEAD, NECK, FACE_TOO, strict=True):
        ring = middle + far * (oval - middle)
        moved = (ring @ target.head[:, :2].T + target.head[:, 2]) - ring
        much = head * (1 - below) + neck * below
        here.append(ring)
        there.append(ring + much * moved + face * own)
    return np.vstack(here), np.vstack(there)
