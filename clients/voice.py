"""Voice: a film's sound as the Opus packets that WebRTC sends."""

from collections.abc import Iterator
from fractions import Fraction

import av

from omote.streams.packet import Packet
from omote.streams.sound import RATE, Sound

CLOCK = Fraction(1, RATE)
SAMPLES = 960
"In a packet: 20 ms."
BITRATE = 96_000
"bit/s."


class Voice:
    """Decodes, resamples and encodes; packets of a film go in by their order."""

    def __init__(self) -> None:
        self._resampler = av.AudioResampler("s16", "stereo", RATE, frame_size=SAMPLES)
        encoder = av.CodecContext.create("libopus", "w")
        assert isinstance(encoder, av.AudioCodecContext)
        encoder.sample_rate, encoder.format, encoder.layout = RATE, "s16", "stereo"
        encoder.bit_rate = BITRATE
        encoder.options = {"application": "audio", "frame_duration": "20"}
        self._encoder = encoder
        self._next: int | None = None

    def spoken(self, packet: Sound, begin: float) -> Iterator[Packet]:
        """What a packet of the film becomes, pts in 48 kHz ticks from `begin`, seconds, on."""
        try:
            heard = packet.decode()
        except av.error.InvalidDataError:
            return
        for frame in heard:
            if self._next is None:
                self._next = round((begin + max(0.0, frame.time or 0.0)) * RATE)
            for resampled in self._resampler.resample(frame):
                yield from self._encoded(resampled)

    def _encoded(self, frame: av.AudioFrame) -> Iterator[Packet]:
        frame.pts, frame.time_base = None, CLOCK
        for packet in self._encoder.encode(frame):
            coded: Packet = Packet(bytes(packet))
            assert self._next is not None
            coded.pts, coded.time_base = self._next, CLOCK
            self._next += SAMPLES
            yield coded
