"""Side by side: a picture whose left half is the left camera's and whose right half the right one's."""

import av
import numpy as np

from omote.engines.depth.alignment import small_size
from omote.engines.depth.pair import Pair, planes
from omote.engines.depth.registration import Registered
from omote.engines.i420 import I420, blank
from omote.streams.frame import VideoPicture


def parted(picture: VideoPicture, pair: Pair) -> tuple[VideoPicture, Registered]:
    """The left picture, and its depth at `small_size`; raises ValueError for an odd picture."""
    if picture.width < 32 or picture.video.height < 16:
        raise ValueError("the picture is too small to hold two")
    whole = planes(picture.video)
    left, luma = _left_half(whole), whole.planes[0]
    half = luma.shape[1] // 2
    made = pair(luma[:, :half], luma[:, half : 2 * half], small_size((left.width, left.height)))
    return VideoPicture(left, picture.rotation), made


def _left_half(whole: I420) -> av.VideoFrame:
    half = blank(whole.width // 4 * 2, whole.height & ~1, whole.colours)
    for there, here in zip(half.planes, whole.planes, strict=True):
        np.copyto(there, here[: there.shape[0], : there.shape[1]])
    assert half.video is not None
    return half.video
