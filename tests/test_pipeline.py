"""Pipeline: a camera put there by hand, real effects, real encoder, no network."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import pytest

from omote.engines.effect import Rung
from omote.server.camera import SourceCamera
from omote.server.orders import Invalid, Settings
from omote.server.pipeline import LEAST_SLATE, PATIENCE, SLATE_EVERY, Pipeline
from omote.server.workshop import Workshop
from omote.streams.frame import Frame, VideoPicture
from omote.streams.source import Source
from tests.seats import PATIENCE_S, Seated, Tripod, seated
from tests.tints import Broken, Patient, Tint
from tests.utils import STEP, picture

pytestmark = pytest.mark.usefixtures("tinted")


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    made = Workshop(loopback=True)
    yield made
    Patient.go.set()
    await made.close()


@pytest.fixture
async def pipeline(workshop: Workshop) -> AsyncIterator[Pipeline]:
    made = Pipeline("a", workshop, Settings(effects=()))
    yield made
    Patient.go.set()
    await made.close()


class Shots:
    """Puts numbered frames before a pipeline."""

    def __init__(self, camera: Tripod, size: tuple[int, int] = (320, 240)) -> None:
        self.number = 0
        self.size = size
        self._camera = camera

    def take(self, step: int = 1) -> Frame:
        self.number += step
        frame = shot(self.number, self.size)
        self._camera.frames.put(frame)
        return frame


def shot(number: int, size: tuple[int, int] = (320, 240)) -> Frame:
    video = VideoPicture(picture(number, *size))
    return Frame(video, number * STEP, Fraction(1, 90_000), time.monotonic(), number)


async def one_by_one(shots: Shots, viewer: Seated, count: int) -> list[int]:
    """Each frame once the one before was seen; what was seen from the first of them on."""
    first, before = shots.number + 1, len(viewer.numbers)
    for _ in range(count):
        await viewer.sees(shots.take().index)
    return viewer.numbers[viewer.numbers.index(first, before) :]


@pytest.fixture
async def camera(pipeline: Pipeline) -> Tripod:
    made = Tripod()
    await pipeline.use_camera(made)
    return made


# --- the way of a frame ------------------------------------------------------------------------


async def test_frames_go_through_in_order_at_their_own_times(
    pipeline: Pipeline, camera: Tripod
) -> None:
    shots = Shots(camera)
    shots.take()
    async with seated(pipeline) as viewer:
        await viewer.sees(1)
        assert await one_by_one(shots, viewer, 5) == [2, 3, 4, 5, 6]
        for before, after in pairwise(viewer.times[-5:]):
            assert after - before == pytest.approx(1 / 30, abs=1e-4)


async def test_without_viewers_nothing_is_computed(pipeline: Pipeline, camera: Tripod) -> None:
    await pipeline.order({"effects": ["tint"]})
    shots = Shots(camera)
    for _ in range(20):
        shots.take()
        await asyncio.sleep(0)
    async with seated(pipeline) as viewer:
        await one_by_one(shots, viewer, 1)
    [tint] = Tint.made
    assert tint.seen == [21]
    assert pipeline.stats.frames_out == 1
    shots.take()
    await asyncio.sleep(0.05)
    assert tint.seen == [21]


async def test_what_cannot_be_taken_in_time_is_replaced_by_the_newest(
    pipeline: Pipeline, camera: Tripod
) -> None:
    shots = Shots(camera)
    async with seated(pipeline) as viewer:
        await one_by_one(shots, viewer, 1)
        await pipeline.order({"effects": ["patient"]})
        shots.take()
        await asyncio.to_thread(Patient.begun.wait, PATIENCE_S)
        for _ in range(4):
            shots.take()
        Patient.go.set()
        assert await viewer.more(2) == [2, 6]
    assert camera.frames.dropped == 3


@pytest.mark.parametrize(
    ("order", "size", "corner"),
    [
        ({"orientation": 0}, (320, 240), "top left"),
        ({"orientation": 90}, (240, 320), "top right"),
        ({"orientation": 180}, (320, 240), "bottom right"),
        ({"orientation": 270}, (240, 320), "bottom left"),
        ({"mirror": True}, (320, 240), "top right"),
    ],
)
async def test_the_picture_is_turned_and_mirrored_as_ordered(
    pipeline: Pipeline, camera: Tripod, order: dict[str, Any], size: tuple[int, int], corner: str
) -> None:
    """The number's lowest bit, white in an odd picture, is in the corner the order turns it to."""
    async with seated(pipeline) as viewer:
        shots = Shots(camera)
        await one_by_one(shots, viewer, 1)
        await pipeline.order({"stage": order})
        shots.number = 0xFFE
        shots.take()
        await viewer.more(1)
        assert viewer.sizes[-1] == size
        assert brightest_corner(viewer) == corner


