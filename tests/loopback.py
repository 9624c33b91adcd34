"""aiortc peers in this process: a publisher of numbered pictures, a viewer that reads the numbers."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any, TypeVar, cast

import av
import numpy as np
from aiortc import (
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCSessionDescription,
)
from aiortc.codecs import get_capabilities
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from omote.streams import interop
from omote.streams.encoder import Codec, open_encoder
from omote.streams.interop import Send
from omote.streams.packet import Packet
from omote.streams.webrtc import Peer
from tests.numbered import number_in
from tests.utils import STEP, picture

P = TypeVar("P", bound=Peer)
PATIENCE_S = 20
"Seconds until a test that waits has failed."


class Camera(MediaStreamTrack):
    """Numbered pictures at `fps`, coded by our own encoder as they are due."""

    kind = "video"

    def __init__(self, codec: Codec = "VP8", size: tuple[int, int] = (320, 240), fps: int = 30):
        super().__init__()
        self.size = size
        "May be changed in mid-stream."
        self.number = -1
        self.keyframe_wanted = False
        self.grains = 0
        "Rows of noise at the foot of the picture, for it to take several packets."
        self.silent = asyncio.Event()
        "Set while it sends nothing; its numbers go on."
        self._fps = fps
        self._encoder = open_encoder(codec, 1_000_000)
        self._began = time.monotonic()

    def want_keyframe(self) -> None:
        self.keyframe_wanted = True

    async def recv(self) -> Packet:
        while True:
            self.number += 1
            due = self._began + self.number / self._fps
            await asyncio.sleep(due - time.monotonic())
            if self.readyState != "live":
                raise MediaStreamError
            if not self.silent.is_set():
                return self._coded()

    def _coded(self) -> Packet:
        keyframe, self.keyframe_wanted = self.keyframe_wanted, False
        pts = self.number * 30 * STEP // self._fps
        video = picture(self.number, *self.size)
        if self.grains:
            add_grains(video, self.grains, seed=self.number)
        packet = self._encoder.encode(video, pts, keyframe)
        assert packet is not None
        return packet


def add_grains(video: av.VideoFrame, rows: int, seed: int) -> None:
    """Write noise over the last rows of the luma plane."""
    plane = video.planes[0]
    luma = np.frombuffer(cast(Any, plane), np.uint8).reshape(-1, plane.line_size)
    grains = np.random.default_rng(seed).integers(0, 256, (rows, plane.width), np.uint8)
    luma[plane.height - rows : plane.height, : plane.width] = grains


class Hum(MediaStreamTrack):
    """A tone, 20 ms a frame."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.number = -1
        self._began = time.monotonic()

    async def recv(self) -> av.AudioFrame:
        self.number += 1
        await asyncio.sleep(self._began + 0.02 * self.number - time.monotonic())
        if self.readyState != "live":
            raise MediaStreamError
        wave = np.sin(np.arange(960) * 2 * np.pi * 440 / 48_000) * 9000
        frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], "s16", "mono")
        frame.sample_rate, frame.pts = 48_000, 960 * self.number
        frame.time_base = Fraction(1, 48_000)
        return frame


class Watch:
    """What comes out of one track, noted as it comes."""

    def __init__(self, track: MediaStreamTrack) -> None:
        self.numbers: list[int] = []
        self.times: list[int] = []
        self.sizes: list[tuple[int, int]] = []
        self.newest: av.VideoFrame | None = None
        self.ended = asyncio.Event()
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._read(track), name="watch")

    async def _read(self, track: MediaStreamTrack) -> None:
        try:
            while True:
                frame = await track.recv()
                assert isinstance(frame, av.VideoFrame) and frame.pts is not None
                self.newest = frame
                self.numbers.append(number_in(frame))
                self.times.append(frame.pts)
                self.sizes.append((frame.width, frame.height))
                self._changed.set()
        except MediaStreamError:
            self.ended.set()

    async def until(self, met: Callable[["Watch"], bool]) -> None:
        """Wait for a frame that makes it true."""
        async with asyncio.timeout(PATIENCE_S):
            while not met(self):
                self._changed.clear()
                await self._changed.wait()

    async def more(self, count: int) -> None:
        """Wait for so many more frames."""
        enough = len(self.numbers) + count
        await self.until(lambda watch: len(watch.numbers) >= enough)

    async def close(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def client() -> RTCPeerConnection:
    """A peer connection that asks nobody for its address."""
    return RTCPeerConnection(RTCConfiguration(iceServers=[]))


@asynccontextmanager
async def opened() -> AsyncIterator[RTCPeerConnection]:
    """A connection that is closed afterwards."""
    connection = client()
    try:
        yield connection
    finally:
        await connection.close()


async def offered(connection: RTCPeerConnection) -> str:
    """The connection's offer, with its loopback candidates."""
    offer = await connection.createOffer()
    interop.bind_media_to_loopback(connection)
    await connection.setLocalDescription(offer)
    return connection.localDescription.sdp


async def answered(
    connection: RTCPeerConnection,
    answer: Callable[[str], Awaitable[P]],
    link: Callable[[Send], Send] | None = None,
) -> P:
    """Offer, take the answer, and wait until both are connected."""
    peer = await answer(await offered(connection))
    if link is not None:
        interop.send_through(connection, link)
    await connection.setRemoteDescription(RTCSessionDescription(peer.answer, "answer"))
    async with asyncio.timeout(PATIENCE_S):
        await peer.connected.wait()
    return peer


def prefer(connection: RTCPeerConnection, codec: str) -> None:
    """Offer this video codec alone, with its retransmissions."""
    codecs = [c for c in get_capabilities("video").codecs if c.name in (codec, "rtx")]
    for transceiver in connection.getTransceivers():
        if transceiver.kind == "video":
            transceiver.setCodecPreferences(codecs)


@asynccontextmanager
async def publishing(
    answer: Callable[[str], Awaitable[P]],
    camera: Camera | None = None,
    sound: MediaStreamTrack | None = None,
    codec: Codec = "VP8",
    link: Callable[[Send], Send] | None = None,
) -> AsyncIterator[P]:
    """A publisher that is connected; it is gone afterwards. `link` is what it sends through."""
    connection, camera = client(), camera or Camera(codec)
    sender = connection.addTransceiver(camera, direction="sendonly").sender
    interop.on_keyframe_request(sender, camera.want_keyframe)
    if sound is not None:
        connection.addTransceiver(sound, direction="sendonly")
    prefer(connection, codec)
    peer = None
    try:
        peer = await answered(connection, answer, link)
        yield peer
    finally:
        await connection.close()
        if peer is not None and link is not None:
            await peer.close()  # its goodbye may be lost
        if peer is not None:
            async with asyncio.timeout(PATIENCE_S):
                await peer.closed.wait()


@asynccontextmanager
async def viewing(
    answer: Callable[[str], Awaitable[P]], codec: Codec | None = None, *, sound: bool = False
) -> AsyncIterator[tuple[Watch, RTCPeerConnection]]:
    """A viewer that is connected; it is gone afterwards. Sound is up to the caller to read."""
    connection = client()
    receiver: RTCRtpReceiver = connection.addTransceiver("video", direction="recvonly").receiver
    if sound:
        connection.addTransceiver("audio", direction="recvonly")
    if codec is not None:
        prefer(connection, codec)
    peer = watch = None
    try:
        peer = await answered(connection, answer)
        watch = Watch(receiver.track)
        yield watch, connection
    finally:
        if watch is not None:
            await watch.close()
        await connection.close()
        if peer is not None:
            async with asyncio.timeout(PATIENCE_S):
                await peer.closed.wait()
