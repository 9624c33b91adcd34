"""Stereo as it comes in: the right camera's picture as a second track, and two films as one."""

import asyncio
import time
from collections.abc import AsyncIterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from numpy.typing import NDArray

from omote.engines.depth.pair import Pair
from omote.engines.depth.side_by_side import parted
from omote.streams.calibration import Calibration, Lens
from omote.streams.film import FilmReader
from omote.streams.frame import Frame, VideoPicture
from omote.streams.medium import SourceError
from omote.streams.source import medium_of
from tests.house import House, house, until
from tests.peers import client

WIDTH, HEIGHT, APART = 320, 240, 16
"Pixels; how far a wall is shifted from one picture to the other."
LEFT = Lens(width=WIDTH, height=HEIGHT, fx=250, fy=250, cx=159.5, cy=119.5)
CAMERAS = Calibration(left=LEFT, right=LEFT.model_copy(update={"translation": (-0.1, 0.0, 0.0)}))
WALL_M = 250 * 0.1 / APART

Bytes = NDArray[np.uint8]


def wall(shift: int) -> Bytes:
    """(h, w, 3): a flat wall with a pattern that is nowhere twice."""
    noise = np.random.default_rng(1).integers(0, 256, (60, 100), np.uint8)
    large = cv2.resize(noise, (400, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return np.repeat(large[:, 40 + shift : 40 + shift + WIDTH, None], 3, axis=2)


class Wall(MediaStreamTrack):
    """What one of the cameras sees of it."""

    kind = "video"

    def __init__(self, shift: int) -> None:
        super().__init__()
        self._rgb = wall(shift)
        self._number = 0
        self._began = time.monotonic()

    async def recv(self) -> av.VideoFrame:
        self._number += 1
        await asyncio.sleep(self._began + self._number / 30 - time.monotonic())
        if self.readyState != "live":
            raise MediaStreamError
        video = av.VideoFrame.from_ndarray(self._rgb, "rgb24").reformat(format="yuv420p")
        video.pts, video.time_base = self._number, Fraction(1, 30)
        return video


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / "pair.json").write_text(CAMERAS.model_dump_json(exclude_none=True))
    async with house(tmp_path, stereo=tmp_path / "pair.json") as made:
        yield made


async def test_a_second_track_is_the_right_cameras_and_the_picture_has_depth(made: House) -> None:
    def depth() -> dict[str, object]:
        state: dict[str, object] = made.desk.state()["depth"]
        return state

    async with client(made.http) as viewer, client(made.http) as camera:
        await viewer.watch()
        camera.connection.addTrack(Wall(0))
        camera.connection.addTrack(Wall(APART))
        assert (await camera.ask("/whip/desk?depth=stereo")).status_code == 201
        await until(lambda: depth()["origin"] == "stereo" and depth()["used"] is True)
        await until(lambda: float(str(depth()["valid"] or 0)) > 0.8)
        assert (depth()["why"], depth()["lossy"]) == ("", False)
    await until(lambda: depth()["origin"] == "none")


async def test_without_a_calibration_two_tracks_are_refused(tmp_path: Path) -> None:
    async with house(tmp_path) as made, client(made.http) as camera:
        camera.connection.addTrack(Wall(0))
        camera.connection.addTrack(Wall(APART))
        answer = await camera.ask("/whip/desk?depth=stereo")
        assert answer.status_code == 422 and "--stereo" in answer.json()["detail"]


def film(path: Path, rgb: Bytes) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = rgb.shape[1], rgb.shape[0], "yuv420p"
        for _ in range(4):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        container.mux(stream.encode())
    return path


def test_two_films_are_one_whose_halves_have_depth(tmp_path: Path) -> None:
    folder = tmp_path / "it's [odd]; a:b,c"
    folder.mkdir()
    left, right = film(folder / "l.mp4", wall(0)), film(folder / "r.mp4", wall(APART))
    pieces = list(FilmReader(medium_of(f"pair:{left}|{right}")).read())
    assert len(pieces) == 4
    assert isinstance(pieces[-1], Frame)
    picture = pieces[-1].picture
    assert isinstance(picture, VideoPicture)
    assert (picture.width, picture.height) == (2 * WIDTH, HEIGHT)
    _, depth = parted(picture, Pair(CAMERAS))
    assert np.nanmedian(depth.metres) == pytest.approx(WALL_M, rel=0.05)


def test_a_film_that_is_missing_is_named(tmp_path: Path) -> None:
    left = film(tmp_path / "l.mp4", wall(0))
    with pytest.raises(SourceError, match=r"no file '.*r\.mp4'"):
        medium_of(f"pair:{left}|{tmp_path / 'r.mp4'}")
