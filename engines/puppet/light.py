"""Light: gives a mask the light and the complexion of the face it is worn on."""

import cv2
import numpy as np

from omote.engines.kernels import Bytes, Floats

GRID = 24
"Cells across a face in which its light is looked at."
SPREAD = 4.0
"Cells over which it is averaged: shadows of a nose are the face's own, those of a lamp are not."
GAIN = (0.3, 3.5)
"The least and the most by which a mask is darkened or lightened."
FOLLOW = 0.2
"How much of the way to the light of now, each frame."


class Light:
    """Of one wearer; its past steadies it."""

    def __init__(self) -> None:
        self._gain: Floats | None = None

    def __call__(self, mask: Bytes, bare: Bytes, alpha: Bytes) -> Bytes:
        """The mask (h, w, 3) as it looks on the bare face, seen where alpha (h, w) is."""
        size = (GRID, GRID)
        few = [
            cv2.resize(each, size, interpolation=cv2.INTER_AREA).astype(np.float32)
            for each in (mask, bare, alpha)
        ]
        share = few[2][..., None] / np.float32(255)
        worn, own = (cv2.GaussianBlur(each * share, (0, 0), SPREAD) + 0.5 for each in few[:2])
        gain = np.clip(np.asarray(own / worn, np.float32), *GAIN)
        if self._gain is not None:
            gain = self._gain + np.float32(FOLLOW) * (gain - self._gain)
        self._gain = gain
        full = cv2.resize(gain, mask.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        return np.asarray(cv2.multiply(mask, full, dtype=cv2.CV_8U), np.uint8)

    def reset(self) -> None:
        """Another face, another light."""
        self._gain = None
