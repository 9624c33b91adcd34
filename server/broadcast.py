"""Broadcast: a stage's pictures, encoded once per codec, to whoever watches."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import av

from omote.server.stats import Stats
from omote.streams.encoder import MOST_BITRATE, Codec, EncodedPicture, Encoder, open_encoder
from omote.streams.fanout import AudioTrack, Feed, PacketTrack
from omote.streams.packet import Packet
from omote.streams.webrtc import Viewer

KEYFRAME_EVERY = 1.0
"Seconds between two keyframes at least; requests in between are answered by one."
LEAST_BITRATE = 400_000
"bit/s; below this a 720p picture is mush, and a viewer that cannot take it must drop frames."
BITS_PER_PIXEL = 0.09
"Of a picture at 30 a second, for the bitrate nobody has estimated yet: 2.5 Mbit/s at 720p."


class Channel:
    """One codec in use: its encoder and its viewers."""

    def __init__(self, codec: Codec, bitrate: int, wake: Callable[[], None]) -> None:
        self._wake = wake
        self.feed = Feed(self.ask_keyframe)
        self._codec = codec
        self._bitrate = bitrate
        self._encoder: Encoder | None = None
        self._wanted = True
        self._keyframe_at = -KEYFRAME_EVERY

    def ask_keyframe(self) -> None:
        """Make the next picture that may be one a keyframe."""
        self._wanted = True
        self._wake()

    def aim(self, bitrate: int) -> None:
        """Set the bitrate from the next picture on, bit/s."""
        self._bitrate = bitrate

    def encode(
        self, video: av.VideoFrame, pts: int, arrived: float | None
    ) -> EncodedPicture | None:
        """In the encoder's thread."""
        if self._encoder is None:
            self._encoder = open_encoder(self._codec, self._bitrate)
        now = time.monotonic()
        rested = now - self._keyframe_at >= KEYFRAME_EVERY
        if rested or self._codec == "H264":  # a new bitrate costs VP8 a keyframe
            self._encoder.set_bitrate(self._bitrate)
        keyframe = self._wanted and rested
        packet = self._encoder.encode(video, pts, keyframe)
        if packet is None:
            return None
        if packet.is_keyframe:
            self._wanted, self._keyframe_at = False, now
        return EncodedPicture(packet, packet.is_keyframe, arrived)


class Broadcast:
    """Owns a stage's encoders, viewers and the sound on its way to them."""

    def __init__(self, stats: Stats, encoders: Executor, wake: Callable[[], None]) -> None:
        self._stats = stats
        self._encoders = encoders
        self._wake = wake
        self._channels: dict[Codec, Channel] = {}
        self._sounds: set[AudioTrack] = set()
        self._playing: deque[Packet] = deque()
        self._audio_due = 0.0
        self.viewers: set[Viewer] = set()
        self.bitrate = 0

    def track_for(self, viewer: Viewer) -> PacketTrack:
        """The video track of a viewer whose codec has been agreed on."""
        channel = self._channels.get(viewer.codec)
        if channel is None:
            channel = Channel(viewer.codec, self.bitrate, self._wake)
            self._channels[viewer.codec] = channel
        return channel.feed.subscribe(self._stats.sent)

    def sound(self) -> AudioTrack:
        """A sound track for a viewer."""
        track = AudioTrack(self._sounds.discard)
        self._sounds.add(track)
        return track

    def put_sound(self, packet: Packet, delay: float) -> None:
        """Pass a packet on `delay` seconds from now, as long as the picture takes; order is kept."""
        loop = asyncio.get_running_loop()
        self._audio_due = max(self._audio_due, loop.time() + delay)
        self._playing.append(packet)  # a loop does not keep the order of what is due at once
        loop.call_at(self._audio_due, self._play)

    def _play(self) -> None:
        packet = self._playing.popleft()
        for track in self._sounds:
            track.put(packet)

    async def put(self, video: av.VideoFrame, pts: int, arrived: float | None) -> None:
        """Encode a picture once per codec that somebody watches, and hand it to them."""
        self._aim(video.width * video.height)
        channels = [channel for channel in self._channels.values() if len(channel.feed)]
        loop = asyncio.get_running_loop()
        began = time.perf_counter()
        made: list[EncodedPicture] = []
        for channel in channels:
            picture = await loop.run_in_executor(
                self._encoders, channel.encode, video, pts, arrived
            )
            if picture is not None:
                made.append(picture)
                channel.feed.put(picture)
        if made:
            self._count(made)
        self._stats.step("encode", (time.perf_counter() - began) * 1e3)

    def _count(self, made: Sequence[EncodedPicture]) -> None:
        """One picture that went out, in however many codecs."""
        self._stats.frames_out += 1
        self._stats.keyframes += sum(picture.keyframe for picture in made)
        self._stats.encoded.add(sum(picture.packet.size for picture in made))

    def _aim(self, pixels: int) -> None:
        """The lower quartile of what viewers can take; one slow viewer does not spoil it for all."""
        wanted = int(BITS_PER_PIXEL * 30 * pixels)
        estimates = sorted(v.bitrate_estimate for v in self.viewers if v.bitrate_estimate)
        if estimates:
            wanted = min(wanted, estimates[len(estimates) // 4])
        self.bitrate = max(LEAST_BITRATE, min(wanted, MOST_BITRATE))
        for channel in self._channels.values():
            channel.aim(self.bitrate)

    async def close(self) -> None:
        """End every viewer."""
        await asyncio.gather(*(viewer.close() for viewer in list(self.viewers)))
