"""Depth: frames of a depth camera as they come, before they are joined to a picture. Values only."""

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

CLOCK_HZ = 90_000
"Ticks of capture times per second: the video's RTP clock."

Clock = Literal["video", "own"]
"`video`: capture times are on the scale of the picture's pts; `own`: only their differences mean something."
Steps = NDArray[np.uint16]
"(H, W), 0 where unknown."


@dataclass(frozen=True, slots=True, eq=False)
class DepthFrame:
    """One depth map, lossless as a sender measured it, not yet aligned to any picture."""

    steps: Steps
    "Distance along the optical axis, in steps; 0 where unknown. Read-only."
    step_m: float
    "Metres per step: 0.001 for millimetres."
    captured: int
    "When it was taken, 90 kHz ticks of `clock`, without wrap-around."
    clock: Clock
    index: int
    "Counts the frames of the sender; a gap is a frame that was skipped or lost."
    arrived: float
    "`time.monotonic()` when its first byte came (file, device: when it was read), seconds."
    confidence: NDArray[np.uint8] | None = None
    "(H, W), 0 none .. 255 sure, where the sender has one."
    origin: str = "channel"
    "`channel`, `hue`, `file`, `stereo`, `network`, `synthetic` or the device's name; shown in the state."
    right: NDArray[np.uint8] | None = None
    """Luma of a camera to the right of the picture's own, (H, W): depth is yet to be made of both, and
    no step is known."""

    @property
    def captured_s(self) -> float:
        """When it was taken, seconds of `clock`."""
        return self.captured / CLOCK_HZ

    @property
    def size(self) -> tuple[int, int]:
        """Width, height, pixels."""
        return self.steps.shape[1], self.steps.shape[0]

    def metres(self) -> NDArray[np.float32]:
        """(H, W) float32, NaN where unknown; a new array each time."""
        metres = np.multiply(self.steps, np.float32(self.step_m), dtype=np.float32)
        metres[self.steps == 0] = np.nan
        return metres


def steps_of(metres: NDArray[np.floating[Any]], step_m: float = 0.001) -> Steps:
    """Metres to steps: what is not finite, not positive or too far for 16 bits is unknown."""
    steps = np.round(metres / step_m)
    known = (steps >= 1) & (steps <= np.iinfo(np.uint16).max)  # false for NaN
    return np.where(known, steps, 0).astype(np.uint16)


@dataclass(frozen=True, slots=True)
class Hello:
    """What a sender says of its depth, once, before the first frame, and again when it changes."""

    clock: Clock = "own"
    calibration: Mapping[str, Any] | None = None
    "As in a calibration file; None: the depth is already aligned to the picture, pixel over pixel."
    noise_m: tuple[float, float] = (0.0, 0.0)
    "Noise of the sensor, a and b of sigma = a + b z^2, metres; (0, 0) when the sender does not know."
    name: str = ""
    "The device, in words."


class DepthSource(Protocol):
    """Where depth frames come from, other than a peer: a file, a folder, a device, a scene."""

    @property
    def hello(self) -> Hello:
        """What is known of it before the first frame."""

    def frames(self) -> AsyncGenerator[DepthFrame, None]:
        """Each frame at its own time; ends when the source ends."""

    def close(self) -> None:
        """Let go of the file or the device; `frames` ends."""


class DepthSink(Protocol):
    """Who takes the depth frames of a stage, on the event loop's thread: the synchroniser."""

    def hello(self, hello: Hello, origin: str) -> None:
        """A sender has begun, or changed what it says of itself; forget the last one."""

    def put(self, frame: DepthFrame) -> None:
        """The next frame; never waits."""

    def gone(self) -> None:
        """The sender has ended; what it sent ages from here on."""


@dataclass(frozen=True, slots=True)
class DepthStats:
    """How a sender's stream fares, from its begin."""

    frames: int = 0
    "Whole frames."
    lost: int = 0
    "Frames of which a part never came, or came too late."
    bad: int = 0
    "Messages that are no depth."
    errors: Mapping[str, int] = field(default_factory=dict)
    "Of those, how many for which reason."
    kbps: float = 0.0
    "kbit/s over the last second."
