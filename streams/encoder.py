"""Encoders for one live stream: low latency, no reordering, a keyframe only when told.

Presets were chosen by measurement (`omote bench encoder`): x264 `ultrafast` on one thread gives a
720p picture in 4 ms of CPU, within half a decibel of `superfast` at 5 ms; aiortc's own settings
(`medium`) take 40.
"""

import logging
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Protocol

import av
from av.video.frame import PictureType

from omote.streams.packet import Packet

logger = logging.getLogger(__name__)

Codec = Literal["H264", "VP8"]

CLOCK = Fraction(1, 90_000)
"Seconds per tick of RTP video (RFC 6184, section 8.2.1)."
LEVELS = ((3_600, 31), (5_120, 32), (8_192, 40), (8_704, 42), (19_660, 50), (32_768, 51))
"H.264 table A-1: most macroblocks of a picture, level times ten; 30 pictures a second."
BUFFER = 0.5
"Seconds of its bitrate that a picture may be larger than its share."
UNSAID, BT601, STUDIO_RANGE = 2, 6, 1
"As FFmpeg numbers a picture's colours."
VP8_STEP = 0.25
"libvpx through FFmpeg takes a new bitrate only by starting anew, so small changes are left."


@dataclass(frozen=True, slots=True, eq=False)
class EncodedPicture:
    """One picture as it goes to every viewer."""

    packet: Packet
    keyframe: bool
    arrived: float | None
    "`time.monotonic()` when the first packet of the source frame came, seconds; None for a slate."


class Encoder(Protocol):
    """One picture in, one packet out, in the same call."""

    codec: Codec

    def encode(self, video: av.VideoFrame, pts: int, keyframe: bool) -> Packet | None:
        """Encode a yuv420p picture; `pts` in 90 kHz ticks. The frame's own pts is overwritten."""

    def set_bitrate(self, bitrate: int) -> None:
        """Aim at this many bit/s from the next picture on."""


def open_encoder(codec: Codec, bitrate: int) -> Encoder:
    """An encoder that takes its size from its first picture and follows it when it changes."""
    return H264Encoder(bitrate) if codec == "H264" else Vp8Encoder(bitrate)


def level_for(width: int, height: int) -> int:
    """The lowest H.264 level, times ten, that holds such a picture at 30 a second."""
    macroblocks = -(-width // 16) * -(-height // 16)
    return next((level for most, level in LEVELS if macroblocks <= most), 52)


class H264Encoder:
    """x264, Constrained Baseline: what every browser decodes (RFC 7742, section 6.2)."""

    codec: Codec = "H264"

    def __init__(self, bitrate: int) -> None:
        self._bitrate = bitrate
        self._opened_for = bitrate
        self._context: av.VideoCodecContext | None = None

    def set_bitrate(self, bitrate: int) -> None:
        """Follow without a keyframe: x264 is reconfigured in place."""
        self._bitrate = bitrate
        if self._context is not None:
            self._context.bit_rate = bitrate

    def encode(self, video: av.VideoFrame, pts: int, keyframe: bool) -> Packet | None:
        """Encode one picture; its size may change at any time."""
        if (
            self._context is None
            or size_of(self._context) != size_of(video)
            or (int(self._context.colorspace), int(self._context.color_range)) != colours_of(video)
            or (keyframe and not 0.5 < self._bitrate / self._opened_for < 2)
        ):
            self._context = self._open(video.width, video.height)
            self._context.colorspace, self._context.color_range = colours_of(video)
        return encode_one(self._context, video, pts, keyframe)

    def _open(self, width: int, height: int) -> av.VideoCodecContext:
        self._opened_for = self._bitrate
        context = create("libx264", width, height, self._bitrate)
        context.profile = "Baseline"
        context.options = {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "level": str(level_for(width, height)),
            # Equal to the bitrate, or x264 could not change it later; its buffer never changes.
            "maxrate": str(self._bitrate),
            "bufsize": str(int(BUFFER * self._bitrate)),
            "x264-params": "threads=1:sliced-threads=0:keyint=infinite:scenecut=0",
        }
        return context


class Vp8Encoder:
    """libvpx in real-time mode (RFC 6386)."""

    codec: Codec = "VP8"

    def __init__(self, bitrate: int) -> None:
        self._bitrate = bitrate
        self._context: av.VideoCodecContext | None = None

    def set_bitrate(self, bitrate: int) -> None:
        """Follow a change worth a keyframe: this library cannot be told otherwise."""
        if abs(bitrate - self._bitrate) > VP8_STEP * self._bitrate:
            self._bitrate = bitrate
            self._context = None

    def encode(self, video: av.VideoFrame, pts: int, keyframe: bool) -> Packet | None:
        """Encode one picture; its size may change at any time."""
        if self._context is None or size_of(self._context) != size_of(video):
            self._context = self._open(video.width, video.height)
        return encode_one(self._context, video, pts, keyframe)

    def _open(self, width: int, height: int) -> av.VideoCodecContext:
        context = create("libvpx", width, height, self._bitrate)
        context.gop_size = 100_000
        context.qmin, context.qmax = 4, 56
        context.options = {
            "deadline": "realtime",
            "cpu-used": "-8",
            "lag-in-frames": "0",
            "error-resilient": "0",
            "minrate": str(self._bitrate),
            "maxrate": str(self._bitrate),
            "bufsize": str(int(BUFFER * self._bitrate)),
            "undershoot-pct": "100",
            "overshoot-pct": "15",
            "static-thresh": "1",
        }
        return context


MOST_BITRATE = 6_000_000
"bit/s; the upper end of what a stage sends to one viewer."


def create(library: str, width: int, height: int, bitrate: int) -> av.VideoCodecContext:
    """A one-thread codec context with what both libraries share."""
    context = av.CodecContext.create(library, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height = width, height
    context.pix_fmt = "yuv420p"
    context.bit_rate = bitrate
    context.time_base = CLOCK
    context.framerate = Fraction(30, 1)
    context.thread_count = 1
    return context


def size_of(picture: av.VideoFrame | av.VideoCodecContext) -> tuple[int, int]:
    """Columns and rows."""
    return picture.width, picture.height


def colours_of(video: av.VideoFrame) -> tuple[int, int]:
    """Matrix and range of a picture, as H.264 has to name them (ITU-T H.264, table E-5).

    Where nothing is said, cameras mean BT.601 but Chromium shows BT.709: every colour would be off.
    """
    matrix, span = int(video.colorspace), int(video.color_range)
    return matrix if matrix != UNSAID else BT601, span or STUDIO_RANGE


def encode_one(
    context: av.VideoCodecContext, video: av.VideoFrame, pts: int, keyframe: bool
) -> Packet | None:
    """One picture through an encoder that does not look ahead."""
    video.pts = pts
    video.time_base = CLOCK
    video.pict_type = PictureType.I if keyframe else PictureType.NONE
    packets = context.encode(video)
    if not packets:
        return None  # VP8 may drop a picture to hold its rate
    packet = packets[0]
    packet.pts, packet.time_base = pts, CLOCK
    return packet
