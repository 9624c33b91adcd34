"""Trail: where everything went since a picture that was looked at closely."""

import cv2
import numpy as np

from omote.engines import motion
from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats
from omote.engines.portrait.region import Region


class Trail:
    """Looks for the whole way at once, so that errors do not add up and a map is sampled once."""

    def __init__(self, start: Bytes) -> None:
        """`start`: luma of the picture that was looked at, (h, w)."""
        self._eye = motion.Eye()
        self._start = start
        self._flow: Floats | None = None
        self._doubt: Floats | None = None

    def look(self, luma: Bytes, step: motion.Motion | None = None) -> None:
        """Where everything is in a later picture of the same size; `step`: since the last one."""
        moved = self._eye.motion(self._start, luma, self._guess(step))
        self._flow, self._doubt = moved.flow, moved.surprise

    def _guess(self, step: motion.Motion | None) -> Floats | None:
        """The way so far and one step more."""
        if self._flow is None or step is None:
            return self._flow
        height, width = self._flow.shape[:2]
        latest = cv2.resize(step.flow, (width, height)) * np.float32(width / step.flow.shape[1])
        return np.asarray(latest + motion.taken(self._flow, latest), np.float32)

    def carried(self, values: Floats) -> Floats:
        """A map (h, w) or (h, w, n) of the whole frame as it would be now."""
        return values if self._flow is None else motion.carried(values, self._flow)

    def carried_in(self, values: Floats, region: Region) -> Floats:
        """A map of a region, as it would be now in the same place.

        What came from elsewhere, or what hides it now, leaves nothing there.
        """
        if self._flow is None or self._doubt is None:
            return values
        height, width = values.shape
        rows, columns = self._flow.shape[:2]
        to_small = _affine(region, (columns, rows), (width, height))
        flow = _sampled(self._flow, to_small, (width, height))
        flow *= np.array(
            [
                width / ((region.right - region.left) * columns),
                height / ((region.bottom - region.top) * rows),
            ],
            np.float32,
        )
        taken = motion.taken(values, flow, outside=cv2.BORDER_CONSTANT)
        return np.asarray(taken * (1 - _sampled(self._doubt, to_small, (width, height))))


def _affine(region: Region, small: tuple[int, int], size: tuple[int, int]) -> Floats:
    """From pixels of a region's map to pixels of the whole, small one; centres on centres."""
    x = (region.right - region.left) * small[0] / size[0]
    y = (region.bottom - region.top) * small[1] / size[1]
    rows = [
        [x, 0, region.left * small[0] + x / 2 - 0.5],
        [0, y, region.top * small[1] + y / 2 - 0.5],
    ]
    return np.array(rows, np.float32)


def _sampled(values: Floats, to_small: Floats, size: tuple[int, int]) -> Floats:
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    made = cv2.warpAffine(values, to_small, size, flags=how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(made, np.float32)
