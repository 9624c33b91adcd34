"""Depth over `depth/1` between real peers: into a stage, over bad links, and from hostile senders."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCDataChannel, RTCPeerConnection
from aiortc.rtcsctptransport import SCTP_DATA_FIRST_FRAG, SCTP_DATA_UNORDERED, DataChunk

from omote.streams import interop
from omote.streams.channel import Channel
from omote.streams.depth import DepthFrame, Hello, steps_of
from omote.streams.depth_codec import DepthCodec
from omote.streams.depth_message import LABEL
from omote.streams.depth_receiver import DepthReceiver
from omote.streams.depth_sender import (
    LEAST_TIMEOUT_S,
    LEAST_WINDOW,
    DepthSender,
    depth_channel,
)
from omote.streams.depth_thrift import (
    MOST_BAD,
    PATIENCE,
    Ceiling,
    Rung,
    Thrift,
    most_hidden,
    rungs,
    thinned,
)
from omote.streams.link import Weather, expose
from tests.house import PATIENCE_S, House, house, until
from tests.peers import client

NOISE = (0.001, 0.0005)


def frame(index: int, width: int = 64, height: int = 48, sure: bool = False) -> DepthFrame:
    """A slope with noise; no two are the same."""
    rng = np.random.default_rng(index)
    steps = (1000 + 10 * np.arange(width) + rng.integers(0, 9, (height, width))).astype(np.uint16)
    steps[rng.random(steps.shape) < 0.02] = 0
    confidence = rng.integers(0, 255, steps.shape).astype(np.uint8) if sure else None
    now = time.monotonic()
    return DepthFrame(steps, 0.001, round(now * 90_000), "own", index, now, confidence)


class Notes:
    """A sink that keeps what it is told."""

    def __init__(self) -> None:
        self.frames: list[DepthFrame] = []
        self.hellos: list[Hello] = []

    def hello(self, hello: Hello, origin: str) -> None:
        self.hellos.append(hello)

    def put(self, frame: DepthFrame) -> None:
        self.frames.append(frame)

    def gone(self) -> None:
        pass


class Line:
    """A sender's channel to a receiver, over a link of some weather."""

    def __init__(
        self,
        channel: RTCDataChannel,
        receiver: DepthReceiver,
        notes: Notes,
        other: RTCPeerConnection,
    ) -> None:
        self.channel = channel
        self.other = other
        self.receiver = receiver
        self.notes = notes


@asynccontextmanager
async def line(weather: Weather | None = None) -> AsyncIterator[Line]:
    here, there = (RTCPeerConnection(RTCConfiguration(iceServers=[])) for _ in range(2))
    notes, opened, made = Notes(), asyncio.Event(), list[DepthReceiver]()

    def begin(channel: RTCDataChannel) -> None:
        made.append(DepthReceiver(Channel(channel), notes))
        opened.set()

    there.on("datachannel", begin)
    channel = depth_channel(here)
    for peer, other in ((here, there), (there, here)):
        first = peer is here
        described = await (peer.createOffer() if first else peer.createAnswer())
        interop.bind_media_to_loopback(peer)
        expose(peer, weather or Weather())
        await peer.setLocalDescription(described)
        await other.setRemoteDescription(peer.localDescription)
    interop.bound_data(there)
    async with asyncio.timeout(PATIENCE_S):
        await opened.wait()
    running = asyncio.create_task(made[0].run())
    try:
        yield Line(channel, made[0], notes, there)
    finally:
        await here.close()
        await there.close()
        await running


@asynccontextmanager
async def sending(channel: RTCDataChannel, hello: Hello) -> AsyncIterator[DepthSender]:
    sender = DepthSender(channel, hello)
    try:
        async with asyncio.timeout(PATIENCE_S):
            await sender.welcome()
        yield sender
    finally:
        await sender.close()


@pytest.mark.parametrize("sure", [False, True])
async def test_what_is_sent_comes_bit_by_bit(sure: bool) -> None:
    hello = Hello("own", {"version": 1, "aligned": True}, NOISE, "a camera")
    async with line() as over, sending(over.channel, hello) as sender:
        taken = [frame(index, sure=sure) for index in range(10)]
        for each in taken:
            assert await sender.send(each)
            await until(lambda each=each: len(over.notes.frames) > each.index)  # type: ignore[misc]
        assert over.notes.hellos == [hello]
        for sent, came in zip(taken, over.notes.frames, strict=True):
            assert (came.steps == sent.steps).all()
            assert (came.confidence is not None) == sure
            if came.confidence is not None and sent.confidence is not None:
                assert np.array_equal(came.confidence, sent.confidence)
            assert (came.index, came.captured, came.clock) == (sent.index, sent.captured, "own")
            assert came.step_m == pytest.approx(0.001)
            assert came.origin == "channel"


async def test_frames_come_over_a_link_that_loses_datagrams() -> None:
    async with (
        line(Weather(delay_s=0.01, data_loss=0.01)) as over,
        sending(over.channel, Hello()) as sender,
    ):
        for index in range(60):
            await sender.send(frame(index))
            await asyncio.sleep(0.01)
        await until(lambda: len(over.notes.frames) >= 0.7 * sender.sent.whole)
        assert sender.sent.whole > 20
        assert over.receiver.stats.bad == 0


