"""Clip: a few seconds of pictures in memory, to be published over and over."""

import math
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.uint8]
Size = tuple[int, int]
"Width, height, pixels."

STILLS = {".jpg", ".jpeg", ".png"}
SYNTHETIC = "synthetic"


class Unreadable(Exception):
    """The clip cannot be opened; the message says which and why."""


def pictures(clip: str, size: Size, fps: float, count: int) -> list[av.VideoFrame]:
    """`count` yuv420p pictures of that size, `1 / fps` seconds apart; raises `Unreadable`.

    `clip`: a video file; a JPEG or PNG, which a slow camera then moves over; or `synthetic`.
    """
    if clip == SYNTHETIC:
        shown = _moved(_drawn(), size, count)
    elif Path(clip).suffix.lower() in STILLS:
        shown = _moved(_still(clip), size, count)
    else:
        shown = _filmed(clip, size, fps, count)
    made = [av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p") for rgb in shown]
    if not made:
        raise Unreadable(f"{clip} has no picture")
    return made


def to_and_fro(count: int) -> list[int]:
    """Indices that run to the last of `count` pictures and back, without a jump when repeated."""
    return [*range(count), *range(count - 2, 0, -1)]


def _filmed(clip: str, size: Size, fps: float, count: int) -> Iterator[Rgb]:
    given = 0
    try:
        with av.open(clip) as container:
            for frame in container.decode(video=0):
                fitted: Rgb | None = None
                while given < count and given / fps <= (frame.time or 0.0):
                    if fitted is None:
                        fitted = _fitted(
                            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), size
                        )
                    yield fitted
                    given += 1
                if given == count:
                    return
    except (OSError, IndexError) as exc:  # PyAV's errors of files are OSErrors
        raise Unreadable(f"{clip}: {exc}") from exc


def _fitted(rgb: Rgb, size: Size) -> Rgb:
    """The middle of a picture that has the new shape, scaled."""
    height, width = rgb.shape[:2]
    scale = max(size[0] / width, size[1] / height)
    columns, rows = round(size[0] / scale), round(size[1] / scale)
    left, top = (width - columns) // 2, (height - rows) // 2
    middle = rgb[top : top + rows, left : left + columns]
    return np.asarray(cv2.resize(middle, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _still(clip: str) -> Rgb:
    bgr = cv2.imread(clip)
    if bgr is None:
        raise Unreadable(f"{clip} is no picture")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def _moved(still: Rgb, size: Size, count: int) -> Iterator[Rgb]:
    """A slow camera over a still."""
    height, width = still.shape[:2]
    scale = 1.08 * max(size[0] / width, size[1] / height)
    room_x, room_y = (width * scale - size[0]) / 2, (height * scale - size[1]) / 2
    for index in range(count):
        turn = math.pi * index / max(count, 2)
        left = room_x + 0.03 * size[0] * math.sin(turn)
        top = max(0.0, min(room_y, 0.05 * size[1]) * (1 + 0.5 * math.sin(2 * turn)))
        move = np.array([[scale, 0, -left], [0, scale, -top]])
        moved = cv2.warpAffine(still, move, size, flags=cv2.INTER_LINEAR)
        yield np.asarray(moved, np.uint8)


def _drawn() -> Rgb:
    """Head and shoulders before a patterned wall, (720, 1280, 3)."""
    rows, columns = np.mgrid[:720, :1280]
    wall = 110 + 40 * np.sin(columns / 37) * np.cos(rows / 29)
    rgb = np.stack([wall + 30, wall + 10, wall - 20], axis=2).clip(0, 255).astype(np.uint8)
    cv2.ellipse(rgb, (640, 760), (330, 300), 0, 0, 360, (40, 60, 110), -1, cv2.LINE_AA)
    cv2.ellipse(rgb, (640, 350), (125, 165), 0, 0, 360, (205, 160, 135), -1, cv2.LINE_AA)
    for x in (590, 690):
        cv2.circle(rgb, (x, 320), 13, (40, 30, 30), -1, cv2.LINE_AA)
    cv2.ellipse(rgb, (640, 430), (45, 14), 0, 0, 180, (130, 50, 50), 5, cv2.LINE_AA)
    return rgb
