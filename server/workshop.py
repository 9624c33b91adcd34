"""Workshop: what all stages of one process share."""

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from omote.engines.model import Models
from omote.engines.onnx import load
from omote.engines.pixels import CpuPixels, Pixels
from omote.server import memory
from omote.server.depth_means import DepthMeans
from omote.server.drivers import Drivers
from omote.server.stats import Window
from omote.server.turns import Turns
from omote.streams.frame import LabelPlace
from omote.streams.webrtc import Signalling

NO_MEANS = DepthMeans()
MqttStatus = Literal["off", "away", "connected"]
"`away`: the broker cannot be reached; everything else works."

TIDY_AFTER = 1.0
"Seconds after somebody left."
LAG_EVERY = 0.05
"Seconds between two looks at how late the event loop is."


class Workshop:
    """Models, threads and signalling. One thread for chains and one for encoders per core."""

    def __init__(
        self,
        loopback: bool,
        depth: DepthMeans = NO_MEANS,
        label: LabelPlace = "top-left",
        ice_server: str | None = None,
    ) -> None:
        cores = os.cpu_count() or 1
        self.models = Models(load)
        self.depth = depth
        "How depth is made of pictures to which nobody sends any."
        self.pixels: Pixels = CpuPixels()
        self.engines = ThreadPoolExecutor(cores, thread_name_prefix="engine")
        self.encoders = ThreadPoolExecutor(cores, thread_name_prefix="encoder")
        self.turns = Turns(cores)
        self.signalling = Signalling(loopback, ice_server)
        self.label = label
        "Where synthetic pictures are marked."
        self.drivers = Drivers()
        self.mqtt: MqttStatus = "off"
        "Whether orders come over MQTT now; the carrier sets it."
        self.loop_lag = Window()
        "Milliseconds by which the event loop woke late."
        self._tidying: asyncio.TimerHandle | None = None
        self._watch = asyncio.create_task(self._watch_loop(), name="workshop.lag")

    async def _watch_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + LAG_EVERY
            await asyncio.sleep(LAG_EVERY)
            self.loop_lag.add((loop.time() - due) * 1e3)

    def tidy(self) -> None:
        """Somebody left: give back what he held, once all who leave together have left."""
        if self._tidying is not None:
            self._tidying.cancel()
        loop = asyncio.get_running_loop()
        self._tidying = loop.call_later(
            TIDY_AFTER, loop.run_in_executor, self.engines, memory.give_back
        )

    async def close(self) -> None:
        """Wait for the threads; nothing may use them any more."""
        if self._tidying is not None:
            self._tidying.cancel()
        self._watch.cancel()
        await asyncio.gather(self._watch, return_exceptions=True)
        for pool in (self.engines, self.encoders):
            await asyncio.to_thread(pool.shutdown)