def brightest_corner(viewer: Seated) -> str:
    assert viewer.newest is not None
    luma = viewer.newest.to_ndarray(format="gray").astype(int)
    corners = {
        "top left": luma[:16, :16],
        "top right": luma[:16, -16:],
        "bottom left": luma[-16:, :16],
        "bottom right": luma[-16:, -16:],
    }
    return max(corners, key=lambda name: corners[name].mean())


async def test_a_camera_that_lies_on_its_side_is_set_upright_before_the_order(
    pipeline: Pipeline, camera: Tripod
) -> None:
    await pipeline.order({"stage": {"orientation": 270}})
    async with seated(pipeline) as viewer:
        frame = shot(3)
        assert isinstance(frame.picture, VideoPicture)
        camera.frames.put(replace(frame, picture=VideoPicture(frame.picture.video, rotation=90)))
        await viewer.sees(3)
        assert viewer.sizes[-1] == (320, 240)


async def test_a_new_size_in_mid_stream_makes_effects_forget_and_is_shown(
    pipeline: Pipeline, camera: Tripod
) -> None:
    await pipeline.order({"effects": ["tint"]})
    shots = Shots(camera)
    async with seated(pipeline) as viewer:
        await one_by_one(shots, viewer, 2)
        shots.size = (480, 360)
        await one_by_one(shots, viewer, 2)
        assert viewer.sizes[-4:] == [(320, 240)] * 2 + [(480, 360)] * 2
        assert Tint.made[0].resets == 2  # the first size is one too


async def test_odd_sizes_lose_their_last_line(pipeline: Pipeline, camera: Tripod) -> None:
    shots = Shots(camera, (321, 241))
    async with seated(pipeline) as viewer:
        assert await one_by_one(shots, viewer, 2) == [1, 2]
        assert viewer.sizes[-2:] == [(320, 240)] * 2


async def test_effects_are_bypassed_when_ordered(pipeline: Pipeline, camera: Tripod) -> None:
    await pipeline.order({"effects": ["tint"], "stage": {"bypass": True}})
    shots = Shots(camera)
    async with seated(pipeline) as viewer:
        await one_by_one(shots, viewer, 2)
        assert Tint.made[0].seen == []
        await pipeline.order({"stage": {"bypass": False}})
        await one_by_one(shots, viewer, 1)
        assert Tint.made[0].seen == [3]


# --- trouble -----------------------------------------------------------------------------------


async def test_a_broken_effect_is_counted_and_the_stream_goes_on(
    pipeline: Pipeline, camera: Tripod
) -> None:
    await pipeline.order({"effects": ["broken", "rude", "tint"]})
    shots = Shots(camera)
    async with seated(pipeline) as viewer:
        assert await one_by_one(shots, viewer, 3) == [1, 2, 3]
        Broken.mended = True
        await one_by_one(shots, viewer, 1)
    assert dict(pipeline.chain.errors) == {"broken": 3, "rude": 4}
    assert Tint.made[0].seen == [1, 2, 3, 4]


