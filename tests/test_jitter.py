"""Jitter: whole frames at once, in order, or not at all; losses asked for until it is no use."""

import random
from collections.abc import Iterable, Sequence
from itertools import chain

import pytest
from aiortc.rtp import RtpPacket
from hypothesis import given
from hypothesis import strategies as st

from omote.streams.decoder import open_decoder
from omote.streams.encoder import Codec
from omote.streams.jitter import (
    CAPACITY,
    STALL,
    TRIES,
    EncodedFrame,
    FrameBuffer,
    LossTracker,
    PassBuffer,
)
from omote.streams.keyframe import is_keyframe
from omote.streams.packet import Packet
from tests.numbered import number_in
from tests.utils import (
    CODECS,
    STEP,
    Clock,
    coded,
    h264_frame,
    noise,
    packet_of,
    rtp,
    vp8_frame,
)


def take(buffer: FrameBuffer, packets: Iterable[RtpPacket]) -> list[EncodedFrame]:
    """What comes out while these go in."""
    frames: list[EncodedFrame] = []
    for packet in packets:
        _, batch = buffer.add(packet)
        frames += batch.frames if batch else []
    return frames


def flat(packetised: Sequence[Sequence[RtpPacket]]) -> list[RtpPacket]:
    return list(chain.from_iterable(packetised))


# --- whole frames ----------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
def test_a_frame_leaves_with_its_own_last_packet_not_one_frame_later(codec: Codec) -> None:
    pictures = coded(codec, 4)
    buffer = FrameBuffer()
    for data, packets in zip(pictures, rtp(codec, pictures), strict=True):
        assert take(buffer, packets[:-1]) == []
        assert [frame.data for frame in take(buffer, packets[-1:])] == [data]


@pytest.mark.parametrize("codec", CODECS)
def test_a_sender_without_markers_costs_one_frame_and_loses_none(codec: Codec) -> None:
    pictures = coded(codec, 4)
    buffer = FrameBuffer()
    frames = take(buffer, flat(rtp(codec, pictures, marker=False)))
    assert [frame.data for frame in frames] == pictures[:-1]


def test_reordered_packets_are_put_in_order() -> None:
    pictures = [vp8_frame(i == 0, 5000, i) for i in range(10)]
    packets = flat(rtp("VP8", pictures))
    for at in range(1, len(packets) - 1, 2):
        packets[at], packets[at + 1] = packets[at + 1], packets[at]
    assert [frame.data for frame in take(FrameBuffer(), packets)] == pictures


def test_frames_that_one_late_packet_completes_leave_together() -> None:
    pictures = [vp8_frame(i == 0, 3000, i) for i in range(5)]
    packetised = rtp("VP8", pictures)
    late = packetised[1].pop(1)
    buffer = FrameBuffer()
    assert len(take(buffer, flat(packetised))) == 1
    assert [frame.data for frame in take(buffer, [late])] == pictures[1:]


def test_sequence_numbers_and_timestamps_may_wrap_around() -> None:
    pictures = [vp8_frame(i == 0, 4000, i) for i in range(20)]
    packetised = rtp("VP8", pictures, first=65_530, timestamp=(1 << 32) - 5 * STEP)
    late = packetised[1].pop(0)  # the one behind the wrap-around comes out of order
    packetised[2].insert(0, late)
    frames = take(FrameBuffer(), flat(packetised))
    assert [frame.data for frame in frames] == pictures
    assert [frame.timestamp for frame in frames][4:7] == [(1 << 32) - STEP, 0, STEP]


def test_a_frame_arrived_when_its_first_packet_did_however_often_it_comes() -> None:
    clock = Clock()
    buffer = FrameBuffer(clock)
    first, *rest = flat(rtp("VP8", [vp8_frame(True, 3000, 1)]))
    take(buffer, [first])
    for packet in (first, *rest):  # the first is sent again, as a retransmission that was not lost
        clock.now += 0.01
        frames = take(buffer, [packet])
    assert frames[0].arrived == 100.0


