"""Performance: one way in which a face that was photographed is shown moved by a driver."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.engines.puppet.mouth import Interior
from omote.engines.puppet.pose_transfer import Amounts
from omote.streams.frame import Frame, Picture


@dataclass(frozen=True, slots=True, eq=False)
class Casting:
    """What a performance is made from, once for each face and size of frame."""

    source: Path
    "The uploaded file."
    interior: Interior
    like: Picture
    "A picture of the frames' size and colours."
    models: Models
    pixels: Pixels


class Performance(Protocol):
    """Sees a stage's frames in order, one at a time; one instance for each `Casting`."""

    def __call__(self, frame: Frame, amounts: Amounts) -> Picture:
        """What is shown instead of the frame's picture; the driver is `frame.faces`, if anybody."""

    def reset(self) -> None:
        """Forget the past: the next frame has nothing to do with the last."""

    def close(self) -> None:
        """End what is under way beside the stream."""