async def test_a_picture_that_cannot_be_opened_is_dropped(
    pipeline: Pipeline, camera: Tripod, caplog: pytest.LogCaptureFixture
) -> None:
    shots = Shots(camera)
    async with seated(pipeline) as viewer:
        await one_by_one(shots, viewer, 1)
        nothing = av.VideoFrame(0, 0, "yuv420p")
        with caplog.at_level(logging.ERROR):
            camera.frames.put(replace(shot(9), picture=VideoPicture(nothing)))
            await settled(lambda: camera.frames._item is None)
            assert await one_by_one(shots, viewer, 2) == [2, 3]
    assert "a picture could not be used" in caplog.text


async def test_a_stage_that_stops_by_a_mistake_of_ours_does_not_do_so_in_silence(
    pipeline: Pipeline, camera: Tripod, caplog: pytest.LogCaptureFixture
) -> None:
    def mistaken() -> Frame | None:
        raise KeyError("no such key")

    camera.take = mistaken  # type: ignore[method-assign]
    Shots(camera).take()
    await settled(lambda: "stage a has stopped" in caplog.text)
    assert "no such key" in caplog.text


async def test_a_source_that_ends_does_not_stop_the_world(pipeline: Pipeline) -> None:
    """Nor one that fails: with or without viewers the loop goes on and the slate is shown."""

    async def two_frames() -> Source:
        yield shot(1)
        yield shot(2)

    await pipeline.use_camera(SourceCamera(two_frames(), lambda _: None))
    for _ in range(20):
        await asyncio.sleep(0.001)  # would never return from a loop that spins
    async with seated(pipeline) as viewer:
        assert await viewer.more(1) == [0]


async def test_a_stage_whose_effects_cannot_be_loaded_shows_nothing_and_says_so(
    workshop: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    """What they were to hide must not be seen; an order sets it right."""
    pipeline = Pipeline("a", workshop, Settings(effects=("unloadable",)))
    camera = Tripod()
    await pipeline.use_camera(camera)
    shots = Shots(camera)
    try:
        async with seated(pipeline) as viewer:
            shots.take()
            assert await viewer.more(2) == [0, 0]
            await pipeline.order({"effects": []})
            assert await one_by_one(shots, viewer, 2) == [2, 3]
        assert "no such weights" in caplog.text
    finally:
        await pipeline.close()


# --- the slate ---------------------------------------------------------------------------------


async def test_whoever_comes_first_sees_the_slate_at_once_and_again(pipeline: Pipeline) -> None:
    async with seated(pipeline) as viewer:
        assert await viewer.more(6) == [0] * 6
        apart = [after - before for before, after in pairwise(viewer.times[1:])]
        assert all(gap >= 0.9 * SLATE_EVERY for gap in apart)


async def test_a_viewer_that_asks_for_keyframes_all_the_time_gets_no_more_slates_than_frames(
    pipeline: Pipeline,
) -> None:
    async with seated(pipeline) as viewer:
        await viewer.more(1)
        while len(viewer.numbers) < 8:
            pipeline.wake()
            await asyncio.sleep(0)
    assert all(after - before > 0.9 * LEAST_SLATE for before, after in pairwise(viewer.times))


async def test_a_camera_that_sends_nothing_is_a_slate_as_lively_as_none(
    pipeline: Pipeline, camera: Tripod
) -> None:
    async with seated(pipeline) as viewer:
        await viewer.until(5)
    assert viewer.times[-1] - viewer.times[0] < 4 * PATIENCE  # not a second each


async def test_a_camera_that_falls_silent_is_followed_by_the_slate_after_a_second(
    pipeline: Pipeline, camera: Tripod
) -> None:
    async with seated(pipeline) as viewer:
        await one_by_one(Shots(camera), viewer, 3)
        assert await viewer.more(1) == [0]
        assert 0.9 * PATIENCE < viewer.times[-1] - viewer.times[-2] < 4 * PATIENCE


async def test_a_camera_that_goes_is_followed_by_the_slate_after_a_second(
    pipeline: Pipeline, camera: Tripod
) -> None:
    """Who comes back within it is not even missed."""
    async with seated(pipeline) as viewer:
        await one_by_one(Shots(camera), viewer, 3)
        await pipeline.use_camera(None)
        assert await viewer.more(1) == [0]
        assert 0.9 * PATIENCE < viewer.times[-1] - viewer.times[-2] < 4 * PATIENCE
    assert camera.closed == 1


async def test_a_camera_that_takes_over_is_seen_without_a_slate_between(
    pipeline: Pipeline, camera: Tripod
) -> None:
    async with seated(pipeline) as viewer:
        await one_by_one(Shots(camera), viewer, 3)
        other = Tripod()
        await pipeline.use_camera(other)
        await asyncio.sleep(0.05)
        shots = Shots(other)
        shots.number = 100
        assert await one_by_one(shots, viewer, 2) == [101, 102]
        assert viewer.numbers[viewer.numbers.index(1) :] == [1, 2, 3, 101, 102]
        assert all(a < b for a, b in pairwise(viewer.times))


# --- orders ------------------------------------------------------------------------------------


async def test_orders_never_land_within_a_frame(pipeline: Pipeline, camera: Tripod) -> None:
    """Forty slow frames and orders all the time: an effect is never closed or reset at work, and
    parameters and stage settings are of the same order."""
    seen: list[tuple[int, int]] = []

    def slow(self: Tint, params: Tint.Params) -> None:
        width = pipeline.settings.params.get("tint", {}).get("grey")
        time.sleep(0.004)
        assert pipeline.settings.params.get("tint", {}).get("grey") == width
        seen.append((params.grey, width))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tint, "work", slow)
        await pipeline.order({"effects": ["tint"], "params": {"tint": {"grey": 0}}})
        shots, orders = Shots(camera), 0
        async with seated(pipeline) as viewer:
            showing = asyncio.create_task(one_by_one(shots, viewer, 40))
            while not showing.done():
                orders += 1
                names = ["tint", "broken"] if orders % 3 else ["tint"]
                await pipeline.order({"effects": names, "params": {"tint": {"grey": orders % 256}}})
            assert await showing == list(range(1, 41))
    assert orders > 40
    assert all(grey == ordered for grey, ordered in seen)
    assert len(seen) == 40
    assert len({grey for grey, _ in seen}) > 10


