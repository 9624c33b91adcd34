"""Recording: coded pictures and sound into a file as they came, without coding them anew."""

import time
from collections import deque
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import av
from av.container import OutputContainer

from omote.clients.mistake import Mistake
from omote.streams.decoder import TimestampUnwrapper, open_decoder
from omote.streams.encoder import Codec
from omote.streams.jitter import EncodedFrame
from omote.streams.packet import Packet
from omote.streams.remark import KEY, remark_film
from omote.streams.sound import RATE

Kind = Literal["video", "audio"]
CLOCKS: dict[Kind, Fraction] = {"video": Fraction(1, 90_000), "audio": Fraction(1, RATE)}
CODECS: dict[str, tuple[Codec, ...]] = {
    ".mp4": ("H264",),
    ".mkv": ("H264", "VP8"),
    ".webm": ("VP8",),
}
"What a file of this kind can hold of what WebRTC brings."
TOGETHER_S = 3.0
"So long the first picture waits to learn how sound and picture belong together."
FRAGMENTS = {"movflags": "empty_moov+default_base_moof", "frag_duration": "1000000"}
"An MP4 that can be played up to its last second, however its writer ended."


class UnfitFile(Mistake):
    """Nothing can be recorded to this file; the message says to which."""


class Recording:
    """One file, from the first picture on. Nothing is written before it."""

    def __init__(self, path: Path) -> None:
        self.pictures = 0
        self.sizes: list[tuple[int, int]] = []
        "Each size that the picture had, in turn."
        self._path = path
        self._tracks: dict[Kind, _Track] = {kind: _Track(CLOCKS[kind]) for kind in CLOCKS}
        self.remark: str | None = None
        "What the file is to say of itself."
        self._remarked = False
        self._waiting: deque[tuple[Kind, str, EncodedFrame]] = deque(maxlen=2_000)
        self._film: OutputContainer | None = None
        self._zero = 0.0

    def picture(self, codec: str, frame: EncodedFrame) -> None:
        """The next picture."""
        if frame.keyframe and (size := size_of(codec, frame.data)) and size not in self.sizes[-1:]:
            self.sizes.append(size)
        self._take("video", codec, frame)

    def sound(self, codec: str, frame: EncodedFrame) -> None:
        """The next packet of sound; all but Opus is left out."""
        if codec.lower() == "opus":
            self._take("audio", codec, frame)

    def clock(self, kind: str, second: float, timestamp: int) -> None:
        """What a sender report says: NTP seconds of a timestamp."""
        if self._film is None:
            self._tracks["audio" if kind == "audio" else "video"].report(second, timestamp)

    def close(self) -> None:
        """Finish the file, if there is one."""
        if self._film is None and self._tracks["video"].first is not None:
            self._begin()
        if self._film is not None:
            self._film.close()
            if self.remark is not None and not self._remarked:  # it became so on the way
                remark_film(self._path, self.remark)

    def _take(self, kind: Kind, codec: str, frame: EncodedFrame) -> None:
        track = self._tracks[kind]
        track.see(frame)
        if self._film is not None:
            self._write(kind, frame)
            return
        self._waiting.append((kind, codec, frame))
        first = self._tracks["video"].first
        if first is not None and (self._aligned() or time.monotonic() - first > TOGETHER_S):
            self._begin()

    def _aligned(self) -> bool:
        return all(track.first is not None and track.reported for track in self._tracks.values())

    def _begin(self) -> None:
        """Open the file; what waited goes in."""
        video, audio = self._tracks["video"], self._tracks["audio"]
        if not (video.reported and audio.reported):
            video.use_arrival()
            audio.use_arrival()
        waiting = list(self._waiting)
        codec, first = next((codec, f) for kind, codec, f in waiting if kind == "video")
        self._zero = video.second(first.timestamp)
        options = FRAGMENTS if self._path.suffix.lower() == ".mp4" else {}
        self._film = av.open(str(self._path), "w", options=options)
        if self.remark is not None:
            self._film.metadata[KEY], self._remarked = self.remark, True
        video.stream = _picture_stream(self._film, codec, first.data)
        if audio.first is not None:
            audio.stream = self._film.add_stream("libopus", RATE, layout="stereo")
        self._waiting.clear()
        for kind, _, frame in waiting:
            self._write(kind, frame)

    def _write(self, kind: Kind, frame: EncodedFrame) -> None:
        track = self._tracks[kind]
        ticks = round((track.second(frame.timestamp) - self._zero) / track.clock)
        if track.stream is None or ticks < 0 or ticks <= track.written:
            return
        packet: Packet = Packet(frame.data)
        packet.stream, packet.time_base = track.stream, track.clock
        packet.pts = packet.dts = track.written = ticks
        packet.is_keyframe = frame.keyframe
        assert self._film is not None
        self._film.mux(packet)
        self.pictures += kind == "video"


class _Track:
    """One of the two, and what second its timestamps mean."""

    def __init__(self, clock: Fraction) -> None:
        self.clock = clock
        self.stream: Any = None
        self.first: float | None = None
        "`time.monotonic()` when its first frame came."
        self.reported = False
        self.written = -1
        "Ticks of the last packet."
        self._unwrap = TimestampUnwrapper()
        self._first_ticks = 0
        self._offset_s = 0.0

    def see(self, frame: EncodedFrame) -> None:
        if self.first is None:
            self.first, self._first_ticks = frame.arrived, self._unwrap(frame.timestamp)

    def report(self, second: float, timestamp: int) -> None:
        self._offset_s = second - float(self._unwrap(timestamp) * self.clock)
        self.reported = True

    def use_arrival(self) -> None:
        """Without reports: what came together belongs together."""
        if self.first is not None:
            self._offset_s = self.first - float(self._first_ticks * self.clock)

    def second(self, timestamp: int) -> float:
        return float(self._unwrap(timestamp) * self.clock) + self._offset_s


def codecs_for(path: Path) -> tuple[Codec, ...]:
    """What to ask the server for; raises `UnfitFile`."""
    codecs = CODECS.get(path.suffix.lower())
    if codecs is None:
        raise UnfitFile(f"{path}: record to {', '.join(CODECS)}")
    if not path.parent.is_dir():
        raise UnfitFile(f"{path}: no folder {path.parent}")
    if path.exists():
        raise UnfitFile(f"{path} is there already; record to another file")
    return codecs


def size_of(codec: str, keyframe: bytes) -> tuple[int, int] | None:
    """Columns and rows of a coded picture."""
    try:
        for video in open_decoder(codec).decode(Packet(keyframe)):
            return video.width, video.height
    except av.FFmpegError:
        return None
    return None


def _picture_stream(film: OutputContainer, codec: str, keyframe: bytes) -> Any:
    """A track whose header is taken from the first picture."""
    if codec == "H264":
        with av.open(BytesIO(keyframe), format="h264") as raw:
            return film.add_stream_from_template(raw.streams.video[0])
    width, height = size_of(codec, keyframe) or (0, 0)
    return film.add_mux_stream("vp8", width=width, height=height)
