"""Driver: who moves a stage's puppet instead of who is before its camera."""

import time
from collections.abc import Callable
from typing import Literal, Protocol

from omote.engines.faces.driven import DrivenFace, Report, ReportedFace
from omote.server.drivers import Drivers, Sighting
from omote.server.stats import Window
from omote.streams.frame import Face, FaceStatus, Frame

MESSAGES = "messages"
"The driver's name that means: whoever sends messages about a face to this stage."
FaceOrigin = Literal["camera", "stage", "messages"]
SILENCE_S = 0.3
"Seconds after which a driver counts as silent."
STEP_S = (1 / 240, 0.25)
"Seconds between two frames that filters believe."


class Driver(Protocol):
    """One stage's; `look` belongs to the loop's thread, calls to the stage's worker."""

    @property
    def origin(self) -> FaceOrigin:
        """Where its face is seen."""

    @property
    def status(self) -> FaceStatus:
        """Of its face in the latest frame."""

    def look(self) -> None:
        """Ask for the newest, once per frame."""

    def __call__(self, frame: Frame) -> tuple[Face, ...]:
        """The face that moves the puppet in a frame, if any does."""

    def calibrate(self, wanted: bool) -> None:
        """Take its next moment as its neutral face; or not."""

    @property
    def age_ms(self) -> float | None:
        """How old the newest is that it gave; None if it never gave any."""

    @property
    def fps(self) -> float:
        """How many it gives a second."""


def driver_of(name: str | None, drivers: Drivers) -> Driver | None:
    """The driver that the setting `stage.driver` names; None is the camera's own face."""
    if name is None:
        return None
    return MessageDriver() if name == MESSAGES else StageDriver(name, drivers)


class Clockwork:
    """Seconds from one frame to the next."""

    def __init__(self) -> None:
        self._second: float | None = None

    def __call__(self, frame: Frame) -> float:
        """Since the frame before, within what filters believe."""
        second = float(frame.pts * frame.time_base)
        before, self._second = self._second, second
        least, most = STEP_S
        return 1 / 30 if before is None else min(max(second - before, least), most)


class StageDriver:
    """The face before another stage's camera."""

    origin: FaceOrigin = "stage"

    def __init__(self, stage: str, drivers: Drivers) -> None:
        self._stage, self._drivers = stage, drivers
        self._sighting: Sighting | None = None
        self._rate = Window()
        self._held, self._elapsed = DrivenFace(), Clockwork()
        self.status: FaceStatus = "lost"

    def look(self) -> None:
        """See `Driver`."""
        newest = self._drivers.want(self._stage)
        if newest is not self._sighting and newest is not None:
            self._rate.add(1)
        self._sighting = newest

    def __call__(self, frame: Frame) -> tuple[Face, ...]:
        """See `Driver`."""
        seen = self._sighting
        fresh = seen is not None and time.monotonic() - seen.since < SILENCE_S
        faces = self._held(seen.face if seen and fresh else None, self._elapsed(frame))
        self.status = seen.status if seen and fresh else self._held.status
        return faces

    def calibrate(self, wanted: bool) -> None:
        """See `Driver`."""
        self._drivers.calibrate(self._stage, wanted)

    @property
    def age_ms(self) -> float | None:
        """See `Driver`."""
        return None if self._sighting is None else (time.monotonic() - self._sighting.since) * 1e3

    @property
    def fps(self) -> float:
        """See `Driver`."""
        return self._rate.rate()


class MessageDriver:
    """A face that messages tell of."""

    origin: FaceOrigin = "messages"

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._report: Report | None = None
        self._since: float | None = None
        self._rate = Window()
        self._face, self._held, self._elapsed = ReportedFace(), DrivenFace(), Clockwork()

    @property
    def status(self) -> FaceStatus:
        """See `Driver`."""
        return self._held.status

    def take(self, report: Report | None) -> None:
        """A message has come; None: the sender says that nobody is there."""
        self._report, self._since = report, self._clock()
        self._rate.add(1)

    def look(self) -> None:
        """Nobody needs to be asked."""

    def __call__(self, frame: Frame) -> tuple[Face, ...]:
        """See `Driver`."""
        seconds, report, since = self._elapsed(frame), self._report, self._since
        if report is None or since is None or self._clock() - since > SILENCE_S:
            return self._held(None, seconds)
        return self._held(self._face(report, seconds), seconds)

    def calibrate(self, wanted: bool) -> None:
        """See `Driver`."""
        self._face.calibrate(wanted)

    @property
    def age_ms(self) -> float | None:
        """See `Driver`."""
        return None if self._since is None else (self._clock() - self._since) * 1e3

    @property
    def fps(self) -> float:
        """See `Driver`."""
        return self._rate.rate()
