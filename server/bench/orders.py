"""Orders that the bench gives: one that is seen at once, and a flood of anything."""

import json
import random
from collections.abc import Iterator, Mapping
from typing import Any

from omote.server.schemas import facts, parameters

BLACK, WHITE = "#000000", "#ffffff"


def backdrop(colour: str) -> bytes:
    """The person before one colour."""
    return _at(("params", "background"), {"mode": "colour", "colour": colour})


def anything(seed: int) -> Iterator[bytes]:
    """Endless orders: a value near its default, out of bounds, of the wrong kind, unknown, broken.

    Values that are applied stay where they cost what the default costs, so that the age of a frame
    tells of the orders and not of what they ask for.
    """
    chance = random.Random(seed)
    bounded = {path: known for path, known in _bounded().items() if path[0] == "params"}
    while True:
        path, known = chance.choice(list(bounded.items()))
        yield chance.choice((_near, _near, _beyond, _mistyped, _unknown, _broken))(path, known)


def _bounded() -> dict[tuple[str, ...], Mapping[str, Any]]:
    found = {path: facts(schema) for path, schema in parameters()}
    return {path: known for path, known in found.items() if known.get("type") == "number"}


def _near(path: tuple[str, ...], known: Mapping[str, Any]) -> bytes:
    return _at(path, known["default"])


def _beyond(path: tuple[str, ...], known: Mapping[str, Any]) -> bytes:
    return _at(path, float(known.get("maximum", 1e9)) * 2 + 1)


def _mistyped(path: tuple[str, ...], known: Mapping[str, Any]) -> bytes:
    return _at(path, ["no", "number"])


def _unknown(path: tuple[str, ...], known: Mapping[str, Any]) -> bytes:
    return _at((*path[:-1], f"{path[-1]}s"), 0.5)


def _broken(path: tuple[str, ...], known: Mapping[str, Any]) -> bytes:
    return _at(path, 0.5)[:-2]


def _at(path: tuple[str, ...], value: object) -> bytes:
    order: Any = value
    for key in reversed(path):
        order = {key: order}
    return json.dumps(order).encode()
