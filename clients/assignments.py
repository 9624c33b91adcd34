"""Assignments: `background.strength=0.6` and its like as the order they stand for."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from omote.clients.mistake import Mistake

WHOLE = frozenset({"effects", "id"})
"Keys of an order that are values."
PARTS = frozenset({"params", "stage", "depth", "scene"})
"Keys of an order that are objects; whatever else comes first is an effect's name."


class NoOrder(Mistake):
    """It does not say what to change; the message says how to write it."""


def order_of(assignments: Iterable[str]) -> dict[str, Any]:
    """A merge patch: `effects=a,b`, `stage.KEY=VALUE`, `scene.KEY=VALUE`, `EFFECT.KEY=VALUE`.

    What is JSON is taken as JSON, anything else as text; nothing, or null, means the default.
    Raises `NoOrder`.
    """
    order: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, text = assignment.partition("=")
        path = key.strip().split(".")
        if not equals or not all(path):
            raise NoOrder(f"{assignment}: write KEY=VALUE, such as background.strength=0.6")
        if path == ["effects"]:
            _put(order, path, _names(text), assignment)
        elif path[0] in WHOLE | PARTS:
            _put(order, path, _value(text), assignment)
        else:
            _put(order, ["params", *path], _value(text), assignment)
    return order


def order_in(text: str) -> dict[str, Any]:
    """A whole order, JSON; raises `NoOrder`."""
    try:
        order = json.loads(text)
    except ValueError as exc:
        raise NoOrder(f"the order is not JSON: {exc}") from exc
    if not isinstance(order, dict):
        raise NoOrder('the order is not a JSON object, such as {"stage": {"mirror": true}}')
    return order


def key_of(at: str) -> str:
    """A place in an order, as it is written on the command line."""
    return at.removeprefix("params.")


def _put(order: dict[str, Any], path: Sequence[str], value: Any, assignment: str) -> None:
    *way, last = path
    for key in way:
        order = order.setdefault(key, {})
        if not isinstance(order, dict):
            raise NoOrder(f"{assignment}: {key} is a value already")
    if last in order:
        raise NoOrder(f"{assignment}: it is there twice")
    order[last] = value


def _value(text: str) -> Any:
    if not text:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def _names(text: str) -> Any:
    """`a,b` as the list it stands for; a JSON list and null are taken as they are."""
    value = _value(text)
    return [x.strip() for x in value.split(",")] if isinstance(value, str) else value
