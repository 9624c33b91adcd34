"""Others: somebody else's poses as this person would make them."""

from collections.abc import Iterator, Sequence

import numpy as np

from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.pose import MIRRORED, fitted
from omote.engines.kernels import Floats
from omote.engines.puppet.closeup import Closeup, closeup
from omote.engines.puppet.enrolment import Shot


def moved(drivers: Sequence[Shot], own: Sequence[Shot]) -> Iterator[Closeup]:
    """What each of the drivers' faces does beyond its usual shape, done by one's own usual shape."""
    usual = np.median([_shape(shot.face) for shot in own], axis=0)
    theirs = np.median([_shape(shot.face) for shot in drivers], axis=0)
    for shot in drivers:
        pose = fitted(shot.face.landmarks, canonical_face())
        shape = usual + pose.undone(shot.face.landmarks) - theirs
        there = (pose.scale * shape @ pose.rotation.T + pose.place) * MIRRORED
        yield closeup(there.astype(np.float32))


def _shape(face: Closeup) -> Floats:
    return fitted(face.landmarks, canonical_face()).undone(face.landmarks)