async def test_orders_at_the_same_time_do_not_undo_each_other(pipeline: Pipeline) -> None:
    await asyncio.gather(
        pipeline.order({"effects": ["tint"]}),
        pipeline.order({"params": {"tint": {"grey": 7}}}),
        pipeline.order({"params": {"tint": {"word": "fancy"}}}),
        pipeline.order({"stage": {"mirror": True}}),
    )
    assert pipeline.settings.effects == ("tint",)
    assert pipeline.settings.params == {"tint": {"grey": 7, "word": "fancy"}}
    assert pipeline.settings.stage.mirror is True


async def test_an_order_right_after_the_beginning_holds(workshop: Workshop) -> None:
    """The stage is still loading what it was told before."""
    pipeline = Pipeline("a", workshop, Settings(effects=("tint",)))
    try:
        await pipeline.order({"effects": ["broken"]})
        for _ in range(10):
            await asyncio.sleep(0.01)
        assert pipeline.settings.effects == ("broken",)
        [frame] = [replace(shot(1), picture=workshop.pixels.from_video(VideoPicture(picture(1))))]
        assert list(pipeline.chain(frame, Rung.FULL).steps_ms) == ["broken"]
    finally:
        await pipeline.close()


async def test_a_refused_order_changes_nothing(pipeline: Pipeline) -> None:
    await pipeline.order({"effects": ["tint"], "params": {"tint": {"grey": 7}}})
    before, instances = pipeline.settings, list(Tint.made)
    for patch in (
        {"params": {"tint": {"grey": 999}}},
        {"effects": ["tint", "nothing"]},
        {"effects": ["tint", "unloadable"]},
        {"effects": [], "stage": {"orientation": 3}},
    ):
        with pytest.raises(Invalid):
            await pipeline.order(patch)
        assert pipeline.settings is before
    assert instances == Tint.made
    assert Tint.made[0].closed == 0


# --- the ladder --------------------------------------------------------------------------------