def test_packets_of_padding_are_no_frame() -> None:
    """A sender that probes for bandwidth fills up with empty packets; an empty packet to FFmpeg's
    decoders means the end of the stream, and nothing is decoded ever after."""
    pictures = [vp8_frame(i == 0, 3000, i) for i in range(3)]
    before, after = rtp("VP8", pictures[:2]), rtp("VP8", pictures[2:], first=1008, timestamp=6000)
    number = before[-1][-1].sequence_number + 1
    padding = [packet_of("VP8", b"", number + i, STEP) for i in range(1008 - number)]
    assert padding
    frames = take(FrameBuffer(), flat([*before, padding, *after]))
    assert [frame.data for frame in frames] == pictures


def test_what_was_emitted_comes_out_once() -> None:
    packets = flat(rtp("VP8", [vp8_frame(i == 0, 3000, i) for i in range(3)]))
    buffer = FrameBuffer()
    assert len(take(buffer, packets)) == 3
    assert take(buffer, packets) == []


# --- keyframes -------------------------------------------------------------------------------


@pytest.mark.parametrize("codec", CODECS)
def test_real_keyframes_are_told_from_the_rest(codec: Codec) -> None:
    pictures = coded(codec, 6, keyframes=[3])
    assert [is_keyframe(data) for data in pictures] == [True, False, False, True, False, False]
    frames = take(FrameBuffer(), flat(rtp(codec, pictures)))
    assert [frame.keyframe for frame in frames] == [True, False, False, True, False, False]


def nal(header: int, size: int = 40) -> bytes:
    return b"\x00\x00\x00\x01" + bytes([header]) + noise(size, header)


SPS, PPS, SEI, AUD, IDR, SLICE = 0x67, 0x68, 0x06, 0x09, 0x65, 0x41


@pytest.mark.parametrize(
    ("units", "keyframe"),
    [
        ([SPS, PPS, IDR], True),
        ([AUD, SPS, PPS, SEI, IDR], True),
        ([IDR, IDR], True),  # parameter sets came before
        ([SPS, PPS], True),  # and here they are, on their own
        ([SLICE, SLICE], False),
        ([SEI, SLICE], False),
        ([AUD, SLICE], False),
        ([SPS, PPS, SLICE], False),  # some encoders repeat them before every picture
    ],
)
def test_an_h264_picture_is_judged_by_its_slices(units: list[int], keyframe: bool) -> None:
    assert is_keyframe(b"".join(nal(unit) for unit in units)) is keyframe


@pytest.mark.parametrize("data", [b"", b"\x00", b"\x00\x00\x00\x01", b"\x10\x02\x00\x9d\x01"])
def test_what_is_too_short_to_judge_is_no_keyframe(data: bytes) -> None:
    assert is_keyframe(data) is False


@given(st.binary(max_size=64))
def test_no_bytes_confuse_the_judgement(data: bytes) -> None:
    assert is_keyframe(data) in (True, False)


def test_nothing_leaves_before_the_first_whole_keyframe() -> None:
    pictures = [vp8_frame(i == 3, 3000, i) for i in range(6)]
    buffer = FrameBuffer()
    frames = take(buffer, flat(rtp("VP8", pictures)))
    assert [frame.data for frame in frames] == pictures[3:]
    assert not buffer.awaiting_keyframe


@pytest.mark.parametrize("slices", [1, 3])
@pytest.mark.parametrize("lost", [0, 1])
def test_a_keyframe_whose_beginning_is_missing_is_not_taken_for_one(slices: int, lost: int) -> None:
    """Parameter sets, or the first of several slices: the rest looks like a keyframe by itself."""
    pictures = [h264_frame(i % 4 == 0, 4000, 9 * i, slices) for i in range(12)]
    packetised = rtp("H264", pictures)
    packetised[3].pop()  # so that nothing is known of what comes before the keyframe
    packetised[4].pop(lost)
    buffer = FrameBuffer()
    frames = take(buffer, flat(packetised[:4]))
    buffer.skip()
    frames += take(buffer, flat(packetised[4:]))
    assert [pictures.index(frame.data) for frame in frames] == [0, 1, 2, 8, 9, 10, 11]


