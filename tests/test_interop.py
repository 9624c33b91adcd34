"""Interop: each private name is where we reach for it, does what we expect, and is still needed."""

import ast
import asyncio
import queue
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from aioice.ice import get_host_addresses
from aioice.stun import Class, Message, Method
from aiortc import (
    RTCCertificate,
    RTCPeerConnection,
    RTCRtpReceiver,
    RTCRtpSender,
)
from aiortc.codecs.h264 import H264Encoder
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcdtlstransport import SRTP_PROFILES
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtcsctptransport import SCTP_DATA_UNORDERED, DataChunk
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_FIR,
    RTCP_PSFB_PLI,
    AnyRtcpPacket,
    RtcpPacket,
    RtcpPsfbPacket,
    RtcpSenderInfo,
    RtcpSrPacket,
    pack_remb_fci,
    unpack_remb_fci,
)
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL.SSL import Connection

from omote.streams import interop
from omote.streams.encoder import Codec
from omote.streams.fanout import AudioTrack, Feed
from omote.streams.webrtc import Signalling, Viewer
from tests.loopback import Camera, answered, client, offered, prefer, publishing
from tests.utils import CODECS, packet_of, parameters

ROOT = Path(__file__).parents[1]


@asynccontextmanager
async def peer() -> AsyncIterator[RTCPeerConnection]:
    connection = client()
    connection.addTransceiver("video")
    connection.createDataChannel("data")
    yield connection
    await connection.close()


# --- where they are ----------------------------------------------------------------------------

Owner = Callable[[RTCPeerConnection], object]
RECEIVER: Owner = lambda peer: peer.getTransceivers()[0].receiver
SENDER: Owner = lambda peer: peer.getTransceivers()[0].sender
SCTP: Owner = lambda peer: peer.sctp
TRANSPORT: Owner = lambda peer: peer.getTransceivers()[0].receiver.transport.transport


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (RECEIVER, "_RTCRtpReceiver__jitter_buffer"),
        (RECEIVER, "_RTCRtpReceiver__nack_generator"),
        (RECEIVER, "_RTCRtpReceiver__decoder_queue"),
        (RECEIVER, "_RTCRtpReceiver__rtcp_ssrc"),
        (RECEIVER, "_handle_rtcp_packet"),
        (RECEIVER, "_send_rtcp"),
        (RECEIVER, "_send_rtcp_pli"),
        (RECEIVER, "_send_rtcp_nack"),
        (SENDER, "_send_keyframe"),
        (SENDER, "_handle_rtcp_packet"),
        (TRANSPORT, "_send"),
        (SCTP, "_handle_data"),
        (SCTP, "_transmit"),
        (SCTP, "_update_rto"),
        (SCTP, "_cwnd"),
        (SCTP, "_rto"),
        (SCTP, "_srtt"),
        (SCTP, "_receive_data_chunk"),
        (SCTP, "_last_received_tsn"),
        (SCTP, "_advertised_rwnd"),
        (SCTP, "_inbound_streams"),
        (SCTP, "_sack_misordered"),
        (lambda peer: peer, "_RTCPeerConnection__certificates"),
        (lambda peer: peer.getTransceivers()[0], "_codecs"),
        (lambda peer: cast(Any, TRANSPORT(peer)).iceGatherer, "_connection"),
        (lambda peer: interop._ice_connections(peer)[0], "get_component_candidates"),
        (lambda peer: interop._ice_connections(peer)[0], "check_incoming"),
        (lambda peer: cast(Any, peer)._RTCPeerConnection__certificates[0], "_create_ssl_context"),
    ],
)
async def test_the_private_name_is_where_it_was(owner: Owner, name: str) -> None:
    async with peer() as connection:
        assert hasattr(owner(connection), name)


async def test_a_name_that_has_moved_is_named() -> None:
    async with peer() as connection:
        with pytest.raises(AttributeError, match="no longer has _nothing; see interop"):
            interop.replace(RECEIVER(connection), "_nothing", 1)


