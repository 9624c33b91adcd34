"""A whole server in the test's own loop: real stages, HTTP, WebSocket, data channel, and MQTT."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt
import httpx

from omote.server.app import create_app
from omote.server.carrier import carrier
from omote.server.config import Config
from omote.server.control import Control
from omote.server.mqtt import Mqtt
from omote.server.stage import Stage
from omote.server.stages import Stages
from tests.fakes import serving

PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class House:
    url: str
    http: httpx.AsyncClient
    stages: Stages
    control: Control
    mqtt: Mqtt | None

    @property
    def desk(self) -> Stage:
        return self.stages["desk"]


@asynccontextmanager
async def house(data: Path, mqtt: str = "off", **settings: Any) -> AsyncIterator[House]:
    """A server with the stage `desk`, which has no effects, so that no weights are loaded."""
    folder = data / "stages"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "desk.json").write_text(json.dumps({"effects": []}))
    config = Config(data=data, mqtt=mqtt, **settings)
    control = Control(config.orders_per_s, config.order_burst)
    stages = Stages(config)
    async with (
        carrier(config, stages, control) as carried,
        serving(create_app(config, stages, control, carried)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as http,
    ):
        assert stages["desk"].name == "desk"
        yield House(url, http, stages, control, carried)


async def until(holds: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait for something that tells nobody when it happens."""
    async with asyncio.timeout(seconds):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


class Listener:
    """Notes every message of a broker, and what is retained."""

    def __init__(self, client: aiomqtt.Client) -> None:
        self.client = client
        self.heard: list[tuple[str, bytes, bool]] = []
        "Topic, payload, and whether it had been retained."
        self._more = asyncio.Condition()

    async def listen(self) -> None:
        async for message in self.client.messages:
            assert isinstance(message.payload, bytes)
            async with self._more:
                self.heard.append((message.topic.value, message.payload, message.retain))
                self._more.notify_all()

    async def until(self, fits: Callable[[str, bytes], bool], since: int = 0) -> tuple[str, bytes]:
        """The first message that fits, of those heard from `since` on."""
        async with asyncio.timeout(PATIENCE_S), self._more:
            while True:
                for topic, payload, _ in self.heard[since:]:
                    if fits(topic, payload):
                        return topic, payload
                since = len(self.heard)
                await self._more.wait()

    async def json(self, topic: str, since: int = 0) -> Any:
        """The first message of a topic, read."""
        _, payload = await self.until(lambda heard, _: heard == topic, since)
        return json.loads(payload)

    def last(self, topic: str) -> bytes | None:
        """The newest message of a topic."""
        return next((p for t, p, _ in reversed(self.heard) if t == topic), None)


@asynccontextmanager
async def listener(port: int, *topics: str, **settings: Any) -> AsyncIterator[Listener]:
    """Somebody at the broker who hears all of these topics, `#` by default."""
    async with aiomqtt.Client("127.0.0.1", port, **settings) as client:
        made = Listener(client)
        listening = asyncio.create_task(made.listen())
        for topic in topics or ("#",):
            await client.subscribe(topic, qos=1)
        try:
            yield made
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
