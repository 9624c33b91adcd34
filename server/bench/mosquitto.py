"""A real mosquitto on a free port of the loopback address, to be killed and started again."""

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from omote.server.bench.child import ChildFailed

PATIENCE_S = 20
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin"  # where Debian has the broker


class NotInstalled(Exception):
    """A program is missing; .ci/system installs it."""


class Mosquitto:
    """One broker; what it logs is in `log`."""

    def __init__(self, folder: Path, lines: Sequence[str] = ()) -> None:
        """With these lines in its configuration; by default anybody may connect."""
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
        """Where it listens."""
        return f"mqtt://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Begin, with nothing kept of before; returns when it listens."""
        self._process = await asyncio.create_subprocess_exec(
            program("mosquitto"), "-c", self._config, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(PATIENCE_S):
            while not await listens(self.port):
                if self._process.returncode is not None:
                    raise ChildFailed(f"mosquitto ended: {self.log.read_text()}")
                await asyncio.sleep(0.02)

    async def kill(self) -> None:
        """As a power cut does: nobody is told, nothing is kept."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def mosquitto(folder: Path, *lines: str) -> AsyncIterator[Mosquitto]:
    """A broker for as long as the block runs."""
    broker = Mosquitto(folder, lines)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.kill()


def program(name: str) -> str:
    """The path of one of mosquitto's programs; raises `NotInstalled`."""
    found = shutil.which(name, path=PATH)
    if found is None:
        raise NotInstalled(f"{name} is missing; run .ci/system")
    return found


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def listens(port: int) -> bool:
    """Whether anybody does."""
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
