"""AsyncAPI: every message over MQTT, WebSocket and data channel, as one document (AsyncAPI 3.0).

Drawn from the models that validate the messages; a test compares it with what is on the wire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from omote.server.broker_address import BrokerAddress
from omote.server.channel import FACE_LABEL, LABEL
from omote.server.discovery import Discovery
from omote.server.face import FaceMessage
from omote.server.face_report import LAYOUT, FaceReport
from omote.server.messages import Refusal, Stats
from omote.server.mqtt import Mqtt
from omote.server.mqtt_orders import FACE
from omote.server.scene import SceneMessage
from omote.server.schemas import (
    Schema,
    accepted_schema,
    model_schema,
    order_schema,
    state_schema,
)
from omote.server.topics import Topics

Document = dict[str, Any]
Action = Literal["send", "receive"]
"From the server's side: it sends or receives."


@dataclass(frozen=True, slots=True)
class Topic:
    """One MQTT topic, of one stage, of the server or of Home Assistant."""

    name: str
    address: str
    action: Action
    message: str
    "Its key in `_messages`."
    qos: int
    retain: bool


def document(version: str, mqtt: Mqtt | None = None) -> Document:
    """Everything there is to say and to hear; without MQTT, less its topics."""
    used = mqtt_topics(mqtt.topics, mqtt.discovery) if mqtt else ()
    sockets = {"websocket": "/stages/{stage}/control", "dataChannel": LABEL}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Omote",
            "version": version,
            "description": "Orders in; answers, states, stats and errors out.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        **({"servers": {"mqtt": _server(mqtt.address)}} if mqtt else {}),
        "channels": {topic.name: _channel(topic) for topic in used}
        | {name: _socket(address, _SPOKEN) for name, address in sockets.items()}
        | {"faceChannel": _socket(FACE_LABEL, _FACES)},
        "operations": {f"{topic.action}_{topic.name}": _operation(topic) for topic in used}
        | dict(_socket_operation(name, action, _SPOKEN) for name in sockets for action in _SPOKEN)
        | dict(_socket_operation("faceChannel", action, _FACES) for action in _FACES),
        "components": {"messages": _messages(), "schemas": _schemas()},
    }


def mqtt_topics(topics: Topics, discovery: Discovery | None = None) -> Sequence[Topic]:
    """Every topic that is subscribed to or published."""
    of = topics.of
    own = (
        Topic("set", of("{stage}", "set"), "receive", "order", 1, False),
        Topic("scene", of("{stage}", "scene"), "receive", "scene", 1, False),
        Topic("state", of("{stage}", "state"), "receive", "state", 1, True),
        Topic("state", of("{stage}", "state"), "send", "state", 1, True),
        Topic("stats", of("{stage}", "stats"), "send", "stats", 0, False),
        Topic("face", of("{stage}", "face"), "send", "face", 0, False),
        Topic("faceSet", of("{stage}", FACE), "receive", "faceReport", 1, False),
        Topic("error", of("{stage}", "error"), "send", "refusal", 1, False),
        Topic("available", topics.available, "send", "available", 1, True),
    )
    if discovery is None:
        return own
    return (
        *own,
        Topic("birth", discovery.birth_topic, "receive", "available", 1, False),
        Topic("device", discovery.topic("{stage}"), "send", "device", 1, True),
    )


_SPOKEN: Mapping[Action, Sequence[str]] = {
    "receive": ("order",),
    "send": ("accepted", "refusal", "stateNotice", "statsNotice"),
}
"What is said over WebSocket and data channel."
_FACES: Mapping[Action, Sequence[str]] = {"receive": ("faceReport",), "send": ("refusal",)}
"What is said over the data channel for faces."


def _server(broker: BrokerAddress) -> Document:
    protocol, _, host = str(broker).partition("://")
    return {"host": host, "protocol": protocol, "protocolVersion": "3.1.1"}


def _channel(topic: Topic) -> Document:
    stage = {"parameters": {"stage": _STAGE}} if "{stage}" in topic.address else {}
    return {
        "address": topic.address,
        "messages": {topic.message: {"$ref": f"#/components/messages/{topic.message}"}},
        "servers": [{"$ref": "#/servers/mqtt"}],
        **stage,
    }


def _operation(topic: Topic) -> Document:
    channel = f"#/channels/{topic.name}"
    return {
        "action": topic.action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{topic.message}"}],
        "bindings": {"mqtt": {"qos": topic.qos, "retain": topic.retain, "bindingVersion": "0.2.0"}},
    }


def _socket(address: str, said: Mapping[Action, Sequence[str]]) -> Document:
    names = [name for spoken in said.values() for name in spoken]
    stage = {"parameters": {"stage": _STAGE}} if "{stage}" in address else {}
    return {
        "address": address,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        **stage,
    }


def _socket_operation(
    name: str, action: Action, said: Mapping[Action, Sequence[str]]
) -> tuple[str, Document]:
    channel = f"#/channels/{name}"
    messages = [{"$ref": f"{channel}/messages/{spoken}"} for spoken in said[action]]
    operation = {"action": action, "channel": {"$ref": channel}, "messages": messages}
    return f"{action}_{name}", operation


def _messages() -> Document:
    words = {
        "order": "A JSON merge patch (RFC 7396), carried out whole or not at all.",
        "scene": "What the camera says of the light; it holds for ten seconds.",
        "state": "Settings with every default filled in, and who is here; at each change.",
        "stats": "Figures of the last five seconds, each second.",
        "face": "How the face in the picture moves; when it was ordered, 30 times a second.",
        "faceReport": "A face as your own tracker sees it, which moves the puppet of a stage whose"
        " `stage.driver` is `messages`. As JSON, or as bytes: " + LAYOUT,
        "accepted": "The answer to an order that was carried out.",
        "refusal": "The answer to an order that changed nothing, and why.",
        "stateNotice": "The state, at once and at each change.",
        "statsNotice": "The figures, each second.",
        "available": "Whether somebody is there; `offline` is the last will.",
        "device": "A stage as Home Assistant's MQTT device discovery wants it.",
    }
    return {name: _message(name, summary) for name, summary in words.items()}


def _message(name: str, summary: str) -> Document:
    plain = {"contentType": "text/plain"} if name == "available" else {}
    payload = {"$ref": f"#/components/schemas/{name}"}
    return {"name": name, "summary": summary, "payload": payload, **plain}


def _schemas() -> Mapping[str, Schema]:
    state, stats = state_schema(), model_schema(Stats)
    return {
        "order": order_schema(),
        "scene": model_schema(SceneMessage),
        "state": state,
        "stats": stats,
        "face": model_schema(FaceMessage),
        "faceReport": model_schema(FaceReport),
        "accepted": accepted_schema(),
        "refusal": model_schema(Refusal),
        "stateNotice": _notice("state"),
        "statsNotice": _notice("stats"),
        "available": {"type": "string", "enum": ["online", "offline"]},
        "device": {"type": "object", "required": ["dev", "o", "cmps"]},
    }


def _notice(key: str) -> Schema:
    reference = {"$ref": f"#/components/schemas/{key}"}
    return {"type": "object", "required": [key], "properties": {key: reference}}


_STAGE = {"description": "The stage's name: 1 to 40 of a-z, 0-9 and -.", "examples": ["desk"]}
