"""Payload: one JSON object out of what came over a wire, or why there is none."""

import json
from typing import Any

AT_MOST = 64 * 1024
"Bytes of a message."


class NotAnOrder(Exception):
    """Refused before anybody looked at what it asks for."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def json_object(payload: bytes | str) -> dict[str, Any]:
    """One JSON object (RFC 8259, hence no NaN or Infinity), or `NotAnOrder`."""
    if len(payload) > AT_MOST:
        raise NotAnOrder(413, f"a message has at most {AT_MOST} bytes")
    try:
        text = payload if isinstance(payload, str) else payload.decode()
        value = json.loads(text, parse_constant=_no_number)
        # What cannot be sent back is refused here: half a surrogate pair, 1e999.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as exc:
        raise NotAnOrder(400, f"the message is not JSON: {exc}") from exc
    if not isinstance(value, dict):
        raise NotAnOrder(400, "the message is not a JSON object")
    return value


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")
