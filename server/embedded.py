"""Embedded: the MQTT broker that Omote brings along, as a process of its own.

`python -m omote.server.embedded FD` serves the listening socket FD until its standard input ends. The
first line there says who may connect: a `Door` as JSON. See `omote.server.broker`, which starts it.
"""

import asyncio
import logging
import os
import socket
import sys
from dataclasses import asdict, dataclass, field
from functools import partial

from amqtt.adapters import StreamReaderAdapter, StreamWriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

from omote.server.door import Door
from omote.server.rate import Rate

LARGEST = 256 * 1024
"Bytes of a packet; whoever sends more is disconnected."
MOST_MEMORY = 1 << 30
"Bytes; a broker that is flooded ends, and is started again, instead of taking the machine down."
READS_PER_S, READS_AT_ONCE = 500.0, 1000
"Of one connection; a small packet takes three or four."
NICENESS = 10
"Media goes first."


class DoorPlugin(BaseAuthPlugin):
    """Asks every client for its password."""

    @dataclass
    class Config:
        """What the broker's configuration says of it."""

        digests: list[str] = field(default_factory=list)

    async def authenticate(self, *, session: Session) -> bool:
        """Whether a client may connect."""
        session.is_anonymous = True  # nothing is kept for a client that has left
        return Door(self.config.digests).opens(session.password)


class TooLarge(Exception):
    """Of a kind that amqtt does not know, and ends the connection for."""


class Reader(StreamReaderAdapter):
    """Reads no packet that is larger than allowed into memory, and of a flood only so much a second.

    Who sends faster waits, by TCP's own back-pressure; nobody else does.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self._rate = Rate(READS_PER_S, READS_AT_ONCE)

    async def read(self, n: int = -1) -> bytes:
        """Exactly `n` bytes."""
        if n > LARGEST:
            raise TooLarge(f"a packet of {n} bytes")
        if wait_s := self._rate.take(""):
            await asyncio.sleep(wait_s)
        return await super().read(n)


class Strict(Broker):
    """Gives retained messages to those who subscribed; amqtt 0.12 to whoever connects, too."""

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        subscribed = self.subscriptions.get(subscription[0], [])
        if any(known is session for known, _ in subscribed):
            await super()._publish_retained_messages_for_subscription(subscription, session)


async def serve(listener: socket.socket, door: Door) -> None:
    """Be a broker on a listening socket until standard input ends."""
    listeners = {"default": ListenerConfig(type=ListenerType.EXTERNAL)}
    plugins = {"omote.server.embedded.DoorPlugin": asdict(door)}
    broker = Strict(BrokerConfig(listeners=listeners, plugins=plugins))
    await broker.start()
    server = await asyncio.start_server(partial(_connected, broker), sock=listener)
    async with server:
        await asyncio.to_thread(sys.stdin.read)
    await broker.shutdown()


async def _connected(
    broker: Broker, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        await broker.external_connected(Reader(reader), StreamWriterAdapter(writer), "default")
    finally:
        writer.close()


def main() -> None:
    """Entry point of the process."""
    logging.basicConfig(level=logging.CRITICAL)
    _stay_small()
    door = Door.read(sys.stdin.readline())
    listener = socket.socket(fileno=int(sys.argv[1]))
    asyncio.run(serve(listener, door))


def _stay_small() -> None:
    if sys.platform == "win32":
        return
    import resource  # not to be had on Windows

    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


if __name__ == "__main__":
    main()
