"""Slate: the picture a stage shows while it has no camera."""

import cv2
import numpy as np

from omote.engines.pixels import Pixels
from omote.streams.frame import Picture

GROUND = (24, 26, 30)
WORDS = (214, 218, 224)
SIZE = (1280, 720)


def slate(pixels: Pixels, words: str, size: tuple[int, int] = SIZE) -> Picture:
    """A calm ground of `size` (width, height) with one line of words in its middle."""
    width, height = size
    rgb = np.empty((height, width, 3), np.uint8)
    rgb[:] = GROUND
    font, scale, line = cv2.FONT_HERSHEY_DUPLEX, height / 720, max(1, round(height / 540))
    (across, up), _ = cv2.getTextSize(words, font, scale, line)
    at = ((width - across) // 2, (height + up) // 2)
    cv2.putText(rgb, words, at, font, scale, WORDS, line, cv2.LINE_AA)
    return pixels.from_rgb(rgb)
