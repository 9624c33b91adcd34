"""Side by side: a picture whose left half is the left camera's and whose right half the right one's."""

import av
import cv2
import numpy as np

from omote.engines.depth.alignment import small_size
from omote.engines.depth.registration import Registered, Registration
from omote.engines.depth.stereo import Stereo
from omote.engines.i420 import I420, Colours, blank, opened, scaled
from omote.engines.kernels import Bytes
from omote.streams.calibration import Calibration
from omote.streams.frame import VideoPicture

EVERY = 2
"Pictures from one matching to the next; in between the last depth holds."


class SideBySide:
    """Parts pictures, and makes depth of their halves. In order, one call at a time."""

    def __init__(self, calibration: Calibration) -> None:
        self._calibration = calibration
        self._stereo: Stereo | None = None
        self._register: Registration | None = None
        self._made: Registered | None = None
        self._count = 0

    def __call__(self, picture: VideoPicture) -> tuple[VideoPicture, Registered]:
        """The left picture, and its depth at `small_size`; raises ValueError for an odd picture."""
        if picture.width < 32 or picture.video.height < 16:
            raise ValueError("the picture is too small to hold two")
        video = picture.video
        if video.format.name != "yuv420p":
            video = scaled(video, (video.width, video.height), Colours())
        whole = opened(video)
        left = _left_half(whole)
        size = small_size((left.width, left.height))
        fresh = self._stereo is not None and self._stereo.size == size and self._made is not None
        if not fresh or self._count % EVERY == 0:
            self._made = self._matched(whole.planes[0], size)
        self._count += 1
        assert self._made is not None
        return VideoPicture(left, picture.rotation), self._made

    def _matched(self, luma: Bytes, size: tuple[int, int]) -> Registered:
        stereo, register = self._stereo, self._register
        if stereo is None or register is None or stereo.size != size:
            stereo = self._stereo = Stereo(self._calibration, size)
            register = self._register = Registration(stereo.calibration, size, size)
        half = luma.shape[1] // 2
        halves = luma[:, :half], luma[:, half : 2 * half]
        left, right = (cv2.resize(x, size, interpolation=cv2.INTER_AREA) for x in halves)
        frame = stereo.frame(np.asarray(left, np.uint8), np.asarray(right, np.uint8), 0, 0, 0.0)
        return register(frame)


def _left_half(whole: I420) -> av.VideoFrame:
    half = blank(whole.width // 4 * 2, whole.height & ~1, whole.colours)
    for there, here in zip(half.planes, whole.planes, strict=True):
        np.copyto(there, here[: there.shape[0], : there.shape[1]])
    assert half.video is not None
    return half.video
