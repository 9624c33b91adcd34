"""Camera: what a bench's publisher sends, as tracks of coded packets for aiortc."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import av
from aiortc.mediastreams import MediaStreamTrack

from omote.clients import marks, sound
from omote.clients.clip import to_and_fro
from omote.clients.pace import Pace, Start
from omote.streams.encoder import CLOCK, Codec, Encoder, open_encoder
from omote.streams.packet import Packet

KEYFRAME_EVERY = 0.2
"Seconds between two keyframes at least; requests in between are answered by one."
LEAST_BITRATE = 300_000
"bit/s; below this the picture says nothing any more."


class Camera(MediaStreamTrack):
    """A video track that notes what it sent and when."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[tuple[int, float]] = []
        "Number painted into each picture, and `time.monotonic()` when it was taken."
        self.on_sent: Callable[[int, float], None] = lambda ticks, moment: None
        "Told, before the next picture, of the last one: 90 kHz ticks, and when it was to be seen."
        self.keyframes = 0
        self.missed = 0
        "Pictures not taken because the last one was still being encoded."
        self._wanted = True
        self._keyframe_at = -KEYFRAME_EVERY

    def ask_keyframe(self) -> None:
        """The other end cannot go on without one (PLI, FIR)."""
        self._wanted = True

    def aim(self, bitrate: int) -> None:
        """The other end's bandwidth, bit/s (REMB)."""

    def _keyframe(self) -> bool:
        now = time.monotonic()
        if not self._wanted or now - self._keyframe_at < KEYFRAME_EVERY:
            return False
        self._wanted, self._keyframe_at = False, now
        self.keyframes += 1
        return True


class LiveCamera(Camera):
    """Takes a picture each turn, marks it and encodes it, as a real camera's program would."""

    def __init__(
        self,
        pictures: Sequence[av.VideoFrame],
        fps: float,
        start: Start,
        encoder: Encoder,
        bitrate: int,
    ) -> None:
        super().__init__()
        self._pictures = pictures
        self._order = to_and_fro(len(pictures))
        self._fps = fps
        self._pace = Pace(fps, start)
        self._encoder = encoder
        self._bitrate = bitrate
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="camera")

    async def recv(self) -> Packet:
        """The next picture's packet."""
        loop = asyncio.get_running_loop()
        while True:
            number = await self._pace.newest_turn()
            self.taken.append((number % marks.NUMBERS, time.monotonic()))
            self.missed = self._pace.missed
            packet = await loop.run_in_executor(self._thread, self._encode, number)
            if packet is not None:
                return packet

    def _encode(self, number: int) -> Packet | None:
        picture = self._pictures[self._order[number % len(self._order)]]
        marks.paint(marks.luma_of(picture), number)
        return self._encoder.encode(picture, ticks(number, self._fps), self._keyframe())

    def aim(self, bitrate: int) -> None:
        """Follow it, up to what was asked for."""
        self._encoder.set_bitrate(max(LEAST_BITRATE, min(bitrate, self._bitrate)))

    def stop(self) -> None:
        """End; a picture in the encoder is left to finish."""
        super().stop()
        self._thread.shutdown(wait=False)


class PreparedCamera(Camera):
    """Sends packets made beforehand, so that it costs next to nothing; numbers repeat each loop."""

    def __init__(self, packets: Sequence[bytes], fps: float, start: Start) -> None:
        super().__init__()
        self._packets = packets
        self._fps = fps
        self._pace = Pace(fps, start)
        self._at = 0

    async def recv(self) -> Packet:
        """The next packet of the loop; its first, the only keyframe, when one was asked for."""
        turn = await self._pace.next_turn()
        if self._keyframe():
            self._at = 0
        at = self._at
        self._at = (at + 1) % len(self._packets)
        packet: Packet = Packet(self._packets[at])
        packet.pts, packet.time_base = ticks(turn, self._fps), CLOCK
        self.taken.append((at, time.monotonic()))
        return packet


class Microphone(MediaStreamTrack):
    """Sends a beep with every second's first picture."""

    kind = "audio"

    def __init__(self, start: Start) -> None:
        super().__init__()
        self._packets = sound.beeps()
        self._pace = Pace(sound.PACKETS, start)

    async def recv(self) -> Packet:
        """The next packet, at the moment its sound begins."""
        turn = await self._pace.next_turn()
        packet: Packet = Packet(self._packets[turn % len(self._packets)])
        packet.pts, packet.time_base = turn * sound.SAMPLES, sound.CLOCK
        return packet


def prepare(
    pictures: Sequence[av.VideoFrame], codec: Codec, bitrate: int, fps: float, *, mark: bool
) -> list[bytes]:
    """One loop of coded pictures, the first a keyframe, numbered from 0 if they are to be marked."""
    encoder = open_encoder(codec, bitrate)
    coded: list[bytes] = []
    for number, index in enumerate(to_and_fro(len(pictures))):
        if mark:
            marks.paint(marks.luma_of(pictures[index]), number)
        packet = encoder.encode(pictures[index], ticks(number, fps), number == 0)
        if packet is not None:
            coded.append(bytes(packet))
    return coded


def ticks(number: int, fps: float) -> int:
    """Timestamp of a picture, 90 kHz."""
    return round(number / fps * CLOCK.denominator)
