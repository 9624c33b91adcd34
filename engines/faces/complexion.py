"""Complexion: what colour a face's skin has in a picture, by which the light on it is followed."""

import cv2
import numpy as np

from omote.engines.faces.region import Region
from omote.engines.faces.topology import SKIN
from omote.engines.kernels import Floats
from omote.engines.pixels import Pixels
from omote.streams.frame import Picture

SIDE = 64
"Of the small picture of the face that is looked at, pixels."


def complexion(picture: Picture, landmarks: Floats, region: Region, pixels: Pixels) -> Floats:
    """(3,): mean of the skin, RGB levels, of a face (478, 3) that lies in a region of the picture."""
    small = cv2.blur(pixels.straightened(picture, region.affine(SIDE), (SIDE, SIDE)), (3, 3))
    inverse = cv2.invertAffineTransform(region.affine(SIDE))
    at = landmarks[list(SKIN), :2] @ inverse[:, :2].T + inverse[:, 2]
    x, y = np.clip(at.astype(int), 0, SIDE - 1).T
    return np.asarray(small[y, x].mean(0), np.float32)
