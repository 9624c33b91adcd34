"""Frames of a person for tests, of any size, and a matte of known shape."""

from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.model import Models
from omote.engines.onnx import load
from omote.engines.pixels import CpuPixels
from omote.streams.frame import Frame, Picture, Plane, VideoPicture

Rgb = NDArray[np.uint8]
FPS = 25


@cache
def pixels() -> CpuPixels:
    return CpuPixels()


@cache
def models() -> Models:
    return Models(load)


@cache
def astronaut() -> Rgb:
    """NASA's portrait of Eileen Collins, public domain: (512, 512, 3)."""
    stored = cv2.imread(str(Path(__file__).parent / "data" / "astronaut.jpg"))
    assert stored is not None
    return np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGR2RGB), np.uint8)


def portrait(width: int = 640, height: int = 360, right: int = 0) -> Rgb:
    """Her at any size, as the camera sees her that has turned so that she is farther `right`."""
    side = round(1.35 * max(width, height))
    scaled = cv2.resize(astronaut(), (side, side), interpolation=cv2.INTER_LINEAR)
    left, top = round(0.43 * side - width / 2) - right, 0
    return np.ascontiguousarray(scaled[top : top + height, max(left, 0) : max(left, 0) + width])


def video(rgb: Rgb) -> av.VideoFrame:
    """As a decoder would give it, and as little to be written to."""
    return av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p")


def opened(rgb: Rgb) -> Picture:
    return pixels().from_video(VideoPicture(video(rgb)))


def frame(picture: Picture, index: int = 0, matte: Plane | None = None) -> Frame:
    arrived = 100 + index / FPS
    return Frame(picture, 900 + index, Fraction(1, FPS), arrived, index, matte=matte)


def oval(width: int = 256, height: int = 144) -> NDArray[np.float32]:
    """A small alpha: a person's head and shoulders, more or less."""
    drawn = np.zeros((height, width), np.uint8)
    head, body = (width // 2, height // 3), (width // 2, height)
    cv2.ellipse(drawn, head, (width // 10, height // 4), 0, 0, 360, (255,), -1, cv2.LINE_AA)
    cv2.ellipse(drawn, body, (width // 4, height // 2), 0, 0, 360, (255,), -1, cv2.LINE_AA)
    return drawn.astype(np.float32) / np.float32(255)


def turned(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> NDArray[np.float32]:
    """The pose of a head at an arm's length, degrees as in `Angles`."""
    y, p, r = np.radians((yaw, -pitch, -roll))
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    pose = np.eye(4, dtype=np.float32)
    pose[:3, :3] = about_y @ about_x @ about_z
    pose[2, 3] = -40
    return pose
