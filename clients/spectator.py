"""Spectator: one viewer's connection that hands on what comes as it comes, coded."""

import asyncio
from collections.abc import Callable, Sequence

from aiortc import RTCPeerConnection, RTCRtpCodecCapability

from omote.clients import signalling
from omote.streams import interop
from omote.streams.decoder import AudioQueue, Decoded, DecoderQueue
from omote.streams.jitter import EncodedFrame, FrameBuffer, LossTracker, PassBuffer
from omote.streams.recovery import Recovery
from omote.streams.webrtc import call_soon

Deliver = Callable[[str, EncodedFrame], None]
"Told of each coded picture or packet of sound, with its codec's name."
Clock = Callable[[str, float, int], None]
"Told by each sender report what NTP second a timestamp of `video` or `audio` is."


class Spectator:
    """Pictures come whole and in order; after a loss that cannot be repaired, from a keyframe on."""

    def __init__(self, codecs: Sequence[RTCRtpCodecCapability]) -> None:
        self.pictures = 0
        self.bytes = 0
        self.codec: str | None = None
        self.losses = LossTracker()
        self.connection: RTCPeerConnection = signalling.new_connection()
        video = self.connection.addTransceiver("video", direction="recvonly")
        video.setCodecPreferences(list(codecs))
        self._video = video.receiver
        self._audio = self.connection.addTransceiver("audio", direction="recvonly").receiver
        self._recovery = Recovery(self._video, FrameBuffer(), self.losses)
        interop.use_jitter_buffer(self._audio, PassBuffer())

    def hand_on(self, picture: Deliver, sound: Deliver, clock: Clock) -> None:
        """Have everything handed on, undecoded."""

        def count(codec: str, frame: EncodedFrame) -> None:
            self._count(codec, frame)
            picture(codec, frame)

        interop.use_decoder_queue(self._video, AudioQueue(count))
        interop.use_decoder_queue(self._audio, AudioQueue(sound))
        interop.on_sender_report(self._video, lambda s, t: clock("video", s, t))
        interop.on_sender_report(self._audio, lambda s, t: clock("audio", s, t))

    def decode(self, show: Callable[[Decoded], None]) -> None:
        """Have pictures decoded and shown, in a thread of their own; sound is dropped."""
        loop = asyncio.get_running_loop()
        queue = DecoderQueue(show, lambda: call_soon(loop, self._recovery.want_keyframe))
        interop.use_decoder_queue(self._video, queue)
        interop.use_decoder_queue(self._audio, AudioQueue(lambda codec, frame: None))

    def want_keyframe(self) -> None:
        """Ask for a picture that needs no other, as those who look for a place in a film do."""
        self._recovery.want_keyframe()

    async def close(self) -> None:
        """After the session."""
        await self._recovery.stop()

    def _count(self, codec: str, frame: EncodedFrame) -> None:
        self.pictures += 1
        self.bytes += len(frame.data)
        self.codec = codec
