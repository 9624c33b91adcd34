"""Embedded: the MQTT broker that Omote brings along, as a process of its own.

`python -m omote.server.embedded FD` serves the listening socket FD until its standard input ends. The
first line there says who may connect: a `Door` as JSON. See `omote.server.broker`, which starts it.
"""

import asyncio
import logging
import os
import socket
import sys
import time
from dataclasses import asdict
from functools import partial
from typing import Any

from amqtt.adapters import (
    ReaderAdapter,
    StreamReaderAdapter,
    StreamWriterAdapter,
    WriterAdapter,
)
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig, ListenerType
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import Session

from omote.server.door import Door

LARGEST = 256 * 1024
"Bytes of a packet; whoever sends more is disconnected."
MOST_MEMORY = 1 << 30
"Bytes; a broker that is flooded ends, and is started again, instead of taking the machine down."
READS_PER_S, READS_AT_ONCE = 500.0, 400
"Of one connection; a small packet takes three or four. More is a flood."
PAUSE_S, READS_PER_PAUSE = 0.2, 10
"While it floods; it is over when it has let as much time pass as its reads should have taken."
RECEIVED = 64 * 1024
"Bytes that the system keeps for a connection that waits, so that its sender soon waits, too."
NICENESS = 10
"Media goes first."


class DoorPlugin(BaseAuthPlugin):
    """Asks every client for its password."""

    Config = Door  # type: ignore[assignment]

    async def authenticate(self, *, session: Session) -> bool:
        """Whether a client may connect."""
        session.is_anonymous = True  # nothing is kept for a client that has left
        return bool(self.config.opens(session.password))


class TooLarge(Exception):
    """Of a kind that amqtt does not know, and ends the connection for."""


class Reader(StreamReaderAdapter):
    """Reads no packet that is larger than allowed into memory, and of a flood only so much a second.

    Who sends faster waits, by TCP's own back-pressure; nobody else does.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self.is_trusted = False
        self._credit = float(READS_AT_ONCE)
        self._since = time.monotonic()

    async def read(self, n: int = -1) -> bytes:
        """Exactly `n` bytes."""
        if n > LARGEST:
            raise TooLarge(f"a packet of {n} bytes")
        if not self.is_trusted:
            await self._pace()
        return await super().read(n)

    async def _pace(self) -> None:
        now = time.monotonic()
        earned = (now - self._since) * READS_PER_S
        self._credit, self._since = min(READS_AT_ONCE, self._credit + earned) - 1, now
        if self._credit < 0:
            await asyncio.sleep(PAUSE_S)
            self._credit, self._since = float(READS_PER_PAUSE), time.monotonic()


class Strict(Broker):
    """Gives retained messages to those who subscribed; amqtt 0.12 to whoever connects, too.

    The server that it belongs to is trusted: it says more the more stages there are.
    """

    def __init__(self, config: BrokerConfig, door: Door) -> None:
        super().__init__(config)
        self._door = door

    async def _handle_client_session(
        self, reader: ReaderAdapter, writer: WriterAdapter, client_session: Session, *rest: Any
    ) -> None:
        assert isinstance(reader, Reader)
        reader.is_trusted = self._door.knows_as_own(client_session.password)
        await super()._handle_client_session(reader, writer, client_session, *rest)

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
    broker = Strict(BrokerConfig(listeners=listeners, plugins=plugins), door)
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
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED)
    asyncio.run(serve(listener, door))


def _stay_small() -> None:
    if sys.platform == "win32":
        return
    import resource  # not to be had on Windows

    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


if __name__ == "__main__":
    main()
