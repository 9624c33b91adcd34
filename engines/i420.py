"""I420: full-size pixels on the CPU, three planes that are the very buffers of a video frame."""

from dataclasses import dataclass

import av
import cv2
import numpy as np
from av.video.plane import VideoPlane
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Planes = tuple[Bytes, Bytes, Bytes]
"Y (H, W), U and V (H/2, W/2); H and W are even."

BT709 = 1
FULL_RANGE = 2


@dataclass(frozen=True, slots=True)
class Colours:
    """What the numbers in the planes mean, as FFmpeg tags them; the defaults say nothing."""

    matrix: int = 2
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

    planes: Planes
    colours: Colours
    video: av.VideoFrame | None = None
    "The frame whose whole picture the planes are; None for a crop."

    @property
    def width(self) -> int:
        """Columns, pixels."""
        return int(self.planes[0].shape[1])

    @property
    def height(self) -> int:
        """Rows, pixels."""
        return int(self.planes[0].shape[0])


def opened(video: av.VideoFrame) -> I420:
    """The planes of a yuv420p frame, read only and in place, cropped to an even size."""
    colours = Colours(
        int(video.colorspace),
        int(video.color_range),
        int(video.color_primaries),
        int(video.color_trc),
    )
    width, height = video.width & ~1, video.height & ~1
    y, u, v = (_view(plane) for plane in video.planes)
    half = np.s_[: height // 2, : width // 2]
    planes = (y[:height, :width], u[half], v[half])
    for plane in planes:
        plane.flags.writeable = False  # the decoder may still predict from these
    return I420(planes, colours, video if (width, height) == (video.width, video.height) else None)


def blank(width: int, height: int, colours: Colours) -> I420:
    """A new picture of undefined content whose planes may be written, for the encoder to read."""
    video = av.VideoFrame(width, height, "yuv420p")
    video.colorspace, video.color_range = colours.matrix, colours.range
    video.color_primaries, video.color_trc = colours.primaries, colours.transfer
    y, u, v = (_view(plane) for plane in video.planes)
    return I420((y, u, v), colours, video)


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


def _view(plane: VideoPlane) -> Bytes:
    """(H, W) of a buffer whose lines may be longer; keeps the frame alive."""
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    return rows[: plane.height, : plane.width]
