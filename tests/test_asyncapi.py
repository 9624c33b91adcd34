"""/asyncapi.json and OpenAPI against the official schema, and against what is really on the wire."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from omote.engines.effect import kinds
from omote.server.bench.mosquitto import Mosquitto, mosquitto
from omote.server.messages import State, Stats
from omote.server.schemas import facts, model_schema, parameters
from omote.server.tokens import parse
from tests.house import House, Listener, house, listener, until
from tests.npm import file_of
from tests.peers import client
from tests.transports import over_channel, over_websocket

SPECS = ("@asyncapi/specs@6.11.1", "schemas/3.0.0-without-$id.json")  # Apache-2.0
SECRET = "0123456789abcdef"
Document = dict[str, Any]


async def document(made: House) -> Document:
    answer = await made.http.get("/asyncapi.json")
    assert answer.status_code == 200
    read: Document = answer.json()
    return read


def check(document: Document, name: str, message: Any) -> None:
    """Raise unless a message is as the document's schema of that name says."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    jsonschema.validate(message, schema, cls=jsonschema.Draft202012Validator)


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


@pytest.mark.parametrize("way", ["off", "broker"])
async def test_it_is_asyncapi_3(tmp_path: Path, probe: Any, way: str) -> None:
    schema = json.loads((await asyncio.to_thread(file_of, *SPECS)).read_text())
    async with mosquitto(tmp_path / "broker") as broker:
        url = broker.url if way == "broker" else "off"
        async with house(tmp_path, url, home_assistant=way == "broker") as made:
            described = await document(made)
    jsonschema.validate(described, schema, cls=jsonschema.Draft7Validator)
    assert ("servers" in described) is (way == "broker")
    for reference in references(described):
        node = described
        for key in reference.removeprefix("#/").split("/"):
            node = node[key]
    for name in described["components"]["schemas"]:
        part = described["components"]["schemas"][name]
        jsonschema.Draft202012Validator.check_schema(part)


async def test_it_tells_strangers_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, tokens=parse(f"{SECRET}:view:desk")) as made:
        assert (await made.http.get("/asyncapi.json")).status_code == 401
        headers = {"Authorization": f"Bearer {SECRET}"}
        assert (await made.http.get("/asyncapi.json", headers=headers)).status_code == 200


# What the document says of MQTT is what the broker sees, no more and no less.


def operations(described: Document, action: str) -> dict[str, tuple[str, int, bool]]:
    """Address with + for the stage: message, QoS and retain."""
    found = {}
    for operation in described["operations"].values():
        channel = described["channels"][operation["channel"]["$ref"].rpartition("/")[2]]
        if operation["action"] == action and "servers" in channel:
            binding = operation["bindings"]["mqtt"]
            [message] = channel["messages"]
            topic = channel["address"].replace("{stage}", "+")
            found[topic] = (message, binding["qos"], binding["retain"])
    return found


def matching(topic: str, patterns: Any) -> str:
    """The one pattern that a topic fits."""
    [fitting] = [
        pattern
        for pattern in patterns
        if re.fullmatch(re.escape(pattern).replace(r"\+", "[a-z0-9-]+"), topic)
    ]
    return str(fitting)


async def everything_happens(made: House, heard: Listener) -> None:
    """Orders, a scene, a refusal, figures, and Home Assistant's birth."""
    publish = heard.client.publish
    await heard.json("omote/desk/state")
    await publish("omote/desk/set", '{"stage": {"mirror": true}}', qos=1)
    await publish("omote/desk/set", '{"stage": {"share_faces": true}}', qos=1)
    await heard.json("omote/desk/face")
    await publish("omote/desk/set", '{"stage": {"share_faces": false}}', qos=1)
    await publish("omote/desk/set", '{"id": "a", "stage": {"mirror": 7}}', qos=1)
    await publish("omote/desk/scene", '{"iso": 100}', qos=1)
    await publish("homeassistant/status", "online", qos=1)
    await heard.json("omote/desk/error")
    await heard.json("omote/desk/stats")
    await heard.until(lambda topic, payload: b'"iso": 100' in payload and topic.endswith("state"))


async def test_topics_are_as_documented(tmp_path: Path) -> None:
    async with mosquitto(tmp_path / "broker") as broker, listener(broker.port) as heard:
        async with house(tmp_path, broker.url, home_assistant=True) as made:
            described = await document(made)
            await everything_happens(made, heard)
        await heard.until(lambda topic, payload: payload == b"offline")
        assert subscribed(broker) == {
            topic: qos for topic, (_, qos, _) in operations(described, "receive").items()
        }
        sends = operations(described, "send")
        published = set(published_by_server(broker))
        assert {matching(topic, sends) for topic, _, _ in published} == set(sends)
        for topic, qos, retain in published:
            assert sends[matching(topic, sends)][1:] == (qos, retain), topic
        for topic, payload, _ in heard.heard:
            if topic in {topic for topic, _, _ in published} and payload:
                name = sends[matching(topic, sends)][0]
                check(described, name, plain(name, payload))


