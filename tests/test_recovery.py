"""Recovery: aiortc's own sender and receiver over a bad cable, in virtual time."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    HeaderExtensionsMap,
    RtcpPacket,
    RtcpPsfbPacket,
    RtpPacket,
    is_rtcp,
    unpack_remb_fci,
)

from omote.streams.jitter import TRIES, FrameBuffer, LossTracker
from omote.streams.recovery import KEYFRAME_EVERY, TICK, Recovery
from tests.virtual import Hop, Lost, dice, nothing, run, virtual_clock

FRAME = 1 / 30
ROUND_TRIP = 0.04


def stream(
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    lost: Lost,
    rate: float = 1e8,
    meanwhile: Callable[[Hop, Recovery], None] = lambda hop, recovery: None,
) -> tuple[Hop, Recovery]:
    """Send so many seconds of video over a cable with 20 ms each way; `meanwhile` after one."""

    async def main() -> tuple[Hop, Recovery]:
        loop = asyncio.get_running_loop()
        hop = Hop(seconds, lost, rate=rate)
        tracker = LossTracker(loop.time)
        recovery = Recovery(hop.receiver, FrameBuffer(loop.time), tracker)
        loop.call_later(1.0, meanwhile, hop, recovery)
        async with asyncio.timeout(60):
            await hop.run()
        await recovery.stop()
        await hop.stop()
        return hop, recovery

    with virtual_clock(monkeypatch, "omote.streams.recovery"):
        return run(main())


def can_be_decoded(hop: Hop) -> bool:
    """Whether every picture that came out is a keyframe or follows the one before it."""
    shown = hop.shown()
    steps = zip([-1, *shown], shown, strict=False)
    return all(b == a + 1 or b in hop.footage.keyframes for a, b in steps)


class Lose:
    """Loses chosen packets of the media, each its first few times; feedback comes through."""

    def __init__(self, frame: int, packet: int, times: int) -> None:
        self._chosen = (frame, packet)
        self._times = times
        self._first: dict[int, int] = {}
        self._of_frame: dict[int, int] = {}
        self.number: int | None = None
        self.lost_at: list[float] = []

    def __call__(self, data: bytes) -> bool:
        if is_rtcp(data):
            return False
        packet = RtpPacket.parse(data, HeaderExtensionsMap())
        number = packet.sequence_number
        if packet.payload_type == 98:
            number = int.from_bytes(packet.payload[:2], "big")
        elif self.number is None and self._place(packet) == self._chosen:
            self.number = number
        if number != self.number or len(self.lost_at) == self._times:
            return False
        self.lost_at.append(asyncio.get_running_loop().time())
        return True

    def _place(self, packet: RtpPacket) -> tuple[int, int]:
        frame = self._first.setdefault(packet.timestamp, len(self._first))
        at = self._of_frame[frame] = self._of_frame.get(frame, -1) + 1
        return frame, at


def test_without_losses_nothing_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    hop, recovery = stream(monkeypatch, 3, nothing)
    assert hop.shown() == list(range(90))
    assert (hop.back.nacks(), hop.back.plis(), recovery.keyframes_asked) == ([], [], 0)
    assert hop.recorder.freezes()[0] < 1.01 * FRAME


def test_a_first_keyframe_that_takes_its_time_is_not_asked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A browser spreads a keyframe over the time its bandwidth needs."""
    hop, _ = stream(monkeypatch, 1, nothing, rate=4e6)
    assert hop.shown() == list(range(30))
    assert hop.back.plis() == []


def test_a_lost_packet_is_asked_for_at_once_and_the_stream_goes_on_after_a_round_trip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lose = Lose(frame=30, packet=3, times=1)
    hop, _ = stream(monkeypatch, 2, lose)
    [(asked_at, numbers)] = hop.back.nacks()
    assert numbers == [lose.number]
    assert asked_at - lose.lost_at[0] == pytest.approx(ROUND_TRIP / 2, abs=0.002)
    assert hop.recorder.freezes()[0] == pytest.approx(FRAME + ROUND_TRIP, abs=0.003)
    assert hop.shown() == list(range(60))
    assert hop.back.plis() == []


