"""Inputs that are the same on every run: pictures, frames, coded pictures, RTP packets, a clock."""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import av
import numpy as np
from aiortc.codecs import depayload, get_encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from omote.streams.encoder import CLOCK, Codec, open_encoder
from omote.streams.frame import Frame, VideoPicture
from omote.streams.packet import Packet
from tests.numbered import numbered

STEP = 3000
"Ticks of 90 kHz between two pictures at 30 a second."
CODECS: tuple[Codec, Codec] = ("H264", "VP8")


class Clock:
    """A clock that moves when told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def picture(number: int, width: int = 320, height: int = 240) -> av.VideoFrame:
    """Colour bars with a number painted in, yuv420p, as an encoder takes them."""
    return numbered(number, width, height).reformat(format="yuv420p")


def frames(count: int, width: int = 320, height: int = 240) -> list[Frame]:
    """The first `count` frames of a camera at 30 a second; the first arrived at 100 s."""
    return [
        Frame(
            picture=VideoPicture(picture(number, width, height)),
            pts=number * STEP,
            time_base=CLOCK,
            arrived=100 + number / 30,
            index=number,
        )
        for number in range(count)
    ]


def coded(codec: Codec, count: int, keyframes: Iterable[int] = (), size: int = 320) -> list[bytes]:
    """Numbered pictures as our own encoder codes them; the first is always a keyframe."""
    encoder, wanted = open_encoder(codec, 1_000_000), set(keyframes)
    packets = [
        encoder.encode(picture(number, size, size * 3 // 4), number * STEP, number in wanted)
        for number in range(count)
    ]
    return [normal(codec, bytes(packet)) for packet in packets if packet is not None]


def normal(codec: str, data: bytes) -> bytes:
    """A coded picture as it comes out of RTP: H.264 start codes are all of four bytes."""
    of = parameters(codec)
    return b"".join(depayload(of, payload) for payload in payloads(codec, data))


def noise(size: int, seed: int) -> bytes:
    """Bytes without a pattern and without an H.264 start code."""
    return np.random.default_rng(seed).integers(1, 256, size, np.uint8).tobytes()


def vp8_frame(keyframe: bool, size: int, seed: int) -> bytes:
    """What an RTP receiver needs of a VP8 frame: the frame tag (RFC 6386, 9.1), then anything."""
    tag = b"\x10\x02\x00\x9d\x01\x2a" if keyframe else b"\x11\x02\x00\x00\x00\x00"
    return tag + noise(size - len(tag), seed)


def parameters(codec: str) -> RTCRtpCodecParameters:
    """A video codec as negotiation leaves it."""
    return RTCRtpCodecParameters(mimeType=f"video/{codec}", clockRate=90_000, payloadType=97)


def payloads(codec: str, data: bytes) -> list[bytes]:
    """RTP payloads of a coded picture, as aiortc makes them."""
    packet: Packet = Packet(data)
    packet.pts, packet.time_base = 0, Fraction(1, 90_000)
    return get_encoder(parameters(codec)).pack(packet)[0]


def rtp(
    codec: str,
    pictures: Sequence[bytes],
    *,
    first: int = 1000,
    timestamp: int = 0,
    marker: bool = True,
) -> list[list[RtpPacket]]:
    """The packets of each picture, depayloaded as aiortc's receiver hands them on."""
    packetised: list[list[RtpPacket]] = []
    for number, data in enumerate(pictures):
        parts = payloads(codec, data)
        packetised.append([])
        for at, payload in enumerate(parts):
            packet = packet_of(codec, payload, first, timestamp + number * STEP)
            packet.marker = int(marker and at == len(parts) - 1)
            packetised[-1].append(packet)
            first += 1
    return packetised


def packet_of(codec: str, payload: bytes, sequence_number: int, timestamp: int) -> RtpPacket:
    """One packet without a marker."""
    packet = RtpPacket(
        payload_type=97,
        sequence_number=sequence_number & 0xFFFF,
        timestamp=timestamp & 0xFFFFFFFF,
    )
    packet.ssrc = 1234
    packet.payload = payload
    data = depayload(parameters(codec), payload) if payload else b""
    packet._data = data  # type: ignore[attr-defined]
    return packet


def h264_frame(keyframe: bool, size: int, seed: int, slices: int = 1) -> bytes:
    """What an RTP receiver needs of an H.264 picture: NAL units after start codes, then anything."""
    start, kind = b"\x00\x00\x00\x01", b"\x65" if keyframe else b"\x41"
    head = start + b"\x67" + noise(12, seed) + start + b"\x68" + noise(4, seed) if keyframe else b""
    share = max(size // slices, 8)
    return head + b"".join(start + kind + noise(share, seed + i) for i in range(slices))
