"""Crops: many small pictures cut from few large ones, kept ready as bytes on disk."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from omote.engines.i420 import Bytes


def crops(
    photographs: Sequence[Path], size: tuple[int, int], each: int, seed: int, cache: Path
) -> Bytes:
    """(N, height, width, 3) RGB of `size` (width, height), `each` per photograph, a file in `cache`.

    The same photographs, sizes and seed always give the same pictures.
    """
    words = repr((sorted(path.name for path in photographs), size, each, seed))
    file = cache / f"crops-{hashlib.sha256(words.encode()).hexdigest()[:16]}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _write(file, photographs, size, each, seed)
    return np.asarray(np.load(file, mmap_mode="r"), np.uint8)


def _write(
    file: Path, photographs: Sequence[Path], size: tuple[int, int], each: int, seed: int
) -> None:
    unfinished = file.with_suffix(".unfinished")
    shape = (len(photographs) * each, size[1], size[0], 3)
    made = np.lib.format.open_memmap(unfinished, "w+", np.uint8, shape)
    for number, path in enumerate(photographs):
        picture = _opened(path)
        rng = np.random.default_rng([seed, number])
        for index in range(each):
            made[number * each + index] = _cut(picture, size, rng)
    made.flush()
    unfinished.rename(file)


def _opened(path: Path) -> Bytes:
    """RGB; the largest wallpapers at half size."""
    shrunk = path.stat().st_size > 1_000_000
    flag = cv2.IMREAD_REDUCED_COLOR_2 if shrunk else cv2.IMREAD_COLOR
    read = cv2.imread(str(path), flag)
    if read is None:
        raise OSError(f"{path} is no picture")
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)


def _cut(picture: Bytes, size: tuple[int, int], rng: np.random.Generator) -> Bytes:
    """Anything from a detail to the whole, slightly out of proportion, perhaps mirrored."""
    height, width = picture.shape[:2]
    most = min(height / size[1], width / size[0])
    least = min(most, max(0.3 * most, 0.8))
    scale = np.exp(rng.uniform(np.log(least), np.log(most)))
    stretch = rng.uniform(0.85, 1.0, 2)
    w, h = (max(int(scale * side * s), 16) for side, s in zip(size, stretch, strict=True))
    x, y = rng.integers(0, width - w + 1), rng.integers(0, height - h + 1)
    cut = cv2.resize(picture[y : y + h, x : x + w], size, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(cut[:, ::-1] if rng.random() < 0.5 else cut)