async def test_random_loss_closes_no_window_and_no_timeout_is_a_second() -> None:
    """Which aiortc's private names must let us do; see `interop.hasten_data`."""
    weather = Weather(delay_s=0.005, data_loss=0.01)
    async with line(weather) as over, sending(over.channel, Hello()) as sender:
        await sender.send(frame(0))
        await until(lambda: bool(over.notes.frames))
        assert over.channel.transport._cwnd >= LEAST_WINDOW
        assert LEAST_TIMEOUT_S <= over.channel.transport._rto < 1


async def test_a_dead_link_fills_no_queue_and_what_comes_after_it_is_new() -> None:
    async with line() as over, sending(over.channel, Hello()) as sender:
        await sender.send(frame(0))
        await until(lambda: len(over.notes.frames) == 1)
        raw = over.channel.transport
        send = raw.transport._send_data
        interop.replace(raw.transport, "_send_data", swallow)
        for index in range(1, 120):
            await sender.send(frame(index, 320, 240))
            assert sender.waiting < 2 * 4 * 320 * 240
            assert over.channel.bufferedAmount < 40_000
        left_out = sender.sent.skipped + sender.sent.thinned + sender.sent.expired
        assert left_out > 115 and sender.rung > 0
        interop.replace(raw.transport, "_send_data", send)
        index = 120
        async with asyncio.timeout(PATIENCE_S):
            while not over.notes.frames[-1].index:
                await sender.send(frame(index, 320, 240))
                index += 1
                await asyncio.sleep(0.03)
        newest = over.notes.frames[-1]
        assert newest.arrived - newest.captured_s < 5


async def swallow(data: bytes) -> None:
    """A network that takes everything and brings nothing."""


async def test_hostile_messages_are_counted_and_the_stream_goes_on() -> None:
    chance = random.Random(9725)
    async with line() as over, sending(over.channel, Hello()) as sender:
        await sender.send(frame(0))
        await until(lambda: len(over.notes.frames) == 1)
        for number in range(200):
            over.channel.send(chance.randbytes(number))
        over.channel.send("no hello")
        over.channel.send(json.dumps({"hello": {"clock": 5}}))
        await until(lambda: over.receiver.stats.bad >= 200)
        await sender.send(frame(1))
        await until(lambda: len(over.notes.frames) == 2)
        stats = over.receiver.stats
        assert stats.frames == 2 and stats.bad == sum(stats.errors.values())
        assert set(stats.errors) == {"short", "magic", "hello"}
        await until(lambda: bool(sender.refusals))
        assert json.loads(sender.refusals[0])["ok"] is False


@pytest.mark.parametrize(("gap", "size"), [(1, 1000), (1, 1), (2, 1000), (5000, 1)])
async def test_fragments_that_never_end_are_not_kept_for_ever(gap: int, size: int) -> None:
    async with line() as over, sending(over.channel, Hello()) as sender:
        await sender.send(frame(0))
        await until(lambda: len(over.notes.frames) == 1)
        here, there = over.channel.transport, over.other.sctp
        assert there is not None
        for number in range(6000):
            chunk = DataChunk(flags=SCTP_DATA_UNORDERED | (SCTP_DATA_FIRST_FRAG * (number == 0)))
            chunk.tsn = (here._local_tsn + number * gap) % (1 << 32)
            chunk.stream_id, chunk.user_data = over.channel.id or 0, bytes(size)
            await there._receive_data_chunk(chunk)
        streams = there._inbound_streams.values()
        held = [each for stream in streams for each in stream.reassembly]
        assert 0 < len(held) <= interop.MOST_HELD
        assert sum(len(each.user_data) for each in held) <= 1 << 20
        assert len(there._sack_misordered) <= interop.MOST_HELD


async def test_what_closes_a_gap_is_let_in_however_full_it_is() -> None:
    async with line() as over, sending(over.channel, Hello()) as sender:
        await sender.send(frame(0))
        await until(lambda: len(over.notes.frames) == 1)
        here, there = over.channel.transport, over.other.sctp
        assert there is not None
        first = here._local_tsn
        for number in [*range(1, 3000), 0]:
            chunk = DataChunk(flags=SCTP_DATA_UNORDERED)
            chunk.tsn, chunk.stream_id = (first + number) % (1 << 32), over.channel.id or 0
            chunk.user_data = b"x"
            await there._receive_data_chunk(chunk)
        assert there._last_received_tsn == (first + interop.MOST_HELD) % (1 << 32)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        yield made


