"""Voices: the four ways to give a stage an order, as the bench takes them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import websockets
from aiomqtt import Client

from omote.clients import signalling
from omote.clients.publisher import only
from omote.clients.subscriber import Subscriber
from omote.server.bench.child import ChildFailed
from omote.server.bench.server import JSON, ServerUnderTest

PATIENCE = 15.0
"Seconds until a way must be open."

Say = Callable[[bytes], Awaitable[None]]
"Gives one order; returns when it is on its way, without its answer."
Voice = Callable[[ServerUnderTest, str], AbstractAsyncContextManager[Say]]


@asynccontextmanager
async def http(server: ServerUnderTest, stage: str) -> AsyncIterator[Say]:
    """`PATCH /stages/{stage}`, one request after the other on one connection."""
    parts = urlsplit(server.url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=PATIENCE)

    def exchange(payload: bytes) -> None:
        try:
            connection.request("PATCH", f"/stages/{stage}", payload, {"Content-Type": JSON})
            connection.getresponse().read()
        except (
            BrokenPipeError,
            ConnectionResetError,
        ):  # the server hangs up on a connection that was quiet for long
            connection.close()
            exchange(payload)

    async def say(payload: bytes) -> None:
        await asyncio.to_thread(exchange, payload)

    try:
        yield say
    finally:
        connection.close()


@asynccontextmanager
async def websocket(server: ServerUnderTest, stage: str) -> AsyncIterator[Say]:
    """`/stages/{stage}/control`; what is answered is read and dropped."""
    url = f"{server.url.replace('http', 'ws', 1)}/stages/{stage}/control"
    async with (
        websockets.connect(url, proxy=None, compression=None) as socket,
        _meanwhile(_drain(socket)),
    ):

        async def say(payload: bytes) -> None:
            await socket.send(payload, text=True)

        yield say


@asynccontextmanager
async def channel(server: ServerUnderTest, stage: str) -> AsyncIterator[Say]:
    """The data channel `control/1` of a viewer's connection."""
    viewer = Subscriber("count", only("H264"), audio=False)
    control, opened = viewer.connection.createDataChannel("control/1"), asyncio.Event()
    control.on("open", opened.set)
    async with signalling.session(server.whep(stage), viewer.connection):
        try:
            async with asyncio.timeout(PATIENCE):
                await opened.wait()
        except TimeoutError as exc:
            raise ChildFailed("server: the data channel did not open") from exc

        async def say(payload: bytes) -> None:
            control.send(payload.decode())

        yield say


@asynccontextmanager
async def mqtt(server: ServerUnderTest, stage: str) -> AsyncIterator[Say]:
    """`omote/{stage}/set` on the embedded broker."""
    async with Client("127.0.0.1", await server.mqtt_port()) as client:

        async def say(payload: bytes) -> None:
            await client.publish(f"omote/{stage}/set", payload)

        yield say


VOICES: Mapping[str, Voice] = {
    "http": http,
    "websocket": websocket,
    "data channel": channel,
    "mqtt": mqtt,
}


async def _drain(socket: websockets.ClientConnection) -> None:
    async for _ in socket:
        pass


@asynccontextmanager
async def _meanwhile(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
