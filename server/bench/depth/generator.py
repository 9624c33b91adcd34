"""Generator: a process that publishes the drawn scene and its depth, both made beforehand."""

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from typing import Annotated

import av
import numpy as np
import typer

from omote.clients import process, signalling
from omote.clients.camera import PreparedCamera, prepare
from omote.clients.clip import to_and_fro
from omote.clients.depth_publisher import DepthPublisher
from omote.clients.pace import Start
from omote.clients.publisher import only
from omote.streams import interop
from omote.streams.depth import CLOCK_HZ, DepthFrame, Hello, Steps
from omote.streams.packet import Packet
from omote.streams.synthetic import CAMERAS, COLOUR, DEPTH, Room
from omote.streams.tof import measured

FPS = 30.0
BITRATE = 2_500_000
BEHIND_M = (3.0,)


class Reel(PreparedCamera):
    """Tells of each picture once it has left."""

    def __init__(self, packets: Sequence[bytes], start: Start) -> None:
        super().__init__(packets, FPS, start)
        self._last: tuple[int, float] | None = None

    async def recv(self) -> Packet:
        """The next packet."""
        packet = await super().recv()
        if self._last is not None:
            self.on_sent(*self._last)
        self._last = packet.pts or 0, time.monotonic()
        return packet


class ReelDepth:
    """A depth map for every picture that has left."""

    def __init__(self, maps: Sequence[Steps], reel: Reel) -> None:
        self._maps = maps
        self._reel = reel
        self._ended = False

    @property
    def hello(self) -> Hello:
        """See `DepthSource`."""
        return Hello("own", CAMERAS.model_dump(mode="json", exclude_none=True), name="drawn")

    async def frames(self) -> AsyncGenerator[DepthFrame, None]:
        """See `DepthSource`."""
        index = 0
        while not self._ended:
            await asyncio.sleep(0.002)
            while len(self._reel.taken) > index:
                picture, moment = self._reel.taken[index]
                steps = self._maps[picture % len(self._maps)]
                taken = round(moment * CLOCK_HZ)
                yield DepthFrame(steps, 0.001, taken, "own", index, moment, None, "synthetic")
                index += 1

    def close(self) -> None:
        """See `DepthSource`."""
        self._ended = True


def drawn(pictures: int) -> tuple[list[bytes], list[Steps]]:
    """One loop of coded pictures and the depth of each."""
    room, rng = Room(behind=BEHIND_M), np.random.default_rng(1)
    seconds = [number / FPS for number in range(pictures)]
    shown = [
        av.VideoFrame.from_ndarray(room.view(COLOUR, second).rgb, "rgb24").reformat(
            format="yuv420p"
        )
        for second in seconds
    ]
    maps = [measured(room.view(DEPTH, second), rng) for second in seconds]
    packets = prepare(shown, "H264", BITRATE, FPS, mark=False)
    return packets, [maps[index] for index in to_and_fro(pictures)]


async def publish(url: str, pictures: int, stop: asyncio.Event) -> None:
    """Until told to stop."""
    packets, maps = await asyncio.to_thread(drawn, pictures)
    connection = signalling.new_connection()
    reel = Reel(packets, Start())
    transceiver = connection.addTransceiver(reel, direction="sendonly")
    transceiver.setCodecPreferences(only("H264"))
    interop.on_keyframe_request(transceiver.sender, reel.ask_keyframe)
    depth = DepthPublisher(ReelDepth(maps, reel))
    async with AsyncExitStack() as held:
        held.push_async_callback(depth.close)
        await held.enter_async_context(depth.beside(connection, transceiver.sender, reel))
        lost = await held.enter_async_context(signalling.session(url, connection))
        process.tell("connected")
        await process.first(stop, lost)
    process.tell("result", pictures=len(reel.taken), depth=depth.told())


def main(
    url: Annotated[str, typer.Argument(help="WHIP endpoint.")],
    pictures: Annotated[int, typer.Option(min=2, help="Of the loop.")] = 60,
) -> None:
    """Send the drawn scene and its depth until told to stop."""
    process.run(lambda stop: publish(url, pictures, stop))


if __name__ == "__main__":
    typer.run(main)
