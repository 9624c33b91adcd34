"""WebRTC media: a publisher's pictures and sound in, a stage's packets out to viewers.

aiortc does the protocol; what waits, when a frame is whole, and who asks for lost packets is ours
(`omote.streams.jitter`, `omote.streams.decoder`), put in place through `omote.streams.interop`.
"""

import asyncio
import logging
from collections.abc import Callable
from fractions import Fraction
from functools import partial

from aiortc import (
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.exceptions import InvalidAccessError, InvalidStateError, OperationError
from aiortc.rtcconfiguration import RTCBundlePolicy
from aiortc.sdp import SessionDescription, candidate_from_sdp

from omote.streams import ice, interop
from omote.streams.channel import Channel
from omote.streams.decoder import AudioQueue, Decoded, DecoderQueue, TimestampUnwrapper
from omote.streams.encoder import Codec
from omote.streams.fanout import AudioTrack, PacketTrack
from omote.streams.jitter import EncodedFrame, FrameBuffer, LossTracker, PassBuffer
from omote.streams.latest import Latest
from omote.streams.packet import Packet
from omote.streams.recovery import Recovery

logger = logging.getLogger(__name__)

OPUS_CLOCK = Fraction(1, 48_000)
MALFORMED = (
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    AssertionError,
    StopIteration,
)
"What aiortc's SDP parser raises on text that is not SDP."


class Refused(Exception):
    """An offer or a candidate that cannot be accepted; the words say what to do."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        "HTTP status: 400 malformed, 406 no common codec, 422 understood and impossible."
        self.detail = detail


class Peer:
    """One peer connection, from its offer to its end."""

    def __init__(self, connection: RTCPeerConnection, remote_ufrag: str) -> None:
        self.connection = connection
        self.remote_ufrag = remote_ufrag
        "ICE user name of the offer, which tells a trickled candidate from a restart."
        self.answer = ""
        "SDP with every candidate in it."
        self.connected = asyncio.Event()
        self.closed = asyncio.Event()
        "Set once it has ended, whoever ended it."
        self._closing: asyncio.Task[None] | None = None
        self._channels: dict[str, Callable[[Channel], None]] = {}
        self._open: dict[str, Channel] = {}
        connection.on("connectionstatechange", self._state_changed)
        connection.on("datachannel", self._channel_opened)

    def on_channel(self, label: str, opened: Callable[[Channel], None]) -> None:
        """Have `opened` called when the peer opens a data channel of this label, one at a time."""
        self._channels[label] = opened

    def _channel_opened(self, opened: RTCDataChannel) -> None:
        before = self._open.get(opened.label)
        if opened.label not in self._channels or (before and not before.closed.is_set()):
            opened.close()
            return
        if not self._open:
            interop.lose_while(opened, self._is_crowded)
        channel = self._open[opened.label] = Channel(opened)
        self._channels[opened.label](channel)

    def _is_crowded(self) -> bool:
        return any(channel.is_crowded for channel in self._open.values())

    def _state_changed(self) -> None:
        state = self.connection.connectionState
        if state == "connected":
            self.connected.set()
        elif state in ("failed", "closed"):
            self._begin_close()

    async def add_candidate(self, line: str | None, mid: str | None, index: int | None) -> None:
        """Take a trickled `candidate:...` line, or None for the end of them (RFC 8838)."""
        candidate = None
        if line is not None:
            try:
                candidate = candidate_from_sdp(line.removeprefix("candidate:"))
            except MALFORMED as exc:
                raise Refused(400, f"not an ICE candidate: {line[:80]!r}") from exc
            if candidate.ip.endswith(".local"):
                return  # an mDNS name: the peer's own checks will show its address
            candidate.sdpMid, candidate.sdpMLineIndex = mid, index
            if mid is None and index is None:
                candidate.sdpMLineIndex = 0
        try:
            await self.connection.addIceCandidate(candidate)
        except (InvalidStateError, *MALFORMED) as exc:
            raise Refused(400, f"candidate not usable: {exc}") from exc

    async def close(self) -> None:
        """End it; further calls wait for the same end."""
        await asyncio.shield(self._begin_close())

    def _begin_close(self) -> "asyncio.Task[None]":
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name="peer.close")
        return self._closing

    async def _close(self) -> None:
        try:
            await self.connection.close()
        finally:
            self.connection.remove_all_listeners()
            self.closed.set()


class Publisher(Peer):
    """A peer that sends a camera: pictures in `frames`, newest only, and sound packet by packet."""

    def __init__(self, connection: RTCPeerConnection, remote_ufrag: str) -> None:
        super().__init__(connection, remote_ufrag)
        self.frames: Latest[Decoded] = Latest()
        self.on_picture: Callable[[Decoded], None] = lambda decoded: None
        "Told of each decoded picture, taken or not."
        self.on_audio: Callable[[Packet], None] = lambda packet: None
        "Told of each Opus packet, pts in 48 kHz ticks."
        self.newest: int | None = None
        "RTP timestamp of the newest picture, without wrap-around, 90 kHz."
        self.bitrate_cap: int | None = None
        "bit/s; less than this is never asked of the publisher."
        self._queue: DecoderQueue | None = None
        self._recovery: Recovery | None = None
        self._second: Recovery | None = None
        self._audio_time = TimestampUnwrapper()

    @property
    def dropped_undecoded(self) -> int:
        """Coded pictures thrown away because the decoder was behind."""
        return self._queue.dropped if self._queue else 0

    @property
    def dropped_newest(self) -> int:
        """Decoded pictures replaced by a newer one before their turn."""
        return self.frames.dropped

    async def ask_for_less(self, bitrate: int | None) -> None:
        """Cap what the publisher is told it may send, in bit/s; None lifts the cap."""
        self.bitrate_cap = bitrate
        if bitrate is not None and self._recovery is not None:
            await self._recovery.report_bandwidth(bitrate)

    def attach(self, second: Callable[[Decoded], None] | None = None) -> None:
        """Take the place of aiortc's buffers and queues, before media flows.

        The first picture and the first sound count, and with `second` another picture, which it is
        told of on the decoder's thread; others are declined, for nobody reads them.
        """
        attach = {"video": [self._attach_video], "audio": [self._attach_audio]}
        if second is not None:
            attach["video"].append(partial(self._attach_second, second))
        for transceiver in self.connection.getTransceivers():
            if transceiver.receiver.track is None:
                continue
            if attach.get(transceiver.kind):
                attach[transceiver.kind].pop(0)(transceiver.receiver)
            else:
                transceiver.direction = "inactive"

    def _attach_video(self, receiver: RTCRtpReceiver) -> None:
        loop = asyncio.get_running_loop()
        self._recovery, self._queue = _decoded(
            receiver, lambda decoded: call_soon(loop, self._deliver, decoded)
        )
        interop.cap_remb(receiver, lambda: self.bitrate_cap)

    def _attach_second(self, told: Callable[[Decoded], None], receiver: RTCRtpReceiver) -> None:
        self._second, _ = _decoded(receiver, told)

    def _attach_audio(self, receiver: RTCRtpReceiver) -> None:
        interop.use_jitter_buffer(receiver, PassBuffer())
        interop.use_decoder_queue(receiver, AudioQueue(self._pass_audio))

    def _deliver(self, decoded: Decoded) -> None:
        self.newest = decoded.timestamp
        self.on_picture(decoded)
        self.frames.put(decoded)

    def _pass_audio(self, codec: str, sound: EncodedFrame) -> None:
        if codec.lower() != "opus":
            return  # WebRTC's other codecs are telephone quality and would need transcoding
        packet: Packet = Packet(sound.data)
        packet.pts, packet.time_base = self._audio_time(sound.timestamp), OPUS_CLOCK
        self.on_audio(packet)

    async def _close(self) -> None:
        for recovery in (self._recovery, self._second):
            if recovery is not None:
                await recovery.stop()
        await super()._close()
        self.frames.close()


class Viewer(Peer):
    """A peer that receives a stage's picture and sound."""

    def __init__(self, connection: RTCPeerConnection, remote_ufrag: str) -> None:
        super().__init__(connection, remote_ufrag)
        self.codec: Codec = "H264"
        self.bitrate_estimate: int | None = None
        "bit/s, as the viewer last reported it (REMB)."
        self.video: PacketTrack | None = None
        self.audio: AudioTrack | None = None

    def report(self, bitrate: int) -> None:
        """Note the viewer's bandwidth."""
        self.bitrate_estimate = bitrate

    async def _close(self) -> None:
        await super()._close()
        for track in (self.video, self.audio):
            if track is not None:
                track.stop()


def _decoded(
    receiver: RTCRtpReceiver, deliver: Callable[[Decoded], None]
) -> tuple[Recovery, DecoderQueue]:
    """Have what a receiver gets decoded; `deliver` is called on the decoder's thread."""
    loop = asyncio.get_running_loop()
    recovery = Recovery(receiver, FrameBuffer(), LossTracker())
    queue = DecoderQueue(deliver, lambda: call_soon(loop, recovery.want_keyframe))
    interop.use_decoder_queue(receiver, queue)
    return recovery, queue


def call_soon(
    loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object
) -> None:
    """From a decoder's thread to the loop; a loop that has closed needs nothing any more."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(function, *arguments)


class Signalling:
    """Accepts offers. Holds what every peer connection here shares."""

    def __init__(self, loopback: bool, ice_server: str | None = None) -> None:
        self._loopback = loopback
        self._ice_servers = [] if ice_server is None else [ice.ice_server(ice_server)]

    async def publisher(
        self, offer: str, second: Callable[[Decoded], None] | None = None
    ) -> Publisher:
        """Answer somebody who wants to send; `attach` has been done, media may flow at once."""
        ufrag = inspect(offer, wanted="send")
        peer = Publisher(self._connection(), ufrag)
        try:
            await self._take(peer, offer)
            peer.attach(second)
            await self._answer(peer)
        except BaseException:
            await peer.close()
            raise
        return peer

    async def viewer(
        self,
        offer: str,
        video: Callable[[Viewer], PacketTrack],
        audio: Callable[[], AudioTrack],
    ) -> Viewer:
        """Answer somebody who wants to watch; `video` is asked for once the codec is known."""
        ufrag = inspect(offer, wanted="receive")
        peer = Viewer(self._connection(), ufrag)
        try:
            transceivers = sending_transceivers(peer.connection, offer)
            await self._take(peer, offer)
            self._give(peer, transceivers, video, audio)
            await self._answer(peer)
        except BaseException:
            await peer.close()
            raise
        return peer

    def _give(
        self,
        peer: Viewer,
        transceivers: dict[str, RTCRtpTransceiver],
        video: Callable[[Viewer], PacketTrack],
        audio: Callable[[], AudioTrack],
    ) -> None:
        sender = transceivers["video"].sender
        peer.codec = "H264" if interop.negotiated_codec(transceivers["video"]) == "H264" else "VP8"
        peer.video = video(peer)
        sender.replaceTrack(peer.video)
        interop.on_keyframe_request(sender, peer.video.ask_keyframe)
        interop.on_remb(sender, peer.report)
        sound = transceivers.get("audio")
        if sound is not None and interop.negotiated_codec(sound) == "opus":
            peer.audio = audio()
            sound.sender.replaceTrack(peer.audio)
        for transceiver in peer.connection.getTransceivers():
            if transceiver not in transceivers.values():
                transceiver.direction = "inactive"  # what it wants to send nobody would read

    def _connection(self) -> RTCPeerConnection:
        # An explicit list, even when empty: without one aiortc contacts a public STUN server.
        return RTCPeerConnection(
            RTCConfiguration(iceServers=self._ice_servers, bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )

    async def _take(self, peer: Peer, offer: str) -> None:
        description = RTCSessionDescription(sdp=without_mdns(offer), type="offer")
        try:
            await peer.connection.setRemoteDescription(description)
        except OperationError as exc:
            raise Refused(406, f"no codec in common: offer H.264 Baseline or VP8 ({exc})") from exc
        except (InvalidAccessError, InvalidStateError, *MALFORMED) as exc:
            raise Refused(422, f"the offer cannot be answered: {exc}") from exc
        if self._loopback:
            interop.bind_media_to_loopback(peer.connection)
        interop.bound_data(peer.connection)
        interop.tolerate_missing_priority(peer.connection)
        interop.accept_rsa_certificates(peer.connection)

    async def _answer(self, peer: Peer) -> None:
        try:
            await peer.connection.setLocalDescription(await peer.connection.createAnswer())
        except (InvalidAccessError, InvalidStateError, OperationError, *MALFORMED) as exc:
            raise Refused(422, f"the offer cannot be answered: {exc}") from exc
        peer.answer = peer.connection.localDescription.sdp


def inspect(offer: str, wanted: str) -> str:
    """Check that an offer is SDP with a usable video section; return its ICE user name."""
    try:
        description = SessionDescription.parse(offer)
        media = description.media
        ice = media[0].ice if media else None
        ufrag = str(ice.usernameFragment or "") if ice else ""
    except MALFORMED as exc:
        raise Refused(400, "the body is not a session description (SDP, RFC 8866)") from exc
    directions = ("sendonly", "sendrecv") if wanted == "send" else ("recvonly", "sendrecv")
    if not any(section.kind == "video" and section.direction in directions for section in media):
        raise Refused(422, f"the offer has no video section that wants to {wanted}")
    if not ufrag or not any(section.dtls and section.dtls.fingerprints for section in media):
        raise Refused(422, "the offer lacks ICE credentials or a DTLS fingerprint")
    if not bundles_what_is_there(description):
        raise Refused(422, "the offer's sections have no names of their own, or it bundles others")
    return ufrag


def bundles_what_is_there(description: SessionDescription) -> bool:
    """Whether every mid is unique and BUNDLE (RFC 9143) names no other; aiortc relies on both."""
    mids = [section.rtp.muxId for section in description.media]
    bundled = [
        mid for group in description.group if group.semantic == "BUNDLE" for mid in group.items
    ]
    return len(set(mids)) == len(mids) and set(bundled) <= set(mids)


def sending_transceivers(connection: RTCPeerConnection, offer: str) -> dict[str, RTCRtpTransceiver]:
    """Make ready to send one of each kind that the offer asks for; H.264 before VP8, Opus first."""
    # In the offer's order: aiortc stops the transport they share when the bundle's first section is
    # not the first transceiver, and the answer then has no candidates.
    kinds = dict.fromkeys(section.kind for section in SessionDescription.parse(offer).media)
    transceivers: dict[str, RTCRtpTransceiver] = {}
    for kind in kinds:
        if kind in ("audio", "video"):
            transceivers[kind] = connection.addTransceiver(kind, direction="sendonly")
    order = {"video/H264": 0, "video/VP8": 1, "video/rtx": 2, "audio/opus": 0}
    for kind, transceiver in transceivers.items():
        codecs = RTCRtpSender.getCapabilities(kind).codecs
        transceiver.setCodecPreferences(
            sorted(codecs, key=lambda codec: order.get(codec.mimeType, 3))
        )
    return transceivers


def without_mdns(offer: str) -> str:
    """An offer less its `.local` candidates: resolving them takes multicast, and is not needed.

    The peer's own connectivity checks show its address (RFC 8445, section 7.3.1.3).
    """
    lines = offer.splitlines(keepends=True)
    return "".join(x for x in lines if not (x.startswith("a=candidate:") and ".local " in x))
