"""Completion: what a shell suggests, asked of the server that runs; without one, nothing."""

import json
import os
from collections.abc import Iterator
from typing import Any

from omote.clients.place import SERVER
from omote.clients.request import NotConnected, exchange

PATIENCE_S = 0.5
"Nobody waits longer for a suggestion."
OF_A_STAGE = ("effects=", "stage.")


def stages(incomplete: str) -> list[str]:
    """Stages there are."""
    found = [stage["name"] for stage in _asked("/stages").get("stages", ())]
    return [name for name in found if name.startswith(incomplete)]


def keys(incomplete: str) -> list[str]:
    """Left sides of what can be ordered."""
    known = [*OF_A_STAGE, *_parameters(_asked("/effects").get("effects", ()))]
    return [key for key in known if key.startswith(incomplete)]


def _parameters(effects: Any) -> Iterator[str]:
    for effect in effects:
        for name in effect["schema"]["properties"]:
            yield f"{effect['name']}.{name}="


def _asked(path: str) -> Any:
    server, token = os.environ.get("OMOTE_URL", SERVER), os.environ.get("OMOTE_TOKEN")
    try:
        return json.loads(exchange("GET", server + path, token=token, timeout=PATIENCE_S).body)
    except (NotConnected, ValueError):
        return {}
