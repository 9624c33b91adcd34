"""Hue: depth as a colour, for senders that can send nothing but video. Lossy: to look at, not to measure.

After the RealSense white paper on depth compression by colourisation: nearness (one over distance)
from `far` to `near` goes through red, yellow, green, cyan, blue to magenta, which a video codec keeps
better than grey. Black is unknown. The way from magenta back to red is left out, so that what is
nearest cannot turn into what is farthest.
"""

from dataclasses import dataclass
from functools import cache

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from omote.streams.depth import Steps
from omote.streams.kernel import kernel

LEVELS = 5 * 255
"From red to magenta."
STEP_M = 0.001
NEAR_M, FAR_M = 0.3, 5.0
DARK, PALE = 96, 64
"A colour whose largest channel is less, or whose channels are closer, is none."
STRAY = LEVELS / 16
"A level this far from the middle of its neighbours is a mixture of two sides of an edge."


@dataclass(frozen=True, slots=True)
class Span:
    """What the ends of the colours mean, metres."""

    near_m: float = NEAR_M
    far_m: float = FAR_M


def encode(steps: Steps, step_m: float, span: Span) -> av.VideoFrame:
    """A picture, yuv420p; single holes are closed first, for a codec smears each of them."""
    closed = np.where(steps == 0, cv2.medianBlur(steps, 3), steps)
    rgb = _palette(step_m, span)[closed]
    planes = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    return av.VideoFrame.from_ndarray(np.asarray(planes, np.uint8), "yuv420p")


def decode(video: av.VideoFrame, span: Span) -> Steps:
    """Millimetres, 0 where there is no colour or an edge."""
    planes = np.asarray(video.to_ndarray(format="yuv420p"), np.uint8)
    rgb = np.asarray(cv2.cvtColor(planes, cv2.COLOR_YUV2RGB_I420), np.uint8)
    levels = np.empty(rgb.shape[:2], np.float32)
    _read(rgb, levels)
    stray = np.abs(levels - cv2.medianBlur(levels, 3)) > STRAY
    near, far = 1 / span.near_m, 1 / span.far_m
    metres = 1 / (far + np.maximum(levels, 0) / LEVELS * (near - far))
    known = (levels >= 0) & ~stray
    return np.where(known, np.round(metres / STEP_M), 0).astype(np.uint16)


@cache
def _palette(step_m: float, span: Span) -> NDArray[np.uint8]:
    """(65536, 3): the colour of each number of steps."""
    metres = np.maximum(np.arange(1 << 16), 1) * step_m
    near, far = 1 / span.near_m, 1 / span.far_m
    level = np.clip((1 / metres - far) / (near - far), 0, 1) * LEVELS
    edge, way = np.divmod(np.minimum(level, LEVELS - 1e-3), 255)
    up, down, full, none = way, 255 - way, np.full_like(way, 255), np.zeros_like(way)
    sides = ((full, up, none), (down, full, none), (none, full, up), (none, down, full))
    colours = np.select(
        [(edge == side)[:, None] for side in range(5)],
        [np.stack(channels, axis=1) for channels in (*sides, (up, none, full))],
    )
    colours[0] = 0
    return np.round(colours).astype(np.uint8)


@kernel
def _read(rgb: NDArray[np.uint8], levels: NDArray[np.float32]) -> None:
    """The level of each colour, 0..LEVELS, or -1."""
    for row in range(rgb.shape[0]):
        for column in range(rgb.shape[1]):
            r, g, b = rgb[row, column]
            r, g, b = np.int32(r), np.int32(g), np.int32(b)
            most, least = max(r, g, b), min(r, g, b)
            wide = most - least
            if most < DARK or wide < PALE:
                levels[row, column] = -1
                continue
            if most == r and b <= g:
                level = np.float32(g - b) / wide
            elif most == g:
                level = 2 + np.float32(b - r) / wide
            elif most == b:
                level = 4 + np.float32(r - g) / wide
            else:  # red with more blue than green: beyond magenta
                level = np.float32(5) if 2 * b > r else np.float32(0)
            levels[row, column] = min(np.float32(5), max(np.float32(0), level)) * 255
