"""Lossy server: `omote serve` on a network that delays and loses what it sends; for the bench only."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
import uvicorn

from omote.clients.process import new_loop
from omote.server.app import create_app
from omote.server.config import Config
from omote.server.serve import Server, address, listening, set_up_logging
from omote.server.stages import Stages
from omote.streams.link import Weather, expose
from omote.streams.webrtc import Peer, Signalling


class LossySignalling(Signalling):
    """Every peer it accepts is sent to through the same weather."""

    def __init__(self, weather: Weather) -> None:
        super().__init__(loopback=True)
        self._weather = weather

    async def _take(self, peer: Peer, offer: str) -> None:
        await super()._take(peer, offer)
        expose(peer.connection, self._weather)


async def serve(config: Config, weather: Weather) -> None:
    """Serve until SIGINT or SIGTERM."""
    stages = Stages(config)
    stages.workshop.signalling = LossySignalling(weather)
    settings = uvicorn.Config(create_app(config, stages), log_config=None, access_log=False)
    with listening(config) as listener:
        await Server(settings, address(config, listener)).serve(sockets=[listener])


def main(
    loss: Annotated[float, typer.Option(min=0, max=100, help="Percent.")] = 0.0,
    delay_ms: Annotated[float, typer.Option(min=0, help="One way.")] = 0.0,
) -> None:
    """Serve on a free port of the loopback host."""
    set_up_logging("info")
    with TemporaryDirectory(prefix="omote-bench-") as folder:
        config, weather = (
            Config(port=0, data=Path(folder)),
            Weather(delay_ms / 1e3, loss / 100, seed=2),
        )
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(serve(config, weather))


if __name__ == "__main__":
    typer.run(main)