async def test_a_publishers_depth_shows_in_state_and_stats(made: House) -> None:
    async with client(made.http) as camera:
        channel = depth_channel(camera.connection)
        assert (await camera.publish()).status_code == 201
        async with sending(channel, Hello("video", name="a camera")) as sender:
            await sender.send(frame(5))
            await until(lambda: made.desk.stats()["depth"]["frames"] == 1)
            state, stats = made.desk.state()["depth"], made.desk.stats()["depth"]
            assert (state["origin"], state["clock"], state["size"]) == (
                "channel",
                "video",
                [64, 48],
            )
            assert state["name"] == "a camera" and not state["lossy"]
            assert 0 <= stats["age_ms"] < 30_000 and stats["bad"] == 0
    await until(lambda: made.desk.state()["depth"]["origin"] == "none")
    assert made.desk.stats()["depth"]["age_ms"] is None


async def test_capture_times_are_on_the_scale_of_the_pictures(
    made: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(made.http) as camera:
        channel = depth_channel(camera.connection)
        assert (await camera.publish()).status_code == 201
        publisher = made.desk._publisher
        assert publisher is not None
        await until(lambda: publisher.newest is not None)
        assert publisher.newest is not None
        newest: int = publisher.newest
        found: list[DepthFrame] = []
        monkeypatch.setattr(made.desk._depth._sink, "put", found.append)
        async with sending(channel, Hello("video")) as sender:
            given = frame(5)
            wrapped = (newest + 9000) & 0xFFFFFFFF
            await sender.send(DepthFrame(given.steps, 0.001, wrapped, "video", 5, given.arrived))
            await until(lambda: bool(found))
        assert found[0].captured == newest + 9000


async def test_a_second_depth_channel_is_closed(made: House) -> None:
    async with client(made.http) as camera:
        first, second = depth_channel(camera.connection), depth_channel(camera.connection)
        assert (await camera.publish()).status_code == 201
        ended = asyncio.Event()
        second.on("close", ended.set)
        async with asyncio.timeout(PATIENCE_S):
            await ended.wait()
        assert first.readyState == "open" and first.label == LABEL


def test_less_is_sent_rate_first_then_size_then_noise() -> None:
    ladder = rungs(1280)
    assert ladder[0] == Rung()
    changes = [
        "every" if b.every > a.every else "shrink" if b.shrink > a.shrink else "sigmas"
        for a, b in pairwise(ladder)
    ]
    assert changes[:5] == ["every", "shrink", "shrink", "sigmas", "sigmas"]
    assert [r.shrink for r in rungs(160)] == [1] * len(rungs(160))


def test_it_steps_down_at_once_and_up_again_after_a_while() -> None:
    thrift = Thrift()
    thrift.plan(320)
    for _ in range(3 * MOST_BAD):
        thrift.skipped()
    assert thrift.rung == 3
    good = 0
    while thrift.rung:
        thrift.left(0.01)
        good += 1
        assert good < 1000
    assert good >= 3 * PATIENCE[0]


def test_a_rung_that_fails_again_and_again_is_tried_ever_more_rarely() -> None:
    thrift = Thrift()
    thrift.plan(320)
    waits = []
    for _ in range(4):
        while not thrift.rung:
            thrift.skipped()
        good = 0
        while thrift.rung:
            thrift.left(0.01)
            good += 1
        waits.append(good)
    assert waits == sorted(waits) and waits[-1] > 4 * waits[0]


def test_steps_as_large_as_the_noise_hide_in_it_and_keep_every_hole() -> None:
    given = frame(1, 320, 240)
    coarse = thinned(given, Rung(sigmas=1.0), (0.004, 0.0))
    assert coarse.step_m == pytest.approx(0.004)
    assert ((coarse.steps == 0) == (given.steps == 0)).all()
    known = given.steps > 0
    assert np.abs(coarse.metres()[known] - given.metres()[known]).max() <= 0.0021


def test_half_the_size_is_measured_not_averaged() -> None:
    given = frame(1, 320, 240, sure=True)
    half = thinned(given, Rung(shrink=2), NOISE)
    assert half.size == (160, 120)
    assert half.confidence is not None and half.confidence.shape == (120, 160)
    assert set(np.unique(half.steps)) <= set(np.unique(given.steps))


def bits(ceiling: Ceiling, frames: int, noise: float) -> tuple[float, float]:
    """Bits a second and metres a step at the end of a stream of that much noise, in metres."""
    rng, codec, rate, step = np.random.default_rng(1), DepthCodec(), 0.0, 0.001
    for index in range(frames):
        metres = 2 + noise * rng.standard_normal((240, 320))
        given = DepthFrame(steps_of(metres), 0.001, 0, "own", index, 0.0)
        ceiling.taken(index / 30)
        sent = thinned(given, Rung(), (noise, 0.0), ceiling.times)
        size = len(codec.encode(sent.steps))
        ceiling.coded(size, given.steps.size, most_hidden(given, (noise, 0.0)))
        rate, step = size * 8 * 30, sent.step_m
    return rate, step


def test_a_quiet_stream_stays_lossless_and_a_noisy_one_below_its_bitrate() -> None:
    rate, step = bits(Ceiling(12_000_000), 20, 0.002)
    assert step == 0.001 and rate < 12_000_000
    rate, step = bits(Ceiling(12_000_000), 40, 0.02)
    assert rate < 12_100_000
    assert 0.001 < step <= 0.01
