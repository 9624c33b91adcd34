"""Setting: what all cases of a run have in common, and the clients they start."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from omote.server.bench.child import Child, child
from omote.server.bench.material import Material
from omote.server.bench.server import Sample, ServerUnderTest

READY = 90.0
"Seconds a client may take to begin on a busy machine."

Stages = str | Sequence[str]
"One name, or several."


@dataclass(frozen=True, slots=True)
class Setting:
    """How a run is done."""

    material: Material
    seconds: float
    "Of the measured interval."
    warm_up: float
    "Seconds before it."
    soak_seconds: float
    "Of the interval in which memory is watched; its first sixth does not count."
    tell: Callable[[str], None]
    "Told what is going on."

    @asynccontextmanager
    async def publisher(
        self, server: ServerUnderTest, stages: Stages, *more: str
    ) -> AsyncIterator[Child]:
        """A process that publishes to these stages."""
        urls = [server.whip(stage) for stage in _names(stages)]
        how = ("--clip", self.material.clip, *more)
        async with _client("publisher", (*urls, *how)) as process:
            yield process

    @asynccontextmanager
    async def viewer(
        self, server: ServerUnderTest, stages: Stages, *more: str
    ) -> AsyncIterator[Child]:
        """A process that watches these stages."""
        urls = [server.whep(stage) for stage in _names(stages)]
        async with _client("viewer", (*urls, *more)) as process:
            yield process

    async def measured(self, server: ServerUnderTest) -> list[Sample]:
        """Wait until things have settled, then watch the server."""
        self.tell(f"warming up for {self.warm_up:g} s")
        await asyncio.sleep(self.warm_up)
        self.tell(f"measuring for {self.seconds:g} s")
        return await server.watch(self.seconds)


@asynccontextmanager
async def _client(name: str, arguments: Sequence[str]) -> AsyncIterator[Child]:
    async with child(name, ("-m", f"omote.clients.{name}", *arguments)) as process:
        await process.event("connected", READY)
        yield process


def _names(stages: Stages) -> Sequence[str]:
    return (stages,) if isinstance(stages, str) else stages
