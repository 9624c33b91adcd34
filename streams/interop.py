"""Every private name of aiortc and aioice that Omote touches, one function each.

Nothing outside this module may reach into them. `tests/test_interop.py` fails when one of them moves,
and says so when an upstream release makes it unnecessary. Written for aiortc 1.16 and aioice 0.13.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiortc import (
    RTCDataChannel,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
    RTCRtpTransceiver,
)
from aiortc.rtp import (
    RTCP_PSFB_APP,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
    unpack_remb_fci,
)
from aiortc.utils import uint32_gt

LOOPBACK = "127.0.0.1"
MOST_HELD = 2048
"Fragments of a peer's unfinished messages: twice what fills the window of 1 MiB."
MOST_AHEAD = 8192
"Fragments from the oldest that is missing to the newest that is taken in."
RECOUNT_S = 1.0
Send = Callable[[bytes], Awaitable[None]]
"Hands one datagram to the socket."


class PacketBuffer(Protocol):
    """What a receiver needs of a jitter buffer."""

    capacity: int

    def add(self, packet: Any) -> tuple[bool, Any]:
        """Whether to ask for a keyframe, and what to decode."""


def replace(owner: object, private_name: str, value: object) -> None:
    """Set a private attribute that must already be there, or say which one has moved."""
    if not hasattr(owner, private_name):
        raise AttributeError(f"{type(owner).__name__} no longer has {private_name}; see interop.py")
    setattr(owner, private_name, value)


def use_jitter_buffer(receiver: RTCRtpReceiver, buffer: PacketBuffer) -> None:
    """Emit on the marker bit; the stock buffer holds every frame until the next one begins.

    Upstream: jitterbuffer.py ignores the marker, measured at 32 ms per hop at 30 fps.
    """
    replace(receiver, "_RTCRtpReceiver__jitter_buffer", buffer)


def use_loss_tracker(receiver: RTCRtpReceiver, tracker: object) -> None:
    """Own the list of missing packets; the stock receiver asks for each once and never again."""
    replace(receiver, "_RTCRtpReceiver__nack_generator", tracker)


def use_decoder_queue(receiver: RTCRtpReceiver, queue: object) -> None:
    """Bound what waits before the decoder; the stock queue is unbounded (aiortc#642, #1192)."""
    replace(receiver, "_RTCRtpReceiver__decoder_queue", queue)


def depayloaded(packet: RtpPacket) -> bytes:
    """What the receiver left on a packet after taking off the payload descriptor."""
    data: bytes = packet._data  # type: ignore[attr-defined]
    return data


async def send_pli(receiver: RTCRtpReceiver, ssrc: int) -> None:
    """Ask the sender for a keyframe (RFC 4585, section 6.3.1); there is no public way."""
    await receiver._send_rtcp_pli(ssrc)


async def send_nack(receiver: RTCRtpReceiver, ssrc: int, lost: list[int]) -> None:
    """Ask for packets again (RFC 4585, section 6.2.1)."""
    await receiver._send_rtcp_nack(ssrc, lost)


def cap_remb(receiver: RTCRtpReceiver, cap: Callable[[], int | None]) -> None:
    """Lower the bandwidth the receiver reports, so that the publisher sends less."""
    send: Callable[[AnyRtcpPacket], Awaitable[None]] = receiver._send_rtcp

    async def capped(packet: AnyRtcpPacket) -> None:
        limit = cap()
        if limit is not None and isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            bitrate, ssrcs = unpack_remb_fci(packet.fci)
            packet.fci = pack_remb_fci(min(bitrate, limit), ssrcs)
        await send(packet)

    replace(receiver, "_send_rtcp", capped)


async def send_remb(receiver: RTCRtpReceiver, ssrc: int, bitrate: int) -> None:
    """Report a bandwidth now (draft-alvestrand-rmcat-remb)."""
    sender_ssrc: int = receiver._RTCRtpReceiver__rtcp_ssrc  # type: ignore[attr-defined]
    fci = pack_remb_fci(bitrate, [ssrc])
    await receiver._send_rtcp(
        RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=sender_ssrc, media_ssrc=0, fci=fci)
    )


