"""Album: the photographs of faces that people uploaded, `{data}/faces`."""

import re
from pathlib import Path

import numpy as np

from omote.engines import backdrops
from omote.engines.kernels import Bytes
from omote.engines.pixels import Pixels


def find(name: str) -> Path:
    """The photograph of that name; raises `ValueError` if it is no name or there is none."""
    if not re.fullmatch(backdrops.NAME, name):
        raise ValueError("the name of an uploaded face is wanted, not a path")
    path = backdrops.folder().parent / "faces" / name
    if not path.is_file():
        raise ValueError(f"no face of the name {name!r} was uploaded")
    return path


def photo(path: Path, pixels: Pixels) -> Bytes:
    """A picture file as RGB (h, w, 3); raises `ValueError` if it cannot be decoded."""
    return np.ascontiguousarray(pixels.rgb(pixels.from_video(backdrops.picture(path))))
