"""Bulletin: what a stage says of itself to whoever listens."""

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

from omote.server.protocols import Stage

STATS_EVERY_S = 1.0
"Seconds between two reports of figures."
LOOK_EVERY_S = 0.25
"Seconds after which a change that rang no bell is seen: the ladder's rung, somebody who left."
GATHER_S = 0.05
"Seconds between two looks at least: of states that follow each other quickly the last is told."


async def bulletins(stage: Stage) -> AsyncGenerator[dict[str, Any], None]:
    """`{"state": ...}` at once and at each change, `{"stats": ...}` each second; ends with it."""
    told: dict[str, Any] | None = None
    due = time.monotonic() + STATS_EVERY_S
    while not stage.closed.is_set():
        heard = stage.bell.count
        if (state := stage.state()) != told:
            told = state
            yield {"state": state}
        if time.monotonic() >= due:
            due = time.monotonic() + STATS_EVERY_S
            yield {"stats": stage.stats()}
        await stage.bell.wait(heard, LOOK_EVERY_S)
        await asyncio.sleep(GATHER_S)
