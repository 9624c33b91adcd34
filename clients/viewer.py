"""Viewer: a process that watches WHEP endpoints and notes what it is shown, and when.

`python -m omote.clients.viewer URL --decode`. Without `--decode` it only counts frames by their
marker bits. On stdout, as JSON lines: `connected`, then `result` with one entry per viewer.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from omote.clients import process, signalling
from omote.clients.publisher import only
from omote.clients.subscriber import Notes, Subscriber, Way
from omote.streams.link import Weather

ENOUGH = 6
"Pictures that a viewer which comes and goes wants to see."


async def watch(
    urls: Sequence[str],
    make: Callable[[], Subscriber],
    weather: Weather,
    stop: asyncio.Event,
    seconds: float | None = None,
) -> list[Notes]:
    """Watch every URL until told to stop, one is lost, or the time is over."""
    subscribers: list[Subscriber] = []
    async with AsyncExitStack() as sessions:
        lost: list[asyncio.Event] = []
        for url in urls:
            subscribers.append(subscriber := make())
            sessions.push_async_callback(subscriber.close)
            joined = signalling.session(url, subscriber.connection, weather)
            lost.append(await sessions.enter_async_context(joined))
        process.tell("connected")
        await process.first(stop, *lost, within=seconds)
    return [subscriber.notes for subscriber in subscribers]


async def come_and_go(
    url: str, make: Callable[[], Subscriber], weather: Weather, times: int, stop: asyncio.Event
) -> None:
    """See six pictures and leave, `times` times."""
    process.tell("connected")
    for _ in range(times):
        subscriber = make()
        try:
            async with signalling.session(url, subscriber.connection, weather) as lost:
                while len(subscriber.notes.shown) < ENOUGH and not lost.is_set():
                    await process.first(stop, lost, within=0.05)
                    if stop.is_set():
                        return
        finally:
            await subscriber.close()


def main(
    urls: Annotated[list[str], typer.Argument(help="WHEP endpoints.")],
    decode: Annotated[bool, typer.Option("--decode", help="Show pictures, read marks.")] = False,
    stock: Annotated[bool, typer.Option("--stock", help="Receive as plain aiortc does.")] = False,
    count: Annotated[int, typer.Option(min=1, help="Viewers of each endpoint.")] = 1,
    codec: Annotated[str, typer.Option(help="H264, VP8, or any: aiortc's order.")] = "H264",
    audio: bool = False,
    seconds: Annotated[float | None, typer.Option(help="Until told to stop if not given.")] = None,
    loss: Annotated[float, typer.Option(min=0, max=100, help="Percent.")] = 0.0,
    delay_ms: Annotated[float, typer.Option(min=0, help="One way.")] = 0.0,
    cycles: Annotated[int, typer.Option(help="Come and go so many times instead.")] = 0,
) -> None:
    """Watch WHEP endpoints until told to stop."""
    way: Way = "stock" if stock else "decode" if decode else "count"
    codecs = only("VP8" if codec == "VP8" else "H264") if codec != "any" else []
    weather = Weather(delay_ms / 1e3, loss / 100, seed=3)

    def make() -> Subscriber:
        return Subscriber(way, codecs, audio=audio)

    async def work(stop: asyncio.Event) -> None:
        if cycles:
            await come_and_go(urls[0], make, weather, cycles, stop)
            process.tell("result", cycles=cycles)
            return
        notes = await watch(urls * count, make, weather, stop, seconds)
        process.tell("result", viewers=[viewer.told() for viewer in notes])

    process.run(work)


if __name__ == "__main__":
    typer.run(main)
