"""The four ways an order can take, behind one face: what is true of one is tested of all."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import websockets

from omote.server.bench.mosquitto import mosquitto
from tests.house import PATIENCE_S, House, Listener, listener
from tests.peers import client

Answer = dict[str, Any]
MERGE = {"Content-Type": "application/merge-patch+json"}


class Transport(Protocol):
    """Gives an order and waits for what becomes of it."""

    async def send(self, payload: bytes) -> Answer:
        """`ok`, and `state` or `errors`, and `id` if the answer has one."""


class Http:
    def __init__(self, house: House) -> None:
        self._house = house

    async def send(self, payload: bytes) -> Answer:
        http = self._house.http
        answer = await http.patch("/stages/desk", content=payload, headers=MERGE)
        body: Answer = answer.json()
        if answer.headers["content-type"] == "application/problem+json":
            return {"ok": False, "errors": [{"at": "", "message": body["detail"]}]}
        return body


class Spoken:
    """WebSocket and data channel: answers among states and stats, in the order of the orders."""

    def __init__(self, say: Callable[[bytes], Awaitable[None]], hear: Callable[[], Awaitable[str]]):
        self._say = say
        self._hear = hear
        self.told: list[Mapping[str, Any]] = []
        "States and stats that came meanwhile."

    async def send(self, payload: bytes) -> Answer:
        await self._say(payload)
        return await self.next(lambda message: "ok" in message)

    async def next(self, fits: Callable[[Answer], bool]) -> Answer:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message: Answer = json.loads(await self._hear())
                if fits(message):
                    return message
                self.told.append(message)


class Mqtt:
    """An order that is refused is answered on `error`; one that is carried out shows in the state.

    A second order follows that is always refused: once that has been, the first was carried out.
    """

    def __init__(self, house: House, heard: Listener) -> None:
        self._house = house
        self._heard = heard
        self._numbers = count()

    async def send(self, payload: bytes) -> Answer:
        since, mark = len(self._heard.heard), f"mark {next(self._numbers)}"
        publish = self._heard.client.publish
        await publish("omote/desk/set", payload, qos=1)
        await publish("omote/desk/set", json.dumps({"id": mark, "stage": {"no": 1}}), qos=1)
        while True:
            error: Answer = await self._heard.json("omote/desk/error", since)
            if error.get("id") != mark:
                await self._until_marked(mark, since)
                return error
            given: Answer = json.loads(payload)
            return {"id": given.get("id"), "ok": True, "state": await self._state(since)}

    async def _until_marked(self, mark: str, since: int) -> None:
        def fits(topic: str, payload: bytes) -> bool:
            return topic == "omote/desk/error" and mark.encode() in payload

        await self._heard.until(fits, since)

    async def _state(self, since: int) -> Any:
        """The retained state, once it is what the server has."""
        wanted = self._house.desk.state()

        def fits(topic: str, payload: bytes) -> bool:
            return topic == "omote/desk/state" and json.loads(payload) == wanted

        _, payload = await self._heard.until(fits, since)
        return json.loads(payload)


@asynccontextmanager
async def over_http(house: House) -> AsyncIterator[Transport]:
    yield Http(house)


@asynccontextmanager
async def over_websocket(house: House) -> AsyncIterator[Spoken]:
    url = house.url.replace("http", "ws") + "/stages/desk/control"
    async with websockets.connect(url, proxy=None) as socket:

        async def say(payload: bytes) -> None:
            try:
                await socket.send(payload.decode(), text=True)
            except UnicodeDecodeError:
                await socket.send(payload)

        async def hear() -> str:
            message = await socket.recv()
            assert isinstance(message, str)
            return message

        yield Spoken(say, hear)


@asynccontextmanager
async def over_channel(house: House) -> AsyncIterator[Spoken]:
    async with client(house.http) as peer:
        channel = peer.connection.createDataChannel("control/1")
        opened, heard = asyncio.Event(), asyncio.Queue[str]()
        channel.on("open", opened.set)
        channel.on("message", heard.put_nowait)
        assert (await peer.watch()).status_code == 201
        async with asyncio.timeout(PATIENCE_S):
            await opened.wait()

        async def say(payload: bytes) -> None:
            try:
                channel.send(payload.decode())
            except UnicodeDecodeError:
                channel.send(payload)

        yield Spoken(say, heard.get)


@asynccontextmanager
async def over_mqtt(house: House) -> AsyncIterator[Mqtt]:
    assert house.mqtt is not None
    async with listener(house.mqtt.address.port) as heard:
        await heard.json("omote/desk/state")
        yield Mqtt(house, heard)


OVER: dict[str, Callable[[House], AbstractAsyncContextManager[Transport]]] = {
    "http": over_http,
    "websocket": over_websocket,
    "data channel": over_channel,
    "mqtt": over_mqtt,
    "mqtt, embedded broker": over_mqtt,
}


@asynccontextmanager
async def broker_for(name: str, folder: Path) -> AsyncIterator[str]:
    """The server's `mqtt` setting: a real broker for the transport that needs one."""
    if name == "mqtt":
        async with mosquitto(folder / "broker") as broker:
            yield broker.url
    else:
        yield "embedded" if name == "mqtt, embedded broker" else "off"