def plain(name: str, payload: bytes) -> Any:
    return payload.decode() if name == "available" else json.loads(payload)


def subscribed(broker: Mosquitto) -> dict[str, int]:
    """Topics and QoS that the server asked for, from the broker's log."""
    lines = broker.log.read_text().splitlines()
    found = {}
    for number, line in enumerate(lines):
        if "Received SUBSCRIBE from omote" in line:
            topic, qos = re.search(r"\t(\S+) \(QoS (\d)\)", lines[number + 1]).groups()  # type: ignore[union-attr]
            found[topic] = int(qos)
    return found


def published_by_server(broker: Mosquitto) -> Iterator[tuple[str, int, bool]]:
    """Topic, QoS and retain of what the server published, from the broker's log."""
    pattern = r"Received PUBLISH from omote\w+ \(d\d, q(\d), r(\d), m\d+, '([^']+)'"
    for qos, retain, topic in re.findall(pattern, broker.log.read_text()):
        yield topic, int(qos), retain == "1"


# Messages over WebSocket and data channel, and with frames flowing.


@pytest.mark.parametrize("over", [over_websocket, over_channel])
async def test_what_is_said_is_as_documented(tmp_path: Path, over: Any) -> None:
    async with house(tmp_path) as made, over(made) as spoken:
        described = await document(made)
        accepted = await spoken.send(b'{"id": "a", "scene": {"lux": 1}}')
        refused = await spoken.send(b'{"stage": {"mirror": 7}}')
        stats = await spoken.next(lambda message: "stats" in message)
        state = next(message for message in spoken.told if "state" in message)
    messages = (("accepted", accepted), ("refusal", refused))
    for name, message in (*messages, ("statsNotice", stats), ("stateNotice", state)):
        check(described, name, message)


async def test_the_models_say_what_is_so_while_frames_flow(tmp_path: Path) -> None:
    async with house(tmp_path) as made, client(made.http) as camera, client(made.http) as viewer:
        described = await document(made)
        await camera.publish()
        await viewer.watch()
        await viewer.sees_the_camera()
        await until(lambda: made.desk.stats()["age_p50_ms"] is not None)
        state, stats = made.desk.state(), made.desk.stats()
        assert (state["publisher"], state["viewers"]) == ("connected", 1)
        check(described, "state", json.loads(json.dumps(state)))
        check(described, "stats", json.loads(json.dumps(stats)))
        assert State.model_validate_json(json.dumps(state)).viewers == 1
        assert Stats.model_validate_json(json.dumps(stats)).viewers == 1
        assert (await made.http.get("/stages/desk")).json()["state"].keys() == state.keys()


# Every parameter, everywhere.


async def test_every_parameter_is_in_every_schema(tmp_path: Path, probe: Any) -> None:
    async with house(tmp_path) as made:
        described = await document(made)
        openapi = (await made.http.get("/openapi.json")).json()
        effects = (await made.http.get("/effects")).json()["effects"]
        state = made.desk.state()
    body = openapi["paths"]["/stages/{name}"]["patch"]["requestBody"]["content"]
    orders = [described["components"]["schemas"]["order"], *(c["schema"] for c in body.values())]
    shown = {effect["name"]: effect["schema"]["properties"] for effect in effects}
    assert {name for name in shown} == set(kinds())
    for path, schema in parameters():
        for order in orders:
            assert described_as(found(order, path), schema), path
        assert described_as(found(described["components"]["schemas"]["state"], path), schema), path
        place = state
        for key in path:
            place = place[key]
        if path[0] == "params":
            assert path[2] in shown[path[1]]


def found(schema: Document, path: tuple[str, ...]) -> Document:
    for key in path:
        schema = facts(schema)["properties"][key]
    return schema


def described_as(one: Document, other: Document) -> bool:
    """The same words, bounds, choices, unit and default."""

    def said(schema: Document) -> Document:
        # Of a default that is null OpenAPI says nothing; in an order everything may be null.
        known = facts(schema) | {"nullable": None}
        return {key: value for key, value in known.items() if value is not None}

    return said(one) == said(other)


def test_every_model_has_a_word_on_each_figure() -> None:
    for model in (State, Stats):
        for key, schema in model_schema(model)["properties"].items():
            plain = key in ("publisher", "viewers", "version", "stage", "scene")
            assert plain or schema.get("description"), key
