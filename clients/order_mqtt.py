"""An order over MQTT: sent once, and its answer picked out of what the stage says."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from contextlib import suppress
from secrets import token_hex
from typing import Any
from urllib.parse import unquote, urlsplit

from aiomqtt import Client, MqttError

from omote.clients.request import NotConnected
from omote.clients.terminal import USAGE, GivenUp

PORTS = {"mqtt": 1883, "mqtts": 8883}
PATIENCE_S = 10.0
"Until an order counts as unanswered, seconds."
GRACE_S = 1.0
"A state that does not show the order is its answer unless a refusal follows within this time."


async def sent(broker: str, prefix: str, stage: str, patch: Mapping[str, Any]) -> dict[str, Any]:
    """The answer, as over HTTP; raises `NotConnected` where nobody is, or nobody answers."""
    marked = {"id": token_hex(8), **patch}
    try:
        async with _client(broker) as client:
            for what in ("state", "error"):
                await client.subscribe(f"{prefix}/{stage}/{what}", qos=1)
            await client.publish(f"{prefix}/{stage}/set", json.dumps(marked), qos=1)
            return await _answer(client, f"{prefix}/{stage}/error", marked)
    except MqttError as exc:
        raise NotConnected(f"the broker: {exc}") from exc


def _client(broker: str) -> Client:
    parts = urlsplit(broker)
    if parts.scheme not in PORTS or not parts.hostname:
        raise GivenUp("--mqtt: write mqtt://USER:PASSWORD@HOST:PORT, mqtts:// for TLS", USAGE)
    return Client(
        parts.hostname,
        parts.port or PORTS[parts.scheme],
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls_context=ssl.create_default_context() if parts.scheme == "mqtts" else None,
        timeout=PATIENCE_S,
    )


async def _answer(client: Client, errors: str, order: Mapping[str, Any]) -> dict[str, Any]:
    state: dict[str, Any] | None = None
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE_S) as limit:
            async for message in client.messages:
                told = _read(message.payload)
                if message.topic.value == errors and told.get("id") == order["id"]:
                    return told
                if message.topic.value == errors or message.retain or not told:
                    continue
                state = told
                if shows(state, order):
                    break
                limit.reschedule(asyncio.get_running_loop().time() + GRACE_S)
    if state is None:
        raise NotConnected(f"nobody answered within {PATIENCE_S:g} s; is there such a stage?")
    return {"id": order["id"], "ok": True, "state": state}


def shows(state: Any, order: Any) -> bool:
    """Whether everything that an order sets is so in a state; what it resets may be anything."""
    if isinstance(order, Mapping):
        return isinstance(state, Mapping) and all(
            shows(state.get(key), value) for key, value in order.items() if key != "id"
        )
    return order is None or bool(state == order)


def _read(payload: object) -> dict[str, Any]:
    try:
        told = json.loads(payload) if isinstance(payload, bytes | str) else None
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
