"""The projector: films, pictures and cameras as `omote publish` plays them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from omote.clients.projector import Projector, Shot, Show, fitted, in_order
from omote.streams.film import FilmReader
from omote.streams.frame import VideoPicture
from omote.streams.source import medium_of
from tests.flashes import write_flashes
from tests.numbered import numbered, write_numbered


async def played(show: Show, enough: int) -> list[Shot]:
    """The first pictures of a show, or all of them."""
    projector = Projector(show)
    shots: list[Shot] = []
    with listening(projector, shots):
        projector.start()
        async with asyncio.timeout(30):
            while len(shots) < enough and not projector.ended.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    await projector.close()
    assert projector.failure is None
    return shots


@contextmanager
def listening(projector: Projector, shots: list[Shot]) -> Iterator[None]:
    put = projector.pictures.put

    def note(shot: Shot) -> None:
        shots.append(shot)
        put(shot)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projector.pictures, "put", note)
        yield


async def test_a_film_is_played_once_or_again_and_again(tmp_path: Path) -> None:
    film = medium_of(str(write_numbered(tmp_path / "in.mp4", 5)))
    once = await played(Show(film), 100)
    assert len(once) == 5
    again = await played(Show(film, again=True), 12)
    assert len(again) >= 12
    ticks = [shot.ticks for shot in again]
    assert ticks == sorted(set(ticks))


async def test_a_picture_is_sent_for_as_long_as_it_is_wanted(tmp_path: Path) -> None:
    numbered(5, 320, 240).save(tmp_path / "me.png")
    shots = await played(Show(medium_of(str(tmp_path / "me.png"))), 4)
    assert [shot.video.width for shot in shots[:4]] == [320] * 4


async def test_fewer_pictures_are_sent_when_fewer_are_wanted(tmp_path: Path) -> None:
    chart = medium_of("test:chart?size=160x120&fps=30")
    shots = await played(Show(chart, fps=10, box=(80, 80)), 4)
    steps = np.diff([shot.ticks for shot in shots])
    assert all(abs(step - 9_000) < 3_100 for step in steps)
    assert (shots[0].video.width, shots[0].video.height) == (80, 60)


def test_a_picture_is_turned_upright_and_made_to_fit() -> None:
    video = av.VideoFrame.from_ndarray(np.zeros((240, 321, 3), np.uint8), "rgb24")
    whole = fitted(VideoPicture(video), None, Fraction(1))
    assert (whole.width, whole.height, whole.format.name) == (320, 240, "yuv420p")
    turned = fitted(VideoPicture(video, 90), (160, 160), Fraction(1))
    assert (turned.width, turned.height) == (120, 160)
    wide = fitted(VideoPicture(video), None, Fraction(4, 3))
    assert (wide.width, wide.height) == (428, 240)


def test_sound_and_picture_of_a_film_come_by_their_time(tmp_path: Path) -> None:
    film = write_flashes(tmp_path / "in.mp4", "aac", 2)
    reader = FilmReader(medium_of(str(film)))
    seconds = [second for second, _ in in_order(reader.read())]
    reader.close()
    assert seconds == sorted(seconds) and len(seconds) > 100


def test_patterns_move_and_need_no_camera(tmp_path: Path) -> None:
    numbered(5, 320, 240).save(tmp_path / "it's, me.png")
    for url in ("test:chart?size=640x360&fps=5", f"test:{tmp_path}/it's, me.png?size=640x360"):
        with medium_of(url).open() as film:
            first, *_, last = islice(film.decode(video=0), 30)
        assert (first.width, first.height) == (640, 360)
        apart = first.to_ndarray(format="gray").astype(int) - last.to_ndarray(format="gray")
        assert np.abs(apart).mean() > 0.3