# --- giving up -------------------------------------------------------------------------------


def test_after_giving_up_it_goes_on_from_the_newest_whole_keyframe() -> None:
    pictures = [vp8_frame(i in (0, 4, 7), 3000, i) for i in range(10)]
    packetised = rtp("VP8", pictures)
    packetised[2].pop(1)
    buffer = FrameBuffer()
    assert len(take(buffer, flat(packetised[:8]))) == 2
    assert buffer.gap
    buffer.skip()
    assert buffer.awaiting_keyframe
    frames = take(buffer, flat(packetised[8:]))
    assert [pictures.index(frame.data) for frame in frames] == [7, 8, 9]
    assert not buffer.gap


def test_too_much_behind_a_gap_asks_for_a_keyframe_by_itself() -> None:
    pictures = [vp8_frame(i == 0, 1000, i) for i in range(CAPACITY + 2)]
    packets = flat(rtp("VP8", pictures))
    lost = packets.pop(1)
    buffer = FrameBuffer()
    asked = [buffer.add(packet)[0] for packet in packets]
    assert asked.count(True) == 1
    assert asked.index(True) == packets.index(packets[-1])
    assert buffer.awaiting_keyframe
    assert take(buffer, [lost]) == []
    after = rtp("VP8", [vp8_frame(True, 3000, 99)], first=1000 + CAPACITY + 2, timestamp=10**7)
    assert len(take(buffer, flat(after))) == 1


@pytest.mark.parametrize("jump", [CAPACITY, 5000, 30_000, 40_000, 60_000, 65_000])
def test_a_sender_that_starts_anew_is_followed(jump: int) -> None:
    """Whatever sequence number it goes on from (RFC 3550, appendix A.1)."""
    old = [vp8_frame(i == 0, 3000, i) for i in range(5)]
    new = [vp8_frame(i in (0, 2), 3000, 50 + i) for i in range(5)]
    packets = flat(rtp("VP8", old, first=20_000))
    restarted = flat(rtp("VP8", new, first=packets[-1].sequence_number + jump, timestamp=10**6))
    buffer, tracker = FrameBuffer(), LossTracker()
    for packet in (*packets, *restarted):
        tracker.add(packet)
    assert [frame.data for frame in take(buffer, packets)] == old
    frames = take(buffer, restarted)
    assert [frame.data for frame in frames[-3:]] == new[2:]
    lost = restarted[-1].sequence_number + 2
    assert tracker.add(packet_of("VP8", b"\x00\x01", lost, 0))
    assert (lost - 1) & 0xFFFF in tracker.missing


def test_one_stray_packet_of_long_ago_is_no_new_start() -> None:
    pictures = [vp8_frame(i == 0, 3000, i) for i in range(6)]
    packets = flat(rtp("VP8", pictures, first=20_000))
    stray = packet_of("VP8", b"\x10" + noise(9, 1), 9_000, 77)
    frames = take(FrameBuffer(), [*packets[:9], stray, *packets[9:]])
    assert [frame.data for frame in frames] == pictures


# --- any network -----------------------------------------------------------------------------

FATES = st.lists(
    st.tuples(
        st.sampled_from(["come", "come", "come", "come", "lost", "twice"]),
        st.integers(0, 6),  # positions by which it is late
    ),
    min_size=90,
    max_size=90,
)


