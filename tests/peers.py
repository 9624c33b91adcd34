"""aiortc peers that publish and view over HTTP, as any client of the wire does."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction

import av
import httpx
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs import get_capabilities
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from omote.streams import interop
from tests.numbered import number_in, numbered

SDP = {"Content-Type": "application/sdp"}
PATIENCE_S = 30


class Camera(MediaStreamTrack):
    """Numbered pictures, 30 a second, coded by aiortc."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._number = 0
        self._began = time.monotonic()

    async def recv(self) -> av.VideoFrame:
        self._number += 1
        await asyncio.sleep(self._began + self._number / 30 - time.monotonic())
        if self.readyState != "live":
            raise MediaStreamError
        video = numbered(self._number)
        video.pts, video.time_base = self._number, Fraction(1, 30)
        return video


class Client:
    """One peer connection and the session it has on a server."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.url = ""
        "Of its session, once the server has answered 201."
        self._http = http

    async def offer(self) -> str:
        """The whole offer, loopback candidates and all."""
        offer = await self.connection.createOffer()
        interop.bind_media_to_loopback(self.connection)
        await self.connection.setLocalDescription(offer)
        return self.connection.localDescription.sdp

    async def publish(self, path: str = "/whip/desk") -> httpx.Response:
        self.connection.addTrack(Camera())
        return await self.ask(path)

    async def watch(self, codec: str | None = None, path: str = "/whep/desk") -> httpx.Response:
        transceiver = self.connection.addTransceiver("video", direction="recvonly")
        if codec is not None:
            codecs = get_capabilities("video").codecs
            transceiver.setCodecPreferences([c for c in codecs if c.name in (codec, "rtx")])
        return await self.ask(path)

    async def ask(self, path: str) -> httpx.Response:
        """Offer what the connection has been given."""
        answer = await self._http.post(path, content=await self.offer(), headers=SDP)
        if answer.status_code == 201:
            self.url = answer.headers["location"]
            description = RTCSessionDescription(answer.text, "answer")
            await self.connection.setRemoteDescription(description)
        return answer

    async def sees_the_camera(self) -> None:
        """Wait for three pictures that are numbered, which the slate is not."""
        track = self.connection.getTransceivers()[0].receiver.track
        seen: set[int] = set()
        async with asyncio.timeout(PATIENCE_S):
            while len(seen) < 3:
                frame = await track.recv()
                assert isinstance(frame, av.VideoFrame)
                seen |= {number_in(frame)} - {0}

    async def until(self, state: str) -> None:
        """Wait until the connection is `connected`, or `closed`, whoever closed it."""
        changed = asyncio.Event()
        self.connection.on("connectionstatechange", changed.set)
        async with asyncio.timeout(PATIENCE_S):
            while self.connection.connectionState != state:
                await changed.wait()
                changed.clear()


@asynccontextmanager
async def client(http: httpx.AsyncClient) -> AsyncIterator[Client]:
    """A client of that server; its connection is closed afterwards."""
    made = Client(http)
    try:
        yield made
    finally:
        await made.connection.close()
