"""Film: a file's pictures and sound in the order they lie in it, and the same written again."""

import os
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Self, TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer

from omote.streams.frame import Frame
from omote.streams.medium import Medium, Pictures
from omote.streams.remark import KEY
from omote.streams.sound import Sound, UnwritableFilm, sound_track

Piece: TypeAlias = "Frame | Sound"
"What a film is made of."

PRESET = "veryfast"
"Of x264: half the time of its default; at CRF 18 talking heads lose 1 to 2 of some 50 decibels."


class FilmReader:
    """A file, opened. Raises `SourceError` or PyAV's own errors."""

    def __init__(self, medium: Medium) -> None:
        self._container = medium.open()
        self._start = Fraction(max(0, self._container.start_time or 0), av.time_base)
        self.picture = self._container.streams.video[0]
        self.sounds = self._container.streams.audio

    @property
    def is_still(self) -> bool:
        """Whether it is a picture and not a film."""
        name = self._container.format.name
        return name == "image2" or name.endswith("_pipe")

    @property
    def frames(self) -> int | None:
        """How many there are, as far as the file says."""
        rate, length = self.picture.average_rate, self._container.duration
        told = round(length * rate / av.time_base) if rate and length else None
        return self.picture.frames or told

    def read(self, limit: int | None = None) -> Generator[Piece]:
        """Every frame, or the first `limit`, and what sounds meanwhile; a film's time begins at 0."""
        pictures = Pictures(self.picture)
        end: Fraction | None = None
        for packet in self._packets():
            if end is not None and self._is_past(packet, end):
                return
            if isinstance(packet.stream, AudioStream):
                if packet.dts is not None and (end is None or _seconds(packet) < end):
                    yield self._begun(packet)
            elif end is None:
                for frame in pictures.of(packet):
                    yield replace(frame, pts=frame.pts - round(self._start / frame.time_base))
                    if pictures.index == limit:
                        end = (pictures.end or 0) * frame.time_base
                        break

    def close(self) -> None:
        """Close the file."""
        self._container.close()

    def _packets(self) -> "Iterator[av.Packet[Any]]":
        return self._container.demux(self.picture, *self.sounds)

    def _is_past(self, packet: "av.Packet[Any]", end: Fraction) -> bool:
        """Pictures and sound that belong together lie within a second of each other."""
        return not self.sounds or (packet.dts is not None and _seconds(packet) > end + 1)

    def _begun(self, packet: Sound) -> Sound:
        shift = round(self._start / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        return packet


def _seconds(packet: "av.Packet[Any]") -> Fraction:
    return (packet.dts or 0) * packet.time_base


class FilmWriter:
    """H.264 of constant quality, with another film's sound: copied, or coded anew if need be.

    A `with` block that is left well finishes the file.
    """

    def __init__(self, path: Path, like: FilmReader, crf: int, remark: str | None = None) -> None:
        """`like` lends rate, pixel shape and sound; `crf` is x264's, 0 (lossless) to 51.

        The film says the `remark` of itself.

        Raises `UnwritableFilm`; nothing is written before the first picture.
        """
        self._film, self._picture = _open(path, like.picture.average_rate)
        if remark is not None:
            self._film.metadata[KEY] = remark
        self._picture.options = {"crf": str(crf), "preset": PRESET}
        self._sounds = {sound.index: sound_track(self._film, sound) for sound in like.sounds}
        self._like = like.picture
        self._begun = False
        self._early: list[Sound] = []

    def put(self, video: av.VideoFrame, pts: int, time_base: Fraction) -> None:
        """The next picture, yuv420p; colour tags are those of the first."""
        video.pts, video.time_base = pts, time_base
        video.pict_type = 0  # what a decoder left here the encoder would take for an order
        if not self._begun:
            self._begin(video, time_base)
        self._film.mux(self._picture.encode(video))

    def put_sound(self, packet: Sound) -> None:
        """The next packet of sound; before the first picture it waits for it."""
        if self._begun:
            self._sounds[packet.stream.index].put(packet)
        else:
            self._early.append(packet)

    def __enter__(self) -> Self:
        """Ready."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Finish the film, or give it up if the block failed."""
        with closing(self._film):
            if kind is None and self._begun:
                self._film.mux(self._picture.encode(None))
                for sound in self._sounds.values():
                    sound.finish()

    def _begin(self, video: av.VideoFrame, time_base: Fraction) -> None:
        stream, context = self._picture, self._picture.codec_context
        stream.time_base = context.time_base = time_base
        context.width, context.height = video.width, video.height
        context.sample_aspect_ratio = _pixel_shape(self._like, video)
        context.colorspace, context.color_range = video.colorspace, video.color_range
        context.color_primaries, context.color_trc = video.color_primaries, video.color_trc
        self._begun = True
        for packet in self._early:
            self.put_sound(packet)
        self._early.clear()


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to, which takes its place if the block is left well."""
    unfinished = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _open(path: Path, rate: Fraction | None) -> tuple[OutputContainer, av.VideoStream]:
    """A container and its picture; its file is opened with the first packet, not before."""
    options = {"movflags": "+faststart"} if path.suffix.lower() in (".mp4", ".m4v", ".mov") else {}
    try:
        film = av.open(str(path), "w", options=options)
        return film, film.add_stream("libx264", rate)
    except ValueError as exc:
        raise UnwritableFilm(f"no film in H.264 is a {path.suffix!r}; take .mp4 or .mkv") from exc


def _pixel_shape(like: av.VideoStream, video: av.VideoFrame) -> Fraction:
    """Width to height of a pixel; a picture that was turned has lain pixels stood up."""
    shape = like.sample_aspect_ratio or Fraction(1)
    turned = (video.width > video.height) != (like.width > like.height)
    return 1 / shape if turned else shape
