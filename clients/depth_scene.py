"""Depth scene: a few seconds of the drawn scene as a recording, for who has no depth camera."""

import math
from pathlib import Path

import av
import numpy as np

from omote.clients.depth_recording import DepthRecorder
from omote.streams.depth import CLOCK_HZ, DepthFrame, Hello
from omote.streams.synthetic import CAMERAS, COLOUR, DEPTH, Room
from omote.streams.tof import Sensor, measured

SECONDS = 4.0
FPS = 30
STRANGER_M = 3.0
"Somebody stands behind, for whom depth is needed."


def draw(folder: Path, seconds: float = SECONDS) -> None:
    """A person before another one, to and fro, as a TOF camera and a colour camera see them."""
    sensor = Sensor()
    hello = Hello(
        "video",
        CAMERAS.model_dump(mode="json", exclude_none=True),
        (sensor.near_m, sensor.far_m),
        "synthetic",
    )
    room, rng = Room(behind=(STRANGER_M,)), np.random.default_rng(1)
    recorder = DepthRecorder(folder, hello)
    for number in range(round(seconds * FPS)):
        ticks = number * CLOCK_HZ // FPS
        # There and back, so that it can begin anew without a jump.
        moment = seconds / 4 * (1 - math.cos(2 * math.pi * number / (seconds * FPS)))
        rgb = av.VideoFrame.from_ndarray(room.view(COLOUR, moment).rgb, "rgb24")
        recorder.picture(rgb.reformat(format="yuv420p"), ticks)
        steps = measured(room.view(DEPTH, moment), rng, sensor)
        recorder.depth(DepthFrame(steps, 0.001, ticks, "video", number, 0.0), ticks)
    recorder.close()
