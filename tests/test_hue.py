"""Depth as colours in a second picture: near enough, and never turned round."""

import asyncio
import time
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack

from omote.streams import hue
from omote.streams.decoder import open_decoder
from omote.streams.depth import DepthFrame
from omote.streams.encoder import open_encoder
from omote.streams.hue import Span
from omote.streams.synthetic import DEPTH, Room
from omote.streams.tof import measured
from tests.house import House, house, until
from tests.peers import Camera, client

SPAN = Span()


def test_every_distance_comes_back_near_enough_without_a_codec() -> None:
    millimetres = np.repeat(np.arange(300, 5000, 10, dtype=np.uint16)[None], 64, axis=0)
    seen = hue.decode(hue.encode(millimetres, 0.001, SPAN), SPAN)
    wrong = np.abs(seen.astype(int) - millimetres)
    allowed = 5 + 9e-6 * millimetres.astype(float) ** 2  # three levels of nearness
    assert (seen > 0).mean() > 0.99
    assert (wrong <= allowed)[seen > 0].mean() > 0.95


def test_what_is_unknown_stays_so_but_for_single_pixels() -> None:
    steps = np.full((64, 64), 1000, np.uint16)
    steps[20:40, 20:40] = 0
    steps[5, 5] = 0
    seen = hue.decode(hue.encode(steps, 0.001, SPAN), SPAN)
    assert (seen[22:38, 22:38] == 0).all() and seen[5, 5] > 900


def test_nearer_and_farther_than_the_span_are_its_ends() -> None:
    for distance, end in ((100, 300), (60_000, 5000)):
        steps = np.full((16, 16), distance, np.uint16)
        assert np.median(hue.decode(hue.encode(steps, 0.001, SPAN), SPAN)) == pytest.approx(
            end, 0.02
        )


def test_a_video_codec_leaves_it_good_to_look_at() -> None:
    encoder, decoder = open_encoder("H264", 2_000_000), open_decoder("H264")
    room, rng = Room(), np.random.default_rng(1)
    shown = hue.encode(np.zeros((240, 320), np.uint16), 0.001, SPAN)
    for number in range(10):
        steps = measured(room.view(DEPTH, number / 30), rng)
        packet = encoder.encode(hue.encode(steps, 0.001, SPAN), 3000 * number, number == 0)
        assert packet is not None
        shown = list(decoder.decode(packet))[-1]
    seen = hue.decode(shown, SPAN)
    both = (seen > 0) & (steps > 0)
    wrong = np.abs(seen.astype(int) - steps)[both]
    assert both.sum() > 0.95 * (steps > 0).sum()
    assert np.median(wrong) < 40 and (wrong > 100).mean() < 0.1


class Coloured(MediaStreamTrack):
    """A flat wall that comes nearer, hue-coded."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._number = 0
        self._began = time.monotonic()

    async def recv(self) -> av.VideoFrame:
        self._number += 1
        await asyncio.sleep(self._began + self._number / 30 - time.monotonic())
        if self.readyState != "live":
            raise MediaStreamError
        steps = np.full((240, 320), 1500, np.uint16)
        video = hue.encode(steps, 0.001, SPAN)
        video.pts, video.time_base = self._number, Fraction(1, 30)
        return video


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        yield made


async def test_a_second_picture_is_the_stages_depth(
    made: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[DepthFrame] = []
    monkeypatch.setattr(made.desk._depth._sink, "put", found.append)
    async with client(made.http) as camera:
        camera.connection.addTrack(Camera())
        camera.connection.addTrack(Coloured())
        answer = await camera.ask("/whip/desk?depth=hue&near_m=0.3&far_m=5")
        assert answer.status_code == 201
        await until(lambda: len(found) > 3)
        state = made.desk.state()["depth"]
        assert (state["origin"], state["lossy"], state["size"]) == ("hue", True, [320, 240])
        assert np.median(found[-1].steps) == pytest.approx(1500, abs=30)
        assert found[-1].captured > found[0].captured
    await until(lambda: made.desk.state()["depth"]["origin"] == "none")


async def test_without_the_word_a_second_picture_is_declined(made: House) -> None:
    async with client(made.http) as camera:
        camera.connection.addTrack(Coloured())
        assert (await camera.publish()).status_code == 201
        directions = [t.currentDirection for t in camera.connection.getTransceivers()]
        assert sorted(str(each) for each in directions) == ["inactive", "sendonly"]


async def test_a_span_that_ends_before_it_begins_is_refused(made: House) -> None:
    async with client(made.http) as camera:
        answer = await camera.publish("/whip/desk?depth=hue&near_m=3&far_m=1")
        assert answer.status_code == 422
