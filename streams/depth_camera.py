"""Depth camera: the Protocol that adapters of devices implement, and a thread that reads one."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from omote.streams.depth import CLOCK_HZ, Clock, DepthFrame, Hello, Steps
from omote.streams.latest import Closed, Latest
from omote.streams.medium import SourceError

PATIENCE_S = 5.0
"Without a frame for so long a camera is gone."


@dataclass(frozen=True, slots=True, eq=False)
class Exposure:
    """What a camera sees at one moment."""

    steps: Steps
    step_m: float
    second: float
    "When, by the camera's own clock or `time.monotonic()`; only differences count."
    arrived: float
    "`time.monotonic()` when it was read."
    rgb: NDArray[np.uint8] | None = None
    "(H, W, 3), its colour camera's picture of the same moment."
    confidence: NDArray[np.uint8] | None = None
    "(H, W), 0 none .. 255 sure."


class DepthCamera(Protocol):
    """A device. All calls come from one thread."""

    @property
    def hello(self) -> Hello:
        """Its calibration and noise; known once it is open."""

    def read(self) -> Exposure:
        """The next one; waits for it, `PATIENCE_S` at most; raises `SourceError` when it has gone."""

    def close(self) -> None:
        """Let go of it."""


class DepthCameraSource:
    """A `DepthSource` that reads a camera on a thread, from `start` on."""

    def __init__(self, camera: DepthCamera, hello: Hello, clock: Clock) -> None:
        self.hello = hello
        self.failure: SourceError | None = None
        self.on_exposure: Callable[[Exposure, int], None] = lambda exposure, ticks: None
        "Told of each, and its 90 kHz ticks since the first, on the camera's thread."
        self.on_ended: Callable[[], None] = lambda: None
        "Told, on the loop, when there will be no more, and `failure` says why."
        self._camera = camera
        self._clock: Clock = clock
        self._loop = asyncio.get_running_loop()
        self._newest: Latest[DepthFrame] = Latest()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="depth.camera", daemon=True)

    def start(self) -> None:
        """Begin to read, unless that has begun."""
        if not self._thread.ident:
            self._thread.start()

    async def frames(self) -> AsyncGenerator[DepthFrame, None]:
        """The newest each time; ticks since the first, or of `time.monotonic()` by an `own` clock.

        Raises `SourceError`.
        """
        self.start()
        with suppress(Closed):
            while True:
                yield await self._newest.get()
        if self.failure is not None:
            raise self.failure

    def close(self) -> None:
        """The thread ends with its read, and lets go of the camera."""
        if self._thread.ident:
            self._stop.set()
        else:
            self._camera.close()
        self._newest.close()

    def _run(self) -> None:
        first, index = None, 0
        try:
            while not self._stop.is_set():
                exposure = self._camera.read()
                first = exposure.second if first is None else first
                ticks = round((exposure.second - first) * CLOCK_HZ)
                self.on_exposure(exposure, ticks)
                self._tell(self._newest.put, self._frame(exposure, ticks, index))
                index += 1
        except SourceError as exc:
            self.failure = exc
        finally:
            self._camera.close()
            self._tell(self._newest.close)
            self._tell(self._end)

    def _end(self) -> None:
        self.on_ended()

    def _frame(self, exposure: Exposure, ticks: int, index: int) -> DepthFrame:
        own = round(exposure.arrived * CLOCK_HZ)
        return DepthFrame(
            steps=exposure.steps,
            step_m=exposure.step_m,
            captured=own if self._clock == "own" else ticks,
            clock=self._clock,
            index=index,
            arrived=exposure.arrived,
            confidence=exposure.confidence,
            origin=self.hello.name,
        )

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)
