"""Darkroom: where a film is developed, decoder, chain and encoder at work side by side."""

import time
from array import array
from collections import defaultdict
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np

from omote.engines.chain import Chain, Turn
from omote.engines.effect import Rung
from omote.engines.i420 import Bytes
from omote.engines.pixels import Pixels
from omote.streams.ahead import ahead
from omote.streams.film import FilmReader, FilmWriter, Piece
from omote.streams.frame import Frame, Picture, VideoPicture, View
from omote.streams.remark import SYNTHETIC, jpeg_with, png_with
from omote.streams.sound import Sound

DEPTH = 3
"Frames that may wait between decoder and chain, and between chain and encoder."
JPEG_QUALITY = 95


class Tally:
    """What a run has come to so far."""

    def __init__(self, progress: Callable[["Tally"], None]) -> None:
        self.frames = 0
        self.steps_ms: defaultdict[str, array[float]] = defaultdict(lambda: array("d"))
        "Wall milliseconds of every frame: `decode`, each effect, `encode`."
        self.errors: defaultdict[str, int] = defaultdict(int)
        "Frames that passed an effect unchanged, because it failed."
        self.last_error: dict[str, str] = {}
        self._progress = progress
        self._began = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.perf_counter() - self._began

    @property
    def fps(self) -> float:
        """Frames a second since the beginning."""
        return self.frames / self.seconds

    def step(self, name: str, began: float) -> None:
        """A step of a frame is done; `began` is of `time.perf_counter()`."""
        self.steps_ms[name].append((time.perf_counter() - began) * 1e3)

    def turn(self, turn: Turn) -> None:
        """A frame is through the chain."""
        for name, took in turn.steps_ms.items():
            self.steps_ms[name].append(took)
        for name, words in turn.failed.items():
            self.errors[name] += 1
            self.last_error[name] = words

    def done(self) -> None:
        """A frame is written."""
        self.frames += 1
        self._progress(self)

    def line(self) -> str:
        """Frames a second, and what the steps of the latest frames took."""
        recent = {name: float(np.mean(took[-25:])) for name, took in list(self.steps_ms.items())}
        steps = ", ".join(f"{name} {took:.1f}" for name, took in recent.items())
        return f"{self.fps:.1f} fps ({steps} ms)"

    def summary(self) -> dict[str, Any]:
        """Fit for JSON."""
        return {
            "frames": self.frames,
            "seconds": round(self.seconds, 3),
            "fps": round(self.fps, 2),
            "steps_ms": {name: _quantiles(took) for name, took in self.steps_ms.items()},
            "effect_errors": dict(self.errors),
        }


def _quantiles(values: "array[float]") -> dict[str, float]:
    p50, p95 = np.percentile(values, [50, 95])
    return {"p50": round(float(p50), 2), "p95": round(float(p95), 2)}


class Darkroom:
    """Sends what is read through a chain and writes it."""

    def __init__(self, chain: Chain, pixels: Pixels, view: View, tally: Tally) -> None:
        self._chain = chain
        self._pixels = pixels
        self._view = view
        self._tally = tally

    def film(self, reader: FilmReader, path: Path, crf: int, limit: int | None) -> None:
        """Write a film of every frame, or the first `limit`."""
        read = ahead(self._read(reader, limit), DEPTH)
        turns = ahead(self._turns(read), DEPTH)
        with closing(turns), FilmWriter(path, reader, crf, self._remark) as film:
            for turn in turns:
                if isinstance(turn, av.Packet):
                    film.put_sound(turn)
                    continue
                began = time.perf_counter()
                video = self._pixels.to_video(self._shown(turn.frame))
                film.put(video, turn.frame.pts, turn.frame.time_base)
                self._tally.step("encode", began)
                self._tally.done()

    def still(self, reader: FilmReader, path: Path) -> None:
        """Write a picture of the first frame, of the file's own size."""
        for item in self._read(reader, 1):
            if isinstance(item, Frame):
                given = self._upright(replace(item, alone=True))
                made = self._pixels.rgb(self._shown(self._turn(given).frame))
                if self._view == "result":
                    assert isinstance(item.picture, VideoPicture)
                    own = self._pixels.photograph(item.picture)
                    before = self._pixels.rgb(given.picture)
                    made = developed(made, before, own, self._chain.conceals)
                _write_still(path, made, self._remark)
                self._tally.done()

    @property
    def _remark(self) -> str | None:
        return SYNTHETIC if self._chain.synthetic else None

    def _read(self, reader: FilmReader, limit: int | None) -> Generator[Piece]:
        began = time.perf_counter()
        for item in reader.read(limit):
            if isinstance(item, Frame):
                self._tally.step("decode", began)
            yield item
            began = time.perf_counter()

    def _turns(self, items: Generator[Piece]) -> "Generator[Turn | Sound]":
        with closing(items):
            for item in items:
                yield item if isinstance(item, av.Packet) else self._turn(self._upright(item))

    def _upright(self, frame: Frame) -> Frame:
        assert isinstance(frame.picture, VideoPicture)
        return replace(frame, picture=self._pixels.from_video(frame.picture), view=self._view)

    def _turn(self, frame: Frame) -> Turn:
        turn = self._chain(frame, Rung.FULL)
        self._tally.turn(turn)
        return turn

    def _shown(self, frame: Frame) -> Picture:
        if self._view == "result":
            return frame.picture
        view = frame.views.get(self._view)
        if view is None:  # the effect failed, which is told at the end
            return self._pixels.plain((0, 0, 0), frame.picture)
        return view


def developed(made: Bytes, before: Bytes, own: Bytes, conceals: bool = False) -> Bytes:
    """A photograph as it is written, (H, W, 3) of its `own` size, with all the colour it has.

    `before` is what the chain was given and `made` what it gave, (h, w, 3): like video's, of even
    size and with a quarter of the colour. That loss is not seen in the difference of the two; it
    is put right, but for what was changed where an effect conceals something.
    """
    down, across, _ = ((0, whole - part) for whole, part in zip(own.shape, made.shape, strict=True))
    edges = (down, across, (0, 0))
    larger, like = (np.pad(each, edges, "edge").astype(np.int16) for each in (made, before))
    if conceals:
        return np.where((larger == like).all(2, keepdims=True), own, larger).astype(np.uint8)
    return np.asarray(np.clip(own + (larger - like), 0, 255), np.uint8)


def _write_still(path: Path, rgb: Bytes, remark: str | None) -> None:
    jpeg = path.suffix.lower() != ".png"
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY] if jpeg else []
    _, made = cv2.imencode(path.suffix, cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR), options)
    coded = made.tobytes()
    if remark is not None:
        coded = (jpeg_with if jpeg else png_with)(coded, remark)
    path.write_bytes(coded)
