"""Overlay: the landmarks drawn, to see what the tracker sees."""

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.faces.topology import CLOSED, LANDMARKS, LEFT_RIM, NOSE, RIGHT_RIM
from omote.engines.kernels import Bytes
from omote.streams.frame import Face, FaceStatus

SHIFT = 3
"Bits of a position that are fractions of a pixel."
INKS: dict[FaceStatus, tuple[int, int, int]] = {
    "tracked": (90, 255, 170),
    "held": (255, 200, 60),
    "lost": (255, 90, 90),
}
"RGB; a face that is only remembered has another colour."


def drawn(rgb: Bytes, faces: tuple[Face, ...]) -> Bytes:
    """A copy of a picture (H, W, 3) with every face's points, contours and irises."""
    made = rgb.copy()
    for face in faces:
        _draw(made, face)
    return made


def _draw(rgb: Bytes, face: Face) -> None:
    ink = INKS[face.status]
    at = np.round((face.landmarks[:, :2] - 0.5) * (1 << SHIFT)).astype(np.int32)
    thick = max(1, round(rgb.shape[0] / 540))
    for index in range(LANDMARKS):
        _dot(rgb, at[index], thick, ink)
    for contour in (*CLOSED, RIGHT_RIM, LEFT_RIM):
        cv2.polylines(rgb, [at[list(contour)]], True, ink, thick, cv2.LINE_AA, SHIFT)
    cv2.polylines(rgb, [at[list(NOSE)]], False, ink, thick, cv2.LINE_AA, SHIFT)


def _dot(rgb: Bytes, at: NDArray[np.int32], radius: int, ink: tuple[int, int, int]) -> None:
    where = (int(at[0]), int(at[1]))
    cv2.circle(rgb, where, radius << (SHIFT - 1), ink, -1, cv2.LINE_AA, SHIFT)
