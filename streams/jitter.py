"""Putting RTP packets together again: whole frames out at the marker bit, losses asked for.

Pure classes: no socket, no task; the clock is handed in. aiortc's own buffer emits a frame
when the first packet of the *next* one arrives, one frame interval late, and asks once for what was
lost; see `omote.streams.interop` for where these take its place.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from aiortc.rtp import RtpPacket

from omote.streams.interop import depayloaded
from omote.streams.keyframe import is_keyframe, may_begin_keyframe, must_begin_frame
from omote.streams.sequence import Sequence

CAPACITY = 512
"Packets held at most: about two seconds of 2.5 Mbit/s video."
TRIES = 4
"Requests for one packet before it is given up for a new keyframe."
STALL = 0.18
"Seconds the oldest missing packet may hold up the picture before a keyframe is asked for."
FIRST_RETRY = 0.06
"Seconds until the second request while the round trip is unknown."


@dataclass(slots=True)
class EncodedFrame:
    """One coded picture."""

    data: bytes
    "Annex B H.264 or a VP8 frame."
    timestamp: int
    "RTP timestamp, 90 kHz, 32 bit."
    arrived: float
    "`time.monotonic()` when its first packet came, seconds."
    keyframe: bool


@dataclass(slots=True)
class Batch:
    """The frames that one packet completed, handed through aiortc's queue as if it were one."""

    frames: list[EncodedFrame]
    timestamp: int = 0
    "aiortc writes here; each frame has its own."


class FrameBuffer:
    """Reorders packets and emits each frame the moment its last packet is there.

    `add` gives back what aiortc's receiver expects of its jitter buffer: whether to ask for a
    keyframe, and what to decode.
    """

    capacity = CAPACITY

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._packets: dict[int, tuple[RtpPacket, float]] = {}
        self._openings: list[int] = []  # of the packets held, those that may begin a keyframe
        self._sequence = Sequence(CAPACITY)
        self._next: int | None = None  # extended sequence number of the next packet to emit
        self._awaiting_keyframe = True

    def add(self, packet: RtpPacket) -> tuple[bool, Batch | None]:
        """Take a packet whose `_data` is its depayloaded part; maybe give back whole frames."""
        number = self._sequence(packet.sequence_number)
        if number is None or (self._next is not None and number < self._next):
            return False, None
        if self._next is None:
            self._next = number
        self._packets.setdefault(number, (packet, self._clock()))
        if may_begin_keyframe(depayloaded(packet)):
            self._openings = [n for n in self._openings if n in self._packets] + [number]
        overflow = number - self._next >= CAPACITY
        if overflow:
            self.skip()
        frames = self._drain()
        return overflow, Batch(frames) if frames else None

    def skip(self) -> None:
        """Give up on what is missing: nothing more is emitted until a whole keyframe is there."""
        self._awaiting_keyframe = True

    @property
    def awaiting_keyframe(self) -> bool:
        """Whether everything is held back until a keyframe comes, as at the very start."""
        return self._awaiting_keyframe

    @property
    def head(self) -> int | None:
        """Extended sequence number of the packet that must come next."""
        return self._next

    @property
    def gap(self) -> bool:
        """Whether packets wait behind a missing one."""
        if self._next is None or self._sequence.highest is None:
            return False
        return self._sequence.highest - self._next + 1 > len(self._packets)

    def _drain(self) -> list[EncodedFrame]:
        frames: list[EncodedFrame] = []
        if self._awaiting_keyframe and not self._jump():
            self._forget()
            return frames
        while (frame := self._take()) is not None:
            if frame.data:  # else it was padding, which to a decoder would be the stream's end
                frames.append(frame)
        return frames

    def _take(self) -> EncodedFrame | None:
        assert self._next is not None
        end = self._end(self._next)
        if end is None:
            return None
        frame = self._frame(self._next, end)
        for number in range(self._next, end):
            del self._packets[number]
        self._next = end
        return frame

    def _frame(self, start: int, end: int) -> EncodedFrame:
        parts = [self._packets[number] for number in range(start, end)]
        data = b"".join(depayloaded(packet) for packet, _ in parts)
        arrived = min(at for _, at in parts)
        return EncodedFrame(data, parts[0][0].timestamp, arrived, is_keyframe(data))

    def _end(self, start: int) -> int | None:
        """One past the last packet of the frame that begins at `start`, if all of it is there."""
        number, timestamp = start, None
        while (held := self._packets.get(number)) is not None:
            packet = held[0]
            if timestamp is None:
                timestamp = packet.timestamp
            elif packet.timestamp != timestamp:  # a sender without marker bits
                return number
            number += 1
            if packet.marker:
                return number
        return None

    def _jump(self) -> bool:
        """Go on from the newest whole keyframe, if one is held."""
        for start in sorted(self._openings, reverse=True):
            end = self._end(start) if self._is_start(start) else None
            if end is not None and self._frame(start, end).keyframe:
                for number in [n for n in self._packets if n < start]:
                    del self._packets[number]
                self._next = start
                self._awaiting_keyframe = False
                return True
        return False

    def _is_start(self, number: int) -> bool:
        """Whether a frame begins here: after another one, or because its bytes say so."""
        if (held := self._packets.get(number)) is None:
            return False
        if (before := self._packets.get(number - 1)) is None:
            return must_begin_frame(depayloaded(held[0]))
        return bool(before[0].marker) or before[0].timestamp != held[0].timestamp

    def _forget(self) -> None:
        """Keep the newest packets only, while a keyframe is on its way."""
        assert self._next is not None and self._sequence.highest is not None
        self._next = max(self._next, self._sequence.highest - CAPACITY + 1)
        for number in [n for n in self._packets if n < self._next]:
            del self._packets[number]


