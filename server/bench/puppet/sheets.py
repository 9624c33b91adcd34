"""Sheets: what every method shows, side by side, to be looked at: as a picture and as a film."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from omote.engines.kernels import Bytes

ROWS = 6
TILE = 320
"Side of a picture, pixels."
STRIP = 32
"Height of the titles."
RATE = 25


def write(folder: Path, case: str, columns: Mapping[str, Sequence[Bytes]]) -> None:
    """`columns`: pictures (h, w, 3) by title, as many in each."""
    folder.mkdir(parents=True, exist_ok=True)
    count = min(map(len, columns.values()))
    chosen = np.linspace(0, count - 1, min(ROWS, count)).astype(int)
    rows = [_row([pictures[index] for pictures in columns.values()]) for index in chosen]
    sheet = np.concatenate([_titles(list(columns)), *rows])
    stem = case.replace(" ", "-")
    cv2.imwrite(str(folder / f"{stem}.png"), cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    _film(folder / f"{stem}.mp4", columns)


def _film(path: Path, columns: Mapping[str, Sequence[Bytes]]) -> None:
    titles = _titles(list(columns))
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", RATE, options={"crf": "20"})
        stream.width, stream.height = titles.shape[1], STRIP + TILE
        stream.pix_fmt = "yuv420p"
        for number, row in enumerate(_rows(columns)):
            video = av.VideoFrame.from_ndarray(np.concatenate([titles, row]), "rgb24")
            video.pts, video.time_base = number, Fraction(1, RATE)
            film.mux(stream.encode(video))
        film.mux(stream.encode())


def _rows(columns: Mapping[str, Sequence[Bytes]]) -> Iterator[Bytes]:
    for pictures in zip(*columns.values(), strict=True):
        yield _row(pictures)


def _row(pictures: Sequence[Bytes]) -> Bytes:
    size = (TILE, TILE)
    return np.concatenate(
        [np.asarray(cv2.resize(x, size, interpolation=cv2.INTER_AREA), np.uint8) for x in pictures],
        1,
    )


def _titles(names: Sequence[str]) -> Bytes:
    strip = np.zeros((STRIP, TILE * len(names), 3), np.uint8)
    for number, name in enumerate(names):
        at, font = (8 + number * TILE, 22), cv2.FONT_HERSHEY_SIMPLEX
        cv2.putText(strip, name, at, font, 0.6, (255, 255, 255), 1, cv2.LINE_AA)
    return strip
