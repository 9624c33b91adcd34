"""Broadcast: encoded once per codec, keyframes at most once a second, sound in order."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import cast

import pytest

from omote.server import broadcast as module
from omote.server.broadcast import LEAST_BITRATE, Broadcast
from omote.server.stats import Stats
from omote.streams.decoder import open_decoder
from omote.streams.encoder import CLOCK, MOST_BITRATE, Codec
from omote.streams.fanout import PacketTrack
from omote.streams.keyframe import is_keyframe
from omote.streams.packet import Packet
from omote.streams.webrtc import Viewer
from tests.numbered import number_in
from tests.seats import Seat
from tests.utils import CODECS, STEP, Clock, picture


class Hall:
    """A broadcast, the clock of its keyframes, and who sits in it."""

    def __init__(self, executor: ThreadPoolExecutor, clock: Clock) -> None:
        self.stats = Stats()
        self.woken = 0
        self.broadcast = Broadcast(self.stats, executor, self._wake)
        self.clock = clock
        self.number = -1

    def _wake(self) -> None:
        self.woken += 1

    async def sit(self, codec: Codec = "H264", estimate: int | None = None) -> PacketTrack:
        """A viewer who is connected and waits for the first packet; it is not taken."""
        seat = cast(Viewer, Seat(codec, estimate))
        self.broadcast.viewers.add(seat)
        track = self.broadcast.track_for(seat)
        track._reading = True  # as after the first call of recv
        track.ask_keyframe()
        return track

    async def show(self, count: int = 1, size: int = 320) -> None:
        """So many pictures, 30 a second."""
        for _ in range(count):
            self.number += 1
            self.clock.now += 1 / 30
            video = picture(self.number, size, size * 3 // 4)
            await self.broadcast.put(video, self.number * STEP, self.clock.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()

    class Time:
        monotonic = made
        perf_counter = made

    monkeypatch.setattr(module, "time", Time)
    return made


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as made:
        yield made


@pytest.fixture
async def hall(executor: ThreadPoolExecutor, clock: Clock) -> AsyncIterator[Hall]:
    yield Hall(executor, clock)


async def received(track: PacketTrack) -> list[Packet]:
    """Everything that waits."""
    return [await track.recv() for _ in range(len(track._pictures))]


async def test_nothing_is_encoded_for_nobody(hall: Hall) -> None:
    await hall.show(3)
    assert hall.stats.frames_out == 0
    track = await hall.sit()
    await hall.show(2)
    track.stop()
    await hall.show(2)
    assert hall.stats.frames_out == 2


async def test_all_viewers_of_a_codec_share_one_encoding(hall: Hall) -> None:
    tracks = [await hall.sit() for _ in range(3)]
    await hall.show(4)
    packets = [await received(track) for track in tracks]
    assert packets[0] == packets[1] == packets[2]
    assert (len(packets[0]), hall.stats.frames_out) == (4, 4)


async def test_two_codecs_at_once_keep_the_same_right_times(hall: Hall) -> None:
    """aiortc's own encoders would leave one's clock on the frame for the other to read."""
    tracks = {codec: await hall.sit(codec) for codec in CODECS}
    await hall.show(5)
    for codec, track in tracks.items():
        packets, decoder = await received(track), open_decoder(codec)
        assert [packet.pts for packet in packets] == [n * STEP for n in range(5)]
        assert {packet.time_base for packet in packets} == {CLOCK}
        shown = [number_in(video) for packet in packets for video in decoder.decode(packet)]
        assert shown == list(range(5))


async def test_a_picture_in_two_codecs_is_one_picture_that_went_out(hall: Hall) -> None:
    for codec in CODECS:
        await hall.sit(codec)
    await hall.show(5)
    assert hall.stats.frames_out == 5
    assert len(hall.stats.encoded.values()) == 5


async def test_requests_for_keyframes_are_answered_together_once_a_second(hall: Hall) -> None:
    track, keyframes = await hall.sit(), list[int]()
    for number in range(100):
        track.ask_keyframe()
        if number % 7 == 0:
            await hall.sit()
        await hall.show()
        [packet] = await received(track)
        keyframes += [number] if is_keyframe(bytes(packet)) else []
    assert len(keyframes) == 4
    assert all(30 <= after - before <= 31 for before, after in pairwise(keyframes))
    assert hall.stats.keyframes == 4
    assert hall.woken >= 100


async def test_a_bitrate_that_swings_makes_no_more_keyframes_than_that(hall: Hall) -> None:
    """VP8 takes a new bitrate only by starting anew."""
    track, keyframes = await hall.sit("VP8", estimate=420_000), list[int]()
    [viewer] = hall.broadcast.viewers
    for number in range(100):
        viewer.bitrate_estimate = 420_000 if number % 8 < 4 else 2_000_000
        await hall.show(size=640)
        [packet] = await received(track)
        keyframes += [number] if is_keyframe(bytes(packet)) else []
    assert all(30 <= after - before for before, after in pairwise(keyframes))


async def test_one_request_makes_one_keyframe(hall: Hall) -> None:
    track, kinds = await hall.sit(), list[bool]()
    for number in range(80):
        if number == 40:
            track.ask_keyframe()
        await hall.show()
        kinds += [is_keyframe(bytes(packet)) for packet in await received(track)]
    assert [number for number, keyframe in enumerate(kinds) if keyframe] == [0, 40]


async def test_a_new_size_is_a_keyframe_at_once(hall: Hall) -> None:
    track = await hall.sit()
    await hall.show(2)
    await hall.show(1, size=480)
    await hall.show(1, size=480)
    packets = await received(track)
    assert [is_keyframe(bytes(packet)) for packet in packets] == [True, False]


@pytest.mark.parametrize(
    ("estimates", "bitrate"),
    [
        ([], 2_488_319),  # what 720p takes
        ([None, None], 2_488_319),
        ([1_000_000], 1_000_000),
        ([900_000, 2_000_000], 900_000),
        ([100_000, 1_000_000, 1_100_000, 1_200_000, 1_300_000], 1_000_000),  # one slow of five
        ([9_000_000], 2_488_319),
        ([10_000], LEAST_BITRATE),
    ],
)
async def test_the_bitrate_suits_three_of_four_viewers(
    hall: Hall, estimates: list[int | None], bitrate: int
) -> None:
    await hall.sit()
    for estimate in estimates:
        await hall.sit(estimate=estimate)
    await hall.broadcast.put(picture(0, 1280, 720), 0, None)
    assert hall.broadcast.bitrate == bitrate


async def test_a_picture_of_any_size_gets_a_bitrate_within_limits(hall: Hall) -> None:
    await hall.sit()
    await hall.broadcast.put(picture(0, 3840, 2160), 0, None)
    assert hall.broadcast.bitrate == MOST_BITRATE
    await hall.broadcast.put(picture(0), STEP, None)
    assert hall.broadcast.bitrate == LEAST_BITRATE


async def test_every_viewer_is_closed_at_the_end(hall: Hall) -> None:
    for codec in CODECS:
        await hall.sit(codec)
    await hall.broadcast.close()
    assert all(cast(Seat, viewer).closed for viewer in hall.broadcast.viewers)


def sound(number: int) -> Packet:
    packet: Packet = Packet(b"sound")
    packet.pts = number
    return packet


@pytest.mark.parametrize("delays", [[0.03] * 40, [0.05, 0.0] * 20, [n / 1000 for n in range(40)]])
async def test_sound_stays_in_order_however_its_delay_changes(
    hall: Hall, delays: list[float]
) -> None:
    track = hall.broadcast.sound()
    reading = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    for number, delay in enumerate(delays):
        hall.broadcast.put_sound(sound(number), delay)
    async with asyncio.timeout(5):
        packets = [await reading, *[await track.recv() for _ in delays[1:]]]
    assert [packet.pts for packet in packets] == list(range(40))


async def test_sound_is_as_late_as_it_should_be(hall: Hall) -> None:
    """Never earlier; how much later a busy machine makes it is not ours to say."""
    track, loop = hall.broadcast.sound(), asyncio.get_running_loop()
    reading = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    began = loop.time()
    hall.broadcast.put_sound(sound(1), 0.1)
    async with asyncio.timeout(5):
        await reading
    assert loop.time() - began >= 0.09


async def test_a_listener_that_left_hears_no_more(hall: Hall) -> None:
    track = hall.broadcast.sound()
    track.stop()
    hall.broadcast.put_sound(sound(1), 0)
    await asyncio.sleep(0.01)
    assert hall.broadcast._sounds == set()
