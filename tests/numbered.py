"""Numbered pictures: colour bars with the picture's number painted in, and read back."""

from collections.abc import Container, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from omote.streams.frame import Frame, VideoPicture

BITS = 12
CELL = 20
"Pixels; a bit is a black or white square, large enough to come through any encoder."


def numbered(number: int, width: int = 320, height: int = 240) -> av.VideoFrame:
    """Colour bars with `number` (0..4095) along the top; pts and time base are not set."""
    hues = np.linspace(0, 179, 8, endpoint=False).astype(np.uint8)
    bars = np.zeros((1, 8, 3), np.uint8)
    bars[0] = np.stack([hues, np.full(8, 255), np.full(8, 200)], axis=1)
    rgb = cv2.resize(cv2.cvtColor(bars, cv2.COLOR_HSV2RGB), (width, height), interpolation=0)
    for bit in range(BITS):
        rgb[:CELL, bit * CELL : (bit + 1) * CELL] = 255 * (number >> bit & 1)
    return av.VideoFrame.from_ndarray(np.asarray(rgb, np.uint8), "rgb24")


def number_of(frame: Frame) -> int:
    """The number painted into a picture of a source."""
    assert isinstance(frame.picture, VideoPicture)
    return number_in(frame.picture.video)


def number_in(video: av.VideoFrame) -> int:
    """The number painted into a picture."""
    gray = video.to_ndarray(format="gray")
    cells = [gray[CELL // 2, bit * CELL + CELL // 2] for bit in range(BITS)]
    return sum(1 << bit for bit, value in enumerate(cells) if value > 127)


def write_numbered(path: Path, count: int, fps: int = 30, turned: int = 0, start: int = 0) -> Path:
    """A clip of `count` numbered pictures; `turned`: its display matrix, degrees anticlockwise."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps, options={"bf": "2"})
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        if turned:
            stream.set_display_rotation(turned)
        for video in _timed(count, fps, start):
            container.mux(stream.encode(video))
        container.mux(stream.encode(None))
    return path


def write_jpegs(path: Path, damaged: Container[int] = ()) -> Path:
    """Five numbered pictures, each coded by itself; nothing can be made of the `damaged`."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("mjpeg", 30)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuvj420p"
        for number in range(5):
            video = numbered(number)
            video.pts, video.time_base = number, Fraction(1, 30)
            for packet in stream.encode(video):
                whole = av.Packet(b"no picture" if number in damaged else bytes(packet))
                whole.stream, whole.time_base = stream, packet.time_base
                whole.pts, whole.dts = packet.pts, packet.dts
                film.mux(whole)
    return path


def _timed(count: int, fps: int, start: int) -> Iterator[av.VideoFrame]:
    for number in range(count):
        video = numbered(number)
        video.pts, video.time_base = start + number, Fraction(1, fps)
        yield video
