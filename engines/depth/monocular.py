"""Monocular: depth from one picture, by a network of the user's own.

The ONNX file has one input, a picture (1, 3, H, W) or (1, H, W, 3), and gives a map (1, H, W) or
(1, 1, H, W): metres, or, as most networks do, something that grows with nearness. A second map whose
name has "prob" or "conf" in it is taken for the probability that a pixel is the person.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.kernels import Bytes, Floats
from omote.engines.onnx import BrokenModel, OnnxModel

Gives = Literal["nearness", "metres"]
Takes = Literal["imagenet", "unit", "bytes"]
"How pixels are scaled: by ImageNet's mean and deviation, to 0..1, or not at all."

FREE = 256
"Side of a picture for a network that takes any, pixels."
NEAREST_M, FARTHEST_M = 0.6, 5.0
"What the nearest and the farthest of a picture are taken to be, where a network does not say."
FOLLOW = 0.1
"How quickly a network's scale is followed, from picture to picture."
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Estimate:
    """What the network sees, (h, w) of its own size."""

    metres: Floats
    probability: Floats | None
    "0..1; None: the network gives none."


class DepthNetwork:
    """The network itself: stateless, any thread."""

    def __init__(self, path: Path, gives: Gives = "nearness", takes: Takes = "imagenet") -> None:
        """Raises `omote.engines.onnx.BrokenModel` for a file that is no such network."""
        self._model = OnnxModel(path)
        self.name = self._model.name
        self.gives: Gives = gives
        self._takes: Takes = takes
        inputs = self._model.inputs
        if len(inputs) != 1 or len(next(iter(inputs.values()))) != 4:
            raise BrokenModel(f"{path} takes {inputs}, not one picture: this is no depth network")
        [(self._input, shape)] = inputs.items()
        self._first = shape[1] == 3
        sides = shape[2:] if self._first else shape[1:3]
        height, width = (side if isinstance(side, int) else FREE for side in sides)
        self.size = width, height
        self(np.zeros((height, width, 3), np.uint8))

    def __call__(self, rgb: Bytes) -> tuple[Floats, Floats | None]:
        """The map and, where there is one, the probability, for (h, w, 3) of `size`."""
        given = self._scaled(rgb)[None]
        pixels = given.transpose(0, 3, 1, 2) if self._first else given
        found = self._model({self._input: np.ascontiguousarray(pixels)})
        maps = {name: each for name, value in found.items() if (each := _map(value)) is not None}
        sure = [name for name in maps if "prob" in name.lower() or "conf" in name.lower()]
        depth = [name for name in maps if name not in sure]
        if not depth:
            raise BrokenModel(f"{self.name} gives no map of depth")
        return maps[depth[0]], maps[sure[0]] if sure else None

    def _scaled(self, rgb: Bytes) -> Floats:
        values = rgb.astype(np.float32)
        if self._takes == "bytes":
            return values
        values = values / np.float32(255)
        return (values - MEAN) / DEVIATION if self._takes == "imagenet" else values


class Monocular:
    """Of one stage: the network's answers on one scale that does not tremble."""

    def __init__(self, network: DepthNetwork) -> None:
        self._network = network
        self._bounds: NDArray[np.float64] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Of the pictures to be given, width and height."""
        return self._network.size

    def __call__(self, rgb: Bytes) -> Estimate:
        """Metres, which are a guess where the network gives only what is nearer than what."""
        values, probability = self._network(rgb)
        sure = None if probability is None else np.clip(probability, 0, 1)
        if self._network.gives == "metres":
            metres = np.where(values > 0, values, np.float32(np.nan))
            return Estimate(np.asarray(metres, np.float32), sure)
        seen = np.asarray(np.percentile(values, (2, 98)), np.float64)
        before = seen if self._bounds is None else self._bounds
        self._bounds = low_high = before + FOLLOW * (seen - before)
        share = np.clip((values - low_high[0]) / max(low_high[1] - low_high[0], 1e-6), 0, 1)
        over = 1 / FARTHEST_M + share * (1 / NEAREST_M - 1 / FARTHEST_M)
        return Estimate(np.asarray(1 / over, np.float32), sure)


def _map(value: NDArray[np.generic]) -> Floats | None:
    """(h, w) of an output that is a map."""
    squeezed = np.squeeze(np.asarray(value))
    return np.asarray(squeezed, np.float32) if squeezed.ndim == 2 else None


def at_size(values: Floats, size: tuple[int, int]) -> Floats:
    """A map at width and height."""
    return np.asarray(cv2.resize(values, size, interpolation=cv2.INTER_LINEAR), np.float32)
