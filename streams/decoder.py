"""Decoding on a thread of its own, never more than a few frames behind.

What waits before the decoder is bounded: when it has fallen behind, all up to the next keyframe is
thrown away, counted, and a keyframe is asked for (design rule 1). A burst from the network is not
falling behind: decoding takes a tenth of a frame interval, a keyframe a round trip.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av

from omote.streams.jitter import Batch, EncodedFrame
from omote.streams.packet import Packet

logger = logging.getLogger(__name__)

MOST_WAITING = 3
"Coded frames that may wait for longer than `MOST_WAIT`."
MOST_WAIT = 0.1
"Seconds the oldest may wait while more than `MOST_WAITING` do."
MOST_EVER = 16
"Coded frames that may wait at all, however short."
RTP_CLOCK = Fraction(1, 90_000)
DECODERS = {"H264": "h264", "VP8": "libvpx"}


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """One decoded picture and when it came."""

    video: av.VideoFrame
    timestamp: int
    "RTP timestamp without wrap-around, 90 kHz."
    arrived: float
    "`time.monotonic()` when its first packet came, seconds."
    decode_ms: float
    index: int
    "Counts the publisher's coded frames; a gap is a frame that was not decoded."
    time_base: Fraction = RTP_CLOCK


@dataclass(frozen=True, slots=True, eq=False)
class _Coded:
    """A frame that waits to be decoded."""

    codec: str
    frame: EncodedFrame
    index: int
    since: float


class DecoderQueue:
    """Stands where aiortc's receiver keeps the queue of its decoder thread.

    The receiver's thread calls `get`, which decodes until the receiver ends; so the thread, its start
    and its end stay aiortc's, what is decoded and how much may wait are ours.
    """

    def __init__(
        self,
        deliver: Callable[[Decoded], None],
        ask_keyframe: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._deliver = deliver
        self._ask_keyframe = ask_keyframe
        self._clock = clock
        self._waiting: deque[_Coded] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._skipping = False
        self._unwrap = TimestampUnwrapper()
        self._index = -1
        self.dropped = 0
        "Coded frames thrown away undecoded."
        self.errors = 0
        "Coded frames the decoder refused."

    def put(self, task: tuple[Any, Batch] | None) -> None:
        """From the loop: one packet's worth of (codec, frames), or None for the end."""
        with self._changed:
            if task is None:
                self._ended = True
            else:
                codec, batch = task
                for frame in batch.frames:
                    self._append(codec.name, frame)
            self._changed.notify()

    def _append(self, codec: str, frame: EncodedFrame) -> None:
        self._index += 1
        if self._skipping and not frame.keyframe:
            self.dropped += 1
            self._ask_keyframe()  # again: the first request, or what answered it, may be lost
            return
        self._skipping = False
        if frame.keyframe and len(self._waiting) >= MOST_WAITING:
            self._discard()
        self._waiting.append(_Coded(codec, frame, self._index, self._clock()))
        if self._behind():
            self._discard()
            self._skipping = True
            self._ask_keyframe()

    def _behind(self) -> bool:
        waiting, waited = len(self._waiting), self._clock() - self._waiting[0].since
        return waiting > MOST_EVER or (waiting > MOST_WAITING and waited > MOST_WAIT)

    def _discard(self) -> None:
        self.dropped += len(self._waiting)
        self._waiting.clear()

    def get(self) -> None:
        """From aiortc's thread: decode everything that comes; None when the receiver has ended."""
        decoders: dict[str, av.VideoCodecContext] = {}
        while (coded := self._take()) is not None:
            if coded.codec not in decoders:
                decoders = {coded.codec: open_decoder(coded.codec)}
            self._decode(decoders[coded.codec], coded)

    def _take(self) -> _Coded | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            return None if self._ended else self._waiting.popleft()

    def _decode(self, decoder: av.VideoCodecContext, coded: _Coded) -> None:
        timestamp = self._unwrap(coded.frame.timestamp)
        packet: Packet = Packet(coded.frame.data)
        packet.pts = timestamp
        packet.time_base = RTP_CLOCK
        began = time.perf_counter()
        try:
            pictures = decoder.decode(packet)
        except av.FFmpegError as exc:
            logger.debug("undecodable frame skipped: %s", exc)
            self._stumble()
            return
        took = (time.perf_counter() - began) * 1e3
        for picture in pictures:
            self._deliver(Decoded(picture, timestamp, coded.frame.arrived, took, coded.index))

    def _stumble(self) -> None:
        """Go on from a keyframe: all before it would be smeared, referring to what is not there."""
        with self._changed:
            self.errors += 1
            while self._waiting and not self._waiting[0].frame.keyframe:
                self._waiting.popleft()
                self.dropped += 1
            self._skipping = not self._waiting
        if self._skipping:
            self._ask_keyframe()


def open_decoder(codec: str) -> av.VideoCodecContext:
    """A single-threaded decoder: it gives each picture back in the same call."""
    context = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    return context


class TimestampUnwrapper:
    """Follows a 32-bit RTP timestamp over its wrap-around (RFC 3550, section 5.1)."""

    def __init__(self) -> None:
        self._last: int | None = None

    def __call__(self, timestamp: int) -> int:
        """The timestamp as a number that grows without end."""
        if self._last is None:
            self._last = timestamp
        delta = (timestamp - self._last) & 0xFFFFFFFF
        self._last += delta - (1 << 32) if delta >= 1 << 31 else delta
        return self._last


class AudioQueue:
    """Stands where an audio receiver keeps its decoder's queue: packets pass by, undecoded."""

    def __init__(self, deliver: Callable[[str, EncodedFrame], None]) -> None:
        self._deliver = deliver
        self._ended = threading.Event()

    def put(self, task: tuple[Any, Batch] | None) -> None:
        """From the loop: hand on (codec name, packet), or end."""
        if task is None:
            self._ended.set()
            return
        codec, batch = task
        for frame in batch.frames:
            self._deliver(codec.name, frame)

    def get(self) -> None:
        """From aiortc's thread: wait for the end; there is nothing to decode."""
        self._ended.wait()
