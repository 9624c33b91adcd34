"""Process: how clients run until a signal ends them; the bench's tell of it in JSON lines."""

import asyncio
import json
import logging
import signal
import sys
from collections.abc import Callable, Coroutine
from typing import Any

from omote.clients.clip import Unreadable
from omote.clients.request import NotConnected

Work = Callable[[asyncio.Event], Coroutine[Any, Any, None]]
"Runs until the event is set, which a signal does."


def run(work: Work) -> None:
    """Run until the work ends, or SIGINT or SIGTERM asks it to; a failure is an event, too."""
    try:
        until_told(work)
    except (NotConnected, Unreadable) as exc:
        tell("failed", reason=str(exc))
        raise SystemExit(1) from exc


def until_told(work: Work) -> None:
    """Run until the work ends, or SIGINT or SIGTERM asks it to."""
    logging.basicConfig(level=logging.WARNING)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_until_told(work))


async def _until_told(work: Work) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    await work(stop)


def tell(event: str, **figures: object) -> None:
    """One line for whoever started this process."""
    print(json.dumps({"event": event, **figures}), flush=True)


async def first(*events: asyncio.Event, within: float | None = None) -> None:
    """Wait until one of the events is set, or `within` seconds have passed."""
    tasks = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(tasks, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def new_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop there is for this platform."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop  # not to be had on Windows

    return uvloop.new_event_loop()