def through_a_network(
    packets: Sequence[RtpPacket], fates: Sequence[tuple[str, int]]
) -> list[RtpPacket]:
    """The packets in the order they come out: some lost, some late, some twice."""
    arrivals: list[tuple[float, RtpPacket]] = []
    for at, packet in enumerate(packets):
        fate, late = fates[at % len(fates)]
        if fate != "lost":
            arrivals.append((at + late * 1.01, packet))
        if fate == "twice":
            arrivals.append((at + 3.5, packet))
    return [packet for _, packet in sorted(arrivals, key=lambda arrival: arrival[0])]


def is_chain(numbers: Sequence[int], keyframes: set[int]) -> bool:
    """Whether each picture can be decoded: a keyframe, or the very next after the one before."""
    before = [None, *numbers]
    return all(n in keyframes or n - 1 == b for b, n in zip(before, numbers, strict=False))


@pytest.mark.parametrize("codec", CODECS)
@given(
    fates=FATES,
    skips=st.sets(st.integers(0, 120), max_size=4),
    first=st.sampled_from([0, 5, 65_500, 40_000]),
    marker=st.booleans(),
    slices=st.sampled_from([1, 2]),
)
def test_whatever_the_network_does_only_whole_pictures_leave_and_it_recovers(
    codec: Codec,
    fates: Sequence[tuple[str, int]],
    skips: set[int],
    first: int,
    marker: bool,
    slices: int,
) -> None:
    keyframes = {0, 9, 20, 30}
    pictures = [
        vp8_frame(i in keyframes, 900 + 700 * (i % 4), i)
        if codec == "VP8"
        else h264_frame(i in keyframes, 900 + 700 * (i % 4), 10 * i, slices)
        for i in range(34)
    ]
    packetised = rtp(codec, pictures, first=first, timestamp=(1 << 32) - 10 * STEP, marker=marker)
    buffer = FrameBuffer()
    out: list[EncodedFrame] = []
    for at, packet in enumerate(through_a_network(flat(packetised[:30]), fates)):
        if at in skips:
            buffer.skip()
        out += take(buffer, [packet])
        assert len(buffer._packets) <= CAPACITY
    for packet in flat(packetised[30:]):
        if buffer.gap:
            buffer.skip()
        out += take(buffer, [packet])
    numbers = [pictures.index(frame.data) for frame in out]
    assert numbers == sorted(set(numbers))
    assert is_chain(numbers, keyframes)
    assert numbers[-1] == (33 if marker else 32)


@pytest.mark.parametrize("codec", CODECS)
def test_what_leaves_a_lossy_network_decodes_to_the_right_pictures(codec: Codec) -> None:
    dice = random.Random(7)
    pictures = coded(codec, 60, keyframes=range(0, 60, 10))
    buffer, decoder = FrameBuffer(), open_decoder(codec)
    shown: list[int] = []
    for number, packets in enumerate(rtp(codec, pictures)):
        if number % 10 == 0:
            buffer.skip()
        for frame in take(buffer, [packet for packet in packets if dice.random() > 0.1]):
            for video in decoder.decode(Packet(frame.data)):
                assert number_in(video) == frame.timestamp // STEP
                shown.append(number_in(video))
    assert len(shown) > 10
    assert is_chain(shown, set(range(0, 60, 10)))


def test_memory_stays_bounded_while_no_keyframe_comes() -> None:
    buffer = FrameBuffer()
    for number in range(4 * CAPACITY):
        _, batch = buffer.add(packet_of("VP8", b"\x10\x01" + noise(20, 1), number, number))
        assert batch is None
        assert len(buffer._packets) <= CAPACITY


# --- losses ----------------------------------------------------------------------------------


def numbered_packets(numbers: Iterable[int]) -> list[RtpPacket]:
    return [packet_of("VP8", b"\x10\x01", number, 0) for number in numbers]


def test_a_loss_is_asked_for_as_soon_as_it_shows() -> None:
    tracker = LossTracker()
    asks = [tracker.add(packet) for packet in numbered_packets([10, 11, 14, 15])]
    assert asks == [False, False, True, False]
    assert tracker.missing == {12, 13}
    assert tracker.missing == set()  # asked