@dataclass(slots=True)
class _Missing:
    asked: float
    tries: int = 0


class LossTracker:
    """Knows which packets are missing, when to ask again, and when to give up.

    It stands where aiortc keeps its `NackGenerator`: `add` says whether to ask at once, `missing`
    for what. The rest is asked by a timer through `due` and `stalled`.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.ssrc: int | None = None
        "Of the newest media packet."
        self._lost: dict[int, _Missing] = {}
        self._sequence = Sequence(CAPACITY)
        self._retry = FIRST_RETRY
        self.recovered = 0
        self.given_up = 0

    @property
    def missing(self) -> set[int]:
        """Sequence numbers to ask for at once: those nobody asked for yet."""
        fresh = {number for number, gap in self._lost.items() if gap.tries == 0}
        for number in fresh:
            self._lost[number].tries = 1
        return {number & 0xFFFF for number in fresh}

    def add(self, packet: RtpPacket) -> bool:
        """Note a packet; True when it shows a new gap."""
        self.ssrc = packet.ssrc
        highest = self._sequence.highest
        number = self._sequence(packet.sequence_number)
        if highest is None or number is None:
            return False
        if number <= highest:
            self._found(number)
            return False
        return self._lose(range(highest + 1, number))

    def _lose(self, gap: range) -> bool:
        if not gap or len(gap) >= CAPACITY:
            return False  # so many are not repaired one by one: the buffer asks for a keyframe
        for number in gap:
            self._lost[number] = _Missing(self._clock())
        for number in list(self._lost)[:-CAPACITY]:
            del self._lost[number]
        return True

    def _found(self, number: int) -> None:
        gap = self._lost.pop(number, None)
        if gap is None:
            return
        self.recovered += 1
        if gap.tries == 1:  # an unambiguous round trip (Karn)
            seen = min(max(1.3 * (self._clock() - gap.asked) + 0.005, 0.015), 0.2)
            self._retry += 0.25 * (seen - self._retry)

    def due(self) -> list[int]:
        """Sequence numbers whose last request went unanswered for longer than a round trip."""
        now, numbers = self._clock(), []
        for number, gap in self._lost.items():
            if 0 < gap.tries < TRIES and now - gap.asked >= self._retry:
                gap.tries += 1
                gap.asked = now
                numbers.append(number & 0xFFFF)
        return numbers

    @property
    def patience(self) -> float:
        """Seconds to wait for a lost packet before a keyframe is the shorter way."""
        return max(STALL, 2.5 * self._retry)

    def give_up(self) -> None:
        """Forget every gap: a keyframe was asked for instead."""
        self.given_up += len(self._lost)
        self._lost.clear()


class PassBuffer:
    """For audio: every packet leaves as it comes; whoever plays it has a jitter buffer of his own."""

    capacity = 16

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sequence = Sequence(self.capacity)

    def add(self, packet: RtpPacket) -> tuple[bool, Batch | None]:
        """Give the packet back, unless it or a younger one has left already."""
        newest = self._sequence.highest
        number, data = self._sequence(packet.sequence_number), depayloaded(packet)
        if not data or number is None or (newest is not None and number <= newest):
            return False, None
        return False, Batch([EncodedFrame(data, packet.timestamp, self._clock(), True)])
