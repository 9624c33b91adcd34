"""MQTT orders: what comes from the broker, and what is said of it when it is refused."""

import asyncio
import json
import logging

from aiomqtt import Client, Message
from paho.mqtt.reasoncodes import ReasonCode

from omote.server.control import Answer, Control, cursory_id
from omote.server.inbox import Inbox
from omote.server.mqtt_reports import MqttReports, payload_of
from omote.server.protocols import Stage, Stages
from omote.server.topics import Topics

logger = logging.getLogger(__name__)

MOST_UNDER_WAY = 64
"Orders and scenes that are being carried out at once, over all stages."
REPORT_EVERY_S = 1.0
"Seconds between two reports of messages that were thrown away."
FACE = "face/set"
"What the topic of faces from outside is about."
DENIED = 0x80
"What a broker answers to a subscription it does not grant (MQTT 3.1.1, section 3.9.3)."


class MqttOrders:
    """Belongs to one connection."""

    def __init__(
        self,
        client: Client,
        topics: Topics,
        stages: Stages,
        control: Control,
        reports: MqttReports,
        birth: str | None = None,
    ) -> None:
        self._client = client
        self._topics = topics
        self._stages = stages
        self._control = control
        self._reports = reports
        self._birth = birth
        "Where Home Assistant says that it has begun to listen."
        self._under_way: set[asyncio.Task[None]] = set()

    async def subscribe(self) -> None:
        """To everybody's orders, scenes and faces, and to what is retained of states."""
        topics = [self._topics.of("+", what) for what in ("set", "scene", FACE, "state")]
        for topic in [*topics, *([self._birth] if self._birth else [])]:
            granted = await self._client.subscribe(topic, qos=1)
            if any(_number(code) >= DENIED for code in granted):
                logger.error("the broker does not let us subscribe to %s", topic)

    async def listen(self) -> None:
        """Carry out what comes, many at a time, each stage's in order, until the connection ends."""
        async with asyncio.TaskGroup() as tasks:
            async for message in self._client.messages:
                if len(self._under_way) >= MOST_UNDER_WAY:
                    await self._refuse(message)
                    continue
                task = tasks.create_task(self._take(message))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)

    async def report(self, inbox: Inbox) -> None:
        """Each second, say how many messages were not read, until the connection ends."""
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            for topic, count in inbox.take_dropped().items():
                if read := self._topics.read(topic):
                    words = f"{count} messages came too fast and were not read"
                    await self._report(read[0], _refusal(429, words, b""))

    async def _take(self, message: Message) -> None:
        if self._birth is not None and message.topic.matches(self._birth):
            if payload_of(message) == b"online":
                await self._reports.introduce()
        elif read := self._topics.read(message.topic.value):
            await self._take_of_stage(*read, message)

    async def _take_of_stage(self, name: str, what: str, message: Message) -> None:
        if not message.payload:  # somebody takes a retained one back
            return
        if what == "state":
            await self._reports.correct(name, message)
            return
        answer = await self._answer(name, what, message)
        if answer is None or (what == FACE and not self._control.may_complain(_teller(name))):
            return
        if answer.ok:
            self._reports.repeat(name)
        else:
            await self._report(name, answer)

    async def _answer(self, name: str, what: str, message: Message) -> Answer | None:
        """None where there is nothing to say: a face was taken."""
        stage, payload = self._stages.get(name), payload_of(message)
        if stage is None:
            return _refusal(
                404, "no such stage; PUT makes it, and so does publishing to it", payload
            )
        if message.retain:
            return _refusal(409, f"a retained {what} is ignored: send it without retain", payload)
        return await self._carry_out(stage, what, payload)

    async def _carry_out(self, stage: Stage, what: str, payload: bytes | str) -> Answer | None:
        if what == FACE:
            return self._control.take_face(stage, payload, _teller(stage.name))
        if what == "scene":
            return await self._control.take_scene(stage, payload, f"mqtt {stage.name} scene")
        return await self._control.carry_out(stage, payload, f"mqtt {stage.name}")

    async def _refuse(self, message: Message) -> None:
        read = self._topics.read(message.topic.value)
        if read and read[1] != "state" and message.payload:
            words = "too many orders are under way"
            await self._report(read[0], _refusal(429, words, payload_of(message)))

    async def _report(self, name: str, answer: Answer) -> None:
        """On the stage's error topic; with QoS 0 when there are too many to wait for each."""
        topic, qos = self._topics.of(name, "error"), 0 if answer.status == 429 else 1
        await self._client.publish(topic, json.dumps(answer.message()), qos=qos)


def _refusal(status: int, words: str, payload: bytes | str) -> Answer:
    return Answer(status, cursory_id(payload), errors=[{"at": "", "message": words}])


def _teller(stage: str) -> str:
    """Who tells a stage of faces, for the rate limits."""
    return f"mqtt {stage} face"


def _number(code: int | ReasonCode) -> int:
    return code if isinstance(code, int) else code.value
