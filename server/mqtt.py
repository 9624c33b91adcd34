"""MQTT: a connection to a broker that may go and come back, and what is said whenever it is there.

Everything else works while the broker is away; `status` says so, and the log does, once.
"""

import asyncio
import logging
import random
import time
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Self

from aiomqtt import MqttError

from omote.server.broker_address import BrokerAddress
from omote.server.control import Control
from omote.server.discovery import Discovery
from omote.server.mqtt_client import MqttClient
from omote.server.mqtt_orders import MqttOrders
from omote.server.mqtt_reports import MqttReports
from omote.server.protocols import Stages
from omote.server.topics import Topics
from omote.server.workshop import MqttStatus

logger = logging.getLogger(__name__)

FAREWELL_S = 3.0
"Seconds that the end may take, whatever the broker does."
SHORTEST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 3.0
"Between two attempts to connect; it doubles from the shortest on."


class Mqtt:
    """Connected for as long as the block runs, whenever there is a broker."""

    def __init__(
        self,
        address: BrokerAddress,
        topics: Topics,
        stages: Stages,
        control: Control,
        discovery: Discovery | None = None,
        note: Callable[[MqttStatus], None] = lambda status: None,
    ) -> None:
        self.address = address
        self.status: MqttStatus = "away"
        self.topics = topics
        self._stages = stages
        self._control = control
        self.discovery = discovery
        self._note = note
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._complained = False

    async def __aenter__(self) -> Self:
        """Begin to connect; nobody waits for the broker."""
        if self.address.is_in_the_clear:
            logger.warning("the password for %s travels in the clear; see mqtts://", self.address)
        self._note(self.status)
        self._task = asyncio.create_task(self._run(), name="mqtt")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Say goodbye, if anybody listens, and end."""
        self._stopping.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=FAREWELL_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pauses = Pauses()
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                async with MqttClient(self.address, self.topics) as client:
                    await self._serve(client)
            except* MqttError as group:
                self._lost(first_of(group))
            except* Exception:  # whatever a broker may send, there is a next connection
                self._change("away")
                logger.exception("the mqtt connection failed, making another")
            if time.monotonic() - began > LONGEST_PAUSE_S:
                pauses = Pauses()
            await self._pause(pauses.next())

    async def _serve(self, client: MqttClient) -> None:
        reports = MqttReports(client, self.topics, self._stages, self.discovery)
        birth = self.discovery.birth_topic if self.discovery else None
        orders = MqttOrders(client, self.topics, self._stages, self._control, reports, birth)
        async with asyncio.TaskGroup() as tasks:
            await orders.subscribe()
            await reports.begin()
            self._found()
            jobs = (
                orders.listen(),
                orders.report(client.inbox),
                reports.tell(),
                reports.tell_faces(),
            )
            work = [tasks.create_task(job) for job in jobs]
            await self._stopping.wait()
            await cancel(work)
        await reports.end()

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            return

    def _found(self) -> None:
        self._change("connected")
        self._complained = False
        logger.info(
            "mqtt broker %s is there, topics begin with %s", self.address, self.topics.prefix
        )

    def _lost(self, exc: BaseException) -> None:
        self._change("away")
        if not self._complained:
            self._complained = True
            logger.warning("mqtt broker %s is away, trying on: %s", self.address, exc)

    def _change(self, status: MqttStatus) -> None:
        self.status = status
        self._note(status)


class Pauses:
    """Between attempts: longer and longer, and never the same for two who lost the same broker."""

    def __init__(self) -> None:
        self._longest = SHORTEST_PAUSE_S

    def next(self) -> float:
        """Seconds to wait now."""
        longest, self._longest = self._longest, min(2 * self._longest, LONGEST_PAUSE_S)
        return random.uniform(0.5, 1.0) * longest


async def cancel(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel until it has worked: before Python 3.12 `asyncio.wait_for` may swallow it."""
    while not all(task.done() for task in tasks):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=0.1)


def first_of(group: BaseExceptionGroup[MqttError]) -> BaseException:
    """One of the errors in a group, however deep."""
    inner = group.exceptions[0]
    return first_of(inner) if isinstance(inner, BaseExceptionGroup) else inner
