"""Capture: real clips and a real RTSP camera, through the thread and into the loop."""

import asyncio
import threading
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from omote.streams.capture import capture
from omote.streams.frame import Frame, VideoPicture
from omote.streams.medium import SourceError
from omote.streams.source import medium_of
from tests.numbered import number_of, numbered, write_numbered
from tests.rtsp_server import RtspServer


async def taken(frames: AsyncIterator[Frame], count: int) -> list[Frame]:
    async with asyncio.timeout(20):
        return [await anext(frames) for _ in range(count)]


def reads(name: str) -> bool:
    """Whether a thread still reads the medium."""
    return any(name in thread.name for thread in threading.enumerate())


async def test_a_clip_comes_in_order_and_begins_again(tmp_path: Path) -> None:
    clip = write_numbered(tmp_path / "clip.mp4", 8)
    async with aclosing(capture(medium_of(str(clip)))) as source:
        frames = await taken(source, 20)
    for frame in frames:
        assert number_of(frame) == frame.index % 8
    seconds = [frame.pts * frame.time_base for frame in frames]
    for (one, second), (two, later) in pairwise(zip(frames, seconds, strict=True)):
        assert float(later - second) == pytest.approx((two.index - one.index) / 30)
    assert frames[-1].arrived - frames[0].arrived > (seconds[-1] - seconds[0]) / 2


async def test_the_containers_own_time_is_kept(tmp_path: Path) -> None:
    clip = write_numbered(tmp_path / "clip.mkv", 5, start=15)
    async with aclosing(capture(medium_of(str(clip)))) as source:
        first, *_ = await taken(source, 1)
    assert (first.pts, first.time_base.denominator) == (500, 1000)


async def test_a_stream_without_times_gets_even_ones(tmp_path: Path) -> None:
    clip = write_numbered(tmp_path / "clip.h264", 6)
    async with aclosing(capture(medium_of(str(clip)))) as source:
        frames = await taken(source, 8)
    steps = {(b.pts - a.pts) / (b.index - a.index) for a, b in pairwise(frames)}
    assert len(steps) == 1
    assert min(steps) > 0


@pytest.mark.parametrize(("anticlockwise", "upright"), [(90, 270), (-90, 90), (180, 180), (0, 0)])
async def test_a_phone_says_which_way_is_up(
    tmp_path: Path, anticlockwise: int, upright: int
) -> None:
    clip = write_numbered(tmp_path / "clip.mp4", 2, turned=anticlockwise)
    async with aclosing(capture(medium_of(str(clip)))) as source:
        frame, *_ = await taken(source, 1)
    assert isinstance(frame.picture, VideoPicture)
    assert frame.picture.rotation == upright


async def test_a_picture_stands_still_for_ever(tmp_path: Path) -> None:
    numbered(77).save(tmp_path / "still.png")
    async with aclosing(capture(medium_of(str(tmp_path / "still.png")))) as source:
        frames = await taken(source, 4)
    assert {number_of(frame) for frame in frames} == {77}
    assert all(a.pts < b.pts for a, b in pairwise(frames))


async def test_a_camera_on_the_network_is_seen_from_its_first_picture() -> None:
    async with RtspServer() as camera, aclosing(capture(medium_of(camera.url))) as source:
        frames = await taken(source, 30)
    for frame in frames:
        assert float(frame.pts * frame.time_base) == pytest.approx(frame.index / 30)
        assert number_of(frame) == frame.index % 60


async def test_a_picture_comes_before_the_next_one_is_sent() -> None:
    async with RtspServer(most=20) as camera:
        medium = replace(medium_of(camera.url), patience_s=1.0)  # then waiting for it is an error
        async with aclosing(capture(medium)) as source:
            while number_of(await anext(source)) < 19:
                pass


async def test_a_slow_reader_gets_the_newest_frame_and_sees_the_gap() -> None:
    async with RtspServer() as camera, aclosing(capture(medium_of(camera.url))) as source:
        before, *_ = await taken(source, 1)
        gap = 0
        while gap < 3:
            await camera.sent_more(5)
            frame, *_ = await taken(source, 1)
            gap = frame.index - before.index
            before = frame
    assert number_of(before) == before.index % 60


async def test_closing_leaves_no_thread_and_no_file(tmp_path: Path) -> None:
    clip = write_numbered(tmp_path / "closing.mp4", 5)
    open_files = psutil.Process().num_fds()
    for _ in range(3):
        async with aclosing(capture(medium_of(str(clip)))) as source:
            await taken(source, 2)
    assert not reads("closing.mp4")
    assert psutil.Process().num_fds() == open_files


async def test_a_reader_that_is_cancelled_closes_the_source(tmp_path: Path) -> None:
    clip = write_numbered(tmp_path / "cancelled.mp4", 5)
    begun = asyncio.Event()

    async def read() -> None:
        async with aclosing(capture(medium_of(str(clip)))) as source:
            async for _ in source:
                begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    assert not reads("cancelled.mp4")


async def test_a_camera_that_falls_silent_is_given_up() -> None:
    async with RtspServer() as camera:
        medium = replace(medium_of(camera.url), patience_s=0.3)
        async with aclosing(capture(medium)) as source:
            await taken(source, 2)
            camera.silent = True
            with pytest.raises(SourceError, match=r"gave nothing for 0\.3 s"):
                await taken(source, 1000)
    assert not reads(medium.name)


async def test_closing_does_not_wait_longer_than_a_silent_cameras_patience() -> None:
    async with RtspServer() as camera:
        medium = replace(medium_of(camera.url), patience_s=0.3)
        async with aclosing(capture(medium)) as source:
            await taken(source, 2)
            camera.silent = True
        assert not reads(medium.name)


async def test_sound_alone_is_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "sound.wav"), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    with pytest.raises(SourceError, match="holds no pictures"):
        await anext(capture(medium_of(str(tmp_path / "sound.wav"))))


async def test_a_text_is_refused_with_advice(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear camera,\n")
    with pytest.raises(SourceError, match=r"letter\.txt: .*; does a player open it\?"):
        await anext(capture(medium_of(str(tmp_path / "letter.txt"))))
