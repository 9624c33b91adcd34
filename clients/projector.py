"""Projector: a thread that plays a film, a picture or a camera in its own time, ready to be sent."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from heapq import heappop, heappush

import av
import numpy as np
from av.audio.stream import AudioStream

from omote.clients.voice import Voice
from omote.streams.capture import frames
from omote.streams.encoder import CLOCK
from omote.streams.film import FilmReader, Piece
from omote.streams.frame import Frame, VideoPicture
from omote.streams.latest import Latest
from omote.streams.medium import Medium, SourceError
from omote.streams.packet import Packet

logger = logging.getLogger(__name__)

APART_S = 0.5
"Sound and picture of the same moment lie at most this far apart in a film."
LATE_S = 0.5
"A film that is this much too late gives up catching up and goes on from where it is."
STILL_FPS = 15.0
"How often a picture that does not move is sent."
END_S = 3.0
"The thread is waited for this long."


@dataclass(frozen=True, slots=True)
class Show:
    """What is played, and how."""

    medium: Medium
    again: bool = False
    "Begin anew at the end."
    box: tuple[int, int] | None = None
    "Width and height, pixels, that the picture is made to fit."
    fps: float | None = None
    "At most so many pictures a second."
    sound: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One picture, yuv420p, and when it is to be seen: 90 kHz ticks."""

    video: av.VideoFrame
    ticks: int


class Projector:
    """Plays once `start` was called; pictures are newest only, sound comes packet by packet."""

    def __init__(self, show: Show) -> None:
        self.pictures: Latest[Shot] = Latest()
        self.on_sound: Callable[[Packet], None] = lambda packet: None
        "Told of each Opus packet, pts in 48 kHz ticks."
        self.ended = asyncio.Event()
        self.failure: SourceError | None = None
        self._show = show
        self._loop = asyncio.get_running_loop()
        self._stop = threading.Event()
        self._clock = _Clock(self._stop)
        self._next_s = 0.0
        self._thread = threading.Thread(target=self._run, name="projector", daemon=True)

    def start(self) -> None:
        """Begin, unless it has begun."""
        if not self._thread.ident:
            self._thread.start()

    async def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.ident:
            await asyncio.to_thread(self._thread.join, END_S)
        self.pictures.close()

    def _run(self) -> None:
        medium = self._show.medium
        try:
            self._play_film() if medium.recorded else self._play_camera()
        except (av.FFmpegError, OSError, SourceError) as exc:
            self.failure = medium.explained(exc)
        finally:
            self._tell(self.ended.set)

    def _play_camera(self) -> None:
        for frame in frames(self._show.medium, self._stop):
            self._show_frame(frame, 0.0)

    def _play_film(self) -> None:
        begin = 0.0
        while not self._stop.is_set():
            with closing(FilmReader(self._show.medium)) as reader:
                end = self._play_still(reader) if reader.is_still else self._play(reader, begin)
            if end <= begin:
                raise SourceError(f"{self._show.medium.name} ended without a picture")
            if not self._show.again:
                return
            begin = end

    def _play_still(self, reader: FilmReader) -> float:
        """The one picture, until told to stop."""
        frame = next((piece for piece in reader.read() if isinstance(piece, Frame)), None)
        number = 0
        while frame is not None and self._clock.wait(number / STILL_FPS):
            self._show_frame(frame, number / STILL_FPS)
            number += 1
        return float(number)

    def _play(self, reader: FilmReader, begin: float) -> float:
        """One lap that begins at this second; returns when the next one may."""
        voice = _voice(reader) if self._show.sound else None
        interval = 1 / float(reader.picture.average_rate or 25)
        end = begin
        with closing(reader.read()) as pieces:
            for second, piece in in_order(pieces):
                if not self._clock.wait(begin + second):
                    return end
                if isinstance(piece, Frame):
                    self._show_frame(piece, begin, _pixel_shape(reader))
                    end = begin + second + interval
                elif voice is not None and piece.stream.index == reader.sounds[0].index:
                    for packet in voice.spoken(piece, begin):
                        self._tell(self.on_sound, packet)
        return end

    def _show_frame(self, frame: Frame, begin: float, shape: Fraction = Fraction(1)) -> None:
        second = begin + _second(frame)
        if self._show.fps is not None:
            if second < self._next_s - 0.25 / self._show.fps:
                return
            self._next_s = max(self._next_s, second) + 1 / self._show.fps
        assert isinstance(frame.picture, VideoPicture)
        video = fitted(frame.picture, self._show.box, shape)
        self._tell(self.pictures.put, Shot(video, round(second / CLOCK)))

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)


class _Clock:
    """Waits for moments of a film."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self._began: float | None = None

    def wait(self, second: float) -> bool:
        """Until it is time; False when it is time to stop."""
        now = time.monotonic()
        if self._began is None or now - (self._began + second) > LATE_S:
            self._began = now - second
        return not self._stop.wait(max(0.0, self._began + second - now))


def in_order(pieces: Generator[Piece]) -> Iterator[tuple[float, Piece]]:
    """Pieces of a film and their seconds, by time; they are held back for half a second of film."""
    waiting: list[tuple[float, int, Piece]] = []
    newest = 0.0
    for number, piece in enumerate(pieces):
        second = _second(piece)
        newest = max(newest, second)
        heappush(waiting, (second, number, piece))
        while waiting[0][0] < newest - APART_S:
            second, _, piece = heappop(waiting)
            yield second, piece
    while waiting:
        second, _, piece = heappop(waiting)
        yield second, piece


def fitted(picture: VideoPicture, box: tuple[int, int] | None, shape: Fraction) -> av.VideoFrame:
    """Upright, square pixels, yuv420p, even sides, no larger than the box."""
    video = picture.video if not picture.rotation else _turned(picture)
    if picture.rotation in (90, 270):
        shape = 1 / shape
    width, height = video.width * float(shape), float(video.height)
    scale = min(1.0, box[0] / width, box[1] / height) if box else 1.0
    columns, rows = (max(2, round(side * scale / 2) * 2) for side in (width, height))
    return video.reformat(columns, rows, format="yuv420p")


def _turned(picture: VideoPicture) -> av.VideoFrame:
    rgb = np.asarray(picture.video.to_ndarray(format="rgb24"), np.uint8)
    turned = np.ascontiguousarray(np.rot90(rgb, -picture.rotation // 90))
    return av.VideoFrame.from_ndarray(turned, "rgb24")


def _pixel_shape(reader: FilmReader) -> Fraction:
    return reader.picture.sample_aspect_ratio or Fraction(1)


def _voice(reader: FilmReader) -> Voice | None:
    return Voice() if reader.sounds else None


def _second(piece: Piece) -> float:
    if isinstance(piece, Frame):
        return float(piece.pts * piece.time_base)
    assert isinstance(piece.stream, AudioStream)
    return float((piece.dts or 0) * piece.time_base)
