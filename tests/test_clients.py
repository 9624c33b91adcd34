"""The wire clients against a real server in the same loop, and their parts by themselves."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import pytest
from aiortc import RTCPeerConnection

from omote.clients import clip, sound
from omote.clients.camera import Camera, LiveCamera, PreparedCamera
from omote.clients.pace import Pace, Start
from omote.clients.publisher import Shoot, Studio, only
from omote.clients.request import NotConnected, ask
from omote.clients.signalling import session
from omote.clients.subscriber import Subscriber, Way
from omote.server.app import create_app
from omote.server.bench.lossy_server import LossySignalling
from omote.server.config import Config
from omote.server.stages import Stages
from omote.streams.encoder import open_encoder
from omote.streams.link import Link, Weather, is_media
from tests.fakes import serving

SMALL = Shoot(size=(640, 360), fps=20, pictures=6, audio=True)
MEDIA, DTLS = b"\x80 a packet", b"\x16 a handshake"


@asynccontextmanager
async def serving_stages(data: Path) -> AsyncIterator[tuple[str, Stages]]:
    """A real server with a stage `a` that has no effects."""
    config = Config(port=0, data=data)
    stages = Stages(config)
    await stages["a"].order({"effects": []})
    async with serving(create_app(config, stages)) as url:
        yield url, stages


async def until(met: Callable[[], bool], within: float = 20) -> None:
    async with asyncio.timeout(within):
        while not met():  # noqa: ASYNC110 - what is noted comes without an event
            await asyncio.sleep(0.02)


@asynccontextmanager
async def published(url: str, shoot: Shoot, weather: Weather) -> AsyncIterator[Camera]:
    connection, camera = Studio(shoot).connection()
    async with session(f"{url}/whip/a", connection, weather):
        yield camera


@asynccontextmanager
async def watched(url: str, subscriber: Subscriber, weather: Weather) -> AsyncIterator[None]:
    try:
        async with session(f"{url}/whep/a", subscriber.connection, weather):
            yield
    finally:
        await subscriber.close()


async def test_every_picture_shown_is_one_that_was_taken_before(tmp_path: Path) -> None:
    fair = Weather()
    async with serving_stages(tmp_path) as (url, _), published(url, SMALL, fair) as camera:
        subscriber = Subscriber("decode", only("H264"), audio=True)
        notes = subscriber.notes
        async with watched(url, subscriber, fair):
            await until(lambda: len(notes.shown) > 30 and len(notes.beeps) > 1)
            await until(lambda: bool(notes.reports["video"] and notes.reports["audio"]))
    taken = dict(camera.taken)
    recognised = [(number, at) for number, at, _ in notes.shown if number is not None]
    assert len(recognised) > 30
    assert all(at > taken[number] for number, at in recognised)
    apart = [(after[0] - before[0]) % (1 << 32) for before, after in pairwise(notes.beeps)]
    whole = [round(ticks / sound.RATE) * sound.RATE for ticks in apart]  # a beep may be lost
    assert apart == pytest.approx(whole, abs=48)


@pytest.mark.parametrize("way", ["decode", "count", "stock"])
async def test_each_kind_of_viewer_sees_prepared_vp8(tmp_path: Path, way: Way) -> None:
    shoot = Shoot(size=(640, 360), fps=20, pictures=6, codec="VP8", prepared=True, mark=True)
    fair = Weather()
    async with serving_stages(tmp_path) as (url, _), published(url, shoot, fair) as camera:
        subscriber = Subscriber(way, [], audio=False)
        async with watched(url, subscriber, fair):
            await until(lambda: len(subscriber.notes.shown) > 20)
    assert camera.keyframes >= 1
    numbers = {number for number, _, _ in subscriber.notes.shown}
    assert numbers <= ({None} if way == "count" else {None, *range(10)})


async def test_pictures_and_sound_come_through_bad_weather(tmp_path: Path) -> None:
    bad = Weather(delay_s=0.01, loss=0.05)
    async with serving_stages(tmp_path) as (url, stages):
        stages.workshop.signalling = LossySignalling(bad)
        async with published(url, SMALL, bad):
            subscriber = Subscriber("decode", only("H264"), audio=True)
            notes = subscriber.notes
            async with watched(url, subscriber, bad):
                await until(lambda: len(notes.shown) > 60 and len(notes.beeps) > 0, 40)
    assert notes.recovered > 0


async def test_a_session_that_ends_is_deleted(tmp_path: Path) -> None:
    fair = Weather()
    async with serving_stages(tmp_path) as (url, stages):
        async with published(url, SMALL, fair):
            await until(lambda: stages["a"].state()["publisher"] == "connected")
        await until(lambda: stages["a"].state()["publisher"] == "waiting")
        metrics = await ask("GET", f"{url}/metrics")
        assert b"\nomote_sessions 0.0\n" in metrics.body


async def test_a_refused_session_says_why(tmp_path: Path) -> None:
    async with serving_stages(tmp_path) as (url, _):
        with pytest.raises(NotConnected, match=r"answered 404.*stage name"):
            await view_once(f"{url}/whep/No")
        async with published(url, SMALL, Weather()):
            with pytest.raises(NotConnected, match="answered 409"):
                async with published(url, SMALL, Weather()):
                    pass
    with pytest.raises(NotConnected, match="POST"):
        await view_once(f"{url}/whep/a")


async def view_once(url: str) -> None:
    connection: RTCPeerConnection = Subscriber("count", [], audio=False).connection
    async with session(url, connection):
        pass


async def test_a_prepared_camera_goes_back_to_its_keyframe_when_asked() -> None:
    camera = PreparedCamera([b"key", b"one", b"two"], 200, Start())
    packets = [await camera.recv() for _ in range(5)]
    assert [number for number, _ in camera.taken] == [0, 1, 2, 0, 1]
    await asyncio.sleep(0.2)  # keyframes are not given more often
    camera.ask_keyframe()
    packets.append(await camera.recv())
    assert camera.taken[-1][0] == 0
    stamps = [packet.pts for packet in packets]
    assert stamps == [turn * 450 for turn in range(6)]


async def test_a_live_camera_answers_a_request_with_a_keyframe() -> None:
    pictures = clip.pictures("synthetic", (640, 360), 30, 3)
    camera = LiveCamera(pictures, 100, Start(), open_encoder("H264", 500_000), 500_000)
    first = [await camera.recv() for _ in range(3)]
    await asyncio.sleep(0.2)
    camera.ask_keyframe()
    then = await camera.recv()
    camera.stop()
    assert [packet.is_keyframe for packet in first] == [True, False, False]
    assert then.is_keyframe


async def test_a_pace_catches_up_or_leaves_out_what_has_passed() -> None:
    start = Start()
    all_turns, newest = Pace(1000, start), Pace(1000, start)
    assert [await all_turns.next_turn(), await newest.newest_turn()] == [0, 0]
    await asyncio.sleep(0.05)
    assert await all_turns.next_turn() == 1
    assert await newest.newest_turn() >= 50
    assert newest.missed >= 49


async def test_a_link_keeps_order_and_loses_media_alone() -> None:
    arrived: list[bytes] = []

    async def take(datagram: bytes) -> None:
        arrived.append(datagram)

    slow = Link(take, Weather(delay_s=0.005), random.Random(1))
    sent = [bytes([128, number]) for number in range(100)]
    for datagram in sent:
        await slow.send(datagram)
    await until(lambda: len(arrived) == 100)
    assert arrived == sent

    arrived.clear()
    torn = Link(take, Weather(loss=1.0), random.Random(1))
    for datagram in (MEDIA, DTLS, MEDIA):
        await torn.send(datagram)
    await until(lambda: bool(arrived))
    assert arrived == [DTLS]
    assert is_media(MEDIA) and not is_media(DTLS)


async def test_a_link_of_a_connection_that_was_lost_forgets() -> None:
    tried: list[bytes] = []

    async def refuse(datagram: bytes) -> None:
        tried.append(datagram)
        raise ConnectionError

    link = Link(refuse, Weather(delay_s=0.001), random.Random(1))
    for _ in range(3):
        await link.send(MEDIA)
    await until(lambda: bool(tried))
    await asyncio.sleep(0)
    assert len(tried) == 1


def test_beeps_are_heard_where_they_begin() -> None:
    ear, second = sound.Ear(), sound.beeps()
    heard = [ear.hear(second[at % 50], at * sound.SAMPLES) for at in range(160)]
    found = [(at, stamp) for at, stamp in enumerate(heard) if stamp is not None]
    assert [at for at, _ in found] == [50, 100, 150]
    assert all(abs(stamp - at * sound.SAMPLES) < 10 for at, stamp in found)


def test_a_beep_after_a_lost_packet_is_not_trusted() -> None:
    ear, second = sound.Ear(), sound.beeps()
    kept = [at for at in range(160) if at != 99]
    heard = [at for at in kept if ear.hear(second[at % 50], at * sound.SAMPLES) is not None]
    assert heard == [50, 150]


def test_a_clip_runs_to_and_fro_without_a_jump() -> None:
    assert clip.to_and_fro(4) == [0, 1, 2, 3, 2, 1]
    assert clip.to_and_fro(1) == [0]


def test_a_clip_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name in ("none.mp4", "none.png"):
        with pytest.raises(clip.Unreadable, match=name):
            clip.pictures(str(tmp_path / name), (640, 360), 30, 2)
