"""Transmission: what a projector plays, over WHIP to a stage; made again when it is lost."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

from aiortc import RTCPeerConnection
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from omote.clients import process, signalling
from omote.clients.camera import LEAST_BITRATE, Camera
from omote.clients.place import Place
from omote.clients.projector import Projector, Shot
from omote.clients.publisher import only
from omote.clients.request import NotConnected
from omote.clients.terminal import say
from omote.clients.ticker import Sender, Ticker
from omote.streams import interop
from omote.streams.encoder import Codec, Encoder, open_encoder
from omote.streams.latest import Closed, Latest
from omote.streams.packet import Packet

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 8.0
"Between two attempts; doubled from the first to the longest."
GHOST_S = 45.0
"A server that lost us takes this long to notice; until then the stage seems to be taken."
PASSING = (None, 429, 502, 503, 504)
"Answers after which trying again may help."
MOST_SOUND = 100
"Packets of sound that may wait; more push the oldest out."


class Transmission:
    """One publisher, however many connections it takes."""

    def __init__(
        self, place: Place, token: str | None, codec: Codec, bitrate: int, *, takeover: bool
    ) -> None:
        self.frames = 0
        "Pictures sent."
        self.reconnected = 0
        self._url = place.whip + ("?takeover=true" if takeover else "")
        self._token = token
        self._codec: Codec = codec
        self._bitrate = bitrate
        self._sender = Sender()
        self._dropped = 0
        self._lost_at: float | None = None
        "When the network took the connection, `loop.time()`; None: nobody or the server did."

    async def run(self, projector: Projector, stop: asyncio.Event, seconds: float | None) -> None:
        """Until told to stop, or the projector ends; raises `NotConnected`."""
        loop, pause = asyncio.get_running_loop(), FIRST_PAUSE_S
        end = None if seconds is None else loop.time() + seconds
        connected = False
        while not (stop.is_set() or projector.ended.is_set()):
            left = None if end is None else end - loop.time()
            if left is not None and left <= 0:
                break
            try:
                async with self._connected(projector) as lost:
                    self.reconnected += connected
                    connected, pause = True, FIRST_PAUSE_S
                    projector.start()
                    await process.first(stop, lost, projector.ended, within=left)
                    if not lost.is_set():
                        break
            except NotConnected as exc:
                if not connected or not self._passes(exc):
                    raise
                say(f"{exc}; next attempt in {pause:g} s")
            await process.first(stop, within=pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        self._dropped = projector.pictures.dropped

    def _passes(self, exc: NotConnected) -> bool:
        if exc.status == 409 and self._lost_at is not None:
            return asyncio.get_running_loop().time() - self._lost_at < GHOST_S
        return exc.status in PASSING

    @asynccontextmanager
    async def _connected(self, projector: Projector) -> AsyncIterator[asyncio.Event]:
        connection: RTCPeerConnection = signalling.new_connection()
        film = FilmTrack(
            projector.pictures, open_encoder(self._codec, self._bitrate), self._bitrate
        )
        transceiver = connection.addTransceiver(film, direction="sendonly")
        transceiver.setCodecPreferences(only(self._codec))
        interop.on_keyframe_request(transceiver.sender, film.ask_keyframe)
        interop.on_remb(transceiver.sender, film.aim)
        voice = SoundTrack()
        projector.on_sound = voice.put
        connection.addTransceiver(voice, direction="sendonly")
        try:
            async with signalling.session(self._url, connection, token=self._token) as lost:
                say("connected")
                async with Ticker(lambda: self._line(connection, film)):
                    yield lost
                if lost.is_set():
                    self._note_loss(connection)
        finally:
            self.frames += film.sent
            film.end()

    def _note_loss(self, connection: RTCPeerConnection) -> None:
        failed = connection.connectionState == "failed"
        self._lost_at = asyncio.get_running_loop().time() if failed else None
        say("the connection was lost" if failed else "the server ended the session")

    async def _line(self, connection: RTCPeerConnection, film: "FilmTrack") -> str:
        return await self._sender.line(connection, self.frames + film.sent)

    def told(self, seconds: float) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return {
            "seconds": round(seconds, 2),
            "frames": self.frames,
            "dropped": self._dropped,
            **self._sender.told(),
            "reconnected": self.reconnected,
        }


class FilmTrack(Camera):
    """Encodes the newest picture whenever aiortc wants one."""

    def __init__(self, pictures: Latest[Shot], encoder: Encoder, bitrate: int) -> None:
        super().__init__()
        self.sent = 0
        self._pictures = pictures
        self._encoder = encoder
        self._bitrate = bitrate
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encoder")

    async def recv(self) -> Packet:
        """The next picture's packet."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                shot = await self._pictures.get()
            except Closed as exc:
                raise MediaStreamError from exc
            keyframe = self._keyframe()
            packet = await loop.run_in_executor(
                self._thread, self._encoder.encode, shot.video, shot.ticks, keyframe
            )
            if packet is not None:
                self.sent += 1
                return packet

    def aim(self, bitrate: int) -> None:
        """Follow the other end's bandwidth, up to what was asked for."""
        self._encoder.set_bitrate(max(LEAST_BITRATE, min(bitrate, self._bitrate)))

    def end(self) -> None:
        """A picture in the encoder is left to finish."""
        self.stop()
        self._thread.shutdown(wait=False)


class SoundTrack(MediaStreamTrack):
    """Hands on what it is given; what nobody takes in two seconds is lost, as sound is."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._packets: deque[Packet] = deque(maxlen=MOST_SOUND)
        self._more = asyncio.Event()

    def put(self, packet: Packet) -> None:
        """The next packet, Opus, pts in 48 kHz ticks."""
        self._packets.append(packet)
        self._more.set()

    async def recv(self) -> Packet:
        """The oldest packet."""
        while not self._packets:
            self._more.clear()
            await self._more.wait()
        return self._packets.popleft()
