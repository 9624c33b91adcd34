"""Every private name of aiortc and aioice that Omote touches, one function each.

Nothing outside this module may reach into them. `tests/test_interop.py` fails when one of them moves,
and says so when an upstream release makes it unnecessary. Written for aiortc 1.16 and aioice 0.13.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
from aiortc.rtp import (
    RTCP_PSFB_APP,
    AnyRtcpPacket,
    RtcpPsfbPacket,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
    unpack_remb_fci,
)

LOOPBACK = "127.0.0.1"
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
    for transport in transports:
        replace(transport, "_send", link(transport._send))


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
