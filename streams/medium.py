"""Medium: a film, picture or camera as FFmpeg opens it, and its pictures as they are read."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

import av
from av.codec.context import Flags2, ThreadType
from av.container import InputContainer

from omote.streams.frame import Frame, VideoPicture


class SourceError(Exception):
    """A source cannot be opened or broke off; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Medium:
    """What FFmpeg is told to open, and how its pictures are timed."""

    address: str
    "As FFmpeg reads it."
    name: str
    "As people may read it: without the password."
    advice: str
    "What to look at when it cannot be opened."
    format: str | None = None
    "Demuxer or device; None: found out."
    options: dict[str, str] = field(default_factory=dict)
    recorded: bool | None = None
    "True: given in its own time and begun again at its end; None: if it is known how long it is."
    sliced: bool = False
    """Decode H.264 slice by slice. FFmpeg knows a picture of RTP to be whole only when the next one
    begins; a decoder that is fed the slices knows it at the last one, a frame interval earlier."""
    patience_s: float | None = None
    "Opening, and each read, may take this long; None: as long as it takes."

    def open(self) -> InputContainer:
        """Open it; it has a video stream. Raises `SourceError`, or PyAV's own errors."""
        container = self._open({"fflags": "noparse"} if self.sliced else {})
        context = container.streams.video[0].codec_context
        if self.sliced and context.name == "h264":
            context.flags2 |= Flags2.chunks
        elif self.sliced:
            container.close()
            return replace(self, sliced=False).open()
        elif self.recorded:
            context.thread_type = ThreadType.AUTO
        return container

    def _open(self, further: dict[str, str]) -> InputContainer:
        container = av.open(
            self.address,
            format=self.format,
            options=self.options | further,
            timeout=self.patience_s,
        )
        if not container.streams.video:
            container.close()
            raise SourceError(f"{self.name} holds no pictures; {self.advice}")
        return container

    def explained(self, failure: Exception) -> SourceError:
        """What went wrong, in words for people."""
        if isinstance(failure, SourceError):
            return failure
        if isinstance(failure, av.error.ExitError):
            return SourceError(f"{self.name} gave nothing for {self.patience_s:g} s; {self.advice}")
        reason = getattr(failure, "strerror", None) or str(failure)
        return SourceError(f"{self.name}: {reason[:1].lower()}{reason[1:]}; {self.advice}")


class Pictures:
    """The frames of a video stream, packet by packet; pts always rise.

    What is damaged, or comes later than its successor, is passed over.
    """

    def __init__(self, stream: av.VideoStream, index: int = 0, begin: int | None = None) -> None:
        self.index = index
        "Of the next frame."
        self.end = begin
        "pts at which the next frame is expected; None: wherever it says."
        self._stream = stream
        self._offset: int | None = 0 if begin is None else None
        self._latest: int | None = None
        self._begun: int | None = None
        self._arrived = 0.0

    def of(self, packet: "av.Packet[av.VideoStream]") -> Iterator[Frame]:
        """The frames that a packet brings out of the decoder: none, one, at the end several."""
        if (
            packet.pts is None or packet.pts != self._begun
        ):  # else another slice of the same picture
            self._begun, self._arrived = packet.pts, time.monotonic()
        for video in _decoded(packet):
            pts = self._placed(video)
            if self._latest is not None and pts <= self._latest:
                continue
            base = video.time_base or Fraction(1, 1000)
            picture = VideoPicture(video, upright(video))
            frame = Frame(picture, pts, base, self._arrived, self.index)
            self.index, self._latest = self.index + 1, pts
            self.end = pts + _duration(video, self._stream, base)
            yield frame

    def _placed(self, video: av.VideoFrame) -> int:
        if video.pts is None:
            return self.end or 0
        if self._offset is None:
            self._offset = (self.end or 0) - video.pts
        return video.pts + self._offset


def upright(video: av.VideoFrame) -> int:
    """Clockwise degrees, 0, 90, 180 or 270, by which the container says to turn the picture."""
    return -90 * round(video.rotation / 90) % 360


def _decoded(packet: "av.Packet[av.VideoStream]") -> list[av.VideoFrame]:
    try:
        return packet.decode()
    except av.error.InvalidDataError:
        return []


def _duration(video: av.VideoFrame, stream: av.VideoStream, base: Fraction) -> int:
    """How long a picture is to be seen, in its time base, at least 1."""
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    return max(1, video.duration or round(1 / (rate * base)))
