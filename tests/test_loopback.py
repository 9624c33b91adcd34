"""Loopback: whole peers over real sockets; what no offer may do to us, and what is left behind."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, TypeVar, cast

import pytest
from aiortc import RTCPeerConnection
from aiortc.codecs import get_capabilities

from omote.streams import interop
from omote.streams.decoder import Decoded
from omote.streams.encoder import Codec, EncodedPicture, open_encoder
from omote.streams.fanout import AudioTrack, Feed
from omote.streams.interop import Send
from omote.streams.latest import Closed
from omote.streams.link import is_media
from omote.streams.packet import Packet
from omote.streams.webrtc import Peer, Publisher, Signalling, Viewer
from tests.loopback import Camera, Hum, answered, offered, opened, publishing, viewing
from tests.numbered import number_in
from tests.utils import CODECS, STEP, picture

P = TypeVar("P", bound=Peer)


@pytest.fixture
def signalling() -> Signalling:
    return Signalling(loopback=True)


async def numbers(publisher: Publisher, count: int) -> list[int]:
    """The numbers of the next pictures, newest only."""
    async with asyncio.timeout(20):
        return [number_in((await publisher.frames.get()).video) for _ in range(count)]


@pytest.mark.parametrize("codec", CODECS)
async def test_a_publishers_pictures_come_with_their_times(
    signalling: Signalling, codec: Codec
) -> None:
    decoded: list[Decoded] = []
    async with publishing(signalling.publisher, codec=codec) as publisher:
        publisher.on_picture = decoded.append
        await numbers(publisher, 10)
    for before, after in pairwise(decoded):
        apart = number_in(after.video) - number_in(before.video)
        assert after.timestamp - before.timestamp == apart * STEP
        assert after.index - before.index == apart
        assert after.arrived > before.arrived
    assert publisher.dropped_undecoded == 0


class Rain:
    """Loses every so many packets of media and holds up all others for 20 ms each way."""

    def __init__(self, every: int) -> None:
        self.lost = 0
        self._every = every
        self._count = 0
        self._late: set[asyncio.Task[None]] = set()

    def link(self, send: Send) -> Send:
        async def later(data: bytes) -> None:
            await asyncio.sleep(0.02)
            await send(data)

        async def through(data: bytes) -> None:
            self._count += is_media(data)
            if is_media(data) and self._count % self._every == 0:
                self.lost += 1
                return
            task = asyncio.create_task(later(data))
            self._late.add(task)
            task.add_done_callback(self._late.discard)

        return through


@pytest.mark.parametrize(("every", "longest"), [(100, 8), (33, 12)])
async def test_losses_on_a_slow_way_cost_a_few_frames_at_most(
    signalling: Signalling, every: int, longest: int
) -> None:
    """Bounds in pictures the camera took meanwhile: 33 ms each; numbers missing or late in a row."""
    rain, camera, seen = Rain(every), Camera(), list[int]()

    async def answer(offer: str) -> Publisher:
        publisher = await signalling.publisher(offer)
        interop.send_through(publisher.connection, rain.link)
        return publisher

    camera.grains = 24
    async with publishing(answer, camera, link=rain.link) as publisher:
        seen += await numbers(publisher, 60)
    assert rain.lost >= 2
    assert max(after - before for before, after in pairwise(seen)) <= longest
    assert seen == sorted(seen)


@asynccontextmanager
async def ending(peer: P) -> AsyncIterator[P]:
    try:
        yield peer
    finally:
        await peer.close()


# --- what nobody reads is not kept --------------------------------------------------------------


def waiting_in(connection: RTCPeerConnection) -> int:
    """Decoded frames that lie in aiortc's own queues, which have no bound (aiortc#642)."""
    tracks = [cast(Any, t.receiver.track) for t in connection.getTransceivers()]
    return sum(track._queue.qsize() for track in tracks if track is not None)


async def test_of_several_pictures_and_sounds_the_first_count(signalling: Signalling) -> None:
    """The others are declined: nobody reads them, and aiortc keeps what nobody reads."""
    heard: list[Packet] = []
    sizes: set[int] = set()
    async with opened() as connection:
        for track in (Camera(), Hum(), Camera(size=(640, 480)), Hum()):
            connection.addTransceiver(track, direction="sendonly")
        async with ending(await answered(connection, signalling.publisher)) as publisher:
            publisher.on_audio = heard.append
            async with asyncio.timeout(20):
                while len(heard) < 30:
                    sizes.add((await publisher.frames.get()).video.width)
            assert waiting_in(publisher.connection) == 0
    assert sizes == {320}
    times = [cast(int, packet.pts) for packet in heard]
    assert {after - before for before, after in pairwise(times)} == {960}


