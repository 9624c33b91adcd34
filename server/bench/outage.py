"""Outage: a broker that is killed and started again while a stage is live."""

import asyncio
import json
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from aiomqtt import Client, MqttError

from omote.server.bench.child import ChildFailed
from omote.server.bench.eye import Corner, watching
from omote.server.bench.server import ServerUnderTest, omote
from omote.server.bench.setting import Setting

AWAY_S = 3.0
"Seconds without a broker."
SETTLE_S = 5.0
GIVE_UP_S = 20.0
PROGRAM_PATHS = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
STAGE = "a"


@dataclass(frozen=True, slots=True)
class Victim:
    """A broker that can be killed."""

    port: int
    kill: Callable[[], Awaitable[None]]
    "At once, as a power cut does."
    start: Callable[[], Awaitable[None]]
    "Again, with nothing kept; returns when it listens."


async def outage(setting: Setting, broker: str) -> dict[str, Any]:
    """Kill, change a setting over HTTP, start again: frames lost, seconds until the state is right.

    `frames_lost_before` is the same of as long an interval with the broker there.
    """
    if broker == "embedded":
        async with omote(STAGE, effects=("matte", "background")) as server:
            return await _lived_through(setting, server, await _embedded(server))
    if shutil.which("mosquitto", path=PROGRAM_PATHS) is None:
        return {"not_run": "mosquitto is not installed"}
    async with mosquitto() as victim:
        more = ("--mqtt", f"mqtt://127.0.0.1:{victim.port}")
        async with omote(STAGE, effects=("matte", "background"), more=more) as server:
            return await _lived_through(setting, server, victim)


async def _lived_through(
    setting: Setting, server: ServerUnderTest, victim: Victim
) -> dict[str, Any]:
    async with (
        setting.publisher(server, STAGE),
        watching(server.whep(STAGE)) as corner,
    ):
        await asyncio.sleep(setting.warm_up)
        calm = time.monotonic()
        await asyncio.sleep(AWAY_S + SETTLE_S)
        began = time.monotonic()
        before = frames_lost(corner, calm)
        await victim.kill()
        await asyncio.sleep(AWAY_S)
        await server.order(STAGE, {"params": {"background": {"strength": 0.123}}})
        await victim.start()
        right = await _right(victim.port, 0.123)
        await asyncio.sleep(SETTLE_S)
        lost = frames_lost(corner, began)
    return {"frames_lost": lost, "frames_lost_before": before, "right_s": right, "away_s": AWAY_S}


async def _right(port: int, strength: float) -> float | None:
    """Seconds from now until the retained state says what was ordered meanwhile."""
    began = time.monotonic()
    while (gone := time.monotonic() - began) < GIVE_UP_S:
        try:
            async with asyncio.timeout(GIVE_UP_S - gone):
                await _retained(port, strength)
                return round(time.monotonic() - began, 2)
        except (MqttError, TimeoutError):
            await asyncio.sleep(0.05)
    return None


async def _retained(port: int, strength: float) -> None:
    async with Client("127.0.0.1", port) as client:
        await client.subscribe(f"omote/{STAGE}/state")
        async for message in client.messages:
            state = json.loads(message.payload or b"{}")
            if state["online"] and state["params"]["background"]["strength"] == strength:
                return


def frames_lost(corner: Corner, since: float) -> int:
    """Numbers that are missing between the first and the last picture shown since then."""
    numbers = [number for number, at, _ in corner.shown if at >= since and number is not None]
    if len(numbers) < 2:
        raise ChildFailed("server: no pictures were shown while the broker was away")
    steps = ((after - before) % (1 << 16) for before, after in pairwise(numbers))
    return sum(step - 1 for step in steps if step > 1)


async def _embedded(server: ServerUnderTest) -> Victim:
    port = int(await server.says(r"mqtt broker mqtt://127\.0\.0\.1:(\d+) is there", 15))

    async def kill() -> None:
        for process in server.children():
            process.send_signal(signal.SIGKILL)

    async def start() -> None:
        """The server does that by itself."""

    return Victim(port, kill, start)


@asynccontextmanager
async def mosquitto() -> AsyncIterator[Victim]:
    """A real one on a free port of the loopback address, for as long as the block runs."""
    found = shutil.which("mosquitto", path=PROGRAM_PATHS)
    assert found is not None
    running: list[asyncio.subprocess.Process] = []
    with tempfile.TemporaryDirectory() as folder:
        port = await _free_port()
        config = Path(folder) / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")

        async def start() -> None:
            quiet = asyncio.subprocess.DEVNULL
            running.append(
                await asyncio.create_subprocess_exec(
                    found, "-c", config, stdout=quiet, stderr=quiet
                )
            )
            await _listens(port)

        async def kill() -> None:
            process = running.pop()
            process.kill()
            await process.wait()

        await start()
        try:
            yield Victim(port, kill, start)
        finally:
            if running:
                await kill()


async def _free_port() -> int:
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    port = int(server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    return port


async def _listens(port: int) -> None:
    async with asyncio.timeout(GIVE_UP_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
                continue
            writer.close()
            return
