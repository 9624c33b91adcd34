"""Fan-out: the same packets for every viewer, and no viewer in the way of another."""

import asyncio
import time

import pytest
from aiortc.mediastreams import MediaStreamError

from omote.streams.encoder import CLOCK, EncodedPicture
from omote.streams.fanout import MOST_WAITING, AudioTrack, Feed, PacketTrack
from omote.streams.packet import Packet


class Channel:
    """A feed, how often it was asked for a keyframe, and the ages it was told."""

    def __init__(self) -> None:
        self.asked = 0
        self.ages: list[float] = []
        self.feed = Feed(self._ask)

    def _ask(self) -> None:
        self.asked += 1

    async def viewer(self) -> PacketTrack:
        """A viewer whose connection is up: its first packet is being waited for."""
        track = self.feed.subscribe(self.ages.append)
        reading = asyncio.create_task(track.recv())
        await asyncio.sleep(0)
        self.put(-1, keyframe=True)
        await reading
        return track

    def put(self, number: int, *, keyframe: bool = False, arrived: float | None = None) -> None:
        packet: Packet = Packet(b"picture %d" % number)
        packet.pts, packet.time_base = number, CLOCK
        self.feed.put(EncodedPicture(packet, keyframe, arrived))


async def numbers(track: PacketTrack, count: int) -> list[int]:
    async with asyncio.timeout(5):
        packets = [await track.recv() for _ in range(count)]
    return [packet.pts for packet in packets if packet.pts is not None]


async def test_every_viewer_gets_the_very_same_packets() -> None:
    channel = Channel()
    one, other = await channel.viewer(), await channel.viewer()
    await numbers(one, 1)  # the keyframe the other began with
    for number in range(4):
        channel.put(number)
    packets = [[await track.recv() for _ in range(4)] for track in (one, other)]
    assert packets[0] == packets[1]
    assert [bytes(packet) for packet in packets[0]] == [b"picture %d" % n for n in range(4)]


async def test_a_slow_viewer_goes_on_from_a_keyframe_and_holds_up_nobody() -> None:
    channel = Channel()
    slow, quick = await channel.viewer(), await channel.viewer()
    await numbers(slow, 1)
    asked = channel.asked
    for number in range(3 * MOST_WAITING):
        channel.put(number)
        assert await numbers(quick, 1) == [number]
    assert channel.asked == asked + 1
    channel.put(90, keyframe=True)
    channel.put(91)
    assert await numbers(slow, 2) == [90, 91]
    assert await numbers(quick, 2) == [90, 91]
    assert (slow.skipped, quick.skipped) == (3 * MOST_WAITING, 0)


async def test_what_waits_for_a_viewer_is_bounded() -> None:
    channel = Channel()
    track = await channel.viewer()
    for number in range(1000):
        channel.put(number, keyframe=number % 7 == 0)
    assert len(track._pictures) <= MOST_WAITING


async def test_a_keyframe_makes_what_waits_before_it_needless() -> None:
    channel = Channel()
    track = await channel.viewer()
    for number in range(3):
        channel.put(number)
    channel.put(3, keyframe=True)
    assert await numbers(track, 1) == [3]
    assert track.skipped == 3


async def test_a_viewer_begins_with_a_keyframe_made_when_it_is_there() -> None:
    """While it connects nothing is kept: old pictures would only be late, and count as such."""
    channel = Channel()
    track = channel.feed.subscribe(channel.ages.append)
    for number in range(5 * MOST_WAITING):
        channel.put(number, keyframe=number == 3)
    assert channel.asked == 0
    reading = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    assert channel.asked == 1
    channel.put(98)
    channel.put(99, keyframe=True)
    assert (await reading).pts == 99


async def test_the_age_of_a_picture_is_told_once_when_it_has_left() -> None:
    channel = Channel()
    track = await channel.viewer()
    channel.put(1, arrived=time.monotonic() - 3.0)
    await numbers(track, 1)
    assert channel.ages == []  # it may still be on its way to the socket
    channel.put(2)  # a slate: of no age
    channel.put(3, arrived=time.monotonic())
    await numbers(track, 2)
    assert channel.ages == [pytest.approx(3.0, abs=0.5)]


async def test_a_viewers_keyframe_request_reaches_the_encoder() -> None:
    channel = Channel()
    track = await channel.viewer()
    asked = channel.asked
    track.ask_keyframe()
    assert channel.asked == asked + 1


async def test_a_viewer_that_leaves_is_fed_no_more_and_its_reader_ends() -> None:
    channel = Channel()
    track, other = await channel.viewer(), await channel.viewer()
    reading = asyncio.create_task(numbers(track, 3))
    await asyncio.sleep(0)
    assert len(channel.feed) == 2
    track.stop()
    track.stop()
    with pytest.raises(MediaStreamError):
        await reading
    assert len(channel.feed) == 1
    other.stop()
    assert len(channel.feed) == 0
    channel.put(1, keyframe=True)


def sound(number: int) -> Packet:
    packet: Packet = Packet(b"sound")
    packet.pts = number
    return packet


async def test_of_sound_the_last_second_is_kept() -> None:
    left: list[AudioTrack] = []
    track = AudioTrack(left.append)
    reading = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    for number in range(80):
        track.put(sound(number))
    heard = [(await reading).pts, *[(await track.recv()).pts for _ in range(49)]]
    assert heard == list(range(30, 80))
    reading = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    track.stop()
    with pytest.raises(MediaStreamError):
        await reading
    assert left == [track]


async def test_sound_from_before_a_listener_was_there_is_not_played_late() -> None:
    track = AudioTrack(lambda _: None)
    track.put(sound(1))
    reading = asyncio.create_task(track.recv())
    await asyncio.sleep(0)
    track.put(sound(2))
    assert (await reading).pts == 2
