"""Source: what URLs mean, and what comes back after it was lost."""

import asyncio
import functools
import http.server
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest

from omote.streams.capture import capture
from omote.streams.frame import Frame, VideoPicture
from omote.streams.source import Source, SourceError, medium_of, open_source, retrying
from tests.numbered import number_of, numbered, write_numbered
from tests.rtsp_server import RtspServer


def test_a_cameras_settings_become_options_of_its_driver() -> None:
    medium = medium_of("v4l2:/dev/video2?size=1280x720&fps=30&format=mjpeg")
    assert (medium.address, medium.format) == ("/dev/video2", "v4l2")
    assert medium.options == {"video_size": "1280x720", "framerate": "30", "input_format": "mjpeg"}
    assert medium.recorded is False
    assert medium_of("v4l2:///dev/video0").options == {}


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://somewhere/film.mp4", "no source of scheme 'ftp'; there are file, rtsp"),
        ("v4l2:", "no file v4l2:"),
        ("v4l2:video0", "name the device"),
        ("v4l2:/dev/video0?size=large", "size must be like 1280x720"),
        ("v4l2:/dev/video0?fps=0.x", "fps must be like 30"),
        ("v4l2:/dev/video0?zoom=2", "unknown zoom; there are size, fps, format"),
        ("no/such/film.mp4", "no file no/such/film.mp4; give the path"),
        ("file:/no/such/film.mp4", "no file /no/such/film.mp4; give the path"),
        ("film.mp4", "no file film.mp4"),
        ("", "no file"),
    ],
)
def test_what_can_never_be_opened_is_refused_at_once(url: str, reason: str) -> None:
    with pytest.raises(SourceError) as refused:
        open_source(url)
    assert reason in str(refused.value)


async def test_a_missing_camera_says_what_to_look_at() -> None:
    with pytest.raises(SourceError, match="no such file or directory; is the camera plugged in"):
        await anext(open_source("v4l2:/dev/no-such-video?size=640x480"))


async def test_an_absent_camera_on_the_network_keeps_its_password_to_itself() -> None:
    async with RtspServer() as camera:
        url = camera.url
    with pytest.raises(SourceError, match="connection refused; is the camera on") as failed:
        await anext(open_source(url))
    assert "secret" in url
    assert "secret" not in str(failed.value)


@pytest.mark.parametrize("form", ["{path}", "file:{path}", "file://{path}"])
async def test_a_files_name_may_hold_anything(tmp_path: Path, form: str) -> None:
    clip = write_numbered(tmp_path / "it's: a %20 film?.mp4", 3)
    escaped = str(clip).replace("%", "%25").replace(" ", "%20") if "file" in form else clip
    async with aclosing(open_source(form.format(path=escaped))) as source:
        assert number_of(await anext(source)) in range(3)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


async def test_a_film_on_the_web_begins_again(tmp_path: Path) -> None:
    write_numbered(tmp_path / "clip.mkv", 5)
    with served(tmp_path) as address:
        async with asyncio.timeout(20), aclosing(open_source(f"{address}/clip.mkv")) as source:
            frames = [await anext(source) for _ in range(8)]
    assert frames[-1].index >= 7
    assert all(number_of(frame) == frame.index % 5 for frame in frames)


async def test_a_page_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with served(tmp_path) as address, pytest.raises(SourceError, match="404"):
        await anext(open_source(f"{address}/nothing.mkv"))


async def test_a_stage_survives_its_camera(caplog: pytest.LogCaptureFixture) -> None:
    """The camera is unplugged in mid-stream, stays away, and comes back."""
    before: list[Frame] = []
    after: list[Frame] = []
    async with asyncio.timeout(30):
        async with RtspServer() as camera:
            medium = replace(medium_of(camera.url), patience_s=1.0)
            source = retrying(lambda: capture(medium), pause=0.05)
            before += [await anext(source) for _ in range(10)]
        coming = asyncio.create_task(anext(source))
        while "connection refused" not in caplog.text:
            await asyncio.wait([coming], timeout=0.01)
        async with RtspServer(camera.port), aclosing(source):
            after += [await coming] + [await anext(source) for _ in range(10)]
    assert number_of(after[0]) < number_of(before[-1]) + 10  # it counts from nought again
    frames = before + after
    assert all(a.index < b.index and a.pts < b.pts for a, b in pairwise(frames))
    gap = float((after[0].pts - before[-1].pts) * after[0].time_base)
    assert gap == pytest.approx(after[0].arrived - before[-1].arrived, abs=0.001)


async def test_every_loss_is_logged_once_and_the_pause_grows(
    caplog: pytest.LogCaptureFixture,
) -> None:
    left = [SourceError("gone"), SourceError("still gone"), None, SourceError("gone again"), None]

    async def opened() -> Source:
        failure = left.pop(0)
        if failure is not None:
            raise failure
        yield Frame(VideoPicture(numbered(1)), 9, Fraction(1, 30), time.monotonic(), index=0)

    with caplog.at_level(logging.WARNING):
        async with aclosing(retrying(opened, pause=0.001)) as source:
            frames = [await anext(source), await anext(source)]
    assert [frame.index for frame in frames] == [0, 1]
    assert frames[0].pts == 9 < frames[1].pts
    assert [record.getMessage() for record in caplog.records] == [
        "source lost, next attempt in 0.001 s: gone",
        "source lost, next attempt in 0.002 s: still gone",
        "source lost, next attempt in 0.001 s: it ended",
        "source lost, next attempt in 0.002 s: gone again",
    ]
