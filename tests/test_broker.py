"""The embedded broker: a process of its own that comes and goes with the server."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiomqtt
import httpx
import psutil
import pytest

from omote.server import broker as broker_module
from omote.server.bench.mosquitto import free_port, listens
from omote.server.broker import Broker
from omote.server.door import Door
from omote.server.embedded import LARGEST
from omote.server.tokens import parse
from tests.house import PATIENCE_S, house, listener, until
from tests.test_serve import Omote, omote

CONTROL = "0123456789abcdef"
VIEW = "fedcba9876543210"
ONE_STAGE = "00112233445566778899"
TOKENS = parse(f"{CONTROL}:control {VIEW}:view {ONE_STAGE}:control:desk")


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    """What the broker takes for its usual port; the real one may be somebody else's here."""
    free = free_port()
    monkeypatch.setattr(broker_module, "PORT", free)
    return free


async def connects(port: int, password: str | None = None) -> bool:
    try:
        async with aiomqtt.Client("127.0.0.1", port, username="omote", password=password):
            return True
    except aiomqtt.MqttError:
        return False


async def test_it_takes_the_usual_port_and_gives_it_back(port: int) -> None:
    async with Broker() as broker:
        assert broker.address.port == port
        assert await connects(port)
        process = broker.process
        assert process is not None and process.pid != os.getpid()
    assert process.returncode == 0
    assert not await listens(port)


async def test_it_takes_another_port_when_that_is_taken(port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        async with Broker() as broker:
            assert broker.address.port != port
            assert await connects(broker.address.port)


async def test_it_listens_on_the_loopback_address_only(port: int) -> None:
    async with Broker() as broker:
        assert await connects(port)
        assert broker.process is not None
        listening = psutil.Process(broker.process.pid).net_connections()
        assert {c.laddr.ip for c in listening if c.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


async def test_two_servers_have_two_brokers(tmp_path: Path) -> None:
    async with (
        house(tmp_path / "one", "embedded") as one,
        house(tmp_path / "two", "embedded") as two,
    ):
        assert one.mqtt and two.mqtt
        assert one.mqtt.address.port != two.mqtt.address.port
        async with (
            listener(one.mqtt.address.port) as here,
            listener(two.mqtt.address.port) as there,
        ):
            await here.json("omote/desk/state")
            await there.json("omote/desk/state")
            await one.desk.order({"stage": {"mirror": True}})
            await here.until(lambda topic, payload: b'"mirror": true' in payload)
            assert b'"mirror": true' not in (there.last("omote/desk/state") or b"")


async def test_a_broker_that_is_killed_is_started_again_on_its_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    started: list[Broker] = []
    begin = Broker.__aenter__

    async def noted(broker: Broker) -> Broker:
        started.append(broker)
        return await begin(broker)

    monkeypatch.setattr(Broker, "__aenter__", noted)
    async with house(tmp_path, "embedded") as made:
        await until(lambda: bool(made.mqtt and made.mqtt.status == "connected"))
        [broker] = started
        first = broker.process
        assert first is not None
        first.kill()
        await until(lambda: bool(made.mqtt and made.mqtt.status == "away"))
        await made.desk.order({"stage": {"mirror": True}})
        await until(lambda: bool(made.mqtt and made.mqtt.status == "connected"))
        assert broker.process is not first
        async with listener(broker.address.port) as heard:
            assert (await heard.json("omote/desk/state"))["stage"]["mirror"] is True
    assert "starting it again" in caplog.text


async def test_a_packet_that_is_too_large_ends_its_connection_only(port: int) -> None:
    async with Broker(), listener(port) as heard:
        with pytest.raises(aiomqtt.MqttError):
            async with aiomqtt.Client("127.0.0.1", port, timeout=5) as greedy:
                await greedy.publish("a", b"x" * (LARGEST + 1), qos=1)
        await heard.client.publish("b", b"still here", qos=1)
        await heard.until(lambda topic, payload: payload == b"still here")
        assert heard.last("a") is None


async def test_what_is_retained_goes_to_those_who_subscribed(port: int) -> None:
    async with Broker(), listener(port, "a", "b") as heard:
        await heard.client.publish("a", b"of a", qos=1, retain=True)
        await heard.client.publish("b", b"of b", qos=1, retain=True)
        await heard.until(lambda topic, payload: topic == "b")
        async with listener(port, "a") as late:
            await late.until(lambda topic, payload: True)
            await late.client.publish("a", b"and that is all", qos=1)
            await late.until(lambda topic, payload: payload == b"and that is all")
    assert [payload for _, payload, _ in late.heard] == [b"of a", b"and that is all"]


async def test_bytes_that_are_not_mqtt_do_no_harm(port: int) -> None:
    async with Broker():
        assert await connects(port)
        for noise in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x10\xff\xff\xff\x7f",
            bytes(100),
            b"\x16\x03\x01",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(noise)
            writer.write_eof()
            async with asyncio.timeout(PATIENCE_S):
                await reader.read()
            writer.close()
            await writer.wait_closed()
        assert await connects(port)


# Who may come in.


async def test_without_tokens_everybody_may_come_in(port: int) -> None:
    async with Broker() as broker:
        assert await connects(port)
        assert broker.address.password is None


async def test_with_tokens_one_that_opens_control_everywhere_is_the_password(port: int) -> None:
    async with Broker(TOKENS) as broker:
        assert await connects(port, CONTROL)
        assert await connects(port, broker.address.password)
        for password in (None, "", VIEW, ONE_STAGE, "nobody knows this"):
            assert not await connects(port, password)


async def test_the_server_comes_in_where_tokens_are_wanted(tmp_path: Path) -> None:
    async with house(tmp_path, "embedded", tokens=TOKENS) as made:
        await until(lambda: bool(made.mqtt and made.mqtt.status == "connected"))
        assert made.mqtt is not None
        async with listener(made.mqtt.address.port, username="omote", password=CONTROL) as heard:
            await heard.json("omote/desk/state")


def test_a_door_is_one_line_without_secrets() -> None:
    broker = Door.read(Door(["aa", "bb"]).line())
    assert broker == Door(["aa", "bb"])
    assert Door(["aa"]).line().count("\n") == 1
    assert Door().opens(None) and not Door(["aa"]).opens(None)


# The process belongs to its server.


@asynccontextmanager
async def serving(**environment: str) -> AsyncIterator[tuple[Omote, psutil.Process]]:
    """A server with its broker, once that answers."""
    async with omote("--port", "0", "--ephemeral", OMOTE_MQTT="embedded", **environment) as server:
        url = await server.address()
        async with httpx.AsyncClient(base_url=url, trust_env=False) as http:
            async with asyncio.timeout(PATIENCE_S):
                while (await http.get("/health")).json()["mqtt"] != "connected":
                    pass
        [child] = psutil.Process(server.process.pid).children()
        yield server, child


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_ends_with_its_server(number: signal.Signals) -> None:
    async with serving() as (server, child):
        code, output, errors = await server.end(number)
        await until(lambda: gone(child))
    assert (code, output) == (0, "")
    assert "Traceback" not in errors and "ended with code" not in errors


async def test_it_ends_when_its_server_is_killed() -> None:
    async with serving() as (server, child):
        await server.end(signal.SIGKILL)
        await until(lambda: gone(child))


async def test_ctrl_c_in_a_terminal_leaves_it_to_the_server() -> None:
    async with serving() as (server, child):
        assert os.getpgid(child.pid) != os.getpgid(server.process.pid)


def gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
