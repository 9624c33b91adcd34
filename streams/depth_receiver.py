"""Depth receiver: the receiving end of a `depth/1` channel. What it is sent, it does not trust."""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from omote.streams.channel import Channel, ChannelClosed
from omote.streams.depth import DepthFrame, DepthSink, DepthStats, Hello
from omote.streams.depth_codec import DepthCodec, Maps
from omote.streams.depth_hello import WELCOME, read_hello, refusal_text
from omote.streams.depth_message import BadMessage
from omote.streams.depth_parts import Parts, Whole

logger = logging.getLogger(__name__)

MOST_UNDECODED = 4
"Whole frames that wait for the decoder; one more, and the oldest is thrown away."
TELL_EVERY_S = 1.0
"Between two complaints to the sender, and in the log."


class DepthReceiver:
    """Parts on the event loop, decoding on a thread of its own, frames to `sink` on the loop."""

    def __init__(
        self,
        channel: Channel,
        sink: DepthSink,
        video_time: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._channel = channel
        self._sink = sink
        self._video_time = video_time
        self._hello = Hello()
        self._greeted = False
        self._parts = Parts()
        self._undecoded: asyncio.Queue[Whole] = asyncio.Queue(MOST_UNDECODED)
        self._frames = 0
        self._late = 0
        self._errors: Counter[str] = Counter()
        self._told = -TELL_EVERY_S
        self._sizes: deque[tuple[float, int]] = deque(maxlen=256)

    @property
    def stats(self) -> DepthStats:
        """From the begin of the stream until now."""
        since = time.monotonic() - 1
        recent = sum(size for moment, size in self._sizes if moment > since)
        return DepthStats(
            frames=self._frames,
            lost=self._parts.given_up + self._late,
            bad=self._errors.total(),
            errors=dict(self._errors),
            kbps=recent * 8 / 1e3,
        )

    async def run(self) -> None:
        """Until the channel closes; that the sender has gone is for the caller to tell."""
        codec = DepthCodec()
        with ThreadPoolExecutor(1, thread_name_prefix="depth") as thread:
            decoding = asyncio.create_task(self._decode(codec, thread), name="depth.decode")
            try:
                async for message in self._channel.messages():
                    await self._take(message)
            except ChannelClosed:
                pass
            finally:
                decoding.cancel()
                await asyncio.gather(decoding, return_exceptions=True)

    async def _take(self, message: bytes | str) -> None:
        try:
            if isinstance(message, str):
                await self._greet(read_hello(message))
            elif whole := self._parts.add(message, time.monotonic()):
                self._sizes.append((whole.arrived, len(whole.payload)))
                self._queue(whole)
        except BadMessage as exc:
            await self._complain(exc)

    async def _greet(self, hello: Hello) -> None:
        if hello != self._hello or not self._greeted:
            self._hello, self._greeted = hello, True
            self._sink.hello(hello, "channel")
        await self._channel.send(WELCOME)

    def _queue(self, whole: Whole) -> None:
        if self._undecoded.full():
            self._undecoded.get_nowait()
            self._late += 1
        self._undecoded.put_nowait(whole)

    async def _decode(self, codec: DepthCodec, thread: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        while True:
            whole = await self._undecoded.get()
            try:
                maps = await loop.run_in_executor(thread, codec.decode, whole.header, whole.payload)
            except BadMessage as exc:
                await self._complain(exc)
            else:
                self._frames += 1
                self._sink.put(self._frame(whole, maps))

    def _frame(self, whole: Whole, maps: Maps) -> DepthFrame:
        header = whole.header
        return DepthFrame(
            steps=maps.steps,
            step_m=header.step_m,
            captured=self._captured(header.captured),
            clock=self._hello.clock,
            index=header.index,
            arrived=whole.arrived,
            confidence=maps.confidence,
        )

    def _captured(self, ticks: int) -> int:
        """On the video's clock: the moment near the newest picture, the sender knows 32 bits of it."""
        newest = self._video_time() if self._hello.clock == "video" else None
        if newest is None:
            return ticks
        delta = (ticks - newest) & 0xFFFFFFFF
        return newest + (delta - (1 << 32) if delta >= 1 << 31 else delta)

    async def _complain(self, problem: BadMessage) -> None:
        self._errors[problem.kind] += 1
        now = time.monotonic()
        if now - self._told < TELL_EVERY_S:
            return
        self._told = now
        bad = self._errors.total()
        logger.warning("depth channel: %s (%d bad messages so far)", problem, bad)
        await self._channel.send(refusal_text(str(problem), bad))
