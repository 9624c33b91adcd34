"""A real mosquitto on a free port of the loopback address, to be killed and started again."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from omote.server import broker as broker_module
from omote.server.broker import Broker

PATIENCE_S = 20
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"  # where Debian has the broker


class NotInstalled(Exception):
    """A program that tests drive is missing; .ci/system installs it."""


class Mosquitto:
    """One broker; what it logs is in `log`."""

    def __init__(self, folder: Path, lines: Sequence[str] = ()) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        opened = (
            () if any("allow_anonymous" in line for line in lines) else ("allow_anonymous true",)
        )
        user = ("user root",) if os.geteuid() == 0 else ()
        listener = f"listener {self.port} 127.0.0.1"
        logged = ("log_type all", f"log_dest file {self.log}", "connection_messages true")
        self._config.write_text("\n".join((listener, *user, *logged, *opened, *lines)) + "\n")
        self._process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            program("mosquitto"), "-c", self._config, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE_S):
            while not await listens(self.port):
                assert self._process.returncode is None, self.log.read_text()
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """As a power cut does: nobody is told, nothing is kept."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


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


@asynccontextmanager
async def mosquitto(folder: Path, *lines: str) -> AsyncIterator[Mosquitto]:
    """A broker with these lines in its configuration; by default anybody may connect."""
    broker = Mosquitto(folder, lines)
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


def program(name: str) -> str:
    found = shutil.which(name, path=PATH)
    if found is None:
        raise NotInstalled(f"{name} is missing; run .ci/system")
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
