"""Depth join: depth on its way to the effects, in a pipeline whose camera is put there by hand."""

import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from omote.engines.depth.alignment import Alignment, small_size, upright
from omote.engines.depth.monocular import DepthNetwork
from omote.server.bench.depth.stereo import motorcycle
from omote.server.config import Config, Misconfigured
from omote.server.depth_join import DepthJoin
from omote.server.depth_means import DepthMeans, depth_means
from omote.server.orders import DepthSettings, Invalid, Settings, settings_after
from omote.server.pipeline import Pipeline
from omote.server.workshop import Workshop
from omote.streams.depth import DepthFrame, Hello
from omote.streams.frame import Frame, VideoPicture
from omote.streams.synthetic import CAMERAS
from tests.seats import Seated, Tripod, seated
from tests.test_monocular import network
from tests.test_pipeline import shot
from tests.test_stereo import cameras

pytestmark = pytest.mark.usefixtures("tinted")
PLAIN = Settings(effects=())


def depth(second: float, left: float = 1.0, right: float = 4.0) -> DepthFrame:
    """Something near on the left, something far on the right."""
    steps = np.full((60, 80), round(right * 1000), np.uint16)
    steps[:, :40] = round(left * 1000)
    return DepthFrame(steps, 0.001, round(second * 90_000), "video", 0, time.monotonic())


def joined(join: DepthJoin, frame: Frame, ordered: DepthSettings = DepthSettings()) -> Any:  # noqa: B008
    match = join.match(frame, ordered)
    if match is None:
        return None
    assert isinstance(frame.picture, VideoPicture)
    return join.aligned(match, frame.picture, 0, ordered, False)[1]


def begun(hello: Hello = Hello("video")) -> DepthJoin:  # noqa: B008
    join = DepthJoin()
    join.synchroniser.hello(hello, "channel")
    return join


def test_a_picture_gets_its_depth_and_everything_is_told() -> None:
    join, frame = begun(), shot(3)
    join.synchroniser.put(depth(float(frame.pts * frame.time_base) + 0.004))
    found = joined(join, frame, DepthSettings(far_m=2.0, fusion="product"))
    assert found.metres.shape == (240, 320)
    assert found.fusing.far_m == 2.0 and found.fusing.mode == "product"
    assert found.skew_s == pytest.approx(0.004, abs=1e-4) and found.weight == 1
    state = join.state(DepthSettings())
    assert state["used"] and state["why"] == "" and state["valid"] == 1
    assert join.stats()["skew_p50_ms"] == pytest.approx(4, abs=0.1)


def test_without_depth_the_reason_is_told() -> None:
    join, frame = DepthJoin(), shot(3)
    assert joined(join, frame) is None and join.why == "nobody sends depth"
    join.synchroniser.hello(Hello("video"), "channel")
    assert joined(join, frame) is None and join.why == "no depth has come yet"
    join.synchroniser.put(depth(99.0))
    assert joined(join, frame) is None and join.why == "no depth in time"
    assert joined(join, frame, DepthSettings(enabled=False)) is None and join.why == "turned off"
    assert not join.state(DepthSettings())["used"]


def test_a_calibration_that_cannot_be_used_is_told() -> None:
    join, frame = begun(Hello("video", {"depth": 1})), shot(3)
    join.synchroniser.put(depth(float(frame.pts * frame.time_base)))
    assert joined(join, frame) is None
    assert join.why.startswith("the calibration cannot be used")
    join.synchroniser.hello(Hello("video", CAMERAS.model_dump(mode="json")), "channel")
    join.synchroniser.put(depth(float(frame.pts * frame.time_base)))
    assert joined(join, frame) is not None and join.why == ""


def test_held_depth_weighs_less_and_less() -> None:
    join, frame = begun(), shot(30)
    second = float(frame.pts * frame.time_base)
    join.synchroniser.put(depth(second - 0.1))
    found = joined(join, frame, DepthSettings(max_age_ms=200, max_skew_ms=10))
    assert found.weight == pytest.approx(0.5, abs=0.01)


def test_a_map_is_turned_and_mirrored_as_its_picture_is() -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert upright(values, 90, False).tolist() == [[3, 0], [4, 1], [5, 2]]
    assert upright(values, 180, False).tolist() == [[5, 4, 3], [2, 1, 0]]
    assert upright(values, 0, True).tolist() == [[2, 1, 0], [5, 4, 3]]


def test_the_same_depth_frame_is_aligned_once() -> None:
    align, frame = Alignment(), depth(0.0)
    first = align(frame, (1280, 720), "linear", 0)
    assert align(frame, (1280, 720), "linear", 0) is first
    assert align(frame, (1280, 720), "nearest", 0) is not first
    assert align(frame, (720, 1280), "linear", 0).metres.shape == (320, 180)
    assert small_size((160, 120)) == (160, 120)


