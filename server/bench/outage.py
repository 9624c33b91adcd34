"""Outage: a broker that is killed and started again while a stage is live."""

import asyncio
import json
import signal
import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from aiomqtt import Client, MqttError

from omote.server.bench.child import ChildFailed
from omote.server.bench.eye import Corner, watching
from omote.server.bench.mosquitto import NotInstalled, mosquitto
from omote.server.bench.server import ServerUnderTest, omote
from omote.server.bench.setting import Setting

AWAY_S = 3.0
"Seconds without a broker."
SETTLE_S = 5.0
GIVE_UP_S = 20.0
STAGE = "a"
EFFECTS = ("matte", "background")


class Victim(Protocol):
    """A broker that can be killed."""

    port: int

    async def kill(self) -> None:
        """At once, as a power cut does."""

    async def start(self) -> None:
        """Again, with nothing kept; returns when it listens."""


async def outage(setting: Setting, broker: str) -> dict[str, Any]:
    """Kill, change a setting over HTTP, start again: frames lost, seconds until the state is right.

    `frames_lost_before` is the same of as long an interval with the broker there.
    """
    if broker == "embedded":
        async with omote(STAGE, effects=EFFECTS) as server:
            return await _lived_through(setting, server, Embedded(server, await server.mqtt_port()))
    try:
        with TemporaryDirectory() as folder:
            async with mosquitto(Path(folder)) as victim:
                more = ("--mqtt", victim.url)
                async with omote(STAGE, effects=EFFECTS, more=more) as server:
                    return await _lived_through(setting, server, victim)
    except NotInstalled as exc:
        return {"not_run": str(exc)}


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


class Embedded:
    """The server's own broker, which the server starts again by itself."""

    def __init__(self, server: ServerUnderTest, port: int) -> None:
        self.port = port
        self._server = server

    async def kill(self) -> None:
        """See `Victim`."""
        for process in self._server.children():
            process.send_signal(signal.SIGKILL)

    async def start(self) -> None:
        """The server does that."""
