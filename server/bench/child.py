"""Child: another process of the bench, its events, and its certain end."""

import asyncio
import ctypes
import json
import re
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

Event = dict[str, Any]

PATIENCE = 30.0
"Seconds until a process that was told to stop is killed."
LONGEST_LINE = 1 << 26
"Bytes; a viewer's notes are one line."


class ChildFailed(Exception):
    """A process did not do what it was there for; the message says which and what it said last."""


class Child:
    """A process that tells of events as JSON lines on stdout and of trouble on stderr."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.pid = process.pid
        self._process = process
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._said: deque[str] = deque(maxlen=200)
        self._news = asyncio.Event()
        self._readers = [
            asyncio.create_task(self._read_events(), name=f"{name}.stdout"),
            asyncio.create_task(self._read_words(), name=f"{name}.stderr"),
        ]

    async def event(self, kind: str, within: float) -> Event:
        """The next event, which must be of that kind; raises `ChildFailed`."""
        try:
            async with asyncio.timeout(within):
                event = await self._events.get()
        except TimeoutError as exc:
            raise self._failure(f"no {kind!r} in {within:g} s") from exc
        if event is None:
            raise self._failure(f"ended before {kind!r}")
        if event["event"] != kind:
            raise self._failure(str(event.get("reason", event["event"])))
        return event

    async def says(self, pattern: str, within: float) -> str:
        """The first group of `pattern` in what it says on stderr; raises `ChildFailed`."""
        try:
            async with asyncio.timeout(within):
                while (found := re.search(pattern, "\n".join(self._said))) is None:
                    if self._readers[1].done():
                        raise self._failure(f"ended without saying {pattern!r}")
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError as exc:
            raise self._failure(f"has not said {pattern!r} in {within:g} s") from exc
        return found[1]

    async def result(self) -> Event:
        """Tell it to stop, and take its `result`; raises `ChildFailed`."""
        self._signal(signal.SIGTERM)
        return await self.event("result", PATIENCE)

    async def end(self) -> None:
        """Stop it, by force if need be."""
        self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.wait()
        finally:  # also when this wait is cancelled
            self._signal(signal.SIGKILL)
            await asyncio.wait(self._readers, timeout=5)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def _read_events(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            self._events.put_nowait(json.loads(line))
        self._events.put_nowait(None)

    async def _read_words(self) -> None:
        assert self._process.stderr is not None
        async for line in self._process.stderr:
            self._said.append(line.decode(errors="replace").rstrip())
            self._news.set()
        self._news.set()

    def last_words(self) -> str:
        """The end of what it said on stderr."""
        return "\n".join(list(self._said)[-12:])

    def _failure(self, what: str) -> ChildFailed:
        return ChildFailed(f"{self.name}: {what}\n{self.last_words()}".rstrip())


@asynccontextmanager
async def child(name: str, arguments: Sequence[str]) -> AsyncIterator[Child]:
    """A Python process with these arguments, which ends with the block and with this process."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
        start_new_session=True,  # Ctrl-C is for the bench, which then ends its children in order
        preexec_fn=end_with_parent if sys.platform == "linux" else None,
    )
    started = Child(name, process)
    try:
        yield started
    finally:
        await started.end()


def end_with_parent() -> None:
    """In the new process: be told to stop when the bench dies, however it does (prctl(2))."""
    parent_death_signal = 1
    ctypes.CDLL(None).prctl(parent_death_signal, signal.SIGTERM)
