"""Sound: how one film's sound gets into another, as it is or, where that cannot be, coded anew."""

from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from typing import Protocol, TypeAlias

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer

Sound: TypeAlias = "av.Packet[AudioStream]"

CODECS = ("aac", "libopus", "libmp3lame")
"For a container that does not take the sound as it is: the first it takes."
RATE = 48_000


class UnwritableFilm(Exception):
    """The file's kind cannot hold what is to be written; the message says which can."""


class SoundTrack(Protocol):
    """One of the sounds of the film that is written."""

    stream: AudioStream

    def put(self, packet: Sound) -> None:
        """The next packet, as it was read."""

    def finish(self) -> None:
        """Write what is held back."""


_KEPT = ("language", "title")
_UNSAID = {"1 channels": "mono", "2 channels": "stereo"}
"Matroska does not say which channels these are, other containers must."


def sound_track(film: OutputContainer, of: AudioStream) -> SoundTrack:
    """A track for the sound of another film; raises `UnwritableFilm` where none can be."""
    if _takes(film.format.name, of):
        track: SoundTrack = _Copied(film, of)
    else:
        track = _Recoded(film, of)
    track.stream.metadata.update({k: v for k, v in of.metadata.items() if k in _KEPT})
    return track


def _takes(kind: str, sound: AudioStream) -> bool:
    """Whether such a file can hold the sound as it is: not every one that says so can."""
    try:
        with av.open(BytesIO(), "w", format=kind) as trial:
            trial.add_stream_from_template(sound)
            trial.start_encoding()
    except ValueError:
        return False
    return True


class _Copied:
    def __init__(self, film: OutputContainer, of: AudioStream) -> None:
        self.stream = film.add_stream_from_template(of)
        self.stream.layout = _UNSAID.get(of.layout.name, of.layout)
        self._film = film

    def put(self, packet: Sound) -> None:
        packet.stream = self.stream
        self._film.mux(packet)

    def finish(self) -> None:
        pass


class _Recoded:
    def __init__(self, film: OutputContainer, of: AudioStream) -> None:
        self.stream = _new_sound(film)
        self.stream.layout = of.layout
        self._film = film
        self._of = of.codec_context

    def put(self, packet: Sound) -> None:
        self._code(packet.decode())

    def finish(self) -> None:
        self._code([*self._of.decode(None), None])

    def _code(self, frames: Sequence[av.AudioFrame | None]) -> None:
        for frame in frames:
            self._film.mux(self.stream.encode(frame))


def _new_sound(film: OutputContainer) -> AudioStream:
    for codec in CODECS:
        with suppress(ValueError):
            stream = film.add_stream(codec, RATE)
            assert isinstance(stream, AudioStream)
            return stream
    raise UnwritableFilm(f"{film.format.name} takes none of {', '.join(CODECS)}; take .mp4")
