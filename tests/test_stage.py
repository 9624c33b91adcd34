"""Stage: real publishers and viewers over loopback, real encoders, effects made for tests."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from itertools import pairwise
from pathlib import Path

import pytest
from aiortc.mediastreams import MediaStreamTrack

from omote.server.orders import Invalid, Settings
from omote.server.pipeline import PATIENCE
from omote.server.stage import Occupied, Stage
from omote.server.workshop import Workshop
from omote.streams.packet import Packet
from omote.streams.webrtc import Refused
from tests.loopback import PATIENCE_S, Camera, Hum, Watch, offered, opened, publishing, viewing
from tests.numbered import write_numbered
from tests.tints import Broken, Patient, Tint

pytestmark = pytest.mark.usefixtures("tinted")


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    made = Workshop(loopback=True)
    yield made
    Patient.go.set()
    await made.close()


@pytest.fixture
async def stage(workshop: Workshop) -> AsyncIterator[Stage]:
    made = Stage("a", workshop, Settings(effects=()), lambda _: None)
    yield made
    Patient.go.set()
    await made.close()


async def until(met: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not met():  # noqa: ASYNC110  nothing tells of it
            await asyncio.sleep(0.01)


def camera_of(watch: Watch) -> list[int]:
    """Numbers of the pictures that were no slate."""
    return [number for number in watch.numbers if number]


def luma_at_the_foot(watch: Watch) -> float:
    assert watch.newest is not None
    return float(watch.newest.to_ndarray(format="gray")[-20:].mean())


# --- coming and going ----------------------------------------------------------------------------


async def test_a_viewer_may_come_first_and_then_sees_the_camera(stage: Stage) -> None:
    async with viewing(stage.view) as (watch, _):
        await watch.more(2)
        assert watch.numbers == [0, 0]
        assert stage.state()["publisher"] == "waiting"
        async with publishing(stage.publish):
            await watch.until(lambda watch: len(camera_of(watch)) >= 5)
            assert stage.state()["publisher"] == "connected"
            assert stage.state()["viewers"] == 1
            stats = stage.stats()
            assert stats["fps_in"] > 0 and stats["fps_out"] > 0 and stats["age_p50_ms"] > 0
    await until(lambda: stage.state()["viewers"] == 0)
    numbers = camera_of(watch)
    assert numbers == sorted(numbers)
    assert all(before < after for before, after in pairwise(watch.times))


async def test_a_publisher_that_goes_is_missed_after_a_second_and_may_come_back(
    stage: Stage,
) -> None:
    """What was ordered holds for the next one, too."""
    await stage.order({"effects": ["tint"], "params": {"tint": {"grey": 230}}})
    async with viewing(stage.view) as (watch, _):
        async with publishing(stage.publish):
            await watch.until(lambda watch: len(camera_of(watch)) >= 5)
        await until(lambda: stage.state()["publisher"] == "waiting")
        await watch.until(lambda watch: watch.numbers[-1] == 0)
        last = max(at for at, number in enumerate(watch.numbers) if number)
        missed = (watch.times[last + 1] - watch.times[last]) / 90_000
        assert 0.5 * PATIENCE < missed < 4 * PATIENCE
        resets = Tint.made[0].resets
        before = len(watch.numbers)
        async with publishing(stage.publish):
            await watch.until(lambda watch: any(watch.numbers[before:]))
            await watch.more(3)
            assert luma_at_the_foot(watch) > 200
        assert (len(Tint.made), Tint.made[0].closed) == (1, 0)
        assert Tint.made[0].resets >= resets
    assert all(before < after for before, after in pairwise(watch.times))


async def test_a_second_publisher_is_refused_or_takes_over(stage: Stage) -> None:
    first = Camera()
    async with viewing(stage.view) as (watch, _), publishing(stage.publish, first) as one:
        await watch.until(lambda watch: len(camera_of(watch)) >= 3)
        with pytest.raises(Occupied, match="takeover=true"):
            async with publishing(stage.publish):
                pass
        assert not one.closed.is_set()
        second = Camera(size=(480, 360))
        async with publishing(lambda offer: stage.publish(offer, takeover=True), second):
            async with asyncio.timeout(PATIENCE_S):
                await one.closed.wait()
            await watch.until(lambda watch: watch.sizes[-1] == (480, 360))
            assert stage.state()["publisher"] == "connected"
    shown = watch.sizes[watch.sizes.index((320, 240)) : watch.sizes.index((480, 360))]
    assert set(shown) == {(320, 240)}  # no slate between the two


async def test_who_offers_nonsense_does_not_take_over(stage: Stage) -> None:
    async with publishing(stage.publish) as publisher:
        with pytest.raises(Refused):
            await stage.publish("v=0\r\n", takeover=True)
        assert stage.state()["publisher"] == "connected"
        assert not publisher.closed.is_set()


async def test_the_size_may_change_in_mid_stream(stage: Stage) -> None:
    camera = Camera()
    async with viewing(stage.view) as (watch, _), publishing(stage.publish, camera):
        await watch.until(lambda watch: len(camera_of(watch)) >= 3)
        camera.size = (480, 360)
        await watch.until(lambda watch: watch.sizes[-1] == (480, 360))
        await stage.order({"stage": {"orientation": 90}})
        await watch.until(lambda watch: watch.sizes[-1] == (360, 480))
        camera.size = (320, 240)
        await watch.until(lambda watch: watch.sizes[-1] == (240, 320))


async def test_viewers_of_both_codecs_see_the_same_at_the_same_times(stage: Stage) -> None:
    async with (
        viewing(stage.view, "H264") as (one, _),
        viewing(stage.view, "VP8") as (other, _),
        publishing(stage.publish),
    ):
        for watch in (one, other):
            await watch.until(lambda watch: len(camera_of(watch)) >= 20)
    seen = [dict(zip(w.numbers, w.times, strict=True)) for w in (one, other)]
    both = sorted((seen[0].keys() & seen[1].keys()) - {0})
    assert len(both) > 10
    for before, after in pairwise(both):  # each viewer has an origin of its own
        assert seen[0][after] - seen[0][before] == seen[1][after] - seen[1][before]


async def test_three_stages_do_not_notice_each_other(workshop: Workshop) -> None:
    names = {"a": ("tint",), "b": ("broken",), "c": ()}
    stages = {n: Stage(n, workshop, Settings(effects=e), lambda _: None) for n, e in names.items()}
    async with AsyncExitStack() as stack:
        watches = {}
        for name, stage in stages.items():
            stack.push_async_callback(stage.close)
            await stack.enter_async_context(publishing(stage.publish, Camera(fps=15)))
            watches[name], _ = await stack.enter_async_context(viewing(stage.view))
        for watch in watches.values():
            await watch.until(lambda watch: len(camera_of(watch)) >= 8)
        assert stages["b"].stats()["effect_errors"]["broken"] > 0
        assert stages["a"].stats()["effect_errors"] == stages["c"].stats()["effect_errors"] == {}
        assert luma_at_the_foot(watches["a"]) < 70 < luma_at_the_foot(watches["b"])
        await stages["b"].close()
        await watches["a"].more(3)
        await watches["c"].more(3)


# --- orders and trouble ----------------------------------------------------------------------------


async def test_orders_show_in_the_picture_and_in_the_state(stage: Stage) -> None:
    async with viewing(stage.view) as (watch, _), publishing(stage.publish):
        await watch.until(lambda watch: len(camera_of(watch)) >= 2)
        state = await stage.order({"effects": ["tint"], "params": {"tint": {"grey": 240}}})
        assert state["effects"] == ["tint"]
        assert state["params"]["tint"] == {"grey": 240, "share": 0.5, "word": "plain"}
        await watch.until(lambda watch: luma_at_the_foot(watch) > 200)
        await stage.order({"params": {"tint": {"grey": None}}})
        await watch.until(lambda watch: luma_at_the_foot(watch) < 90)


async def test_a_refused_order_changes_nothing_and_is_not_kept(workshop: Workshop) -> None:
    kept: list[Settings] = []
    stage = Stage("a", workshop, Settings(effects=("tint",)), kept.append)
    try:
        await stage.order({"params": {"tint": {"grey": 9}}})
        before = stage.state()
        for patch in ({"effects": ["?"]}, {"stage": {"mirror": True, "?": 1}}, {"params": 1}):
            with pytest.raises(Invalid):
                await stage.order(patch)
        assert stage.state() == before
        assert [settings.params for settings in kept] == [{"tint": {"grey": 9}}]
    finally:
        await stage.close()


async def test_a_broken_effect_is_shown_in_the_stats_and_the_picture_goes_on(
    stage: Stage,
) -> None:
    await stage.order({"effects": ["broken", "tint"], "params": {"tint": {"grey": 240}}})
    async with viewing(stage.view) as (watch, _), publishing(stage.publish):
        await watch.until(lambda watch: len(camera_of(watch)) >= 5)
        await watch.until(lambda watch: luma_at_the_foot(watch) > 200)
        assert stage.stats()["effect_errors"]["broken"] >= 5
        Broken.mended = True
        await watch.more(5)
    assert stage.state()["effects"] == ["broken", "tint"]


async def test_a_viewer_that_loses_its_picture_gets_another_keyframe(stage: Stage) -> None:
    async with viewing(stage.view) as (watch, connection), publishing(stage.publish):
        await watch.until(lambda watch: len(camera_of(watch)) >= 5)
        before = stage._pipeline.stats.keyframes
        receiver = connection.getTransceivers()[0].receiver
        [source] = receiver.getSynchronizationSources()
        for _ in range(5):
            await receiver._send_rtcp_pli(source.source)
        await until(lambda: stage._pipeline.stats.keyframes == before + 1)
        await watch.more(5)
        assert stage._pipeline.stats.keyframes == before + 1


# --- sound ---------------------------------------------------------------------------------------


async def test_sound_leaves_as_late_as_the_picture(stage: Stage) -> None:
    """Within 45 ms, also when an effect takes its time."""
    delays: list[tuple[float, float]] = []
    put = stage._pipeline.broadcast.put_sound

    def noted(packet: Packet, delay: float) -> None:
        age_ms = stage.stats()["age_p50_ms"]
        delays.append((delay, (age_ms or 0) / 1e3))
        put(packet, delay)

    stage._pipeline.broadcast.put_sound = noted  # type: ignore[method-assign]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Tint, "work", lambda self, params: threading.Event().wait(0.06))
        await stage.order({"effects": ["tint"], "stage": {"budget_ms": 1000}})
        async with (
            viewing(stage.view, sound=True) as (watch, connection),
            publishing(stage.publish, sound=Hum()),
        ):
            heard = listening(connection.getTransceivers()[1].receiver.track)
            await watch.until(lambda watch: len(camera_of(watch)) >= 15)
            async with asyncio.timeout(PATIENCE_S):
                await heard
    late = delays[-20:]
    assert all(delay > 0.05 for delay, _ in late)
    assert all(abs(delay - age) < 0.045 for delay, age in late)


def listening(track: MediaStreamTrack) -> "asyncio.Task[list[int]]":
    """The times of the first sounds heard."""

    async def listen() -> list[int]:
        frames = [await track.recv() for _ in range(20)]
        return [frame.pts for frame in frames if frame.pts is not None]

    return asyncio.create_task(listen())


async def test_sound_comes_out_evenly(stage: Stage) -> None:
    async with (
        viewing(stage.view, sound=True) as (watch, connection),
        publishing(stage.publish, sound=Hum()),
    ):
        times = await listening(connection.getTransceivers()[1].receiver.track)
        await watch.more(1)
    assert {after - before for before, after in pairwise(times)} == {960}


# --- what is left behind ---------------------------------------------------------------------------


def left_behind() -> tuple[list[str], list[str]]:
    tasks = sorted(str(task.get_coro()).split(" at ")[0] for task in asyncio.all_tasks())
    threads = sorted(t.name for t in threading.enumerate())
    shared = ("asyncio_", "engine", "encoder")  # pools keep their threads
    return tasks, [name for name in threads if not name.startswith(shared)]


async def test_a_stage_that_is_closed_leaves_nothing(workshop: Workshop) -> None:
    before = left_behind()
    stage = Stage("a", workshop, Settings(effects=("tint",)), lambda _: None)
    async with (
        viewing(stage.view, sound=True) as (watch, _),
        publishing(stage.publish, sound=Hum()),
    ):
        await watch.until(lambda watch: len(camera_of(watch)) >= 3)
        await stage.close()
        async with asyncio.timeout(PATIENCE_S):
            await watch.ended.wait()
    await until(lambda: left_behind() == before)
    assert [tint.closed for tint in Tint.made] == [1]


async def test_a_stage_with_a_source_is_closed_under_its_publisher_and_leaves_nothing(
    workshop: Workshop, tmp_path: Path
) -> None:
    """The source must not begin again when the publisher goes."""
    film = write_numbered(tmp_path / "film.mkv", 30)
    before = left_behind()
    stage = Stage("a", workshop, Settings(effects=()), lambda _: None, str(film))
    async with viewing(stage.view) as (watch, _):
        await watch.until(lambda watch: len(camera_of(watch)) >= 3)
        async with publishing(lambda offer: stage.publish(offer, takeover=True), Camera()):
            await watch.more(3)
            await stage.close()
    await until(lambda: left_behind() == before)


async def test_who_comes_while_the_stage_is_closed_is_sent_away(workshop: Workshop) -> None:
    before = left_behind()
    stage = Stage("a", workshop, Settings(effects=()), lambda _: None)
    async with opened() as publisher, opened() as viewer:
        publisher.addTransceiver(Camera(), direction="sendonly")
        viewer.addTransceiver("video", direction="recvonly")
        publishing_offer, viewing_offer = await offered(publisher), await offered(viewer)
        coming = [
            asyncio.create_task(stage.publish(publishing_offer)),
            asyncio.create_task(stage.view(viewing_offer)),
        ]
        await asyncio.sleep(0)
        await stage.close()
        for task in coming:
            with suppress(Refused):
                assert (await task).closed.is_set()
        for late in (stage.publish(publishing_offer), stage.view(viewing_offer)):
            with pytest.raises(Refused, match="stage a has been removed"):
                await late
        with pytest.raises(Invalid, match="removed"):
            await stage.order({"effects": ["tint"]})
    await until(lambda: left_behind() == before)
    assert Tint.made == []


async def test_viewers_come_and_go_without_a_trace(stage: Stage) -> None:
    async with publishing(stage.publish, sound=Hum()):
        async with viewing(stage.view) as (watch, _):
            await watch.more(1)
        await until(lambda: stage.state()["viewers"] == 0)
        before = left_behind()
        for _ in range(2):
            async with viewing(stage.view, sound=True) as (watch, _):
                await watch.more(1)
        await until(lambda: stage.state()["viewers"] == 0)
        await until(lambda: left_behind() == before)
        assert len(stage._pipeline.broadcast._sounds) == 0
