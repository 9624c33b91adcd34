"""A stage that fetches its own pictures: a film or a network camera in, a real viewer out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import av
import httpx
import pytest

from omote.server.app import create_app
from omote.server.config import Config
from omote.server.stages import Stages
from tests.fakes import serving
from tests.numbered import number_in, write_numbered
from tests.peers import Client, client
from tests.rtsp_server import RtspServer


@asynccontextmanager
async def watched(data: Path, url: str) -> AsyncIterator[Client]:
    """A viewer of a stage without effects that takes its pictures from `url`."""
    config = Config(data=data, sources={"desk": url})
    stages = Stages(config)
    stages.open_configured()
    app = create_app(config, stages)
    async with (
        serving(app) as address,
        httpx.AsyncClient(base_url=address, trust_env=False) as http,
    ):
        assert (await http.patch("/stages/desk", json={"effects": []})).status_code == 200
        async with client(http) as viewer:
            assert (await viewer.watch()).status_code == 201
            yield viewer


async def sees_the_slate(viewer: Client) -> None:
    """Wait until what is shown bears no number."""
    track = viewer.connection.getTransceivers()[0].receiver.track
    async with asyncio.timeout(30):
        while True:
            frame = await track.recv()
            assert isinstance(frame, av.VideoFrame)
            if number_in(frame) == 0:
                return


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
async def test_a_film_is_shown_by_a_stage(tmp_path: Path, name: str) -> None:
    film = write_numbered(tmp_path / name, 40)
    async with watched(tmp_path / "data", f"file:{film}") as viewer:
        await viewer.sees_the_camera()


async def test_a_stage_survives_its_network_camera(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with AsyncExitStack() as viewing:
        async with RtspServer() as camera:
            viewer = await viewing.enter_async_context(watched(tmp_path / "data", camera.url))
            await viewer.sees_the_camera()
        await sees_the_slate(viewer)
        async with RtspServer(camera.port):
            await viewer.sees_the_camera()
    assert "source lost" in caplog.text
    assert "secret" not in caplog.text