def test_no_other_module_reaches_into_private_names() -> None:
    found: list[str] = []
    for layer in ("streams", "engines", "server", "clients"):
        for file in (ROOT / layer).rglob("*.py"):
            if file.name != "interop.py":
                found += [f"{file.name}: {name}" for name in private_names(file.read_text())]
    assert found == []


def private_names(source: str) -> list[str]:
    """`x._y` where x is neither `self` nor `cls` nor `super()`."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and node.attr.startswith("_")
        and not node.attr.startswith("__")
        and node.attr not in ("_asdict", "_replace")  # public, of named tuples
        and ast.unparse(node.value) not in ("self", "cls", "super()")
    ]


# --- what they do ------------------------------------------------------------------------------


async def test_packets_go_through_the_buffer_the_tracker_and_the_queue_put_in_place() -> None:
    seen: list[str] = []

    class Buffer:
        capacity = 1

        def add(self, packet: Any) -> tuple[bool, Any]:
            seen.append("buffer " + interop.depayloaded(packet).decode())
            return False, None

    class Tracker:
        missing = frozenset[int]()

        def add(self, packet: Any) -> bool:
            seen.append("tracker")
            return False

    async with peer() as connection:
        receiver = connection.getTransceivers()[0].receiver
        waiting: queue.Queue[Any] = queue.Queue()
        interop.use_jitter_buffer(receiver, Buffer())
        interop.use_loss_tracker(receiver, Tracker())
        interop.use_decoder_queue(receiver, waiting)
        await hand_a_packet_to(receiver)
        assert seen == ["tracker", "buffer vp8"]


async def hand_a_packet_to(receiver: RTCRtpReceiver) -> None:
    private = cast(Any, receiver)
    packet = packet_of("VP8", b"\x10vp8", 1, 0)
    private._RTCRtpReceiver__codecs = {97: parameters("VP8")}
    await private._handle_rtp_packet(packet, arrival_time_ms=0)


class Overheard:
    """RTCP that a receiver sends, instead of sending it."""

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        self.packets: list[AnyRtcpPacket] = []
        receiver._set_rtcp_ssrc(7)
        interop.replace(receiver, "_send_rtcp", self._keep)

    async def _keep(self, packet: AnyRtcpPacket) -> None:
        self.packets += RtcpPacket.parse(bytes(packet))

    def bitrates(self) -> list[int]:
        return [
            unpack_remb_fci(packet.fci)[0]
            for packet in self.packets
            if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP
        ]


async def test_feedback_is_what_it_says() -> None:
    async with peer() as connection:
        receiver = connection.getTransceivers()[0].receiver
        heard = Overheard(receiver)
        await interop.send_pli(receiver, 99)
        await interop.send_nack(receiver, 99, [5, 65_535])
        await interop.send_remb(receiver, 99, 800_000)
    pli, nack, _ = heard.packets
    assert isinstance(pli, RtcpPsfbPacket)
    assert (pli.fmt, pli.ssrc, pli.media_ssrc) == (RTCP_PSFB_PLI, 7, 99)
    assert cast(Any, nack).lost == [65_535, 5] or cast(Any, nack).lost == [5, 65_535]
    assert heard.bitrates() == [pytest.approx(800_000, rel=0.01)]


async def test_a_bandwidth_report_is_capped_and_nothing_else_is_touched() -> None:
    limit: list[int | None] = [500_000]
    async with peer() as connection:
        receiver = connection.getTransceivers()[0].receiver
        heard = Overheard(receiver)
        interop.cap_remb(receiver, lambda: limit[0])
        await interop.send_remb(receiver, 99, 2_000_000)
        await interop.send_remb(receiver, 99, 100_000)
        limit[0] = None
        await interop.send_remb(receiver, 99, 2_000_000)
        await interop.send_pli(receiver, 99)
    expected = [500_000, 100_000, 2_000_000]
    assert heard.bitrates() == [pytest.approx(rate, rel=0.01) for rate in expected]
    assert len(heard.packets) == 4


async def test_the_viewers_bandwidth_is_told_unclamped() -> None:
    told: list[int] = []
    async with peer() as connection:
        sender = connection.getTransceivers()[0].sender
        interop.on_remb(sender, told.append)
        for bitrate in (80_000, 9_000_000):
            fci = pack_remb_fci(bitrate, [sender._ssrc])
            await sender._handle_rtcp_packet(
                RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci)
            )
        await sender._handle_rtcp_packet(
            RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=b"not REMB")
        )
    assert told == [pytest.approx(80_000, rel=0.01), pytest.approx(9_000_000, rel=0.01)]


@pytest.mark.parametrize("request_type", [RTCP_PSFB_PLI, RTCP_PSFB_FIR])
async def test_a_request_for_a_keyframe_is_told(request_type: int) -> None:
    told: list[bool] = []
    async with peer() as connection:
        sender = connection.getTransceivers()[0].sender
        interop.on_keyframe_request(sender, lambda: told.append(True))
        await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=request_type, ssrc=1, media_ssrc=2))
    assert told == [True]


async def test_a_sender_report_is_told_in_seconds() -> None:
    told: list[tuple[float, int]] = []
    async with peer() as connection:
        receiver = connection.getTransceivers()[0].receiver
        interop.on_sender_report(receiver, lambda second, ticks: told.append((second, ticks)))
        info = RtcpSenderInfo(
            ntp_timestamp=(5 << 32) | (1 << 31), rtp_timestamp=90, packet_count=1, octet_count=1
        )
        await receiver._handle_rtcp_packet(RtcpSrPacket(ssrc=1, sender_info=info))
    assert told == [(5.5, 90)]


# --- over a real connection --------------------------------------------------------------------


async def viewer_of(feed: Feed, offer: str) -> Viewer:
    return await Signalling(loopback=True).viewer(
        offer, lambda _: feed.subscribe(lambda _: None), lambda: AudioTrack(lambda _: None)
    )


@pytest.mark.parametrize("codec", CODECS)
async def test_a_viewers_pli_reaches_the_feed_and_its_codec_is_known(codec: Codec) -> None:
    asked: asyncio.Queue[bool] = asyncio.Queue()
    feed = Feed(lambda: asked.put_nowait(True))
    connection = client()
    connection.addTransceiver("video", direction="recvonly")
    prefer(connection, codec)
    viewer = await answered(connection, lambda offer: viewer_of(feed, offer))
    try:
        assert viewer.codec == codec
        async with asyncio.timeout(5):
            await asked.get()  # its beginning
            ssrc = viewer.connection.getTransceivers()[0].sender._ssrc
            await interop.send_pli(connection.getTransceivers()[0].receiver, ssrc)
            await asked.get()
    finally:
        await connection.close()
        await viewer.close()


def candidates(sdp: str) -> list[str]:
    return [line.split()[4] for line in sdp.splitlines() if line.startswith("a=candidate:")]


async def test_on_a_loopback_host_the_answer_has_loopback_candidates_and_no_others() -> None:
    connection = client()
    connection.addTransceiver(Camera(), direction="sendonly")
    connection.addTransceiver("audio", direction="sendonly")
    try:
        publisher = await Signalling(loopback=True).publisher(await offered(connection))
        assert set(candidates(publisher.answer)) == {interop.LOOPBACK}
        await publisher.close()
    finally:
        await connection.close()


async def test_elsewhere_the_answer_has_no_loopback_candidate() -> None:
    connection = client()
    connection.addTransceiver(Camera(), direction="sendonly")
    try:
        publisher = await Signalling(loopback=False).publisher(await offered(connection))
        assert interop.LOOPBACK not in candidates(publisher.answer)
        await publisher.close()
    finally:
        await connection.close()


async def test_an_offer_without_candidates_is_enough() -> None:
    """The publisher's own checks show its address (RFC 8445, section 7.3.1.3)."""

    def without(offer: str) -> str:
        lines = offer.splitlines(keepends=True)
        return "".join(x for x in lines if not x.startswith(("a=candidate", "a=end-of")))

    signalling = Signalling(loopback=True)
    async with publishing(lambda offer: signalling.publisher(without(offer))) as publisher:
        async with asyncio.timeout(10):
            await publisher.frames.ready()


