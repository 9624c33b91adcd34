"""Trail: where everything went since a picture that was looked at closely."""

import cv2
import numpy as np

from omote.engines import motion
from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats
from omote.engines.portrait.shapes import resized


class Trail:
    """Looks for the whole way at once, so that errors do not add up and a map is sampled once."""

    def __init__(self, start: Bytes) -> None:
        """`start`: luma of the picture that was looked at, (h, w)."""
        self._eye = motion.Eye()
        self._start = start
        self._moved: motion.Motion | None = None

    def look(self, luma: Bytes, step: motion.Motion | None = None) -> None:
        """Where everything is in a later picture of the same size; `step`: since the last one."""
        self._moved = self._eye.motion(self._start, luma, self._guess(step))

    def _guess(self, step: motion.Motion | None) -> Floats | None:
        """The way so far and one step more."""
        if self._moved is None:
            return None
        flow = self._moved.flow
        if step is None:
            return flow
        height, width = flow.shape[:2]
        latest = cv2.resize(step.flow, (width, height)) * np.float32(width / step.flow.shape[1])
        return np.asarray(latest + motion.taken(flow, latest), np.float32)

    def carried(self, values: Floats) -> Floats:
        """A map (h, w) or (h, w, n) of the whole frame as it would be now."""
        return values if self._moved is None else motion.carried(values, self._moved.flow)

    def sure(self, size: tuple[int, int]) -> Floats | float:
        """(h, w), at `size`: 0 where what is seen now cannot have come from anywhere, else 1."""
        return 1.0 if self._moved is None else 1 - resized(self._moved.surprise, size)
