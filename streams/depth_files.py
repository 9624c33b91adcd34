"""Depth files: 16-bit PNG folders, .npz, films of 16-bit grey, and recordings, read as depth frames.

A folder: `*.png` in the order of their names, 16 bits, one channel. An .npz: `depth` (N, H, W), uint16
steps or floating-point metres; `times` (N) in seconds, `confidence` (N, H, W) uint8 and `step_m` if
there are. A film: any file whose picture FFmpeg decodes to 16-bit grey, such as FFV1 in Matroska.
Beside them, `calibration.json` in the folder or NAME.calibration.json, and for what has no times of its
own `times.csv`, one line of seconds per frame. 0 and NaN are unknown.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from omote.streams.calibration import AT_MOST
from omote.streams.depth import Steps, steps_of
from omote.streams.medium import SourceError

MILLIMETRE = 0.001
FILMS = {".mkv", ".mov", ".avi", ".nut"}
GREY16 = {"gray16le", "gray16be"}


@dataclass(frozen=True, slots=True, eq=False)
class Still:
    """One depth map of a file."""

    second: float
    "From the begin of the file."
    steps: Steps
    confidence: NDArray[np.uint8] | None = None


@dataclass(frozen=True, slots=True)
class DepthFile:
    """What a path holds; nothing is read before `read`."""

    read: Callable[[], Iterator[Still]]
    step_m: float = MILLIMETRE
    calibration: Mapping[str, Any] | None = None


def depth_file(path: Path, fps: float = 30.0, step_m: float = MILLIMETRE) -> DepthFile:
    """By what is there; raises `SourceError`. `fps`, `step_m`: for files that do not say."""
    calibration = _calibration_beside(path)
    if path.is_dir():
        pictures = sorted(path.glob("*.png"))
        if not pictures:
            raise SourceError(f"{path}: no 16-bit .png in this folder")
        seconds = _seconds(path / "times.csv", len(pictures), fps)
        return DepthFile(lambda: _pngs(pictures, seconds), step_m, calibration)
    if not path.is_file():
        raise SourceError(f"no file {path}; give a folder of 16-bit .png, an .npz or an .mkv")
    if path.suffix.lower() == ".npz":
        return _archive(path, fps, step_m, calibration)
    if path.suffix.lower() in FILMS:
        return DepthFile(lambda: grey_film(path), step_m, calibration)
    raise SourceError(f"{path}: depth comes from a folder of .png, an .npz or {', '.join(FILMS)}")


def grey_film(path: Path, wanted: str = "gray16le") -> Iterator[Still]:
    """Every picture of a film whose pixels are grey of that depth; raises `SourceError`."""
    try:
        with av.open(str(path)) as film:
            pixels = film.streams.video[0].pix_fmt
            if wanted == "gray16le" and pixels not in GREY16:
                raise SourceError(f"{path}: its pixels are {pixels}, not 16-bit grey")
            for number, video in enumerate(film.decode(video=0)):
                grey = np.asarray(video.to_ndarray(format=wanted), np.uint16)
                yield Still(number / 30 if video.time is None else video.time, grey)
    except (av.FFmpegError, IndexError, ValueError) as exc:
        raise SourceError(f"{path}: {exc}") from exc


def read_calibration(path: Path) -> Mapping[str, Any]:
    """As it is written, for the other end to judge; raises `SourceError`."""
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(AT_MOST + 1)[: AT_MOST + 1])
    except (OSError, ValueError) as exc:
        raise SourceError(f"{path}: {exc}") from exc
    if not isinstance(said, dict):
        raise SourceError(f"{path}: a calibration is a JSON object")
    return said


def _pngs(pictures: list[Path], seconds: list[float]) -> Iterator[Still]:
    for path, second in zip(pictures, seconds, strict=True):
        steps = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        if steps is None or steps.dtype != np.uint16 or steps.ndim != 2:
            raise SourceError(f"{path}: no PNG of one channel of 16 bits")
        yield Still(second, np.asarray(steps, np.uint16))


def _archive(
    path: Path, fps: float, step_m: float, calibration: Mapping[str, Any] | None
) -> DepthFile:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError) as exc:
        raise SourceError(f"{path}: {exc}") from exc
    depth = arrays.get("depth")
    if depth is None or depth.ndim != 3 or depth.dtype.kind not in "uf":
        raise SourceError(f"{path}: `depth` must be there, (N, H, W), uint16 or metres")
    step_m = float(arrays.get("step_m", step_m))
    seconds = np.asarray(arrays.get("times", np.arange(len(depth)) / fps), np.float64)
    sure = arrays.get("confidence")
    if seconds.shape != (len(depth),) or (sure is not None and sure.shape != depth.shape):
        raise SourceError(f"{path}: `times` and `confidence` must be as many as `depth`")

    def read() -> Iterator[Still]:
        for number, second in enumerate(seconds):
            steps = depth[number] if depth.dtype.kind == "u" else steps_of(depth[number], step_m)
            certain = None if sure is None else sure[number].astype(np.uint8)
            yield Still(float(second - seconds[0]), steps.astype(np.uint16), certain)

    return DepthFile(read, step_m, calibration)


def _seconds(path: Path, count: int, fps: float) -> list[float]:
    if not path.is_file():
        return [number / fps for number in range(count)]
    try:
        seconds = [float(line) for line in path.read_text().split()]
    except ValueError as exc:
        raise SourceError(f"{path}: one number of seconds in each line ({exc})") from exc
    if len(seconds) != count or sorted(seconds) != seconds:
        raise SourceError(f"{path}: {len(seconds)} times, ascending, for {count} pictures?")
    return [second - seconds[0] for second in seconds]


def _calibration_beside(path: Path) -> Mapping[str, Any] | None:
    name = path / "calibration.json" if path.is_dir() else path.with_suffix(".calibration.json")
    return read_calibration(name) if name.is_file() else None
