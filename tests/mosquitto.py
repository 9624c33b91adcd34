"""The embedded broker by itself, and mosquitto's programs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from omote.server import broker as broker_module
from omote.server.bench.mosquitto import PATIENCE_S, free_port, program
from omote.server.broker import Broker


class Embedded:
    """Our own broker in mosquitto's place, without the server that it usually belongs to."""

    def __init__(self) -> None:
        self.port = free_port()
        self._broker: Broker | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def start(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(broker_module, "PORT", self.port)
            self._broker = await Broker().__aenter__()
        assert self._broker.address.port == self.port

    async def kill(self) -> None:
        """As a power cut does."""
        if self._broker is not None:
            if self._broker.process is not None and self._broker.process.returncode is None:
                self._broker.process.kill()
            await self._broker.__aexit__(None, None, None)
            self._broker = None


@asynccontextmanager
async def embedded() -> AsyncIterator[Embedded]:
    """The embedded broker on a free port."""
    broker = Embedded()
    await broker.start()
    try:
        yield broker
    finally:
        await broker.kill()


async def run(*command: str | Path) -> str:
    """What one of mosquitto's programs prints; it must succeed."""
    name, *arguments = command
    process = await asyncio.create_subprocess_exec(
        program(str(name)), *arguments, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(PATIENCE_S):
        output, _ = await process.communicate()
    assert process.returncode == 0, command
    return output.decode()
