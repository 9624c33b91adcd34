"""MQTT with a real mosquitto: topics, goodbyes, passwords, TLS, and a broker that is killed."""

import asyncio
import gc
import json
import logging
import os
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from amqtt.broker import Broker
from amqtt.contexts import Action
from amqtt.plugins.base import BaseTopicPlugin
from amqtt.session import Session

from omote.server.bench.mosquitto import PATH, Mosquitto, free_port, mosquitto
from omote.server.broker_address import BrokerAddress
from omote.server.certificate import self_signed
from omote.server.config import Misconfigured
from omote.server.mqtt import LONGEST_PAUSE_S, SHORTEST_PAUSE_S, Pauses
from omote.server.topics import Topics
from tests.house import PATIENCE_S, House, Listener, house, listener, until
from tests.mosquitto import Embedded, embedded, run
from tests.peers import client
from tests.test_serve import omote

SET, SCENE = "omote/desk/set", "omote/desk/scene"
STATE, STATS, ERROR = "omote/desk/state", "omote/desk/stats", "omote/desk/error"
AVAILABLE = "omote/available"


@pytest.fixture(params=["mosquitto", "embedded"])
async def broker(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[Mosquitto | Embedded]:
    async with (
        mosquitto(tmp_path / "broker") if request.param == "mosquitto" else embedded() as made
    ):
        yield made


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """For what only mosquitto can do."""
    async with mosquitto(tmp_path / "broker") as made:
        yield made


@pytest.fixture
async def made(tmp_path: Path, broker: Mosquitto | Embedded) -> AsyncIterator[House]:
    async with house(tmp_path, broker.url) as made:
        yield made


@pytest.fixture
async def heard(made: House, broker: Mosquitto | Embedded) -> AsyncIterator[Listener]:
    """Somebody who hears everything, once the server has said that it is there."""
    async with listener(broker.port) as heard:
        await heard.until(lambda topic, payload: (topic, payload) == (AVAILABLE, b"online"))
        yield heard


def status(made: House) -> str:
    return made.mqtt.status if made.mqtt else "off"


async def retained(broker: Mosquitto | Embedded, topic: str) -> bytes:
    """What the broker keeps of a topic."""
    async with listener(broker.port, topic) as heard:
        await heard.until(lambda _, __: True)
        return heard.heard[0][1]


async def order(heard: Listener, patch: Any, topic: str = SET, **given: Any) -> int:
    """Give it; returns where in what is heard its consequences begin."""
    since = len(heard.heard)
    payload = patch if isinstance(patch, bytes) else json.dumps(patch)
    await heard.client.publish(topic, payload, qos=1, **given)
    return since


async def shows(
    heard: Listener, since: int, fits: Callable[[Any], object], topic: str = STATE
) -> None:
    """Wait for a state that fits."""
    await heard.until(lambda t, p: t == topic and bool(p and fits(json.loads(p))), since)


# What is said.


async def test_the_server_and_its_stages_are_announced_and_kept(
    made: House, broker: Mosquitto | Embedded, heard: Listener
) -> None:
    assert await retained(broker, AVAILABLE) == b"online"
    await heard.json(STATE)
    assert json.loads(await retained(broker, STATE)) == made.desk.state()
    assert made.desk.state()["mqtt"] == "connected"


async def test_figures_come_each_second_and_are_not_kept(
    heard: Listener, broker: Mosquitto | Embedded
) -> None:
    await heard.json(STATS)
    await heard.json(STATS, since=len(heard.heard))
    async with listener(broker.port) as late:
        await late.json(STATE)
        assert late.last(STATS) is None


async def test_a_stage_that_is_made_is_told_of_and_one_that_is_removed_forgotten(
    made: House, heard: Listener, broker: Mosquitto | Embedded
) -> None:
    await made.http.put("/stages/late")
    assert (await heard.json("omote/late/state"))["publisher"] == "waiting"
    since = len(heard.heard)
    await made.stages.remove("late")
    await heard.until(lambda topic, payload: (topic, payload) == ("omote/late/state", b""), since)
    async with listener(broker.port) as late:
        await late.json(STATE)
        assert late.last("omote/late/state") is None


async def test_a_server_that_ends_says_so(tmp_path: Path, broker: Mosquitto | Embedded) -> None:
    async with listener(broker.port) as heard:
        async with house(tmp_path, broker.url):
            await heard.json(STATE)
        await heard.until(lambda topic, payload: (topic, payload) == (AVAILABLE, b"offline"))
        last = heard.last(STATE)
    assert last is not None and json.loads(last)["online"] is False
    assert await retained(broker, AVAILABLE) == b"offline"


async def test_a_server_that_is_killed_has_a_last_will(broker: Mosquitto | Embedded) -> None:
    async with (
        listener(broker.port) as heard,
        omote("--port", "0", "--ephemeral", "--mqtt", broker.url) as server,
    ):
        await heard.until(lambda topic, payload: (topic, payload) == (AVAILABLE, b"online"))
        await server.end(signal.SIGKILL)
        await heard.until(lambda topic, payload: (topic, payload) == (AVAILABLE, b"offline"))


async def test_what_a_killed_server_left_behind_is_put_right(
    tmp_path: Path, broker: Mosquitto | Embedded
) -> None:
    gone, left = "omote/gone/state", {"online": True, "publisher": "connected"}
    async with listener(broker.port) as heard:
        await heard.client.publish(gone, json.dumps(left), qos=1, retain=True)
        await heard.client.publish("omote/odd/state", b"not JSON", qos=1, retain=True)
        since = len(heard.heard)
        async with house(tmp_path, broker.url):
            await heard.until(lambda topic, p: topic == gone and b"false" in p, since)
    assert json.loads(await retained(broker, gone)) == {**left, "online": False}
    assert await retained(broker, "omote/odd/state") == b"not JSON"


# What is heard.


async def test_an_order_shows_in_the_state(made: House, heard: Listener) -> None:
    since = await order(heard, {"id": "a", "stage": {"mirror": True}})
    await shows(heard, since, lambda state: state["stage"]["mirror"])


async def test_an_order_that_changes_nothing_is_answered_by_the_state(heard: Listener) -> None:
    await heard.json(STATE)
    since = await order(heard, {"id": "a", "stage": {"mirror": False}})
    assert (await heard.json(STATE, since))["stage"]["mirror"] is False


async def test_a_refused_order_is_answered_on_error_with_its_id(heard: Listener) -> None:
    since = await order(heard, {"id": "a", "stage": {"budget_ms": 0}})
    error = await heard.json(ERROR, since)
    assert (error["id"], error["ok"]) == ("a", False)
    assert error["errors"][0]["at"] == "stage.budget_ms"


async def test_orders_of_one_stage_are_carried_out_in_their_order(
    made: House, heard: Listener
) -> None:
    for budget in range(10, 50):
        await heard.client.publish(SET, json.dumps({"stage": {"budget_ms": budget}}), qos=0)
    await until(lambda: made.desk.state()["stage"]["budget_ms"] == 49)


async def test_a_retained_order_is_ignored_and_reported(
    tmp_path: Path, broker: Mosquitto | Embedded
) -> None:
    async with listener(broker.port) as heard:
        await order(heard, {"id": "old", "stage": {"mirror": True}}, retain=True)
        await order(heard, {"lux": 3}, SCENE, retain=True)
        async with house(tmp_path, broker.url) as made:
            errors = [await heard.json(ERROR)]
            errors.append(await heard.json(ERROR, since=len(heard.heard)))
            assert made.desk.state()["stage"]["mirror"] is False
            assert made.desk.state()["scene"]["origin"] == "none"
            # An empty message takes it back, which is no order.
            since = await order(heard, b"", retain=True)
            await order(heard, {"id": "new", "stage": {"mirror": 7}})
            assert (await heard.json(ERROR, since))["id"] == "new"
    assert {error.get("id") for error in errors} == {"old", None}
    assert all("retained" in error["errors"][0]["message"] for error in errors)


async def test_a_scene_reaches_the_state(made: House, heard: Listener) -> None:
    since = await order(heard, {"iso": 3200, "lux": 8.0, "low_light": True}, SCENE)
    await shows(heard, since, lambda state: state["scene"]["iso"] == 3200)
    scene = made.desk.state()["scene"]
    assert (scene["lux"], scene["low_light"], scene["origin"]) == (8.0, True, "message")


@pytest.mark.parametrize(
    ("payload", "at"),
    [
        (b'{"iso": "many", "id": "x"}', "scene.iso"),
        (b'{"fog": 1}', "scene.fog"),
        (b'{"time": 1}', "scene.time"),
        (b"[]", ""),
        (b'{}, "stage": {"mirror": true}', ""),
        (b'{"stage": {"mirror": true}}', "scene.stage"),
    ],
)
async def test_a_scene_that_is_none_is_refused_and_orders_nothing(
    made: House, heard: Listener, payload: bytes, at: str
) -> None:
    since = await order(heard, payload, SCENE)
    error = await heard.json(ERROR, since)
    assert error["errors"][0]["at"] == at
    assert error.get("id") == ("x" if b'"x"' in payload else None)
    assert made.desk.state()["stage"]["mirror"] is False


async def test_an_order_to_no_stage_is_reported_there(heard: Listener) -> None:
    since = await order(heard, {"id": "a"}, "omote/nowhere/set")
    assert "no such stage" in str(await heard.json("omote/nowhere/error", since))


async def test_topics_that_are_no_stages_are_ignored(made: House, heard: Listener) -> None:
    for topic in ("omote/No Stage/set", "omote/é/set", f"omote/{'x' * 100}/set"):
        await order(heard, {"stage": {"mirror": True}}, topic)
    since = await order(heard, {"id": "last", "stage": {"mirror": 7}})
    await heard.until(lambda topic, payload: b"last" in payload and topic == ERROR, since)
    assert not [t for t, _, _ in heard.heard if t.endswith("/error") and t != ERROR]


async def test_a_client_of_mqtt_5_is_heard(tmp_path: Path, real: Mosquitto) -> None:
    words = ["-V", "5", "-p", str(real.port), "-t", SET, "-m", '{"stage": {"mirror": true}}']
    async with house(tmp_path, real.url) as made:
        await until(lambda: status(made) == "connected")
        await run("mosquitto_pub", *words)
        await until(lambda: made.desk.state()["stage"]["mirror"] is True)


async def test_a_flood_is_refused_or_carried_out_and_others_are_served(
    tmp_path: Path, broker: Mosquitto | Embedded
) -> None:
    async with (
        house(tmp_path, broker.url, orders_per_s=0.001, order_burst=100) as made,
        listener(broker.port) as heard,
        listener(broker.port) as flooding,
    ):
        assert made.stages["other"].name == "other"
        await heard.json("omote/other/state")
        for number in range(250):
            patch = {"id": f"f{number}", "stage": {"budget_ms": 10 + number % 900}}
            await flooding.client.publish(SET, json.dumps(patch), qos=0)
        await order(heard, {"id": "kind", "stage": {"mirror": True}}, "omote/other/set")
        await until(lambda: made.stages["other"].state()["stage"]["mirror"] is True)
        await until(lambda: sum(answered(heard)) == 150)
        assert made.desk.state()["stage"]["budget_ms"] is not None


def answered(heard: Listener) -> tuple[int, int]:
    """How many orders were refused one by one, and how many were not even read."""
    errors = [json.loads(payload) for topic, payload, _ in heard.heard if topic == ERROR]
    refused = Counter(error["id"] for error in errors if "id" in error)
    assert not refused or max(refused.values()) == 1
    unread = [error["errors"][0]["message"] for error in errors if "id" not in error]
    return len(refused), sum(int(words.split()[0]) for words in unread)


async def test_topics_begin_with_what_one_wants(
    tmp_path: Path, broker: Mosquitto | Embedded
) -> None:
    async with (
        listener(broker.port) as heard,
        house(tmp_path, broker.url, mqtt_prefix="home/attic/omote"),
    ):
        await heard.json("home/attic/omote/desk/state")
        since = await order(heard, {"stage": {"mirror": True}}, "home/attic/omote/desk/set")
        topic = "home/attic/omote/desk/state"
        await shows(heard, since, lambda state: state["stage"]["mirror"], topic)
        assert heard.last(AVAILABLE) is None


@pytest.mark.parametrize(
    "prefix", ["", "/", "a/", "/a", "a//b", "a+", "#", "$SYS", "a\n", "a" * 300]
)
def test_a_prefix_no_topic_can_begin_with_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Topics(prefix)


# The broker goes and comes back.


async def test_the_service_works_and_says_so_while_the_broker_is_away(
    tmp_path: Path, broker: Mosquitto | Embedded, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "omote"):
        async with house(tmp_path, broker.url) as made:
            await until(lambda: status(made) == "connected")
            await broker.kill()
            await until(lambda: status(made) == "away")
            assert (await made.http.get("/health")).json() | {"version": ""} == {
                "status": "ok",
                "version": "",
                "mqtt": "away",
            }
            assert made.desk.state()["mqtt"] == "away"
            answer = await made.http.patch("/stages/desk", json={"stage": {"mirror": True}})
            assert answer.json()["ok"] is True
            for _ in range(3):  # attempts that fail are not news
                await asyncio.sleep(SHORTEST_PAUSE_S)
            await broker.start()
            await until(lambda: status(made) == "connected")
            async with listener(broker.port) as heard:
                await heard.until(lambda topic, payload: payload == b"online")
                await shows(heard, 0, lambda state: state["stage"]["mirror"])
                since = await order(heard, {"stage": {"mirror": False}})
                await shows(heard, since, lambda state: not state["stage"]["mirror"])
    lines = [record.message for record in caplog.records if "mqtt broker" in record.message]
    assert len(lines) == 3, lines
    assert [" away" in line for line in lines] == [False, True, False]


async def test_pictures_go_on_while_the_broker_is_killed_and_restarted(
    made: House, broker: Mosquitto | Embedded, probe: Any
) -> None:
    async with client(made.http) as camera, client(made.http) as viewer:
        await made.desk.order({"effects": ["probe"]})
        assert (await camera.publish()).status_code == 201
        assert (await viewer.watch()).status_code == 201
        await viewer.sees_the_camera()
        dropped = made.desk.stats()["dropped_undecoded"]
        await broker.kill()
        await until(lambda: status(made) == "away")
        await viewer.sees_the_camera()
        await broker.start()
        await until(lambda: status(made) == "connected")
        await viewer.sees_the_camera()
        assert made.desk.stats()["dropped_undecoded"] == dropped
        assert viewer.connection.connectionState == "connected"


async def test_a_broker_that_comes_after_the_server_is_found(
    tmp_path: Path, broker: Mosquitto | Embedded
) -> None:
    await broker.kill()
    async with house(tmp_path, broker.url) as made:
        assert (await made.http.get("/health")).json()["mqtt"] == "away"
        await broker.start()
        async with listener(broker.port) as heard:
            await heard.json(STATE)


async def test_a_broker_that_hangs_is_given_up_and_the_server_can_end(tmp_path: Path) -> None:
    came, gone = 0, 0

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came, gone
        came += 1
        while await reader.read(1000):
            pass
        writer.close()
        gone += 1

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    url = f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with asyncio.timeout(PATIENCE_S), house(tmp_path, url) as made:
        await until(lambda: came > 1)
        assert gone == came - 1
        assert (await made.http.get("/health")).json()["mqtt"] == "away"
    await until(lambda: gone == came)
    server.close()
    await server.wait_closed()


def test_pauses_grow_to_a_limit_and_differ() -> None:
    one, two = ([pauses.next() for _ in range(10)] for pauses in (Pauses(), Pauses()))
    assert one != two
    assert one[0] <= SHORTEST_PAUSE_S
    assert all(pause <= LONGEST_PAUSE_S for pause in one)
    assert min(one[-3:]) >= LONGEST_PAUSE_S / 2


# Who may come in.


@pytest.fixture
async def locked(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """A broker that knows one user."""
    passwords = tmp_path / "passwords"
    await run("mosquitto_passwd", "-b", "-c", passwords, "omote", "p@ss:w/rd")
    lines = ("allow_anonymous false", f"password_file {passwords}")
    async with mosquitto(tmp_path / "broker", *lines) as made:
        yield made


async def test_user_and_password_come_with_the_url(tmp_path: Path, locked: Mosquitto) -> None:
    url = f"mqtt://omote:p%40ss%3Aw%2Frd@127.0.0.1:{locked.port}"
    async with house(tmp_path, url) as made:
        await until(lambda: status(made) == "connected")
        assert made.mqtt is not None
        assert "p@ss" not in f"{made.mqtt.address} {made.mqtt.address!r}"


async def test_a_wrong_password_is_logged_without_it(
    tmp_path: Path, locked: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(tmp_path, f"mqtt://omote:wrong@127.0.0.1:{locked.port}") as made:
        await until(lambda: "uthori" in caplog.text)
        assert status(made) == "away"
    assert "wrong" not in caplog.text


class NoOrders(BaseTopicPlugin):
    """Lets nobody hear orders."""

    @dataclass
    class Config:
        pass

    async def topic_filtering(
        self,
        *,
        session: Session | None = None,
        topic: str | None = None,
        action: Action | None = None,
    ) -> bool:
        return not (topic or "").endswith("/set")


async def test_a_broker_that_denies_a_subscription_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    plugins: dict[str, dict[str, Any]] = {
        "amqtt.plugins.authentication.AnonymousAuthPlugin": {},
        f"{NoOrders.__module__}.{NoOrders.__name__}": {},
    }
    listeners = {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}
    strict = Broker({"listeners": listeners, "plugins": plugins})
    await strict.start()
    async with house(tmp_path, f"mqtt://127.0.0.1:{port}") as made:
        await until(lambda: status(made) == "connected")
    await strict.shutdown()
    denied = [record.message for record in caplog.records if "subscribe" in record.message]
    assert [words.rpartition(" ")[2] for words in denied] == ["omote/+/set", "omote/+/face/set"]


@pytest.fixture
async def secure(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """A broker with TLS that wants a certificate of its clients."""
    tls = self_signed(tmp_path / "broker tls", "127.0.0.1")
    own = self_signed(tmp_path / "client tls", "127.0.0.1")
    lines = (
        f"cafile {own.certificate}",
        f"certfile {tls.certificate}",
        f"keyfile {tls.key}",
        "require_certificate true",
    )
    async with mosquitto(tmp_path / "broker", *lines) as made:
        yield made


async def test_tls_with_certificates_on_both_sides(tmp_path: Path, secure: Mosquitto) -> None:
    url = secure.url.replace("mqtt", "mqtts")
    authority = tmp_path / "broker tls" / "certificate.pem"
    own, key = (tmp_path / "client tls" / name for name in ("certificate.pem", "key.pem"))
    async with house(tmp_path, url, mqtt_ca=authority, mqtt_cert=own, mqtt_key=key) as made:
        await until(lambda: status(made) == "connected")
        await made.desk.order({"stage": {"mirror": True}})
        assert str(made.mqtt.address if made.mqtt else "") == url


# paho leaves the socket of a handshake that fails to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("known", [True, False])
async def test_tls_without_the_right_certificate_stays_away(
    tmp_path: Path, secure: Mosquitto, caplog: pytest.LogCaptureFixture, known: bool
) -> None:
    authority = tmp_path / "broker tls" / "certificate.pem" if known else None
    async with house(tmp_path, secure.url.replace("mqtt", "mqtts"), mqtt_ca=authority) as made:
        await until(lambda: "is away" in caplog.text)
        assert status(made) == "away"
    caplog.clear()
    gc.collect()


# Addresses.


def test_an_address_is_read_from_a_url() -> None:
    plain = BrokerAddress.read("mqtt://broker.example")
    assert (plain.host, plain.port, plain.username, plain.tls) == (
        "broker.example",
        1883,
        None,
        None,
    )
    full = BrokerAddress.read("mqtts://me:p%40ss@[::1]:1234/")
    assert (full.host, full.port, full.username, full.password) == ("::1", 1234, "me", "p@ss")
    assert full.tls is not None
    assert str(full) == "mqtts://[::1]:1234"
    assert BrokerAddress.read("mqtts://broker.example").port == 8883


def test_a_password_in_the_clear_is_noticed() -> None:
    assert BrokerAddress.read("mqtt://me:secret@broker.example").is_in_the_clear
    assert not BrokerAddress.read("mqtts://me:secret@broker.example").is_in_the_clear
    assert not BrokerAddress.read("mqtt://me:secret@127.0.0.1").is_in_the_clear


@pytest.mark.parametrize(
    "url",
    [
        "",
        "broker.example",
        "http://broker.example",
        "mqtt://",
        "mqtt://broker.example:99999",
        "mqtt://broker.example:0",
        "mqtt://me:se/cret@broker.example",
        "mqtt://me:se#cret@broker.example",
        "mqtt://broker.example/topic",
        "mqtt://[::1",
    ],
)
def test_a_url_that_is_no_broker_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(Misconfigured, match="--mqtt") as refused:
        BrokerAddress.read(url)
    assert "cret" not in str(refused.value)


def test_certificates_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    tls = self_signed(tmp_path, "127.0.0.1")
    for given in ({"authority": missing}, {"certificate": missing}, {"key": tls.key}):
        with pytest.raises(Misconfigured, match="--mqtt-"):
            BrokerAddress.read("mqtts://broker.example", **given)
    with pytest.raises(Misconfigured, match="mqtts"):
        BrokerAddress.read("mqtt://broker.example", authority=tls.certificate)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--mqtt", "nonsense"], "--mqtt"),
        (["--mqtt-prefix", "a/#"], "--mqtt-prefix"),
        (["--mqtt", "off", "--home-assistant"], "--home-assistant"),
        (["--mqtt", "mqtts://x", "--mqtt-ca", "missing"], "missing"),
    ],
)
async def test_what_cannot_be_is_refused_at_the_start(arguments: list[str], words: str) -> None:
    async with omote("--port", "0", "--ephemeral", *arguments) as server:
        code, output, errors = await server.end()
    assert (code, output, errors.count("\n")) == (1, "", 1)
    assert errors.startswith("omote: ") and words in errors


async def test_the_url_of_the_broker_may_come_from_the_environment(
    broker: Mosquitto | Embedded,
) -> None:
    async with (
        listener(broker.port) as heard,
        omote("--port", "0", "--ephemeral", OMOTE_MQTT=broker.url) as server,
        httpx.AsyncClient(base_url=await server.address(), trust_env=False) as http,
    ):
        await heard.until(lambda topic, payload: payload == b"online")
        await http.put("/stages/desk")
        since = await order(heard, {"stage": {"mirror": True}})
        await shows(heard, since, lambda state: state["stage"]["mirror"])
        code, _, errors = await server.end(signal.SIGTERM)
        await heard.until(lambda topic, payload: payload == b"offline")
    assert code == 0
    assert "Traceback" not in errors


# The README.


async def test_the_lines_of_the_readme_work_as_printed(tmp_path: Path) -> None:
    lines = printed("sh")
    assert len(lines) == 10
    async with house(tmp_path, "embedded") as made:
        assert made.mqtt is not None
        await until(lambda: status(made) == "connected")
        # Only the port may differ here; mosquitto's programs take it from a file.
        for name in ("mosquitto_pub", "mosquitto_sub"):
            (tmp_path / name).write_text(f"-p {made.mqtt.address.port}\n")
        shown = [await shell(line, XDG_CONFIG_HOME=str(tmp_path), PATH=PATH) for line in lines]
        await until(lambda: made.desk.state()["stage"]["bypass"])
        state = made.desk.state()
    assert shown[0] == "online\n"
    assert json.loads(shown[1])["online"] is True
    assert json.loads(shown[2])["fps_in"] == 0
    assert not any(shown[3:9])
    assert json.loads(shown[9])["id"] == "a1"
    assert state["effects"] == ["matte", "background"]
    assert state["params"]["background"]["mode"] == "blur"
    assert state["params"]["background"]["strength"] != 0.8
    assert (state["stage"]["mirror"], state["scene"]["iso"]) == (True, 3200)


async def test_the_order_in_the_readme_is_one(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        answer = await made.http.patch("/stages/desk", json=json.loads("".join(printed("json"))))
    assert (answer.json()["id"], answer.json()["ok"]) == ("a1", True)


def printed(language: str) -> list[str]:
    """The lines of the one block of code in a language that the README has on control."""
    whole = (Path(__file__).parents[1] / "README.md").read_text()
    _, _, control = whole.partition("\n## Control\n")
    text, _, _ = control.partition("\n## ")
    [block] = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    return str(block).splitlines()


async def shell(line: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_shell(
        line, stdout=asyncio.subprocess.PIPE, env={**os.environ, **environment}
    )
    async with asyncio.timeout(PATIENCE_S):
        output, _ = await process.communicate()
    assert process.returncode == 0, line
    return output.decode()
