"""Marks: a picture's number painted into its luma, large enough to outlive a blur and two encoders.

Six rows of four black or white cells in the top left corner, where heads and shoulders seldom are:
16 bits of the number, then 8 of a checksum. Cells are 64 pixels wide in a picture 720 high; on such a
one they are read without error through a Gaussian blur of 30 pixels' deviation, because reading
sharpens from cell to cell. A lens blur, in which white outshines black, they do not survive.
"""

from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]

ROWS, COLUMNS = 6, 4
NUMBERS = 1 << 16
"Numbers there are; a larger one begins again at 0."
BLACK, WHITE = 16, 235
LEAST_CONTRAST = 24
"Between the darkest and the lightest cell, in levels of luma; with less there is no mark."


def cell_for(height: int) -> int:
    """Side of a cell in a picture of that height, pixels, even."""
    return max(8, height * 64 // 720 & ~1)


def luma_of(video: av.VideoFrame) -> Luma:
    """(H, W), the first plane of a yuv420p frame in place, so that painting on it changes the frame."""
    plane: Any = video.planes[0]  # PyAV's types leave the buffer protocol out
    rows: Luma = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: video.height, : video.width]


def paint(luma: Luma, number: int) -> None:
    """Paint `number` modulo `NUMBERS` onto a luma plane (H, W), at least four cells wide."""
    cell = cell_for(luma.shape[0])
    values = np.where(_cells(number % NUMBERS), WHITE, BLACK).astype(np.uint8)
    painted = luma[: ROWS * cell, : COLUMNS * cell].reshape(ROWS, cell, COLUMNS, cell, copy=False)
    painted[...] = values[:, None, :, None]


def read(luma: Luma) -> int | None:
    """The number painted on a luma plane (H, W); None where there is none that can be read."""
    cell = cell_for(luma.shape[0])
    if luma.shape[1] < COLUMNS * cell:
        return None
    return number_in(_levels(luma, cell))


def number_in(levels: NDArray[np.float64]) -> int | None:
    """The number whose cells have these mean levels of luma, (6, 4)."""
    levels = _sharpened(levels)
    dark, light = levels.min(), levels.max()
    if light - dark < LEAST_CONTRAST:
        return None
    bits = (levels > (dark + light) / 2).ravel()
    number = int(bits[:16] @ (1 << np.arange(15, -1, -1)))
    return number if bool((_cells(number).ravel() == bits).all()) else None


def _levels(luma: Luma, cell: int) -> NDArray[np.float64]:
    """(6, 4): mean luma of the inner quarter of each cell."""
    marked = luma[: ROWS * cell, : COLUMNS * cell].reshape(ROWS, cell, COLUMNS, cell)
    inner = slice(cell // 4, cell - cell // 4)
    return np.asarray(marked[:, inner, :, inner].mean((1, 3)))


def _sharpened(levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take back part of what a blur has mixed in from the cells next door."""
    padded = np.pad(levels, 1, mode="edge")
    around = padded[1:-1, :-2] + padded[1:-1, 2:] + padded[:-2, 1:-1] + padded[2:, 1:-1]
    return np.asarray(2 * levels - around / 4)


def _cells(number: int) -> NDArray[np.bool_]:
    """(6, 4): which cells are white."""
    word = number << 8 | _checksum(number)
    return (word >> np.arange(23, -1, -1) & 1).astype(bool).reshape(ROWS, COLUMNS)


def _checksum(number: int) -> int:
    """CRC-8 of two bytes, polynomial x^8 + x^2 + x + 1; starts at 255, so 0 is not all black."""
    crc = 0xFF
    for byte in number.to_bytes(2):
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc
