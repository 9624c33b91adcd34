"""Pair: depth of a picture and the one that a camera to its right took at the same moment."""

import av
import cv2
import numpy as np

from omote.engines.depth.registration import Registered, Registration, Size
from omote.engines.depth.stereo import Stereo
from omote.engines.i420 import I420, Colours, opened, scaled
from omote.engines.kernels import Bytes
from omote.streams.calibration import Calibration

EVERY = 2
"Pictures from one matching to the next; in between the last depth holds."


class Pair:
    """Matches a stream's pictures. In order, one call at a time."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._cameras: tuple[Stereo, Registration] | None = None
        self._made: Registered | None = None
        self._count = 0

    def __call__(self, left: Bytes, right: Bytes, size: Size) -> Registered:
        """The depth of the left one, (h, w) of `size`; both are luma of any size."""
        stereo, register = self._at(size)
        if self._made is None or self._count % EVERY == 0:
            here, there = (
                np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
                for luma in (left, right)
            )
            self._made = register(stereo.frame(here, there, 0, 0, 0.0))
        self._count += 1
        return self._made

    def _at(self, size: Size) -> tuple[Stereo, Registration]:
        if self._cameras is None or self._cameras[0].size != size:
            stereo = Stereo(self._calibration, size)
            self._cameras = stereo, Registration(stereo.calibration, size, size)
            self._made = None
        return self._cameras


def planes(video: av.VideoFrame) -> I420:
    """A decoded picture's planes, whatever its format; luma first."""
    if video.format.name != "yuv420p":
        video = scaled(video, (video.width, video.height), Colours())
    return opened(video)
