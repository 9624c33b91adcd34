"""Canonical: the average face, in centimetres, as a mesh. It is what poses and shapes refer to."""

from dataclasses import dataclass
from functools import cache
from importlib.resources import as_file, files

import numpy as np
from numpy.typing import NDArray

from omote.engines import weights
from omote.engines.kernels import Floats


@dataclass(frozen=True, slots=True, eq=False)
class CanonicalFace:
    """Without irises: 468 points."""

    vertices: Floats
    "(468, 3), centimetres; x to the picture's right, y up, z towards the viewer."
    triangles: NDArray[np.int16]
    "(898, 3), landmarks; eyes and mouth are holes."
    weights: Floats
    "(468,), how much each point says of the head's pose; most say nothing."


@cache
def canonical_face() -> CanonicalFace:
    """The one that is shipped."""
    with as_file(files(weights) / "canonical_face.npz") as path, np.load(path) as arrays:
        return CanonicalFace(arrays["vertices"], arrays["triangles"], arrays["weights"])
