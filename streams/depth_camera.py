"""Depth camera: the Protocol that adapters of devices implement, and a thread that reads one."""

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from omote.streams.depth import CLOCK_HZ, DepthFrame, Hello, Steps
from omote.streams.latest import Closed, Latest
from omote.streams.medium import SourceError

logger = logging.getLogger(__name__)

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
    """A `DepthSource` that reads a camera on a thread; `on_exposure` is told of each, on the loop.

    Opens it at once, and blocks for that; raises `SourceError`.
    """

    def __init__(self, open_camera: Callable[[], DepthCamera]) -> None:
        self.failure: SourceError | None = None
        self.on_exposure: Callable[[Exposure, int], None] = lambda exposure, ticks: None
        "Also told the 90 kHz ticks since the first."
        self._camera = open_camera()
        self._loop = asyncio.get_running_loop()
        self._newest: Latest[DepthFrame] = Latest()
        self._stop = threading.Event()
        self._first: float | None = None
        self._count = 0
        self._thread = threading.Thread(target=self._run, name="depth.camera", daemon=True)

    @property
    def hello(self) -> Hello:
        """See `DepthSource`."""
        return self._camera.hello

    def start(self) -> None:
        """Begin to read, unless that has begun."""
        if not self._thread.ident:
            self._thread.start()

    async def frames(self) -> AsyncGenerator[DepthFrame, None]:
        """The newest each time; `captured` is ticks since the first. Raises `SourceError`."""
        self.start()
        try:
            while True:
                yield await self._newest.get()
        except Closed:
            if self.failure is not None:
                raise self.failure from None

    def close(self) -> None:
        """The thread ends with its read, and lets go of the camera."""
        self._stop.set()
        self._newest.close()

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._tell(self._take, self._camera.read())
        except SourceError as exc:
            self.failure = exc
        finally:
            self._camera.close()
            self._tell(self._newest.close)

    def _take(self, exposure: Exposure) -> None:
        if self._first is None:
            self._first = exposure.second
        ticks = round((exposure.second - self._first) * CLOCK_HZ)
        frame = DepthFrame(
            steps=exposure.steps,
            step_m=exposure.step_m,
            captured=ticks,
            clock="video",
            index=self._count,
            arrived=exposure.arrived,
            confidence=exposure.confidence,
            origin=self.hello.name,
        )
        self._count += 1
        self.on_exposure(exposure, ticks)
        self._newest.put(frame)

    def _tell(self, function: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)
