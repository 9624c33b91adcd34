"""Depth sender: the sending end of a `depth/1` channel. Nothing waits in it for long.

aiortc's own queue is kept short: parts are handed to it as it empties, so that a frame that has become
old can still be left out. One frame leaves, one at most waits, and a newer one takes its place.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from aiortc import RTCDataChannel, RTCPeerConnection
from aiortc.exceptions import InvalidStateError

from omote.streams import interop
from omote.streams.depth import DepthFrame, Hello
from omote.streams.depth_codec import DepthCodec
from omote.streams.depth_hello import hello_text, is_welcome
from omote.streams.depth_message import CONFIDENCE, HEADER, LABEL, RVL_ZSTD, Header, split
from omote.streams.depth_thrift import Ceiling, Thrift, most_hidden, thinned

LIFE_TIME_MS = 200
"Of a part, once SCTP has it."
LIFE_TIME_S = 0.25
"Of a frame until its last part is handed over."
PART = 1160 - HEADER
"Bytes of a part: with its header one SCTP chunk, so that a lost datagram costs one part."
PARTS_PER_PARITY = 12
MOST_PARTS = 4096
BITRATE = 12_000_000
"bit/s, headers and parity included, above which steps become as large as the noise hides."
MOST_BUFFERED = 8 * (PART + HEADER)
"Bytes handed to the channel that have not left it."
LEAST_WINDOW = 24 * 1160
"Bytes on their way, however much is lost; `omote.streams.depth_thrift` sees to it that it is enough."
LEAST_TIMEOUT_S = 0.2
REPEAT_S = 0.5
"Between two hellos until one is answered."


@dataclass(slots=True)
class Sent:
    """What became of the frames that were offered."""

    whole: int = 0
    "Handed over to the last part."
    thinned: int = 0
    "Left out on purpose, to lower the rate."
    skipped: int = 0
    "Left out because one before them was still leaving."
    expired: int = 0
    "Begun and not ended within their life time."
    bytes: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Coded:
    messages: list[bytes]
    since: float


class DepthSender:
    """Belongs to the event loop; coding happens on a thread of its own."""

    def __init__(
        self,
        channel: RTCDataChannel,
        hello: Hello,
        stamp: Callable[[DepthFrame], int] = lambda frame: frame.captured,
        bitrate: int = BITRATE,
    ) -> None:
        self.sent = Sent()
        self.refusals: deque[str] = deque(maxlen=16)
        "What the other end last complained of."
        self._channel = channel
        self._hello = hello
        self._stamp = stamp
        self._thrift = Thrift()
        self._ceiling = Ceiling(bitrate)
        self._codec = DepthCodec()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="depth")
        self._leaving: deque[bytes] = deque()
        self._since = 0.0
        self._waiting: _Coded | None = None
        self._welcome = asyncio.Event()
        channel.bufferedAmountLowThreshold = MOST_BUFFERED // 2
        channel.on("bufferedamountlow", self._feed)
        channel.on("message", self._heard)
        self._opened = asyncio.Event()
        channel.on("open", self._opened.set)
        if channel.readyState == "open":
            self._opened.set()
        self._greeting = asyncio.create_task(self._greet(), name="depth.hello")

    @property
    def rung(self) -> int:
        """How far down the ladder of `omote.streams.depth_thrift` it is."""
        return self._thrift.rung

    @property
    def waiting(self) -> int:
        """Bytes not handed over yet."""
        behind = self._waiting.messages if self._waiting else []
        return sum(map(len, self._leaving)) + sum(map(len, behind))

    async def welcome(self) -> None:
        """Wait until the other end has understood the hello; nothing is sent before."""
        await self._welcome.wait()

    async def send(self, frame: DepthFrame) -> bool:
        """Code a frame and begin to send it; False if it was left out."""
        since = time.monotonic()
        if self._channel.readyState != "open" or not self._welcome.is_set():
            self.sent.skipped += 1
            return False
        plan = self._thrift.plan(frame.size[0])
        if frame.index % plan.every:
            self.sent.thinned += 1
            return False
        self._expire(since)
        self._ceiling.taken(since)
        loop = asyncio.get_running_loop()
        messages = await loop.run_in_executor(self._thread, self._coded, frame)
        self._put(_Coded(messages, since))
        return True

    async def close(self) -> None:
        """Send nothing more; the channel stays its owner's."""
        self._greeting.cancel()
        await asyncio.gather(self._greeting, return_exceptions=True)
        self._leaving.clear()
        self._waiting = None
        self._thread.shutdown(wait=False)

    def _coded(self, given: DepthFrame) -> list[bytes]:
        noise, rung = self._hello.noise_m, self._thrift.plan(given.size[0])
        frame = thinned(given, rung, noise, self._ceiling.times)
        payload = self._codec.encode(frame.steps, frame.confidence)
        messages = split(self._header(frame, len(payload)), payload)
        total = sum(map(len, messages))
        self._ceiling.coded(total, frame.steps.size, most_hidden(given, noise))
        return messages

    def _header(self, frame: DepthFrame, size: int) -> Header:
        parts = min(-(-size // PART), MOST_PARTS)
        parts = -(-size // -(-size // parts))
        return Header(
            codec=RVL_ZSTD,
            flags=0 if frame.confidence is None else CONFIDENCE,
            parity=-(-parts // PARTS_PER_PARITY),
            width=frame.size[0],
            height=frame.size[1],
            step_m=frame.step_m,
            index=frame.index,
            captured=self._stamp(frame),
            size=size,
            parts=parts,
        )

    def _put(self, coded: _Coded) -> None:
        if self._waiting is not None:
            self.sent.skipped += 1
            self._thrift.skipped()
        self._waiting = coded
        self._feed()

    def _feed(self) -> None:
        try:
            while self._channel.bufferedAmount < MOST_BUFFERED and self._next():
                message = self._leaving.popleft()
                self.sent.bytes += len(message)
                self._channel.send(message)
                if not self._leaving:
                    self.sent.whole += 1
                    self._thrift.left(time.monotonic() - self._since)
        except InvalidStateError:
            self._leaving.clear()  # the channel has closed meanwhile

    def _next(self) -> bool:
        """Whether there is a part to hand over."""
        if not self._leaving and self._waiting is not None:
            self._leaving.extend(self._waiting.messages)
            self._since = self._waiting.since
            self._waiting = None
        return bool(self._leaving)

    def _expire(self, now: float) -> None:
        if self._leaving and now - self._since > LIFE_TIME_S:
            self._leaving.clear()
            self.sent.expired += 1
            self._thrift.skipped()

    def _heard(self, message: bytes | str) -> None:
        if is_welcome(message):
            self._welcome.set()
        elif isinstance(message, str):
            self.refusals.append(message[:1000])

    async def _greet(self) -> None:
        await self._opened.wait()
        while not self._welcome.is_set() and self._channel.readyState == "open":
            self._channel.send(hello_text(self._hello))
            await asyncio.sleep(REPEAT_S)


def depth_channel(connection: RTCPeerConnection) -> RTCDataChannel:
    """The channel to send depth over, to be made before the offer."""
    channel = connection.createDataChannel(
        LABEL, ordered=False, maxPacketLifeTime=LIFE_TIME_MS, protocol=LABEL
    )
    interop.hasten_data(connection, LEAST_WINDOW, LEAST_TIMEOUT_S)
    return channel
