"""Album: the photographs of faces that people uploaded, `{data}/faces`."""

import os
import re
import shutil
from pathlib import Path

import numpy as np

from omote.engines import backdrops
from omote.engines.kernels import Bytes
from omote.engines.pixels import Pixels
from omote.engines.puppet.bank import Bank, load

BANK, PHOTO = "bank.npz", "photo.png"
EVERYBODYS = "OMOTE_PUPPET_NETWORK"
"Environment variable with the path of a net for all faces."


def find(name: str) -> Path:
    """The photograph of that name; raises `ValueError` if it is no name or there is none."""
    if not re.fullmatch(backdrops.NAME, name):
        raise ValueError("the name of an uploaded face is wanted, not a path")
    path = folder() / name
    if not path.is_file():
        raise ValueError(f"no face of the name {name!r} was uploaded")
    return path


def folder() -> Path:
    """Where they are."""
    return backdrops.folder().parent / "faces"


def photo(path: Path, pixels: Pixels) -> Bytes:
    """A picture file as RGB (h, w, 3), of a clip the frame that was chosen when it was looked
    through, or else its first; raises `ValueError` if it cannot be decoded."""
    best = beside(path) / PHOTO
    shown = best if bank(path) is not None and best.is_file() else path
    return np.ascontiguousarray(pixels.rgb(pixels.from_video(backdrops.picture(shown))))


def beside(path: Path) -> Path:
    """The folder of what is known of a face beyond its file; it need not be there."""
    return path.parent / f".{path.name}"


def bank(path: Path) -> Bank | None:
    """What a clip was found to show, unless it was replaced since."""
    try:
        kept = load(beside(path) / BANK)
    except (OSError, ValueError, KeyError):
        return None
    return kept if kept.of == stamp(path) else None


def network(path: Path) -> Path | None:
    """The net that was trained for a face or put there for it, the newest ONNX file; or everybody's."""
    return network_in(beside(path)) or everybodys_network()


def everybodys_network() -> Path | None:
    """The net that draws faces which have none of their own, as the operator has configured it."""
    named = os.environ.get(EVERYBODYS)
    return Path(named).expanduser() if named else None


def network_in(folder: Path) -> Path | None:
    """The newest ONNX file of a folder, which need not be there."""
    return max(folder.glob("*.onnx"), key=lambda file: file.stat().st_mtime_ns, default=None)


def forget(path: Path) -> None:
    """Delete everything that is known of a face beyond its file."""
    shutil.rmtree(beside(path), ignore_errors=True)


def stamp(path: Path) -> str:
    """Another when the file is."""
    about = path.stat()
    return f"{about.st_size}-{about.st_mtime_ns}"
