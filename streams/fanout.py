"""One encoded stream to many viewers: each gets the same packets, none can hold up another."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from omote.streams.encoder import EncodedPicture
from omote.streams.packet import Packet

MOST_WAITING = 6
"Coded pictures a viewer may lag behind; one more and it waits for the next keyframe."


class Feed:
    """What one encoder makes, for everybody who watches it."""

    def __init__(self, ask_keyframe: Callable[[], None]) -> None:
        self.ask_keyframe = ask_keyframe
        self._tracks: set[PacketTrack] = set()

    def __len__(self) -> int:
        """How many watch."""
        return len(self._tracks)

    def subscribe(self, sent: Callable[[float], None]) -> "PacketTrack":
        """A track for one viewer; `sent` is told each picture's age in seconds as it leaves."""
        track = PacketTrack(self, sent)
        self._tracks.add(track)
        return track

    def unsubscribe(self, track: "PacketTrack") -> None:
        """Stop feeding a track; unknown ones are ignored."""
        self._tracks.discard(track)

    def put(self, picture: EncodedPicture) -> None:
        """Give a picture to every track."""
        for track in self._tracks:
            track.put(picture)


class PacketTrack(MediaStreamTrack):
    """One viewer's share of a feed, as packets that aiortc sends without encoding."""

    kind = "video"

    def __init__(self, feed: Feed, sent: Callable[[float], None]) -> None:
        super().__init__()
        self._feed = feed
        self._sent = sent
        self._pictures: deque[EncodedPicture] = deque()
        self._ready = asyncio.Event()
        self._reading = False
        self._awaiting_keyframe = True
        self._leaving: EncodedPicture | None = None
        self.skipped = 0
        "Pictures this viewer did not get because it lagged or had no keyframe yet."

    def put(self, picture: EncodedPicture) -> None:
        """Queue a picture, or skip to the next keyframe when too many wait."""
        if not self._reading:
            self.skipped += 1  # still connecting: by then it would be old
            return
        if picture.keyframe:
            self.skipped += len(self._pictures)
            self._pictures.clear()
            self._awaiting_keyframe = False
        elif self._awaiting_keyframe:
            self.skipped += 1
            return
        elif len(self._pictures) >= MOST_WAITING:
            self.skipped += len(self._pictures) + 1
            self._pictures.clear()
            self._awaiting_keyframe = True
            self._feed.ask_keyframe()
            return
        self._pictures.append(picture)
        self._ready.set()

    def ask_keyframe(self) -> None:
        """The viewer cannot go on without one (PLI, FIR)."""
        self._feed.ask_keyframe()

    async def recv(self) -> Packet:
        """The next packet; called again only when all of the last one is with the socket."""
        if not self._reading:
            self._reading = True
            self._feed.ask_keyframe()
        if self._leaving is not None and self._leaving.arrived is not None:
            self._sent(time.monotonic() - self._leaving.arrived)
        self._leaving = None
        while not self._pictures:
            if self.readyState != "live":
                raise MediaStreamError
            self._ready.clear()
            await self._ready.wait()
        self._leaving = self._pictures.popleft()
        return self._leaving.packet

    def stop(self) -> None:
        """Leave the feed and end."""
        self._feed.unsubscribe(self)
        super().stop()
        self._ready.set()


class AudioTrack(MediaStreamTrack):
    """The publisher's audio packets for one viewer, passed on as they came."""

    kind = "audio"

    def __init__(self, left: Callable[["AudioTrack"], None]) -> None:
        super().__init__()
        self._left = left
        self._packets: deque[Packet] = deque(maxlen=50)  # one second; older sound is useless
        self._reading = False
        self._ready = asyncio.Event()

    def put(self, packet: Packet) -> None:
        """Queue a packet, unless nobody listens yet; the oldest goes when a second of them waits."""
        if self._reading:
            self._packets.append(packet)
            self._ready.set()

    async def recv(self) -> Packet:
        """The next packet."""
        self._reading = True
        while not self._packets:
            if self.readyState != "live":
                raise MediaStreamError
            self._ready.clear()
            await self._ready.wait()
        return self._packets.popleft()

    def stop(self) -> None:
        """Leave and end."""
        self._left(self)
        super().stop()
        self._ready.set()