async def test_at_half_rate_every_second_frame_is_shown(pipeline: Pipeline, camera: Tripod) -> None:
    shots = Shots(camera)
    async with seated(pipeline) as viewer:
        await one_by_one(shots, viewer, 1)
        pipeline.ladder.rung = Rung.RATE
        for _ in range(5):
            shots.take()
            await settled(lambda: camera.frames._item is None)
        await viewer.sees(5)
        shown = viewer.numbers[viewer.numbers.index(1) :]
        assert all(b - a == 2 for a, b in pairwise(shown))


async def test_in_pass_through_the_picture_is_marked_and_no_effect_is_called(
    pipeline: Pipeline, camera: Tripod
) -> None:
    await pipeline.order({"effects": ["tint"]})
    shots = Shots(camera)
    async with seated(pipeline) as viewer:
        await one_by_one(shots, viewer, 1)
        pipeline.ladder.rung = Rung.PASS
        for _ in range(2):  # at half rate
            shots.take()
            await settled(lambda: camera.frames._item is None)
        await viewer.more(1)
        assert Tint.made[0].seen == [1]
        assert viewer.newest is not None
        plain = picture(3).to_ndarray(format="gray").astype(int)
        shown = viewer.newest.to_ndarray(format="gray").astype(int)
        assert abs(shown - plain)[:40, :160].max() > 60


async def test_a_publisher_that_was_asked_for_less_may_send_more_when_nobody_watches(
    pipeline: Pipeline, camera: Tripod
) -> None:
    async with seated(pipeline) as viewer:
        await one_by_one(Shots(camera), viewer, 1)
        pipeline.ladder.rung = Rung.PUBLISHER
        camera.caps.append(500_000)
    await settled(lambda: camera.caps[-1] is None and pipeline.ladder.rung is Rung.FULL)


async def test_a_publisher_that_was_asked_for_less_may_send_more_after_a_silence(
    pipeline: Pipeline, camera: Tripod
) -> None:
    async with seated(pipeline) as viewer:
        await one_by_one(Shots(camera), viewer, 1)
        pipeline.ladder.rung = Rung.PUBLISHER
        camera.caps.append(500_000)
        assert await viewer.more(1) == [0]
        assert camera.caps[-1] is None


async def settled(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not met():  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.01)


async def test_the_budget_is_the_cameras_interval_however_many_frames_are_dropped(
    pipeline: Pipeline, camera: Tripod
) -> None:
    shots = Shots(camera)
    async with seated(pipeline) as viewer:
        for _ in range(60):
            await viewer.sees(shots.take(step=3).index)
    assert pipeline._interval == pytest.approx(1 / 30, rel=0.02)


# --- the end -----------------------------------------------------------------------------------


async def test_at_the_end_a_frame_in_the_chain_is_waited_for(workshop: Workshop) -> None:
    """A thread cannot be cancelled; effects must not be closed under it."""
    pipeline, camera = Pipeline("a", workshop, Settings(effects=("patient",))), Tripod()
    await pipeline.use_camera(camera)
    async with seated(pipeline):
        camera.frames.put(shot(1))
        await asyncio.to_thread(Patient.begun.wait, PATIENCE_S)
        closing = asyncio.create_task(pipeline.close())
        for _ in range(5):
            await asyncio.sleep(0.01)
        assert not closing.done()
        [patient] = Patient.made
        assert patient.closed == 0
        Patient.go.set()
        async with asyncio.timeout(PATIENCE_S):
            await closing
        assert (patient.closed, patient.seen) == (1, [1])
    assert camera.closed == 1


async def test_the_end_leaves_no_task(workshop: Workshop) -> None:
    before = asyncio.all_tasks()
    for _ in range(3):
        pipeline, camera = Pipeline("a", workshop, Settings(effects=("tint",))), Tripod()
        await pipeline.use_camera(camera)
        async with seated(pipeline) as viewer:
            await one_by_one(Shots(camera), viewer, 2)
            await pipeline.close()
    assert asyncio.all_tasks() == before
    assert not [thread for thread in threading.enumerate() if "camera" in thread.name]
