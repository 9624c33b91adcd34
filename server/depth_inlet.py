"""Depth inlet: takes the depth of whoever publishes to a stage, from `depth/1`, and hands it on."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Literal

import cv2
import numpy as np

from omote.engines.depth.alignment import small_size
from omote.engines.depth.pair import planes
from omote.streams import hue
from omote.streams.channel import Channel
from omote.streams.decoder import Decoded
from omote.streams.depth import DepthFrame, DepthSink, DepthStats, Hello
from omote.streams.depth_message import LABEL
from omote.streams.depth_receiver import DepthReceiver
from omote.streams.hue import Span
from omote.streams.webrtc import Publisher, call_soon

Second = Span | Literal["right"]
"What a second picture is: depth in colours that mean these distances, or the right camera's."


def _coloured(decoded: Decoded, span: Span) -> DepthFrame:
    return DepthFrame(
        steps=hue.decode(decoded.video, span),
        step_m=hue.STEP_M,
        captured=decoded.timestamp,
        clock="own",
        index=decoded.index,
        arrived=decoded.arrived,
        origin="hue",
    )


def _right(decoded: Decoded) -> DepthFrame:
    luma = planes(decoded.video).planes[0]
    size = small_size((luma.shape[1], luma.shape[0]))
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
    return DepthFrame(
        steps=np.zeros(small.shape, np.uint16),
        step_m=1.0,
        captured=decoded.timestamp,
        clock="own",
        index=decoded.index,
        arrived=decoded.arrived,
        right=small,
        origin="stereo",
    )


class DepthInlet:
    """Stands between the senders of a stage's depth and who uses it; knows how they fare."""

    def __init__(self, sink: DepthSink) -> None:
        self._sink = sink
        self._hello: Hello | None = None
        self._origin = "none"
        self._newest: DepthFrame | None = None
        self._receiver: DepthReceiver | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def offer(self, publisher: Publisher) -> None:
        """Take the publisher's depth channel if it opens one."""
        publisher.on_channel(LABEL, lambda channel: self._begin(channel, publisher))

    def second(self, second: Second) -> Callable[[Decoded], None]:
        """Take the second picture of a publisher; told of it on a decoder's thread."""
        loop = asyncio.get_running_loop()
        if second == "right":
            return lambda decoded: call_soon(loop, self._put_second, _right(decoded))
        return lambda decoded: call_soon(loop, self._put_second, _coloured(decoded, second))

    def hello(self, hello: Hello, origin: str) -> None:
        """As `DepthSink`."""
        self._hello, self._origin = hello, origin
        self._sink.hello(hello, origin)

    def put(self, frame: DepthFrame) -> None:
        """As `DepthSink`."""
        self._newest, self._origin = frame, frame.origin
        self._sink.put(frame)

    def gone(self) -> None:
        """As `DepthSink`."""
        self._hello = self._newest = self._receiver = None
        self._origin = "none"
        self._sink.gone()

    def state(self) -> dict[str, Any]:
        """Where depth comes from; what changes with each frame is in `stats`."""
        newest, hello = self._newest, self._hello
        return {
            "origin": self._origin,
            "name": hello.name if hello else "",
            "clock": hello.clock if hello else None,
            "lossy": self._origin == "hue",
            "size": list(newest.size) if newest else None,
        }

    def stats(self) -> dict[str, Any]:
        """How it fares; age in milliseconds since the newest frame's first byte came."""
        newest, receiver = self._newest, self._receiver
        fares = receiver.stats if receiver else DepthStats()
        age = None if newest is None else round(1e3 * (time.monotonic() - newest.arrived), 1)
        return {"age_ms": age, **asdict(fares), "kbps": round(fares.kbps)}

    async def close(self) -> None:
        """End what still runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _put_second(self, frame: DepthFrame) -> None:
        if self._origin != frame.origin:
            self.hello(Hello("own", name=frame.origin), frame.origin)
        self.put(frame)

    def _begin(self, channel: Channel, publisher: Publisher) -> None:
        receiver = self._receiver = DepthReceiver(channel, self, lambda: publisher.newest)
        task = asyncio.create_task(self._serve(receiver), name="depth.inlet")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, receiver: DepthReceiver) -> None:
        try:
            await receiver.run()
        finally:
            if self._receiver is receiver:  # nobody has taken the publisher's place
                self.gone()
