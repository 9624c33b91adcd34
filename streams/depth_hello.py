"""Depth hello: what the two ends of a `depth/1` channel say in words, as JSON text messages.

Sender: `{"hello": {"clock": "video", "calibration": {...}, "noise_m": [0.001, 0.0015], "name": "..."}}`,
again every half second until the answer `{"ok": true}` comes, since a channel with a life time may
lose it. Every key is optional. To messages that are no depth the receiver says
`{"ok": false, "error": "...", "bad": 12}`, once a second at most.
"""

import json
import math
from collections.abc import Mapping
from typing import Any, cast, get_args

from omote.streams.depth import Clock, Hello
from omote.streams.depth_message import BadMessage

LONGEST_HELLO = 64 * 1024
"Characters."
LONGEST_NAME = 80
WELCOME = json.dumps({"ok": True})
_KEYS = {"clock", "calibration", "noise_m", "name"}


def hello_text(hello: Hello) -> str:
    """The message that says it."""
    said: dict[str, Any] = {"clock": hello.clock, "name": hello.name}
    if hello.calibration is not None:
        said["calibration"] = hello.calibration
    if any(hello.noise_m):
        said["noise_m"] = list(hello.noise_m)
    return json.dumps({"hello": said})


def read_hello(text: str) -> Hello:
    """What a message says; raises `BadMessage`."""
    said = _object(text).get("hello")
    if not isinstance(said, dict) or set(said) - _KEYS:
        raise BadMessage("hello", f"give an object `hello` with some of {', '.join(sorted(_KEYS))}")
    clock, calibration = said.get("clock", "own"), said.get("calibration")
    if clock not in get_args(Clock):
        raise BadMessage("hello", "clock is `video` or `own`")
    if not isinstance(calibration, dict | None):
        raise BadMessage("hello", "calibration is an object")
    name = said.get("name", "")
    if not isinstance(name, str):
        raise BadMessage("hello", "name is a text")
    return Hello(cast(Clock, clock), calibration, _noise(said), name[:LONGEST_NAME])


def refusal_text(error: str, bad: int) -> str:
    """Tell the sender what it did wrong, and how often."""
    return json.dumps({"ok": False, "error": error, "bad": bad})


def is_welcome(message: bytes | str) -> bool:
    """Whether the receiver has understood the hello."""
    return message == WELCOME


def _noise(said: Mapping[str, Any]) -> tuple[float, float]:
    given = said.get("noise_m", [0.0, 0.0])
    if not (isinstance(given, list) and len(given) == 2 and all(map(_is_noise, given))):
        raise BadMessage("hello", "noise_m is two numbers, 0..1")
    return float(given[0]), float(given[1])


def _is_noise(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1


def _object(text: str) -> dict[str, Any]:
    if len(text) > LONGEST_HELLO:
        raise BadMessage("hello", f"longer than {LONGEST_HELLO} characters")
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise BadMessage("hello", "no JSON") from exc
    if not isinstance(said, dict):
        raise BadMessage("hello", "no JSON object")
    return said
