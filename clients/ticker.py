"""Ticker: how it goes, once a second on stderr; one line that is written over on a terminal."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from aiortc import RTCPeerConnection
from aiortc.stats import RTCOutboundRtpStreamStats, RTCRemoteInboundRtpStreamStats

EVERY_S = 1.0
WRITTEN_EVERY = 10
"Ticks between two lines where nobody can write over the last one."


class Ticker:
    """Asks for a line each second while the block runs."""

    def __init__(self, line: Callable[[], Awaitable[str]]) -> None:
        self._line = line
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name="ticker")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; the last line stays."""
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        if sys.stderr.isatty():
            print(file=sys.stderr)

    async def _run(self) -> None:
        ticks = 0
        while True:
            await asyncio.sleep(EVERY_S)
            words, ticks = await self._line(), ticks + 1
            if sys.stderr.isatty():
                print(f"\r\x1b[K{words}", end="", file=sys.stderr, flush=True)
            elif ticks % WRITTEN_EVERY == 1:
                print(words, file=sys.stderr, flush=True)


class Rate:
    """How fast a count grows between two looks."""

    def __init__(self) -> None:
        self._last: tuple[float, float] | None = None

    def of(self, count: float) -> float:
        """Per second, since the last look."""
        now = asyncio.get_running_loop().time()
        before, self._last = self._last, (now, count)
        if before is None or now <= before[0] or count < before[1]:
            return 0.0
        return (count - before[1]) / (now - before[0])


class Sender:
    """What the other end says of what is sent to it (RFC 3550, section 6.4)."""

    def __init__(self) -> None:
        self._fps, self._bytes = Rate(), Rate()
        self._figures: dict[str, Any] = {"kbps": 0, "rtt_ms": None, "lost_percent": None}

    async def line(self, connection: RTCPeerConnection, frames: int) -> str:
        """Look, and say it."""
        sent, told = 0, self._figures
        for report in (await connection.getStats()).values():
            if isinstance(report, RTCOutboundRtpStreamStats):
                sent += report.bytesSent
            elif isinstance(report, RTCRemoteInboundRtpStreamStats) and report.kind == "video":
                trip = report.roundTripTime
                told["rtt_ms"] = None if trip is None else round(trip * 1e3, 1)
                told["lost_percent"] = round(report.fractionLost / 2.56, 1)
        told["kbps"] = round(self._bytes.of(sent) * 8 / 1e3)
        rest = (
            f"{told['kbps']} kbit/s, round trip {told['rtt_ms']} ms, lost {told['lost_percent']} %"
        )
        return f"{self._fps.of(frames):.1f} fps, {rest}"

    def told(self) -> dict[str, Any]:
        """As of the last look."""
        return dict(self._figures)