def negotiated_codec(transceiver: RTCRtpTransceiver) -> str:
    """The codec a transceiver will send, `H264` or `VP8`, once both descriptions are set."""
    name: str = transceiver._codecs[0].name
    return name


def on_keyframe_request(sender: RTCRtpSender, request: Callable[[], None]) -> None:
    """Learn of PLI and FIR; aiortc would only tell an encoder of its own."""
    replace(sender, "_send_keyframe", request)


def on_remb(sender: RTCRtpSender, report: Callable[[int], None]) -> None:
    """Learn the viewer's bandwidth in bit/s as sent; aiortc clamps it to its encoder's 3 Mbit/s."""
    handle: Callable[[AnyRtcpPacket], Awaitable[None]] = sender._handle_rtcp_packet

    async def handle_and_report(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP:
            try:
                report(unpack_remb_fci(packet.fci)[0])
            except ValueError:
                return  # not a REMB message
        await handle(packet)

    replace(sender, "_handle_rtcp_packet", handle_and_report)


def on_sender_report(receiver: RTCRtpReceiver, report: Callable[[float, int], None]) -> None:
    """Learn which RTP timestamp left at which NTP second (RFC 3550, section 6.4.1).

    aiortc reports of streams that have not begun, too; those say second 0 and mean nothing.
    """
    handle: Callable[[AnyRtcpPacket], Awaitable[None]] = receiver._handle_rtcp_packet

    async def handle_and_report(packet: AnyRtcpPacket) -> None:
        if isinstance(packet, RtcpSrPacket) and packet.sender_info.ntp_timestamp:
            sent = packet.sender_info
            report(sent.ntp_timestamp / (1 << 32), sent.rtp_timestamp)
        await handle(packet)

    replace(receiver, "_handle_rtcp_packet", handle_and_report)


def send_through(peer: RTCPeerConnection, link: Callable[[Send], Send]) -> None:
    """Put something between a peer and its socket, for benches that lose packets; not ICE's checks."""
    transports = {
        transceiver.receiver.transport.transport for transceiver in peer.getTransceivers()
    }
    if peer.sctp is not None:
        transports.add(peer.sctp.transport.transport)
    for transport in transports:
        replace(transport, "_send", link(transport._send))


def lose_while(channel: RTCDataChannel, full: Callable[[], bool]) -> None:
    """Let what comes over a channel's association be lost, unread, while there is no room for it.

    Whoever sent them slows down and sends them again (RFC 9260, section 7.2). aiortc has no way to
    make its receiver window smaller, nor does its sender mind one.
    """
    handle: Callable[[bytes], Awaitable[None]] = channel.transport._handle_data

    async def handle_or_lose(packet: bytes) -> None:
        if not full():
            await handle(packet)

    replace(channel.transport, "_handle_data", handle_or_lose)


def sent_timestamp(sender: RTCRtpSender) -> int | None:
    """RTP timestamp of the newest packet sent, None before the first; aiortc adds a random number."""
    if not sender._RTCRtpSender__packet_count:  # type: ignore[attr-defined]
        return None
    timestamp: int = sender._RTCRtpSender__rtp_timestamp  # type: ignore[attr-defined]
    return timestamp


def hasten_data(peer: RTCPeerConnection, least_window: int, least_timeout_s: float) -> None:
    """Never less than so many bytes on their way, and so many seconds to a second try of all of them.

    Upstream: at 1 % of random loss aiortc's window is 4 to 12 datagrams, and a lost last one costs 1 s
    (RTO.Min of RFC 9260, section 16). It still is a window: less leaves when answers come later.
    """
    sctp: Any = peer.sctp
    transmit, update = sctp._transmit, sctp._update_rto

    async def with_window() -> None:
        sctp._cwnd = max(sctp._cwnd, least_window)
        await transmit()

    def with_timeout(round_trip: float) -> None:
        update(round_trip)
        sctp._rto = max(least_timeout_s, min(sctp._rto, sctp._srtt + 4 * sctp._rttvar))

    replace(sctp, "_transmit", with_window)
    replace(sctp, "_update_rto", with_timeout)


def bound_data(peer: RTCPeerConnection) -> None:
    """Never hold more of a peer's unfinished messages than an honest one may have on its way.

    Upstream: aiortc advertises a window of 1 MiB and takes what comes beyond it; fragments of one
    byte, or with gaps between them, would cost hundreds of times what they bring. What is left out is
    not acknowledged and may be sent again (RFC 9260, section 6.2).
    """
    if peer.sctp is not None:
        bound = _Bound(peer.sctp)
        replace(peer.sctp, "_receive_data_chunk", bound.receive)


class _Bound:
    def __init__(self, sctp: Any) -> None:
        self._sctp = sctp
        self._receive = sctp._receive_data_chunk
        self._held = 0
        self._counted = 0.0

    async def receive(self, chunk: Any) -> None:
        """Let a fragment in, if there is room for it."""
        last = self._sctp._last_received_tsn
        if last is not None and MOST_AHEAD < (chunk.tsn - last) % (1 << 32) < 1 << 31:
            return
        if self._is_full(chunk) and not self._closes_gap(chunk):
            return
        fragments = self._sctp._get_inbound_stream(chunk.stream_id).reassembly
        before = len(fragments)
        await self._receive(chunk)
        fragments = self._sctp._get_inbound_stream(chunk.stream_id).reassembly
        self._held += len(fragments) - before

    def _is_full(self, chunk: Any) -> bool:
        full = self._held >= MOST_HELD
        now = time.monotonic()
        if full and now - self._counted > RECOUNT_S:  # resets and what was given up let go of some
            streams = self._sctp._inbound_streams.values()
            self._held, self._counted = sum(len(each.reassembly) for each in streams), now
            full = self._held >= MOST_HELD
        return full or bool(self._sctp._advertised_rwnd < len(chunk.user_data))

    def _closes_gap(self, chunk: Any) -> bool:
        """What comes later waits for it; there is no room but for what is missing."""
        return any(uint32_gt(each, chunk.tsn) for each in self._sctp._sack_misordered)


def bind_media_to_loopback(peer: RTCPeerConnection) -> None:
    """Offer 127.0.0.1 as the only address; aioice leaves it out and fails without another.

    Upstream: aioice `get_host_addresses` drops 127.0.0.1 and has no setting (aioice#47).
    """
    for connection in _ice_connections(peer):
        gather = connection.get_component_candidates

        async def on_loopback(component: int, addresses: list[str], gather: Any = gather) -> Any:
            return await gather(component=component, addresses=[LOOPBACK])

        replace(connection, "get_component_candidates", on_loopback)


def tolerate_missing_priority(peer: RTCPeerConnection) -> None:
    """Let in FFmpeg 8.0, whose connectivity checks lack PRIORITY (RFC 8445, section 7.1.1).

    aioice raises KeyError in its datagram callback, one traceback per packet and no connection.
    """
    for connection in _ice_connections(peer):
        check = connection.check_incoming

        def with_priority(message: Any, *args: Any, check: Any = check) -> None:
            message.attributes.setdefault("PRIORITY", 1_862_270_975)
            check(message, *args)

        replace(connection, "check_incoming", with_priority)


def accept_rsa_certificates(peer: RTCPeerConnection) -> None:
    """Offer ECDHE-RSA suites too: GStreamer's webrtcbin has an RSA certificate (aiortc#1392)."""
    for certificate in peer._RTCPeerConnection__certificates:  # type: ignore[attr-defined]
        create = certificate._create_ssl_context

        def with_rsa(srtp_profiles: Any, create: Any = create) -> Any:
            context = create(srtp_profiles=srtp_profiles)
            context.set_cipher_list(
                b"ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:"
                b"ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
                b"ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES256-GCM-SHA384"
            )
            return context

        replace(certificate, "_create_ssl_context", with_rsa)


def _ice_connections(peer: RTCPeerConnection) -> list[Any]:
    gatherers = {
        transceiver.receiver.transport.transport.iceGatherer
        for transceiver in peer.getTransceivers()
    }
    if peer.sctp is not None:
        gatherers.add(peer.sctp.transport.transport.iceGatherer)
    return [gatherer._connection for gatherer in gatherers]
