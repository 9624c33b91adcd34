"""Decoder: a thread that is never far behind, never ends by itself and ends when told."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import pytest
from aiortc.rtcrtpreceiver import RemoteStreamTrack, decoder_worker

from omote.streams.decoder import (
    MOST_EVER,
    MOST_WAITING,
    AudioQueue,
    Decoded,
    DecoderQueue,
    TimestampUnwrapper,
)
from omote.streams.encoder import Codec
from omote.streams.jitter import Batch, EncodedFrame
from omote.streams.keyframe import is_keyframe
from tests.numbered import number_in
from tests.utils import CODECS, STEP, Clock, coded, parameters


class Bench:
    """A decoder queue, what comes out of it, and its thread, started when told."""

    def __init__(self, clock: Clock) -> None:
        self.decoded: queue.Queue[Decoded] = queue.Queue()
        self.asked = threading.Semaphore(0)
        self.requests = 0
        self.queue = DecoderQueue(self.decoded.put, self._ask, clock)
        self.thread = threading.Thread(target=self.queue.get, name="video-decoder")

    def _ask(self) -> None:
        self.requests += 1
        self.asked.release()

    def put(self, codec: str, *frames: EncodedFrame) -> None:
        """Frames that one packet completed."""
        self.queue.put((parameters(codec), Batch(list(frames))))

    def taken(self, count: int) -> list[Decoded]:
        return [self.decoded.get(timeout=5) for _ in range(count)]

    def numbers(self, count: int) -> list[int]:
        return [number_in(decoded.video) for decoded in self.taken(count)]


@contextmanager
def bench(clock: Clock | None = None) -> Iterator[Bench]:
    """`clock` stands still unless moved, so nothing waits for long."""
    made = Bench(clock or Clock())
    try:
        yield made
    finally:
        made.queue.put(None)
        if made.thread.ident is not None:
            made.thread.join(5)
            assert not made.thread.is_alive()


def encoded(
    pictures: Sequence[bytes],
    timestamp: int = 0,
    arrived: Callable[[int], float] = lambda n: n / 30,
) -> list[EncodedFrame]:
    return [
        EncodedFrame(
            data, (timestamp + number * STEP) & 0xFFFFFFFF, arrived(number), is_keyframe(data)
        )
        for number, data in enumerate(pictures)
    ]


@pytest.mark.parametrize("codec", CODECS)
def test_every_picture_comes_out_of_its_own_packet_with_its_time(codec: Codec) -> None:
    with bench() as it:
        it.thread.start()
        for number, frame in enumerate(encoded(coded(codec, 5))):
            it.put(codec, frame)
            [decoded] = it.taken(1)
            assert number_in(decoded.video) == decoded.index == number
            assert decoded.timestamp == decoded.video.pts == number * STEP
            assert decoded.video.time_base == decoded.time_base
            assert decoded.arrived == number / 30


def test_timestamps_go_on_over_the_wrap_around() -> None:
    start = (1 << 32) - 2 * STEP
    with bench() as it:
        it.thread.start()
        it.put("VP8", *encoded(coded("VP8", 5), timestamp=start))
        times = [decoded.timestamp for decoded in it.taken(5)]
    assert times == [start + number * STEP for number in range(5)]


def test_unwrapped_timestamps_follow_small_steps_back() -> None:
    unwrap = TimestampUnwrapper()
    raw = [10, 4_294_967_290, 20, 2_000_000_000, 4_000_000_000, 100]
    assert [unwrap(x) for x in raw] == [10, -6, 20, 2_000_000_000, 4_000_000_000, 4_294_967_396]


@pytest.mark.parametrize("junk", [b"junk", b"\x00" * 200, b"\x00\x00\x00\x01\x65" + b"x" * 99])
@pytest.mark.parametrize("codec", CODECS)
def test_undecodable_data_does_not_end_it(codec: Codec, junk: bytes) -> None:
    frames = encoded(coded(codec, 6, keyframes=[3]))
    with bench() as it:
        it.thread.start()
        it.put(codec, *frames[:2], EncodedFrame(junk, 9, 0.0, False))
        assert it.numbers(2) == [0, 1]
        it.put(codec, *frames[3:])
        numbers = it.numbers(3)  # libvpx may show the last picture once more instead of failing
        assert numbers == [3, 4, 5] or [*numbers[1:], *it.numbers(1)] == [3, 4, 5]
        assert it.thread.is_alive()


@pytest.mark.parametrize("codec", CODECS)
def test_nothing_broken_is_shown_after_an_error(codec: Codec) -> None:
    """What refers to a picture that could not be decoded would be smeared until the keyframe."""
    pictures = coded(codec, 8, keyframes=[5])
    frames = encoded(pictures)
    frames[2].data = b"junk" * 20 if codec == "H264" else b"junk"
    with bench() as it:
        it.thread.start()
        it.put(codec, *frames[:3])
        assert it.numbers(2) == [0, 1]
        assert it.asked.acquire(timeout=5)
        it.put(codec, *frames[3:])
        assert it.numbers(3) == [5, 6, 7]
        assert (it.queue.errors, it.queue.dropped) == (1, 2)


def test_a_codec_may_change_in_mid_stream() -> None:
    with bench() as it:
        it.thread.start()
        it.put("VP8", *encoded(coded("VP8", 3)))
        it.put("H264", *encoded(coded("H264", 3)))
        assert it.numbers(6) == [0, 1, 2, 0, 1, 2]
        assert it.requests == 0


@pytest.mark.parametrize("codec", CODECS)
def test_the_size_may_change_in_mid_stream(codec: Codec) -> None:
    with bench() as it:
        it.thread.start()
        it.put(codec, *encoded(coded(codec, 3, size=320)))
        it.put(codec, *encoded(coded(codec, 3, size=480)))
        sizes = [(decoded.video.width, decoded.video.height) for decoded in it.taken(6)]
    assert sizes == [(320, 240)] * 3 + [(480, 360)] * 3


# --- when it falls behind: the thread is not started, so nothing is taken ----------------------


def test_a_decoder_that_falls_behind_is_spared_up_to_the_next_keyframe() -> None:
    pictures = coded("VP8", 12, keyframes=[9])
    clock = Clock()
    with bench(clock) as it:
        for frame in encoded(pictures)[:7]:
            it.put("VP8", frame)
            clock.now += 1 / 30
        assert it.requests >= 1
        it.thread.start()
        it.put("VP8", *encoded(pictures)[7:])
        assert it.numbers(3) == [9, 10, 11]
        assert it.queue.dropped == 9


def test_a_keyframe_is_asked_for_again_and_again_while_none_comes() -> None:
    """The first request, or its answer, may be lost; without another the picture freezes."""
    clock = Clock()
    with bench(clock) as it:
        for frame in encoded(coded("VP8", 60)):
            it.put("VP8", frame)
            clock.now += 1 / 30
        assert it.requests >= 50
        assert it.queue.dropped == 60


def test_a_burst_from_the_network_is_decoded_however_long_it_was_held_up() -> None:
    """Frames that waited for a lost packet come all at once; decoding takes a tenth of their time,
    a keyframe a round trip."""
    pictures = coded("VP8", 9)
    with bench() as it:
        it.put("VP8", *encoded(pictures))  # the first arrived 0.3 s before the last
        it.thread.start()
        assert it.numbers(9) == list(range(9))
        assert (it.requests, it.queue.dropped) == (0, 0)


def test_no_burst_is_kept_beyond_all_measure() -> None:
    with bench() as it:
        it.put("VP8", *encoded(coded("VP8", MOST_EVER + 5)))
        assert it.queue.dropped == MOST_EVER + 5
        assert it.requests >= 1


def test_a_keyframe_makes_what_waits_before_it_needless() -> None:
    pictures = coded("VP8", 6, keyframes=[MOST_WAITING])
    with bench() as it:
        it.put("VP8", *encoded(pictures))
        it.thread.start()
        assert it.numbers(3) == [3, 4, 5]
        assert (it.requests, it.queue.dropped) == (0, MOST_WAITING)


def test_dropped_frames_leave_a_gap_in_the_count() -> None:
    pictures = coded("VP8", 6, keyframes=[MOST_WAITING])
    with bench() as it:
        it.put("VP8", *encoded(pictures))
        it.thread.start()
        assert [decoded.index for decoded in it.taken(3)] == [3, 4, 5]


# --- the end ----------------------------------------------------------------------------------


def test_its_thread_ends_when_told_though_frames_wait() -> None:
    with bench() as it:
        it.put("VP8", *encoded(coded("VP8", 3)))
        it.queue.put(None)
        it.thread.start()
        it.thread.join(5)
        assert not it.thread.is_alive()


async def test_aiortcs_own_thread_runs_it_and_ends_with_it() -> None:
    it, track = Bench(Clock()), RemoteStreamTrack(kind="video")
    loop = asyncio.get_running_loop()
    frames = cast("queue.Queue[Any]", it.queue)
    work = asyncio.to_thread(decoder_worker, loop, frames, track._queue, threading.Event())
    working = asyncio.create_task(work)
    it.put("VP8", *encoded(coded("VP8", 2)))
    assert await asyncio.to_thread(it.numbers, 2) == [0, 1]
    it.queue.put(None)
    async with asyncio.timeout(5):
        await working
        assert await track._queue.get() is None


def test_sound_passes_by_at_once_and_its_thread_ends_when_told() -> None:
    heard: list[tuple[str, bytes]] = []
    sound = AudioQueue(lambda codec, frame: heard.append((codec, frame.data)))
    thread = threading.Thread(target=sound.get)
    thread.start()
    sound.put((parameters("VP8"), Batch([EncodedFrame(b"la", 0, 0.0, True)])))
    assert heard == [("VP8", b"la")]
    sound.put(None)
    thread.join(5)
    assert not thread.is_alive()
