"""Subscriber: one viewer of a stage, and what it notes of what it is shown."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

from aiortc import RTCPeerConnection, RTCRtpCodecCapability, RTCRtpReceiver
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from aiortc.rtp import RtpPacket
from av import VideoFrame

from omote.clients import marks, signalling
from omote.clients.sound import Ear
from omote.streams import interop
from omote.streams.decoder import AudioQueue, Decoded, DecoderQueue
from omote.streams.jitter import EncodedFrame, FrameBuffer, LossTracker, PassBuffer
from omote.streams.recovery import Recovery
from omote.streams.webrtc import call_soon

Way = Literal["decode", "count", "stock"]
"Omote's own receiving side; the same without decoding; aiortc's as it comes."


class Notes:
    """What one viewer noted."""

    def __init__(self) -> None:
        self.shown: list[tuple[int | None, float, int]] = []
        "Number read from each picture, `time.monotonic()` when it could be shown, its timestamp."
        self.beeps: list[tuple[int, float]] = []
        "Timestamp at which each beep began, and when its packet came."
        self.reports: dict[str, list[tuple[float, int]]] = {"video": [], "audio": []}
        "NTP seconds and timestamps, from sender reports."
        self.keyframes_asked = 0
        self.recovered = 0
        "Packets that were lost and came when asked for again."
        self.given_up = 0
        "Packets that were lost for good."

    def picture(self, video: VideoFrame, timestamp: int) -> None:
        """A picture that could be shown now."""
        now = time.monotonic()
        planar = video.format.name in ("yuv420p", "yuvj420p")
        number = marks.read(marks.luma_of(video)) if planar else None
        self.shown.append((number, now, timestamp))

    def told(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return vars(self)


class Subscriber:
    """One viewer's connection; `notes` grow while it is part of a session."""

    def __init__(self, way: Way, codecs: Sequence[RTCRtpCodecCapability], *, audio: bool) -> None:
        self.notes = Notes()
        self.connection: RTCPeerConnection = signalling.new_connection()
        self._recovery: Recovery | None = None
        self._losses = LossTracker()
        self._reader: asyncio.Task[None] | None = None
        video = self.connection.addTransceiver("video", direction="recvonly")
        if codecs:
            video.setCodecPreferences(list(codecs))
        self._attach(way, video.receiver)
        if audio:
            self._listen(self.connection.addTransceiver("audio", direction="recvonly").receiver)

    def _attach(self, way: Way, receiver: RTCRtpReceiver) -> None:
        if way == "count":
            interop.use_jitter_buffer(receiver, MarkerCounter(self._count))
        elif way == "stock":
            self.connection.on("track", self._read)
        else:
            self._decode(receiver)
        interop.on_sender_report(receiver, self._report("video"))

    def _decode(self, receiver: RTCRtpReceiver) -> None:
        loop = asyncio.get_running_loop()
        self._recovery = recovery = Recovery(receiver, FrameBuffer(), self._losses)
        queue = DecoderQueue(self._show, lambda: call_soon(loop, recovery.want_keyframe))
        interop.use_decoder_queue(receiver, queue)

    def _listen(self, receiver: RTCRtpReceiver) -> None:
        ear = Ear()

        def hear(codec: str, packet: EncodedFrame) -> None:
            begun = ear.hear(packet.data, packet.timestamp)
            if begun is not None:
                self.notes.beeps.append((begun, packet.arrived))

        interop.use_jitter_buffer(receiver, PassBuffer())
        interop.use_decoder_queue(receiver, AudioQueue(hear))
        interop.on_sender_report(receiver, self._report("audio"))

    def _show(self, decoded: Decoded) -> None:
        """In the decoder's thread."""
        self.notes.picture(decoded.video, decoded.timestamp)

    def _count(self, timestamp: int) -> None:
        self.notes.shown.append((None, time.monotonic(), timestamp))

    def _read(self, track: MediaStreamTrack) -> None:
        if track.kind == "video":
            self._reader = asyncio.create_task(self._read_all(track), name="viewer.read")

    async def _read_all(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                video = await track.recv()
            except MediaStreamError:
                return
            if isinstance(video, VideoFrame):
                self.notes.picture(video, video.pts or 0)

    def _report(self, kind: str) -> Callable[[float, int], None]:
        reports = self.notes.reports[kind]

        def note(second: float, timestamp: int) -> None:
            reports.append((second, timestamp))

        return note

    async def close(self) -> None:
        """After the session: end what looked after it."""
        if self._recovery is not None:
            self.notes.keyframes_asked = self._recovery.keyframes_asked
            self.notes.recovered = self._losses.recovered
            self.notes.given_up = self._losses.given_up
            await self._recovery.stop()
        if self._reader is not None:
            await asyncio.wait([self._reader], timeout=1)


class MarkerCounter:
    """In a jitter buffer's place: tells of each frame's last packet, keeps nothing."""

    capacity = 1

    def __init__(self, count: Callable[[int], None]) -> None:
        self._count = count

    def add(self, packet: RtpPacket) -> tuple[bool, None]:
        """Look at the marker bit."""
        if packet.marker:
            self._count(packet.timestamp)
        return False, None
