"""Virtual time, and a cable of one's own between aiortc's real sender and real receiver.

Nothing waits: the clock jumps to whatever is due next, so ten seconds of stream take a moment, are
the same on every run, and may be measured to the millisecond on a busy machine.
"""

import asyncio
import random
import selectors
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import pairwise
from typing import Any, TypeVar, cast

from aiortc import RTCDtlsTransport, RTCRtpReceiver, RTCRtpSender
from aiortc.mediastreams import MediaStreamTrack
from aiortc.rtcrtpparameters import (
    RTCRtcpParameters,
    RTCRtpCodecParameters,
    RTCRtpDecodingParameters,
    RTCRtpReceiveParameters,
    RTCRtpRtxParameters,
    RTCRtpSendParameters,
)
from aiortc.rtcrtpreceiver import RemoteStreamTrack
from aiortc.rtp import (
    RTCP_PSFB_PLI,
    AnyRtcpPacket,
    HeaderExtensionsMap,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    RtpPacket,
    is_rtcp,
)

from omote.streams import interop
from omote.streams.jitter import Batch, EncodedFrame
from omote.streams.packet import Packet
from tests.utils import parameters, vp8_frame

T = TypeVar("T")
VP8 = parameters("VP8")
RTX = RTCRtpCodecParameters(
    mimeType="video/rtx", clockRate=90_000, payloadType=98, parameters={"apt": 97}
)