async def test_a_publisher_with_an_rsa_certificate_gets_through() -> None:
    """GStreamer's webrtcbin has one (aiortc#1392)."""
    connection = client()
    camera = Camera()
    connection.addTransceiver(camera, direction="sendonly")
    rsa_certificate = with_rsa_key()
    private = cast(Any, connection)
    private._RTCPeerConnection__certificates[:] = [rsa_certificate]
    for transceiver in connection.getTransceivers():
        cast(
            Any, transceiver.receiver.transport
        )._RTCDtlsTransport__local_certificate = rsa_certificate
    interop.accept_rsa_certificates(connection)
    try:
        publisher = await answered(connection, Signalling(loopback=True).publisher)
        async with asyncio.timeout(10):
            await publisher.frames.ready()
        await publisher.close()
    finally:
        await connection.close()


def with_rsa_key() -> RTCCertificate:
    certificate = cast(Any, RTCCertificate.generateCertificate())._cert
    key = rsa.generate_private_key(65_537, 2048)
    signed = (
        x509.CertificateBuilder()
        .subject_name(certificate.subject)
        .issuer_name(certificate.issuer)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(certificate.not_valid_before_utc)
        .not_valid_after(certificate.not_valid_after_utc)
        .sign(key, hashes.SHA256())
    )
    return RTCCertificate(key=cast(Any, key), cert=signed)


