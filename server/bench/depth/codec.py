"""Codec: what a depth map costs to code and to send, and whether it comes back bit by bit."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omote.server.bench.bars import Bar, at_least, at_most
from omote.server.bench.depth.result import Result, Task, cpu_ms
from omote.streams.depth import DepthFrame, Steps
from omote.streams.depth_codec import DepthCodec
from omote.streams.depth_message import HEADER, RVL_ZSTD, Header
from omote.streams.depth_sender import BITRATE, PART, PARTS_PER_PARITY
from omote.streams.depth_thrift import Ceiling, Rung, most_hidden, thinned
from omote.streams.synthetic import DEPTH, Room
from omote.streams.tof import Sensor, measured

FPS = 30
FRAMES = 30
SIZES = ((320, 240), (640, 480))
QUIET = Sensor(near_m=0.0007, far_m=0.0003)
"About what is published of the Azure Kinect; the usual one errs five times as much."
MOST_CODING_MS = 3.0
MOST_MBITS = 12.0
WHAT = (
    "the drawn room as a TOF camera sees it, 1 mm steps, RVL and zstd; coding in processor time of its"
    " thread, the least of many runs; Mbit/s at 30 fps on the wire, headers and parity included"
)


def codec(task: Task) -> Result:
    """Every size and sensor, lossless; then as a sender keeps it below its bitrate."""
    figures: dict[str, Any] = {}
    bars: list[Bar] = []
    for width, height in SIZES:
        task.tell(f"drawing {width}x{height}")
        maps = drawn((width, height), Sensor(), task.seed)
        quiet = drawn((width, height), QUIET, task.seed)
        told = figures[f"{width}x{height}"] = _lossless(maps) | {
            "quiet_sensor_mbits": _lossless(quiet)["mbits"]
        }
        bars.append(at_least(f"codec: {width}x{height} bit-exact", told["exact"], 1))
    for way in ("encode", "decode"):
        least = figures["640x480"][way]["cpu_least_ms"]
        bars.append(at_most(f"codec: 640x480 {way}, CPU ms", least, MOST_CODING_MS))
    sent = figures["320x240 as sent"] = _as_sent(drawn((320, 240), Sensor(), task.seed))
    bars.append(at_most("codec: 320x240 at 30 fps as sent, Mbit/s", sent["mbits"], MOST_MBITS))
    return Result("codec", WHAT, figures, bars)


def drawn(size: tuple[int, int], sensor: Sensor, seed: int, count: int = FRAMES) -> list[Steps]:
    """Some depth maps of the room, one after the other."""
    room, rng, lens = Room(behind=(3.0,)), np.random.default_rng(seed), DEPTH.at(*size)
    return [measured(room.view(lens, number / FPS), rng, sensor) for number in range(count)]


def on_the_wire(payload: int) -> int:
    """Bytes of all messages of a frame."""
    parts = -(-payload // PART)
    return payload + parts * HEADER + -(-parts // PARTS_PER_PARITY) * (PART + HEADER)


def _lossless(maps: Sequence[Steps]) -> dict[str, Any]:
    both = DepthCodec()
    payloads = [both.encode(steps) for steps in maps]
    exact = all(
        np.array_equal(both.decode(_header(steps, payload), payload).steps, steps)
        for steps, payload in zip(maps, payloads, strict=True)
    )
    first, payload = maps[0], payloads[0]
    return {
        "exact": exact,
        "kib": round(float(np.mean([len(each) for each in payloads])) / 1024, 1),
        "ratio": round(first.nbytes / float(np.mean([len(each) for each in payloads])), 2),
        "mbits": _mbits(on_the_wire(len(each)) for each in payloads),
        "encode": cpu_ms(lambda: both.encode(first)),
        "decode": cpu_ms(lambda: both.decode(_header(first, payload), payload)),
    }


def _as_sent(maps: Sequence[Steps]) -> dict[str, Any]:
    """By a sender that knows the sensor's noise."""
    ceiling, both, sensor = Ceiling(BITRATE), DepthCodec(), Sensor()
    noise = sensor.near_m, sensor.far_m
    sizes: list[int] = []
    frame = None
    for index, steps in enumerate(maps):
        given = DepthFrame(steps, 0.001, 0, "own", index, 0.0)
        ceiling.taken(index / FPS)
        frame = thinned(given, Rung(), noise, ceiling.times)
        sizes.append(on_the_wire(len(both.encode(frame.steps))))
        ceiling.coded(sizes[-1], steps.size, most_hidden(given, noise))
    assert frame is not None
    return {
        "mbits": _mbits(sizes[FPS // 2 :]),
        "step_mm": frame.step_m * 1e3,
        "added_error_mm": round(frame.step_m * 1e3 / 12**0.5, 2),
        "median_distance_m": round(float(np.median(maps[-1][maps[-1] > 0])) / 1e3, 2),
    }


def _mbits(sizes: Iterator[int] | Sequence[int]) -> float:
    return round(float(np.mean(list(sizes))) * 8 * FPS / 1e6, 2)


def _header(steps: NDArray[np.uint16], payload: bytes) -> Header:
    height, width = steps.shape
    return Header(RVL_ZSTD, 0, 0, width, height, 0.001, 0, 0, len(payload), 1)