def test_a_loss_is_asked_for_again_after_a_round_trip_and_at_most_so_often() -> None:
    clock = Clock()
    tracker = LossTracker(clock)
    for packet in numbered_packets([10, 12]):
        tracker.add(packet)
    asked = len(tracker.missing)
    assert tracker.due() == []
    for _ in range(200):
        clock.now += 0.005
        asked += len(tracker.due())
    assert asked == TRIES


def test_the_pause_between_requests_follows_the_round_trip() -> None:
    def asked_again_after(round_trip: float) -> float:
        clock = Clock()
        tracker, number = LossTracker(clock), 10
        for _ in range(30):
            for packet in numbered_packets([number, number + 2]):
                tracker.add(packet)
            assert tracker.missing == {number + 1}
            clock.now += round_trip
            tracker.add(numbered_packets([number + 1])[0])
            number += 3
        for packet in numbered_packets([number, number + 2]):
            tracker.add(packet)
        assert tracker.missing
        began = clock.now
        while not tracker.due():
            clock.now += 0.001
        return clock.now - began

    assert 0.02 <= asked_again_after(0.02) <= 0.04
    assert 0.1 <= asked_again_after(0.1) <= 0.16


def test_what_comes_late_is_asked_for_no_more() -> None:
    clock = Clock()
    tracker = LossTracker(clock)
    for packet in numbered_packets([10, 12, 11]):
        tracker.add(packet)
    clock.now += 1
    assert tracker.missing == set()
    assert tracker.due() == []


def test_losses_are_told_over_the_wrap_around() -> None:
    tracker = LossTracker()
    for packet in numbered_packets([65_534, 1]):
        tracker.add(packet)
    assert tracker.missing == {65_535, 0}


def test_what_was_given_up_is_counted_and_forgotten() -> None:
    clock = Clock()
    tracker = LossTracker(clock)
    for packet in numbered_packets([10, 20]):
        tracker.add(packet)
    assert len(tracker.missing) == 9
    tracker.give_up()
    clock.now += 1
    assert (tracker.given_up, tracker.due()) == (9, [])


def test_losses_that_nobody_can_repair_are_not_kept_for_ever() -> None:
    clock = Clock()
    tracker = LossTracker(clock)
    for packet in numbered_packets(range(0, 8_000, 2)):
        clock.now += 0.01
        if tracker.add(packet):
            assert len(tracker.missing) <= CAPACITY
        tracker.due()
    assert len(tracker._lost) <= CAPACITY


def test_a_keyframe_is_waited_for_no_shorter_than_the_answer_takes() -> None:
    tracker = LossTracker()
    assert tracker.patience == STALL
    tracker._retry = 0.2
    assert tracker.patience > 0.4


# --- sound -----------------------------------------------------------------------------------


def sound_packet(number: int, payload: bytes = b"sound") -> RtpPacket:
    packet = RtpPacket(sequence_number=number & 0xFFFF, timestamp=960 * number)
    packet._data = payload  # type: ignore[attr-defined]
    return packet


def test_sound_passes_packet_by_packet_in_order_and_once() -> None:
    buffer, out = PassBuffer(), list[int]()
    for number in (65_533, 65_534, 65_534, 65_536, 65_535, 65_537, 65_538, 65_538):
        asks, batch = buffer.add(sound_packet(number))
        assert asks is False
        out += [frame.timestamp // 960 for frame in batch.frames] if batch else []
    assert out == [65_533, 65_534, 65_536, 65_537, 65_538]


def test_silence_without_data_is_no_packet() -> None:
    assert PassBuffer().add(sound_packet(1, b"")) == (False, None)


def test_sound_of_a_sender_that_starts_anew_is_heard() -> None:
    buffer = PassBuffer()
    for number in range(30_000, 30_010):
        buffer.add(sound_packet(number))
    heard = [buffer.add(sound_packet(number))[1] is not None for number in range(500, 510)]
    assert heard[-5:] == [True] * 5