def test_a_lost_retransmission_is_asked_for_again_after_about_a_round_trip(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lose = Lose(frame=30, packet=3, times=2)
    hop, _ = stream(monkeypatch, 2, lose)
    (first, _), (again, numbers) = hop.back.nacks()
    assert numbers == [lose.number]
    assert ROUND_TRIP < again - first < 2.5 * ROUND_TRIP
    assert hop.shown() == list(range(60))
    assert hop.back.plis() == []


def test_what_is_lost_for_good_is_given_up_for_a_keyframe(monkeypatch: pytest.MonkeyPatch) -> None:
    lose = Lose(frame=30, packet=3, times=10**6)
    hop, recovery = stream(monkeypatch, 2, lose)
    requests = [when for when, numbers in hop.back.nacks() if lose.number in numbers]
    assert 2 <= len(requests) <= TRIES
    assert len(hop.back.plis()) == recovery.keyframes_asked == 1
    assert hop.back.plis()[0] > requests[-1]
    missed = sorted(set(range(60)) - set(hop.shown()))
    assert missed[0] == 30
    assert missed[-1] + 1 in hop.footage.keyframes
    assert len(missed) <= 9  # frames: patience, a round trip, and the keyframe's own turn
    assert can_be_decoded(hop)


def test_a_request_for_a_keyframe_is_repeated_while_none_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lose, plis = Lose(frame=30, packet=3, times=10**6), list[float]()

    def deaf(data: bytes) -> bool:
        """Loses the packet for good, and the first two requests for a keyframe."""
        asks = is_rtcp(data) and any(
            isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_PLI
            for packet in RtcpPacket.parse(data)
        )
        plis.extend([asyncio.get_running_loop().time()] if asks else [])
        return lose(data) or (asks and len(plis) <= 2)

    hop, _ = stream(monkeypatch, 3, deaf)
    assert len(plis) == 3
    pauses = [b - a for a, b in pairwise(plis)]
    assert all(KEYFRAME_EVERY <= pause <= KEYFRAME_EVERY + 2 * TICK for pause in pauses)
    assert hop.shown()[-1] == 89
    assert can_be_decoded(hop)


def test_losses_of_the_awaited_keyframe_are_asked_for_as_persistently(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While nothing can be shown, giving up again and again would forget what is being repaired."""
    of_keyframe: list[Lose] = []
    lose = Lose(frame=30, packet=3, times=10**6)

    def lost(data: bytes) -> bool:
        if not of_keyframe and lose.lost_at and hop_of[0].footage.keyframes - {0}:
            of_keyframe.append(Lose(frame=0, packet=5, times=TRIES - 1))
        return any([lose(data), *(other(data) for other in of_keyframe)])

    hop_of: list[Hop] = []
    hop, _ = stream_and_tell(monkeypatch, lost, hop_of)
    assert len(of_keyframe[0].lost_at) == TRIES - 1
    assert min(hop.footage.keyframes - {0}) in hop.shown()
    assert can_be_decoded(hop)


def stream_and_tell(
    monkeypatch: pytest.MonkeyPatch, lost: Lost, told: list[Hop]
) -> tuple[Hop, Recovery]:
    """`stream` two seconds; `told` knows the hop from its first second on."""
    return stream(monkeypatch, 2, lost, meanwhile=lambda hop, _: told.append(hop))


# Bounds in frames of 33 ms: what one loss costs at 20 ms each way is two (the round trip) if it
# shows in the same frame, three if it was a frame's last packet, and two more per lost answer.
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("share", "longest"), [(0.01, 7), (0.03, 9), (0.1, 20)])
def test_random_losses_freeze_the_picture_for_a_few_frames_at_most(
    monkeypatch: pytest.MonkeyPatch, share: float, longest: int, seed: int
) -> None:
    hop, _ = stream(monkeypatch, 8, dice(share, seed))
    assert hop.recorder.freezes()[0] / FRAME <= longest
    assert len(hop.shown()) >= 240 * (1 - share)
    assert can_be_decoded(hop)
    assert hop.shown()[-1] >= 238


def test_a_decoder_that_cannot_go_on_gets_a_keyframe(monkeypatch: pytest.MonkeyPatch) -> None:
    hop, recovery = stream(
        monkeypatch, 2, nothing, meanwhile=lambda _, recovery: recovery.want_keyframe()
    )
    assert len(hop.back.plis()) == recovery.keyframes_asked == 1
    assert len(hop.footage.keyframes) == 2
    assert hop.shown() == list(range(60))  # what comes before the keyframe is held back by nobody


def test_the_publisher_is_told_what_it_may_send(monkeypatch: pytest.MonkeyPatch) -> None:
    telling: list[asyncio.Task[None]] = []

    def tell(_: Hop, recovery: Recovery) -> None:
        telling.append(asyncio.create_task(recovery.report_bandwidth(700_000)))

    hop, _ = stream(monkeypatch, 2, nothing, meanwhile=tell)
    reports = [
        unpack_remb_fci(packet.fci)[0]
        for _, data in hop.back.sent
        for packet in RtcpPacket.parse(data)
        if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_APP
    ]
    assert reports == [pytest.approx(700_000, rel=0.01)]
    assert telling[0].done()
