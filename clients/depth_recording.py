"""Depth recording: colour, depth, calibration and times of a publisher in one folder, bit by bit.

    colour.mkv          the pictures, yuv420p, H.264 without loss
    colour.csv          a line each: ticks of 90 kHz since the recording began
    depth.mkv           16-bit grey, FFV1
    depth.csv           a line each: ticks, frame id
    confidence.mkv      8-bit grey, FFV1, where the sensor has it
    recording.json      {"version": 1, "step_m": ..., "noise_m": [...], "name": ..., "calibration": ...}

Every player opens the films; times are kept beside them because Matroska rounds to milliseconds.
"""

import csv
import json
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import av
import numpy as np
from av.container import OutputContainer
from numpy.typing import NDArray

from omote.streams.depth import DepthFrame, Hello
from omote.streams.depth_files import Still, grey_film
from omote.streams.medium import SourceError

VERSION = 1
CLOCK = Fraction(1, 90_000)
COLOUR, DEPTH, CONFIDENCE, ABOUT = "colour.mkv", "depth.mkv", "confidence.mkv", "recording.json"
LOSSLESS = {"preset": "ultrafast", "qp": "0"}
INTRA = {"level": "3", "slices": "4", "g": "1"}


class DepthRecorder:
    """Writes a recording; belongs to one thread. What has another size than before is left out."""

    def __init__(self, folder: Path, hello: Hello) -> None:
        folder.mkdir(parents=True)
        self.pictures = self.depths = self.left_out = 0
        self._folder = folder
        self._hello = hello
        self._films: dict[str, _Film] = {}
        self._step_m: float | None = None

    def picture(self, video: av.VideoFrame, ticks: int) -> None:
        """The next picture, yuv420p; `ticks` since the recording began."""
        film = self._film(COLOUR, "libx264", video.format.name, LOSSLESS)
        self.pictures += film.write(video, ticks)

    def depth(self, frame: DepthFrame, ticks: int) -> None:
        """The next depth map."""
        if self._step_m is None:
            self._step_m = frame.step_m
            self._describe()
        film = self._film(DEPTH, "ffv1", "gray16le", INTRA)
        if frame.step_m != self._step_m or not film.write(grey(frame.steps), ticks, frame.index):
            self.left_out += 1
            return
        self.depths += 1
        if frame.confidence is not None:
            self._film(CONFIDENCE, "ffv1", "gray", INTRA).write(grey(frame.confidence), ticks)

    def close(self) -> None:
        """Finish the files."""
        for film in self._films.values():
            film.close()

    def _film(self, name: str, codec: str, pixels: str, options: dict[str, str]) -> "_Film":
        if name not in self._films:
            self._films[name] = _Film(self._folder / name, codec, pixels, options)
        return self._films[name]

    def _describe(self) -> None:
        said = {
            "version": VERSION,
            "step_m": self._step_m,
            "noise_m": list(self._hello.noise_m),
            "name": self._hello.name,
            "calibration": self._hello.calibration,
        }
        (self._folder / ABOUT).write_text(json.dumps(said, indent=2) + "\n")


class DepthRecording:
    """Reads a recording; raises `SourceError`."""

    def __init__(self, folder: Path) -> None:
        self.colour = folder / COLOUR
        self._folder = folder
        try:
            said = json.loads((folder / ABOUT).read_text())
            self.step_m = float(said["step_m"])
            a, b = said["noise_m"]
            self.hello = Hello(
                "video", said["calibration"], (float(a), float(b)), str(said["name"])
            )
            self._depth = [row[0] for row in _rows(folder / "depth.csv")]
        except (OSError, ValueError, KeyError, TypeError, IndexError) as exc:
            raise SourceError(f"{folder}: no recording of depth ({exc})") from exc
        if said["version"] != VERSION:
            raise SourceError(f"{folder}: version {said['version']}, this reads {VERSION}")

    def depths(self) -> Iterator[Still]:
        """Every map, its second exact to the tick."""
        sure = self._folder / CONFIDENCE
        sureness = grey_film(sure, "gray") if sure.is_file() else None
        for ticks, still in zip(self._depth, grey_film(self._folder / DEPTH), strict=False):
            certain = None if sureness is None else next(sureness).steps.astype(np.uint8)
            yield Still(ticks / 90_000, still.steps, certain)


def is_recording(folder: Path) -> bool:
    """Whether there is one in this folder."""
    return (folder / ABOUT).is_file()


def grey(values: NDArray[Any]) -> av.VideoFrame:
    """One channel of 8 or 16 bits as a picture."""
    pixels = "gray16le" if values.dtype == np.uint16 else "gray"
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(values), pixels)


class _Film:
    """A track in a file of its own, and the list of its times."""

    def __init__(self, path: Path, codec: str, pixels: str, options: dict[str, str]) -> None:
        self._container: OutputContainer = av.open(str(path), "w")
        stream: Any = self._container.add_stream(codec, rate=30, options=options)
        self._stream = stream
        self._stream.pix_fmt = pixels
        self._stream.time_base = self._stream.codec_context.time_base = CLOCK
        self._size: tuple[int, int] | None = None
        self._last = -1
        self._times: IO[str] = path.with_suffix(".csv").open("w", newline="")
        self._rows = csv.writer(self._times)

    def write(self, video: av.VideoFrame, ticks: int, *more: int) -> bool:
        """Whether it fits what came before: same size, later."""
        if self._size is None:
            self._size = self._stream.width, self._stream.height = video.width, video.height
        if (video.width, video.height) != self._size or ticks <= self._last:
            return False
        video.pts, video.time_base, self._last = ticks, CLOCK, ticks
        self._container.mux(self._stream.encode(video))
        self._rows.writerow([ticks, *more])
        self._times.flush()
        return True

    def close(self) -> None:
        if self._size is not None:
            self._container.mux(self._stream.encode(None))
        self._container.close()
        self._times.close()


def _rows(path: Path) -> list[list[int]]:
    if not path.is_file():
        return []
    with path.open(newline="") as file:
        return [[int(value) for value in row] for row in csv.reader(file)]
