"""Crops: parts of a picture, taken out as nets want them, or put in; and one put over another."""

import math

import cv2
import numpy as np

from omote.engines.i420 import I420, blank, halved
from omote.engines.kernels import Bytes, Floats


def straightened(picture: I420, affine: Floats, size: tuple[int, int]) -> Bytes:
    """RGB (h, w, 3) at `size`; `affine` (2, 3) leads from its positions to the picture's.

    Positions count from the corner of the first pixel. What lies outside of the picture is grey.
    """
    scale = math.hypot(affine[0, 0], affine[1, 0])
    number = max(0, math.floor(math.log2(max(scale, 1e-6))))
    while min(picture.width, picture.height) >> number < 2:
        number -= 1
    planes = picture.level(number) if number else picture.planes
    parts = [_warped(plane, affine, picture.height, size) for plane in planes]
    return np.asarray(cv2.transform(cv2.merge(parts), picture.colours.to_rgb()), np.uint8)


def patched(picture: I420, rgb: Bytes, left: int, top: int) -> I420:
    """A copy with `rgb` (h, w, 3) in it; where it begins and its sides are even."""
    made = blank(picture.width, picture.height, picture.colours)
    for there, here in zip(made.planes, picture.planes, strict=True):
        np.copyto(there, here)
    yuv = cv2.transform(rgb, picture.colours.from_rgb())
    y, u, v = (np.asarray(plane, np.uint8) for plane in cv2.split(yuv))
    for there, part, less in zip(made.planes, (y, halved(u), halved(v)), (1, 2, 2), strict=True):
        rows, columns = part.shape
        there[top // less : top // less + rows, left // less : left // less + columns] = part
    return made


def mixed(picture: I420, other: I420, share: float) -> I420:
    """`picture` where `share` is 0, `other` where it is 1."""
    made = blank(picture.width, picture.height, picture.colours)
    for out, one, two in zip(made.planes, picture.planes, other.planes, strict=True):
        cv2.addWeighted(one, 1 - share, two, share, 0, dst=out)
    return made


def _warped(plane: Bytes, affine: Floats, height: int, size: tuple[int, int]) -> Bytes:
    matrix = affine.astype(np.float64) * (plane.shape[0] / height)
    # OpenCV counts from the middle of the first pixel.
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return np.asarray(
        cv2.warpAffine(
            plane,
            matrix,
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=(128,),
        ),
        np.uint8,
    )
