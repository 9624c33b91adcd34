"""Sound: a beep a second as Opus packets, and the moments of such beeps in what was received."""

from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from omote.streams.packet import Packet

RATE = 48_000
CLOCK = Fraction(1, RATE)
SAMPLES = 960
"In a packet: 20 ms."
PACKETS = RATE // SAMPLES
"A second."
BEEP_S = 0.1
PITCH = 1_000.0
"Hertz."
LOUD, SILENT = 0.1, 0.02
"Of full scale: a beep has begun above the first, after a packet that stayed below the second."
LOOKAHEAD = 120
"Samples by which libopus delays sound in its low delay mode."


def beeps() -> list[bytes]:
    """One second, to be sent over and over: a beep from its very start, then silence."""
    encoder = av.CodecContext.create("libopus", "w")
    assert isinstance(encoder, av.AudioCodecContext)
    encoder.sample_rate, encoder.format, encoder.layout = RATE, "s16", "mono"
    encoder.bit_rate = 48_000
    encoder.options = {"application": "lowdelay", "frame_duration": "20"}
    coded: list[bytes] = []
    for number in range(3 * PACKETS):  # the second one: it knows what came before
        coded += [bytes(packet) for packet in encoder.encode(_spoken(number))]
    return coded[PACKETS : 2 * PACKETS]


def _spoken(number: int) -> av.AudioFrame:
    moments = (number % PACKETS * SAMPLES + np.arange(SAMPLES)) / RATE
    wave = np.where(moments < BEEP_S, 0.5 * np.sin(2 * np.pi * PITCH * moments), 0.0)
    frame = av.AudioFrame.from_ndarray((wave * 32767).astype(np.int16)[None], "s16", "mono")
    frame.sample_rate, frame.pts, frame.time_base = RATE, number * SAMPLES, CLOCK
    return frame


class Ear:
    """Hears beeps in Opus packets; after a lost packet it waits for the next beep."""

    def __init__(self) -> None:
        decoder = av.CodecContext.create("libopus", "r")
        assert isinstance(decoder, av.AudioCodecContext)
        decoder.sample_rate, decoder.format, decoder.layout = RATE, "s16", "mono"
        self._decoder = decoder
        self._expected: int | None = None

    def hear(self, data: bytes, timestamp: int) -> int | None:
        """The timestamp at which a beep begins in this packet, 48 kHz ticks, if one does."""
        packet: Packet = Packet(data)
        packet.pts, packet.time_base = timestamp, CLOCK
        try:
            level = np.concatenate([_level(frame) for frame in self._decoder.decode(packet)])
        except (av.FFmpegError, ValueError):
            self._expected = None
            return None
        quiet_before = self._expected == timestamp
        self._expected = timestamp + SAMPLES if level.max() < SILENT else None
        loud = np.flatnonzero(level > LOUD)
        if not quiet_before or not len(loud):
            return None
        return timestamp + int(loud[0]) - LOOKAHEAD


def _level(frame: av.AudioFrame) -> NDArray[np.float32]:
    """Absolute samples of an s16 mono frame, 0..1."""
    return np.asarray(np.abs(frame.to_ndarray()[0].astype(np.float32)) / 32768, np.float32)
