"""MQTT reports: availability, states, stats and discovery, said to the broker."""

import asyncio
import json
import time
from contextlib import suppress
from typing import Any

from aiomqtt import Client, Message

from omote.server.bulletin import GATHER_S, LOOK_EVERY_S, STATS_EVERY_S
from omote.server.discovery import Discovery
from omote.server.face import FACES_A_SECOND
from omote.server.protocols import Stages
from omote.server.topics import Topics

GOODBYE_S = 2.0
"Seconds that the last words may take."


class MqttReports:
    """Belongs to one connection: whoever comes back to a broker says everything again."""

    def __init__(
        self, client: Client, topics: Topics, stages: Stages, discovery: Discovery | None
    ) -> None:
        self._client = client
        self._topics = topics
        self._stages = stages
        self._discovery = discovery
        self._known: set[str] = set()
        "Stages that the broker has a state of."
        self._told: dict[str, dict[str, Any]] = {}
        self._stats_due = time.monotonic() + STATS_EVERY_S
        self._learning = True

    async def begin(self) -> None:
        """Say that the server is there."""
        await self._retain(self._topics.available, b"online")

    async def tell(self) -> None:
        """States as they change and stats each second, until the connection ends."""
        while True:
            heard = self._stages.bell.count
            await self._tell_states()
            if time.monotonic() >= self._stats_due:
                self._stats_due = time.monotonic() + STATS_EVERY_S
                await self._tell_stats()
                await self._stop_learning()
            await self._stages.bell.wait(heard, LOOK_EVERY_S)
            await asyncio.sleep(GATHER_S)

    async def tell_faces(self) -> None:
        """How faces move, where that was ordered, until the connection ends."""
        told: dict[str, dict[str, Any]] = {}
        while True:
            heard = self._stages.bell.count
            shared = [stage for name in self._stages.names() if (stage := self._stages.get(name))]
            faces = {stage.name: face for stage in shared if (face := stage.face()) is not None}
            for name, face in faces.items():
                if face != told.get(name):
                    await self._client.publish(self._topics.of(name, "face"), json.dumps(face))
            told = faces
            if faces:
                await asyncio.sleep(1 / FACES_A_SECOND)
            else:
                await self._stages.bell.wait(heard, LOOK_EVERY_S)

    def repeat(self, name: str) -> None:
        """Say a stage's state again even if it is as it was: an order is answered by it."""
        self._told.pop(name, None)
        self._stages.bell.ring()

    async def correct(self, name: str, message: Message) -> None:
        """Take back a retained state of a stage that is not here, as a killed server could not."""
        if not message.retain or self._stages.get(name) is not None:
            return
        try:
            state = json.loads(payload_of(message))
        except ValueError:
            return
        if isinstance(state, dict) and state.get("online"):
            await self._retain(
                self._topics.of(name, "state"), json.dumps({**state, "online": False})
            )

    async def introduce(self) -> None:
        """Tell Home Assistant of every stage, now that it listens."""
        for name in tuple(self._known):
            await self._introduce(name)

    async def end(self) -> None:
        """Say that the server goes; a broker that does not listen is left to the last will."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._say_goodbye(), GOODBYE_S)

    async def _say_goodbye(self) -> None:
        for name in tuple(self._known):
            if stage := self._stages.get(name):
                await self._tell_state(name, {**stage.state(), "online": False})
        await self._retain(self._topics.available, b"offline")

    async def _tell_states(self) -> None:
        for name in self._stages.names():
            stage = self._stages.get(name)
            if stage and (state := stage.state()) != self._told.get(name):
                self._told[name] = state
                await self._tell_state(name, state)
        for name in self._known - set(self._stages.names()):
            await self._forget(name)

    async def _tell_state(self, name: str, state: dict[str, Any]) -> None:
        if name not in self._known:
            self._known.add(name)
            await self._introduce(name)
        await self._retain(self._topics.of(name, "state"), json.dumps(state))

    async def _tell_stats(self) -> None:
        for name in self._stages.names():
            if stage := self._stages.get(name):
                topic = self._topics.of(name, "stats")
                await self._client.publish(topic, json.dumps(stage.stats()))

    async def _forget(self, name: str) -> None:
        """A stage was removed: with an empty message the broker forgets what it retains."""
        self._known.discard(name)
        self._told.pop(name, None)
        await self._retain(self._topics.of(name, "state"), b"")
        if self._discovery is not None:
            await self._retain(self._discovery.topic(name), b"")

    async def _introduce(self, name: str) -> None:
        if self._discovery is not None:
            device = json.dumps(self._discovery.device(name))
            await self._retain(self._discovery.topic(name), device)

    async def _stop_learning(self) -> None:
        """What was retained has come by now; the rest of these topics are our own words."""
        if self._learning:
            self._learning = False
            await self._client.unsubscribe(self._topics.of("+", "state"))

    async def _retain(self, topic: str, payload: bytes | str) -> None:
        await self._client.publish(topic, payload, qos=1, retain=True)


def payload_of(message: Message) -> bytes | str:
    """What was sent; over the wire it is always bytes."""
    return message.payload if isinstance(message.payload, bytes | str) else b""
