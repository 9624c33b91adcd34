"""Recovery: asks again for lost packets, and for a keyframe when asking is in vain.

aiortc asks for a lost packet once and then waits, so that one lost retransmission freezes the picture
until its buffer overflows. RFC 4585 leaves the timing to the receiver; ours follows the round trip.
"""

import asyncio
import time

from aiortc import RTCRtpReceiver

from omote.streams import interop
from omote.streams.jitter import FrameBuffer, LossTracker

TICK = 0.015
"Seconds between looks at what is missing."
KEYFRAME_EVERY = 0.25
"Seconds between requests for a keyframe that does not come."


class Recovery:
    """Owns one video receiver's buffer and loss tracker, and a task that keeps an eye on them."""

    def __init__(self, receiver: RTCRtpReceiver, buffer: FrameBuffer, tracker: LossTracker) -> None:
        self._receiver = receiver
        self._buffer = buffer
        self._tracker = tracker
        self._wanted = False
        self._asked: float | None = None
        self._head: int | None = None
        self._held_since = 0.0
        self.keyframes_asked = 0
        interop.use_jitter_buffer(receiver, buffer)
        interop.use_loss_tracker(receiver, tracker)
        self._task = asyncio.create_task(self._run(), name="publisher.recovery")

    def want_keyframe(self) -> None:
        """The decoder cannot go on without one."""
        self._wanted = True

    async def report_bandwidth(self, bitrate: int) -> None:
        """Tell the publisher now what it may send, bit/s."""
        if self._tracker.ssrc is not None:
            await interop.send_remb(self._receiver, self._tracker.ssrc, bitrate)

    async def stop(self) -> None:
        """End the task."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            ssrc = self._tracker.ssrc
            if ssrc is None:
                continue
            if lost := self._tracker.due():
                await interop.send_nack(self._receiver, ssrc, lost)
            now = time.monotonic()
            self._lose_patience(now)
            if self._asked is None:
                self._asked = now  # a publisher begins with a keyframe without being asked
            if self._needs_keyframe() and now - self._asked >= KEYFRAME_EVERY:
                self._asked, self._wanted = now, False
                self.keyframes_asked += 1
                await interop.send_pli(self._receiver, ssrc)

    def _needs_keyframe(self) -> bool:
        return self._wanted or self._buffer.awaiting_keyframe

    def _lose_patience(self, now: float) -> None:
        """Give up on a gap that has held the picture up for longer than a keyframe would take."""
        if (
            not self._buffer.gap
            or self._buffer.head != self._head
            or self._buffer.awaiting_keyframe  # given up already; what is lost of it is asked for
        ):
            self._head, self._held_since = self._buffer.head, now
        elif now - self._held_since >= self._tracker.patience:
            self._held_since = now
            self._buffer.skip()
            self._tracker.give_up()