def test_orders_of_depth_are_checked() -> None:
    after = settings_after(PLAIN, {"depth": {"near_m": 0.3, "far_m": 1.5, "max_skew_ms": 20}})
    assert (after.depth.near_m, after.depth.far_m, after.depth.max_skew_ms) == (0.3, 1.5, 20)
    assert settings_after(after, {"depth": {"far_m": None}}).depth.far_m is None
    for wrong in ({"far_m": 0.01}, {"fusion": "sum"}, {"blur": 50}):
        with pytest.raises(Invalid) as refused:
            settings_after(PLAIN, {"depth": wrong})
        assert refused.value.errors[0]["at"].startswith("depth")


@pytest.fixture
async def pipeline() -> AsyncIterator[Pipeline]:
    workshop = Workshop(loopback=True)
    made = Pipeline("a", workshop, PLAIN)
    yield made
    await made.close()
    await workshop.close()


async def seen(viewer: Seated, camera: Tripod, frame: Frame) -> np.ndarray[Any, Any]:
    camera.frames.put(replace(frame, arrived=time.monotonic()))
    await viewer.more(1)
    assert viewer.newest is not None
    return viewer.newest.to_ndarray(format="rgb24")


async def test_the_depth_view_shows_near_red_and_far_blue(pipeline: Pipeline) -> None:
    camera, sync = Tripod(), pipeline.depth.synchroniser
    await pipeline.use_camera(camera)
    sync.hello(Hello("video"), "channel")
    await pipeline.order({"stage": {"view": "depth", "mirror": True}})
    async with seated(pipeline) as viewer:
        for number in range(1, 6):
            frame = shot(number)
            sync.put(depth(float(frame.pts * frame.time_base), left=0.5))
            shown = await seen(viewer, camera, frame)
    far, near = (
        shown[100:140, columns].mean((0, 1)) for columns in (slice(40, 120), slice(200, 280))
    )
    assert near[0] > near[2] + 40 and far[2] > far[0] + 40
    assert pipeline.stats.steps_ms()["depth"] > 0
    assert pipeline.depth.why == ""


async def test_a_picture_waits_for_depth_that_is_a_little_late(pipeline: Pipeline) -> None:
    camera, sync = Tripod(), pipeline.depth.synchroniser
    await pipeline.use_camera(camera)
    sync.hello(Hello("video"), "channel")
    sync._late.extend([0.08] * 100)
    await pipeline.order({"depth": {"wait_ms": 100}})
    async with seated(pipeline) as viewer:
        await seen(viewer, camera, shot(1))
        assert pipeline.depth.stats()["waited_ms"] >= 70
        assert pipeline.depth.why == "no depth has come yet"


async def test_a_stage_parts_stereo_pictures_and_makes_depth_of_them(tmp_path: Path) -> None:
    pair = motorcycle()
    both = np.hstack([pair.left[:, :740], pair.right[:, :740]])
    video = av.VideoFrame.from_ndarray(both, "rgb24").reformat(format="yuv420p")
    workshop = Workshop(loopback=True, depth=DepthMeans(stereo=cameras()))
    made = Pipeline(
        "a", workshop, Settings.model_validate({"effects": (), "stage": {"view": "depth"}})
    )
    camera = Tripod()
    await made.use_camera(camera)
    async with seated(made) as viewer:
        shown = await seen(viewer, camera, replace(shot(1), picture=VideoPicture(video)))
        await made.order({"stage": {"view": "result"}})
        camera.frames.put(replace(shot(2), picture=VideoPicture(video)))
        await viewer.more(1)
    state = made.depth.state(made.settings.depth)
    await made.close()
    await workshop.close()
    assert shown.shape == (500, 740, 3)
    assert (state["used"], state["why"], state["made"]) == (True, "", "stereo")


async def test_a_stage_asks_the_network_when_nobody_sends_depth(tmp_path: Path) -> None:
    means = DepthMeans(network=DepthNetwork(network(tmp_path / "a.onnx")))
    workshop = Workshop(loopback=True, depth=means)
    made = Pipeline("a", workshop, PLAIN)
    camera = Tripod()
    await made.use_camera(camera)
    async with seated(made) as viewer:
        await seen(viewer, camera, shot(1))
        assert made.depth.state(made.settings.depth)["made"] == "network"
        await made.order({"depth": {"enabled": False}})
        await seen(viewer, camera, shot(2))
        assert made.depth.state(made.settings.depth)["made"] is None
    await made.close()
    await workshop.close()


def test_means_that_cannot_be_had_are_refused_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"version": 1, "aligned": true}')
    for wrong in (
        Config(data=tmp_path, stereo=tmp_path / "none.json"),
        Config(data=tmp_path, stereo=tmp_path / "one.json"),
        Config(data=tmp_path, depth_network=tmp_path / "none.onnx"),
    ):
        with pytest.raises(Misconfigured):
            depth_means(wrong)
    assert depth_means(Config(data=tmp_path)) == DepthMeans()
