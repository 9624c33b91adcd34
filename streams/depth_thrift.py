"""Depth thrift: what a sender leaves out when the link is too narrow: rate, then size, then noise.

And, on any link, the part of the noise that would take a stream over its bitrate: a step of half the
sensor's standard deviation raises that by one percent and takes several bits off each pixel.
"""

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np

from omote.streams.depth import DepthFrame, Steps

NATIVE_WIDTH = 320
"Columns of a usual TOF sensor: only larger maps are halved before the noise is given up."
SMALLEST_WIDTH = 120
TYPICAL_NOISE_M = (0.001, 0.001)
"a and b of sigma = a + b z^2, metres, of a sensor that does not say: a good TOF camera."

GOOD_S = 0.030
"Seconds a frame takes to leave; when all take less for a while, more is tried."
BAD_S = 0.085
"When `MOST_BAD` of `WINDOW` take longer, or are skipped, less is sent."
MOST_BAD, WINDOW = 4, 10
ROOM_BITS = 0.5
"By so many bits a pixel may be cheaper than the bitrate allows before steps become smaller again."
INTERVALS = 17
"Moments by which a frame rate is known."
PATIENCE = 30, 1800
"Good frames before more is tried; doubled each time that goes wrong, up to the second."


@dataclass(frozen=True, slots=True)
class Rung:
    """How much is left out."""

    every: int = 1
    "Each so-manieth frame is sent."
    shrink: int = 1
    "Rows and columns taken together."
    sigmas: float = 0.0
    "Size of a step in sigmas of the sensor's noise at the frame's median distance; 0: lossless."


def rungs(width: int) -> list[Rung]:
    """For a map of so many columns, everything first."""
    steps = [Rung(), Rung(every=2)]
    while width // (2 * steps[-1].shrink) >= NATIVE_WIDTH:
        steps.append(replace(steps[-1], shrink=2 * steps[-1].shrink))
    steps += [replace(steps[-1], sigmas=sigmas) for sigmas in (0.5, 1.0)]
    steps.append(replace(steps[-1], every=3))
    if width // (2 * steps[-1].shrink) >= SMALLEST_WIDTH:
        steps.append(replace(steps[-1], every=2, shrink=2 * steps[-1].shrink))
        steps.append(replace(steps[-1], every=3))
    return steps


class Thrift:
    """Goes down a rung when frames do not get away, and up again when they all do for a while."""

    def __init__(self) -> None:
        self.rung = 0
        self._width = 0
        self._rungs = [Rung()]
        self._recent: list[bool] = []
        self._good = 0
        self._patience = PATIENCE[0]
        self._tried = False

    def plan(self, width: int) -> Rung:
        """What to leave out of the next frame."""
        if width != self._width:
            self._width, self._rungs = width, rungs(width)
            self.rung = min(self.rung, len(self._rungs) - 1)
        return self._rungs[self.rung]

    def left(self, seconds: float) -> None:
        """A frame was handed over whole, so long after it was taken in."""
        self._note(seconds > BAD_S)
        self._good = self._good + 1 if seconds < GOOD_S else 0
        if self._good >= self._patience and self.rung:
            self._go(-1)
            self._tried = True
        elif self._good >= PATIENCE[0]:
            self._tried = False

    def skipped(self) -> None:
        """A frame was not sent, or not to its end, because others still were on their way."""
        self._good = 0
        self._note(True)

    def _note(self, bad: bool) -> None:
        self._recent = [*self._recent[1 - WINDOW :], bad]
        if sum(self._recent) >= MOST_BAD:
            if self._tried:
                self._patience = min(2 * self._patience, PATIENCE[1])
            if self.rung < len(self._rungs) - 1:
                self._go(1)

    def _go(self, rungs_down: int) -> None:
        self.rung += rungs_down
        self._good = 0
        self._recent.clear()


class Ceiling:
    """Keeps a stream below a bitrate by larger steps, where the noise hides them; else lossless."""

    def __init__(self, bitrate: int) -> None:
        self.times = 1
        "Steps of the sensor taken together."
        self._bitrate = bitrate
        self._moments: deque[float] = deque(maxlen=INTERVALS)

    def taken(self, moment: float) -> None:
        """A frame is to be sent, `time.monotonic()`."""
        self._moments.append(moment)

    def coded(self, size: int, pixels: int, most: int) -> None:
        """It took so many bytes, all told; no more than `most` steps may be taken together."""
        excess = (8 * size - self._bitrate * self._interval()) / pixels  # bits of each
        if not -ROOM_BITS < excess <= 0:
            wanted = self.times * 2 ** (excess + ROOM_BITS / 2)
            wanted = math.ceil(wanted) if excess > 0 else round(wanted)
            self.times = max(1, min(wanted, most))

    def _interval(self) -> float:
        """Seconds from frame to frame, as most are: some come late and others close behind."""
        if len(self._moments) < INTERVALS:
            return 1 / 30
        return float(np.median(np.diff(self._moments)))


def most_hidden(frame: DepthFrame, noise_m: tuple[float, float], sigmas: float = 0.5) -> int:
    """How many steps make one of so many sigmas of the noise at the frame's median distance."""
    a, b = noise_m if any(noise_m) else TYPICAL_NOISE_M
    known = frame.steps[::4, ::4]
    known = known[known > 0]
    if not known.size:
        return 1
    sigma = a + b * (float(np.median(known)) * frame.step_m) ** 2
    return max(1, int(sigmas * sigma / frame.step_m))


def thinned(
    frame: DepthFrame, rung: Rung, noise_m: tuple[float, float], times: int = 1
) -> DepthFrame:
    """The frame without what the rung leaves out, at least `times` steps taken together."""
    if rung.shrink > 1:
        frame = _shrunk(frame, rung.shrink)
    if rung.sigmas:
        times = max(times, most_hidden(frame, noise_m, rung.sigmas))
    if times == 1:
        return frame
    return replace(frame, steps=_divided(frame.steps, times), step_m=frame.step_m * times)


def _shrunk(frame: DepthFrame, by: int) -> DepthFrame:
    """Every `by`-th measurement, none invented: an average over an edge lies in mid-air."""
    rest = by // 2
    sure = frame.confidence
    return replace(
        frame,
        steps=np.ascontiguousarray(frame.steps[rest::by, rest::by]),
        confidence=None if sure is None else np.ascontiguousarray(sure[rest::by, rest::by]),
    )


def _divided(steps: Steps, by: int) -> Steps:
    """Rounded; what is known stays known."""
    table = (np.arange(1 << 16, dtype=np.uint32) + by // 2) // by
    table[1:by] = np.maximum(table[1:by], 1)
    return table.astype(np.uint16)[steps]
