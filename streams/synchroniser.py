"""Synchroniser: which depth frame belongs to which picture."""

import asyncio
from collections import deque
from dataclasses import dataclass

from omote.streams.depth import DepthFrame, Hello
from omote.streams.transit import Apart, Transits

KEPT = 16
"Depth frames that are kept to choose from."
REMEMBERED = 64
"Pictures that are remembered to learn how late their depth comes."
LATE = 0.98
"Share of the depth frames for which it is worth waiting."
SLACK_S = 0.002
"Waited beyond that, seconds."


@dataclass(frozen=True, slots=True, eq=False)
class Match:
    """The depth frame of a picture."""

    frame: DepthFrame
    skew_s: float
    "Capture time of the depth minus that of the picture, seconds."
    held: bool
    "Whether it is older than the skew allows and used for want of a newer one."


@dataclass(frozen=True, slots=True)
class Limits:
    """How far apart depth and picture may be, seconds."""

    max_skew_s: float | None = None
    "None: half a frame interval and what the clocks are in doubt of."
    max_age_s: float = 0.25
    "Beyond which even the newest depth is of no use."


class Synchroniser:
    """Chooses by capture time. A `DepthSink`; all methods belong to the event loop's thread."""

    def __init__(self) -> None:
        self.origin: str | None = None
        "Where depth comes from; None: nobody sends any."
        self.told: Hello | None = None
        "What its sender says of it."
        self._frames: deque[DepthFrame] = deque(maxlen=KEPT)
        self._depth, self._pictures = Transits(), Transits()
        self._wanted: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)  # captured, asked for
        self._late: deque[float] = deque(maxlen=2 * REMEMBERED)
        self._apart: Apart | None = None
        self._came = asyncio.Event()

    def hello(self, hello: Hello, origin: str) -> None:
        """See `DepthSink`."""
        self.gone()
        self.told, self.origin = hello, origin

    def gone(self) -> None:
        """See `DepthSink`."""
        self.origin = self.told = None
        self._depth.clear()
        self._late.clear()
        self._apart = None

    def put(self, frame: DepthFrame) -> None:
        """See `DepthSink`."""
        self.origin = frame.origin
        self._frames.append(frame)
        self._depth.add(frame.captured_s, frame.arrived)
        self._apart = None
        self._late.append(self._lateness(frame))
        self._came.set()

    def other_camera(self) -> None:
        """The pictures come from somewhere else from now on, by another clock."""
        self._pictures.clear()
        self._wanted.clear()
        self._apart = None

    def picture(self, captured_s: float, arrived: float, now: float) -> None:
        """A picture has come; it will be matched at once or soon."""
        self._pictures.add(captured_s, arrived)
        self._wanted.append((captured_s, now))
        self._apart = None

    def match(self, captured_s: float, limits: Limits) -> Match | None:
        """The depth frame of a picture; None when there is none that may be used."""
        if not self._frames:
            return None
        frame = min(self._frames, key=lambda each: abs(self._second(each) - captured_s))
        skew = self._second(frame) - captured_s
        if abs(skew) <= self.max_skew_s(limits):
            return Match(frame, skew, held=False)
        return Match(frame, skew, held=True) if -limits.max_age_s <= skew < 0 else None

    def nearest_s(self, captured_s: float) -> float | None:
        """Seconds from a picture to the depth frame nearest to it; None without depth."""
        return min((abs(self._second(each) - captured_s) for each in self._frames), default=None)

    def max_skew_s(self, limits: Limits) -> float:
        """What is in force."""
        if limits.max_skew_s is not None:
            return limits.max_skew_s
        interval = max(self._depth.interval_s, self._pictures.interval_s)
        return interval / 2 + self.apart.doubt_s

    @property
    def apart(self) -> Apart:
        """The depth's clock against the pictures'."""
        if self.told is not None and self.told.clock == "video":
            return Apart()
        if self._apart is None:
            self._apart = self._depth.apart(self._pictures)
        return self._apart

    def patience_s(self, limit_s: float) -> float:
        """How long it is worth waiting for a picture's depth: as late as nearly all of it comes."""
        if not self._late or self.origin is None:
            return 0.0
        usual = sorted(self._late)[int(LATE * (len(self._late) - 1))]
        return min(usual + SLACK_S, limit_s) if usual > 0 else 0.0

    async def settled(self, captured_s: float, limit_s: float) -> None:
        """Wait for the depth of a picture, as long as that promises to help, and never longer."""
        patience = self.patience_s(limit_s)
        if patience <= 0 or self.is_there(captured_s):
            return
        try:
            async with asyncio.timeout(patience):
                while not self.is_there(captured_s):
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            return

    def is_there(self, captured_s: float) -> bool:
        """Whether waiting would bring nothing nearer."""
        half = self._depth.interval_s / 2
        return bool(self._frames) and self._second(self._frames[-1]) >= captured_s - half

    def _lateness(self, frame: DepthFrame) -> float:
        """Seconds by which a picture that was asked for had to wait for this frame; 0: not at all."""
        second, half = self._second(frame), self._depth.interval_s / 2
        asked = [when for captured, when in self._wanted if abs(captured - second) < half]
        return max(0.0, frame.arrived - asked[-1]) if asked else 0.0

    def _second(self, frame: DepthFrame) -> float:
        """When it was taken, by the pictures' clock."""
        return frame.captured_s + self.apart.ahead_s
