"""Steadiness: what deglaring costs in a stream, and how calm the layer is that it takes off."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.interference import Interference
from omote.engines.kernels import Floats
from omote.engines.model import Model
from omote.engines.pixels import CpuPixels, Pixels
from omote.server.bench.bars import Bar, at_most
from omote.streams.frame import Picture

SIZE = (1280, 720)
FRAMES = 36
EVERY = 3
"Frames from one look of the net to the next."

NOISE = 3.0
"Of the sensor, levels."


@dataclass(frozen=True, slots=True)
class Stream:
    """Processor time of one thread at 1280 x 720, and the layer's unrest where nothing moves."""

    looked_p50_ms: float
    "Of a frame that the net looks at, the subtraction included."
    looked_p95_ms: float
    mean_ms: float
    "Over frames, the net looking at every third."
    flicker: float
    "Mean change of the layer from frame to frame, levels."
    flicker_alone: float
    "The same if the net looked at every frame by itself."

    def bars(self) -> list[Bar]:
        """Those of cost and of steadiness."""
        # Where no layer was seen, its calm is no merit.
        share = round(self.flicker / self.flicker_alone, 3) if self.flicker_alone else None
        return [
            at_most("1280x720: ms of a frame that is looked at, p50", self.looked_p50_ms, 30),
            at_most("1280x720: ms a frame on average", self.mean_ms, 15),
            at_most("flicker on still pixels, share of every frame's alone", share, 0.333),
        ]


def measured(model: Model, shown: Bytes) -> Stream:
    """A still scene with glare, (h, w, 3), seen by a noisy sensor; nothing moves in it."""
    pixels = CpuPixels()
    seen = Interference(model, pixels)
    looked, alone = _through(seen, pixels, _frames(pixels, shown), every=1, forget=True)
    seen.reset()
    took, calm = _through(seen, pixels, _frames(pixels, shown), every=EVERY, forget=False)
    p50, p95 = np.percentile(looked, [50, 95])
    return Stream(
        round(float(p50), 2),
        round(float(p95), 2),
        round(float(np.mean(took)), 2),
        round(_unrest(calm), 4),
        round(_unrest(alone), 4),
    )


def _frames(pixels: Pixels, shown: Bytes) -> Iterator[Picture]:
    rng = np.random.default_rng(5)
    large = np.asarray(cv2.resize(shown, SIZE), np.float32)
    for _ in range(FRAMES):
        noise = rng.standard_normal((SIZE[1], SIZE[0], 1), np.float32) * np.float32(NOISE)
        noisy = np.clip(large + noise + 0.5, 0, 255).astype(np.uint8)
        yield pixels.from_rgb(noisy)


def _through(
    seen: Interference, pixels: Pixels, frames: Iterator[Picture], every: int, forget: bool
) -> tuple[list[float], list[Floats]]:
    """Milliseconds and layers of every frame."""
    took, layers = [], []
    for frame in frames:
        if forget:
            seen.reset()
        began = time.thread_time()
        layers.append(seen.layer(frame, every))
        pixels.without(frame, layers[-1])
        took.append((time.thread_time() - began) * 1e3)
    return took, layers


def _unrest(layers: list[Floats]) -> float:
    settled = layers[EVERY:]
    return float(np.mean([np.abs(one - other).mean() for one, other in pairwise(settled)]))