@asynccontextmanager
async def fed(signalling: Signalling) -> AsyncIterator[Callable[[str], Awaitable[Viewer]]]:
    """Answers viewers of a feed of numbered pictures."""
    wanted = asyncio.Event()
    feed, encoder = Feed(wanted.set), open_encoder("H264", 500_000)

    async def film() -> None:
        for number in range(10_000):
            packet = encoder.encode(picture(number), number * STEP, wanted.is_set())
            assert packet is not None
            if packet.is_keyframe:
                wanted.clear()
            feed.put(EncodedPicture(packet, packet.is_keyframe, None))
            await asyncio.sleep(1 / 30)

    filming = asyncio.create_task(film())
    yield lambda offer: signalling.viewer(
        offer, lambda _: feed.subscribe(lambda _: None), lambda: AudioTrack(lambda _: None)
    )
    filming.cancel()
    await asyncio.gather(filming, return_exceptions=True)


async def test_what_a_viewer_sends_is_not_decoded(signalling: Signalling) -> None:
    async with fed(signalling) as answer, opened() as connection:
        receiver = connection.addTransceiver("video", direction="recvonly").receiver
        connection.addTransceiver(Camera(), direction="sendonly")
        connection.addTransceiver(Hum(), direction="sendrecv")
        async with ending(await answered(connection, answer)) as viewer:
            async with asyncio.timeout(20):
                for _ in range(20):
                    await receiver.track.recv()
            assert waiting_in(viewer.connection) == 0


@pytest.mark.parametrize(("names", "heard"), [(["PCMU", "opus"], True), (["PCMU"], False)])
async def test_sound_goes_out_as_opus_or_not_at_all(
    signalling: Signalling, names: list[str], heard: bool
) -> None:
    """The publisher's packets are passed on; under another codec's name they would be noise."""
    codecs = {codec.name: codec for codec in get_capabilities("audio").codecs}
    async with fed(signalling) as answer, opened() as connection:
        connection.addTransceiver("video", direction="recvonly")
        sound = connection.addTransceiver("audio", direction="recvonly")
        sound.setCodecPreferences([codecs[name] for name in names])
        async with ending(await answered(connection, answer)) as viewer:
            assert (viewer.audio is not None) == heard
            if heard:
                sender = viewer.connection.getTransceivers()[1]
                assert interop.negotiated_codec(sender) == "opus"


# --- what is left behind ------------------------------------------------------------------------


def left_behind() -> tuple[set[str], set[str]]:
    """Names of the tasks and threads there are."""
    tasks = {str(task.get_coro()).split(" at ")[0] for task in asyncio.all_tasks()}
    # The loop's default executor keeps its threads, and aiortc encodes in it.
    threads = {t.name for t in threading.enumerate() if not t.name.startswith("asyncio_")}
    return tasks, threads


async def settled(before: tuple[set[str], set[str]]) -> None:
    """Wait until there are no more tasks and threads than before."""
    async with asyncio.timeout(5):
        while left_behind() != before:  # noqa: ASYNC110  nothing tells of the end of aiortc's own
            await asyncio.sleep(0.01)


async def test_a_publisher_that_goes_leaves_neither_tasks_nor_threads(
    signalling: Signalling,
) -> None:
    before = left_behind()
    async with publishing(signalling.publisher, sound=Hum()) as publisher:
        await numbers(publisher, 3)
        assert left_behind() != before
    assert publisher.connected.is_set() and publisher.closed.is_set()
    with pytest.raises(Closed):
        while True:
            await publisher.frames.get()
    await settled(before)


async def test_a_viewer_that_goes_leaves_neither_tasks_nor_threads(
    signalling: Signalling,
) -> None:
    async with fed(signalling) as answer:
        before = left_behind()
        async with viewing(answer, sound=True) as (watch, _):
            await watch.more(3)
        await settled(before)


async def test_an_offer_that_comes_to_nothing_leaves_nothing(signalling: Signalling) -> None:
    before = left_behind()
    async with opened() as connection:
        connection.addTransceiver(Camera(), direction="sendonly")
        publisher = await signalling.publisher(await offered(connection))
        await asyncio.gather(publisher.close(), publisher.close())
    assert publisher.closed.is_set()
    await settled(before)
