"""I420: full-size pixels on the CPU, three planes that are the very buffers of a video frame."""

from dataclasses import dataclass, field
from typing import Any

import av
import cv2
import numpy as np
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, Interpolation
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Planes = tuple[Bytes, Bytes, Bytes]
"Y, U and V."

BT709 = 1
UNSAID = 2
FULL_RANGE = 2


@dataclass(frozen=True, slots=True)
class Colours:
    """What the numbers in the planes mean, as FFmpeg tags them; the defaults say nothing."""

    matrix: int = UNSAID
    range: int = 0
    primaries: int = 2
    transfer: int = 2

    def to_rgb(self) -> NDArray[np.float32]:
        """(3, 4): RGB 0..255 of Y, U, V and 1, after ITU-R BT.709, or BT.601 if nothing is said."""
        red, blue = (0.2126, 0.0722) if self.matrix == BT709 else (0.299, 0.114)
        green = 1 - red - blue
        v, u = 2 * (1 - red), 2 * (1 - blue)
        rows = np.array([[1, 0, v], [1, -u * blue / green, -v * red / green], [1, u, 0]])
        black = np.array([[0], [128], [128]])
        if self.range != FULL_RANGE:
            rows *= np.array([255 / 219, 255 / 224, 255 / 224])
            black[0] = 16
        return np.hstack([rows, -rows @ black]).astype(np.float32)

    def from_rgb(self) -> NDArray[np.float32]:
        """(3, 4): Y, U and V of RGB 0..255 and 1."""
        forth = self.to_rgb().astype(np.float64)
        back = np.linalg.inv(forth[:, :3])
        return np.hstack([back, -back @ forth[:, 3:]]).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class I420:
    """A picture of the CPU backend."""

    width: int
    "Columns, even."
    height: int
    "Rows, even."
    rows: Planes
    "Y, U and V with the padding of their lines, so that each is C-contiguous."
    colours: Colours
    video: av.VideoFrame | None = None
    "The frame whose whole picture this is; None for a crop."
    levels: list[Planes] = field(default_factory=list)
    "Halved once, twice, ..., as far as anybody asked; U and V as large as Y."

    @property
    def planes(self) -> Planes:
        """Y (height, width), U and V (height/2, width/2)."""
        y, u, v = self.rows
        half = np.s_[: self.height // 2, : self.width // 2]
        return y[: self.height, : self.width], u[half], v[half]

    def level(self, number: int) -> Planes:
        """Y, U and V of one size, 2 ** `number` times smaller than the picture, from 1 on."""
        while len(self.levels) < number:
            self.levels.append(self._halved(self.levels[-1] if self.levels else None))
        return self.levels[number - 1]

    def _halved(self, planes: Planes | None) -> Planes:
        if planes is None:
            y, u, v = self.planes
            return halved(y), u, v
        y, u, v = planes
        return halved(y), halved(u), halved(v)

    def near(self, size: tuple[int, int]) -> Planes:
        """Planes to resize from: at most twice `size` (width, height), so that nothing aliases."""
        number = 0
        while self.width >> number >= 2 * size[0] and self.height >> number >= 2 * size[1]:
            number += 1
        return self.level(number) if number else self.planes

    @property
    def coarse(self) -> int:
        """The level for colours and masks: the first below 200 pixels on the long side."""
        number = 1
        while max(self.width, self.height) >> number > 200:
            number += 1
        return number


def cut(picture: I420, box: tuple[int, int, int, int], size: tuple[int, int]) -> list[Bytes]:
    """A part of a picture, left, top, right, bottom in pixels, at `size`: Y, U and V."""
    left, top, right, bottom = box
    number = 0
    while (right - left) >> number >= 2 * size[0] and (bottom - top) >> number >= 2 * size[1]:
        number += 1
    planes = picture.level(number) if number else picture.planes
    made = []
    for plane in planes:
        scale = plane.shape[0] / picture.height
        rows, columns = (
            slice(int(low * scale), max(round(high * scale), int(low * scale) + 1))
            for low, high in ((top, bottom), (left, right))
        )
        made.append(np.asarray(cv2.resize(plane[rows, columns], size), np.uint8))
    return made


def halved(plane: Bytes) -> Bytes:
    """Half as wide and high, rounded down; the one reduction OpenCV has vectorised."""
    size = max(plane.shape[1] // 2, 1), max(plane.shape[0] // 2, 1)
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.uint8)


def opened(video: av.VideoFrame) -> I420:
    """The planes of a yuv420p frame, read only and in place, cropped to an even size."""
    colours = Colours(
        int(video.colorspace),
        int(video.color_range),
        int(video.color_primaries),
        int(video.color_trc),
    )
    size = width, height = video.width & ~1, video.height & ~1
    y, u, v = (_rows(plane) for plane in video.planes)
    for plane in (y, u, v):
        plane.flags.writeable = False  # the decoder may still predict from these
    is_whole = size == (video.width, video.height)
    return I420(width, height, (y, u, v), colours, video if is_whole else None)


def blank(width: int, height: int, colours: Colours) -> I420:
    """A new picture of undefined content whose planes may be written, for the encoder to read."""
    video = av.VideoFrame(width, height, "yuv420p")
    video.colorspace, video.color_range = colours.matrix, colours.range
    video.color_primaries, video.color_trc = colours.primaries, colours.transfer
    y, u, v = (_rows(plane) for plane in video.planes)
    return I420(width, height, (y, u, v), colours, video)


def scaled(video: av.VideoFrame, size: tuple[int, int], colours: Colours) -> av.VideoFrame:
    """Any frame as yuv420p of `size` (width, height) in `colours`; what they leave open, its own."""
    own = _matrix(int(video.colorspace))
    matrix = own if colours.matrix == UNSAID else _matrix(colours.matrix)
    span = ColorRange.JPEG if colours.range == FULL_RANGE else ColorRange.MPEG
    made = video.reformat(
        *size,
        "yuv420p",
        src_colorspace=own,
        dst_colorspace=matrix,
        dst_color_range=span,
        interpolation=Interpolation.AREA,
        threads=1,
    )
    if made is not video:
        made.colorspace, made.color_range = matrix, span
    return made


def whole(video: av.VideoFrame) -> Bytes:
    """(H, W, 3) RGB of any frame, nothing cut off."""
    own, way = _matrix(int(video.colorspace)), Interpolation.BICUBIC
    made = video.reformat(format="rgb24", src_colorspace=own, interpolation=way, threads=1)
    return np.asarray(made.to_ndarray(), np.uint8)


def _matrix(tag: int) -> Colorspace:
    return Colorspace.ITU709 if tag == BT709 else Colorspace.ITU601


def paste(picture: I420, target: I420) -> None:
    """Put a picture into the middle of another that may be written; what sticks out is cut off."""
    for source, there in zip(picture.planes, target.planes, strict=True):
        rows, row_from, row_to = _middle(source.shape[0], there.shape[0])
        columns, column_from, column_to = _middle(source.shape[1], there.shape[1])
        part = source[row_from : row_from + rows, column_from : column_from + columns]
        there[row_to : row_to + rows, column_to : column_to + columns] = part


def _middle(size: int, room: int) -> tuple[int, int, int]:
    """How much of `size` fits into `room`, where it begins in either."""
    fits = min(size, room)
    return fits, (size - fits) // 2, (room - fits) // 2


def turned(picture: I420, degrees: int) -> I420:
    """The picture turned clockwise by 0, 90, 180 or 270 degrees; 0 is the same object."""
    if degrees == 0:
        return picture
    across = degrees in (90, 270)
    size = (picture.height, picture.width) if across else (picture.width, picture.height)
    made = blank(*size, picture.colours)
    for to, of in zip(made.planes, picture.planes, strict=True):
        cv2.rotate(of, _TURNS[degrees], dst=to)
    return made


_TURNS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def _rows(plane: VideoPlane) -> Bytes:
    """(H, line size) of a plane's buffer; keeps the frame alive."""
    buffer: Any = plane  # PyAV's types leave the buffer protocol out
    rows: Bytes = np.frombuffer(buffer, np.uint8).reshape(-1, plane.line_size)
    return rows