async def test_a_connectivity_check_without_priority_is_let_in() -> None:
    """As FFmpeg 8.0 sends it."""
    async with peer() as connection:
        interop.bind_media_to_loopback(connection)
        await connection.setLocalDescription(await connection.createOffer())
        ice = interop._ice_connections(connection)[0]
        message = Message(message_method=Method.BINDING, message_class=Class.REQUEST)
        sender = (interop.LOOPBACK, 9)
        with pytest.raises(KeyError):
            ice.check_incoming(message, sender, ice._protocols[0])
        interop.tolerate_missing_priority(connection)
        ice.check_incoming(message, sender, ice._protocols[0])
        assert message.attributes["PRIORITY"] > 0


# --- whether they are still needed: when one of these fails, upstream has mended it --------------


def test_aiortc_still_holds_each_frame_until_the_next_begins() -> None:
    buffer = JitterBuffer(capacity=16, is_video=True)
    packet = packet_of("VP8", b"\x10x", 1, 0)
    packet.marker = 1
    assert buffer.add(packet) == (False, None)


def test_aiortc_still_asks_for_a_lost_packet_only_once() -> None:
    tracker = NackGenerator()
    assert not hasattr(tracker, "due")
    asked = [tracker.add(packet_of("VP8", b"\x10x", number, 0)) for number in (1, 3, 4, 5, 6)]
    assert asked == [False, True, False, False, False]


def test_aiortc_still_clamps_what_a_viewer_can_take() -> None:
    encoder = H264Encoder()
    encoder.target_bitrate = 9_000_000
    assert encoder.target_bitrate < 9_000_000


def test_aiortcs_decoder_queue_is_still_unbounded() -> None:
    """And there is still no public way to ask for a keyframe."""
    assert not any(hasattr(RTCRtpReceiver, name) for name in ("requestKeyFrame", "sendPli"))
    assert not hasattr(RTCRtpSender, "setParameters")


async def test_aiortc_still_keeps_fragments_beyond_the_window_it_tells_of() -> None:
    async with peer() as connection:
        sctp = cast(Any, connection.sctp)
        sctp._last_received_tsn = 0
        for number in range(1, 1200):
            chunk = DataChunk(flags=SCTP_DATA_UNORDERED)
            chunk.tsn, chunk.stream_id, chunk.user_data = number, 0, bytes(1000)
            await sctp._receive_data_chunk(chunk)
        assert sctp._advertised_rwnd < 0


def test_aioice_still_leaves_out_the_loopback_address() -> None:
    assert interop.LOOPBACK not in get_host_addresses(use_ipv4=True, use_ipv6=False)


def test_aiortc_still_offers_no_rsa_cipher() -> None:
    certificate = cast(Any, RTCCertificate.generateCertificate())
    context = certificate._create_ssl_context(srtp_profiles=SRTP_PROFILES)
    assert not any("-RSA-" in cipher for cipher in Connection(context).get_cipher_list())
