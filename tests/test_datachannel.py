"""The data channel `control/1` of publishers and viewers, between real peers."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCDataChannel

from omote.server.tokens import parse
from omote.streams.channel import MOST_UNREAD, MOST_UNSENT, Channel
from tests.house import PATIENCE_S, House, house, until
from tests.peers import Client, client

SECRET = "0123456789abcdef"
OTHER = "abcdef0123456789"


class Heard:
    """One end of a channel: what came, and a wait for what is to come."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self.channel = channel
        self.closed = asyncio.Event()
        self._opened = asyncio.Event()
        self._messages: asyncio.Queue[str] = asyncio.Queue()
        channel.on("open", self._opened.set)
        channel.on("close", self.closed.set)
        channel.on("message", self._messages.put_nowait)

    async def opened(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self._opened.wait()

    async def until_closed(self) -> None:
        async with asyncio.timeout(PATIENCE_S):
            await self.closed.wait()

    async def next(self, key: str) -> Any:
        """The next message that has this key."""
        async with asyncio.timeout(PATIENCE_S):
            while key not in (message := json.loads(await self._messages.get())):
                pass
        return message

    async def ask(self, order: Mapping[str, Any]) -> Any:
        self.channel.send(json.dumps(order))
        return await self.next("ok")


@asynccontextmanager
async def watching(made: House, label: str = "control/1") -> AsyncIterator[tuple[Client, Heard]]:
    async with client(made.http) as peer:
        heard = Heard(peer.connection.createDataChannel(label))
        assert (await peer.watch()).status_code == 201
        await heard.opened()
        yield peer, heard


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        yield made


async def test_a_viewer_hears_the_state_and_figures_and_orders(made: House) -> None:
    async with watching(made) as (_, heard):
        assert (await heard.next("state"))["state"]["stage"]["mirror"] is False
        answer = await heard.ask({"id": "a", "stage": {"mirror": True}})
        assert (answer["id"], answer["ok"]) == ("a", True)
        assert (await heard.next("state"))["state"]["stage"]["mirror"] is True
        assert (await heard.next("stats"))["stats"]["viewers"] == 1


async def test_a_publisher_orders_beside_its_pictures(made: House) -> None:
    async with client(made.http) as camera, client(made.http) as viewer:
        heard = Heard(camera.connection.createDataChannel("control/1"))
        assert (await camera.publish()).status_code == 201
        await heard.opened()
        assert (await heard.ask({"stage": {"mirror": False}}))["ok"]
        assert (await viewer.watch()).status_code == 201
        await viewer.sees_the_camera()


async def test_an_order_shows_on_every_channel(made: House) -> None:
    async with watching(made) as (_, one), watching(made) as (_, two):
        await one.ask({"stage": {"orientation": 180}})
        while (await two.next("state"))["state"]["stage"]["orientation"] != 180:
            pass


async def test_a_channel_of_another_name_is_closed_and_the_picture_stays(made: House) -> None:
    async with client(made.http) as peer:
        other = Heard(peer.connection.createDataChannel("chat"))
        control = Heard(peer.connection.createDataChannel("control/1"))
        second = Heard(peer.connection.createDataChannel("control/1"))
        assert (await peer.watch()).status_code == 201
        await control.opened()
        await other.until_closed()
        await second.until_closed()
        assert (await control.ask({"id": "a"}))["ok"]


async def test_a_channel_may_be_opened_again(made: House) -> None:
    async with watching(made) as (peer, heard):
        assert (await heard.ask({}))["ok"]
        heard.channel.close()
        await heard.until_closed()
        again = Heard(peer.connection.createDataChannel("control/1"))
        await again.opened()
        assert (await again.ask({}))["ok"]


async def test_a_stage_that_is_removed_closes_its_channels(made: House) -> None:
    async with watching(made) as (_, heard):
        await heard.next("state")
        await made.stages.remove("desk")
        await heard.until_closed()


async def test_peers_that_leave_leave_nothing_running(made: House) -> None:
    def serving() -> list[str]:
        return [t.get_name() for t in asyncio.all_tasks() if t.get_name().startswith("channel ")]

    for _ in range(2):
        async with watching(made) as (_, heard):
            await heard.next("state")
            assert serving()
    await until(lambda: not serving())


async def test_without_the_scope_control_one_may_listen_only(tmp_path: Path) -> None:
    tokens = parse(f"{SECRET}:view,control:desk {OTHER}:view")
    async with house(tmp_path, tokens=tokens) as made:
        for secret, allowed in ((SECRET, True), (OTHER, False)):
            made.http.headers["Authorization"] = f"Bearer {secret}"
            async with watching(made) as (_, heard):
                assert (await heard.next("state"))["state"]["online"]
                answer = await heard.ask({"id": "a", "stage": {"mirror": True}})
                assert (answer["id"], answer["ok"]) == ("a", allowed)
                assert (await heard.next("stats"))["stats"]["viewers"] >= 1


async def test_a_flood_is_answered_or_counted_and_the_connection_stays(tmp_path: Path) -> None:
    async with (
        house(tmp_path, orders_per_s=1, order_burst=5) as made,
        watching(made) as (_, heard),
    ):
        count = MOST_UNREAD
        for number in range(count):
            heard.channel.send(json.dumps({"id": str(number), "stage": {"mirror": True}}))
        accepted = answered = unread = 0
        while answered + unread < count:
            answer = await heard.next("ok")
            accepted += answer["ok"]
            if "id" in answer:
                answered += 1
            else:
                unread += int(answer["errors"][0]["message"].split()[0])
        assert answered + unread == count
        assert 5 <= accepted < 60
        assert made.desk.state()["stage"]["mirror"] is True


async def test_what_is_sent_waits_for_room() -> None:
    """A peer that takes nothing holds up its own channel and keeps the queue short."""

    class Full(RTCDataChannel):
        """As one whose other end has stopped to read."""

        def __init__(self) -> None:
            self.sent: list[str] = []
            self.full = True
            super(RTCDataChannel, self).__init__()

        @property
        def bufferedAmount(self) -> int:
            return MOST_UNSENT + 1 if self.full else 0

        bufferedAmountLowThreshold = 0

        def send(self, data: str | bytes) -> None:
            assert isinstance(data, str)
            self.sent.append(data)

    raw = Full()
    channel = Channel(raw)
    sending = asyncio.create_task(channel.send("a"))
    await asyncio.sleep(0)
    assert not raw.sent
    raw.full = False
    raw.emit("bufferedamountlow")
    await sending
    assert raw.sent == ["a"]
    raw.full = True
    sending = asyncio.create_task(channel.send("b"))
    await asyncio.sleep(0)
    raw.emit("close")
    await sending