class _Jumps(selectors.SelectSelector):
    def __init__(self, jump: Callable[[float], None]) -> None:
        super().__init__()
        self._jump = jump

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready and timeout is None:
            raise RuntimeError("nothing is due any more: this would wait for ever")
        if not ready and timeout:
            self._jump(timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop without waiting; for what needs neither sockets nor threads."""

    def __init__(self) -> None:
        self.now = 1000.0
        super().__init__(_Jumps(self._jump))

    def time(self) -> float:
        return self.now

    def _jump(self, seconds: float) -> None:
        self.now += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


Lost = Callable[[bytes], bool]
"Whether a packet does not arrive."


class Cable:
    """One end of a lossy, slow cable, in the place of aiortc's DTLS transport.

    `delay` in seconds; `rate`: the bit/s that go through it.
    """

    state = "connected"
    _stats_id = "cable"

    def __init__(self, lost: Lost, delay: float, rate: float) -> None:
        self._lost = lost
        self._delay = delay
        self._rate = rate
        self._free_at = 0.0
        self._on_the_way: deque[bytes] = deque()
        self._arriving: set[asyncio.Task[None]] = set()
        self.far: RTCRtpReceiver | RTCRtpSender | None = None
        self.sent: list[tuple[float, bytes]] = []

    async def _send_rtp(self, data: bytes) -> None:
        loop = asyncio.get_running_loop()
        self.sent.append((loop.time(), data))
        self._free_at = max(self._free_at, loop.time()) + 8 * len(data) / self._rate
        if not self._lost(data):
            self._on_the_way.append(data)  # a loop does not keep the order of what is due at once
            loop.call_at(self._free_at + self._delay, self._start)

    def _start(self) -> None:
        data = self._on_the_way.popleft()
        task = asyncio.get_running_loop().create_task(self._arrive(data))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _arrive(self, data: bytes) -> None:
        assert self.far is not None
        if is_rtcp(data):
            for rtcp in RtcpPacket.parse(data):
                await self.far._handle_rtcp_packet(rtcp)
        elif isinstance(self.far, RTCRtpReceiver):
            packet = RtpPacket.parse(data, HeaderExtensionsMap())
            now_ms = int(asyncio.get_running_loop().time() * 1e3)
            await self.far._handle_rtp_packet(packet, arrival_time_ms=now_ms)

    def nacks(self) -> list[tuple[float, list[int]]]:
        """When packets were asked for again, and which."""
        return [
            (when, packet.lost)
            for when, packet in self._feedback()
            if isinstance(packet, RtcpRtpfbPacket)
        ]

    def plis(self) -> list[float]:
        """When keyframes were asked for."""
        return [
            when
            for when, packet in self._feedback()
            if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_PLI
        ]

    def _feedback(self) -> Iterator[tuple[float, AnyRtcpPacket]]:
        for when, data in self.sent:
            if is_rtcp(data):
                yield from ((when, packet) for packet in RtcpPacket.parse(data))

    def _register_rtp_sender(self, *_: object) -> None: ...
    def _unregister_rtp_sender(self, *_: object) -> None: ...
    def _register_rtp_receiver(self, *_: object) -> None: ...
    def _unregister_rtp_receiver(self, *_: object) -> None: ...


class Footage(MediaStreamTrack):
    """VP8 of no content, 30 pictures a second, about 2.4 Mbit/s; keyframes when asked for."""

    kind = "video"

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._left = int(seconds * 30)
        self._due = asyncio.get_running_loop().time()
        self._ended = asyncio.Event()
        self.wanted = True
        self.pictures: list[bytes] = []
        self.keyframes: set[int] = set()

    def want(self) -> None:
        self.wanted = True

    async def recv(self) -> Packet:
        await asyncio.sleep(self._due - asyncio.get_running_loop().time())
        if len(self.pictures) == self._left:
            self._ended.set()
            await asyncio.Event().wait()
        keyframe, self.wanted = self.wanted, False
        number = len(self.pictures)
        self._due += 1 / 30
        self.pictures.append(vp8_frame(keyframe, 25_000 if keyframe else 9_000, number))
        if keyframe:
            self.keyframes.add(number)
        packet: Packet = Packet(self.pictures[-1])
        packet.pts, packet.time_base = number, Fraction(1, 30)
        return packet

    async def ended(self) -> None:
        await self._ended.wait()


class Recorder:
    """Stands where the decoder's queue is: notes what would be decoded, and when."""

    def __init__(self) -> None:
        self._end = threading.Event()
        self.frames: list[tuple[float, EncodedFrame]] = []

    def put(self, task: tuple[Any, Batch] | None) -> None:
        if task is None:
            self._end.set()
        else:
            now = asyncio.get_running_loop().time()
            self.frames += [(now, frame) for frame in task[1].frames]

    def get(self) -> None:
        self._end.wait()

    def freezes(self) -> list[float]:
        """Seconds from each frame to the next, the longest first."""
        times = [when for when, _ in self.frames]
        return sorted((b - a for a, b in pairwise(times)), reverse=True)


class Hop:
    """A stream from a real sender to a real receiver over two cables of opposite directions."""

    def __init__(
        self, seconds: float, lost: Lost, *, delay: float = 0.02, rate: float = 1e8
    ) -> None:
        self.there, self.back = Cable(lost, delay, rate), Cable(lost, delay, rate)
        self.footage = Footage(seconds)
        self.sender = RTCRtpSender(self.footage, cast(RTCDtlsTransport, self.there))
        self.receiver = RTCRtpReceiver("video", cast(RTCDtlsTransport, self.back))
        self.there.far, self.back.far = self.receiver, self.sender
        self.recorder = Recorder()
        self.receiver._track = RemoteStreamTrack(kind="video")
        self.receiver._set_rtcp_ssrc(4321)
        interop.use_decoder_queue(self.receiver, self.recorder)
        interop.on_keyframe_request(self.sender, self.footage.want)

    async def run(self) -> None:
        """From the first picture to a second after the last."""
        ssrc, rtx = self.sender._ssrc, RTCRtpRtxParameters(ssrc=self.sender._rtx_ssrc)
        encoding = RTCRtpDecodingParameters(ssrc=ssrc, payloadType=97, rtx=rtx)
        codecs = [VP8, RTX]
        await self.receiver.receive(RTCRtpReceiveParameters(codecs=codecs, encodings=[encoding]))
        rtcp = RTCRtcpParameters(cname="camera", ssrc=ssrc)
        await self.sender.send(RTCRtpSendParameters(codecs=codecs, rtcp=rtcp))
        await self.footage.ended()
        await asyncio.sleep(1)

    async def stop(self) -> None:
        await self.sender.stop()
        await self.receiver.stop()

    def shown(self) -> list[int]:
        """Numbers of the pictures that came out."""
        return [self.footage.pictures.index(frame.data) for _, frame in self.recorder.frames]


def dice(share: float, seed: int) -> Lost:
    """Loses that share of packets, the same ones on every run."""
    rolls = random.Random(seed)
    random.seed(seed)  # aiortc's own: when it sends its reports
    return lambda _: rolls.random() < share


def nothing(_: bytes) -> bool:
    """A good cable."""
    return False


@contextmanager
def virtual_clock(monkeypatch: Any, *modules: str) -> Iterator[None]:
    """Give modules that look at the time the running loop's."""

    class Time:
        @staticmethod
        def monotonic() -> float:
            return asyncio.get_running_loop().time()

    with monkeypatch.context() as patch:
        for module in modules:
            patch.setattr(f"{module}.time", Time)
        yield
