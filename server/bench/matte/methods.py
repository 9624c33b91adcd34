"""Methods: the matte in its variants, and what it is held against: single nets, scaled up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.effect import Rung
from omote.engines.effects.matte import Matte
from omote.engines.model import Array, Models
from omote.engines.pixels import CpuPixels, Size
from omote.server.bench.matte.shots import Bytes
from omote.server.bench.matte.watched import Watched
from omote.streams.frame import Frame

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Method:
    """One way to find the person."""

    name: str
    what: str
    net: str | None = None
    "The net that is asked at every frame; None: the effect."
    params: dict[str, Any] = field(default_factory=dict)
    "Of the effect."


CHEAP = Method("cheap", "the cheap net at every frame, scaled up bilinearly", "selfie")
MULTICLASS = Method("multiclass", "the hair classes' net alone, likewise", "selfie_multiclass")
MODNET = Method("modnet", "the matting net alone on the whole picture, likewise", "modnet")
FAST = Method("fast", "the effect, quality fast", params={"quality": "fast"})
BALANCED = Method("balanced", "the effect, quality balanced", params={"quality": "balanced"})
BEST = Method("best", "the effect, quality best", params={"quality": "best"})
MATTING = Method("matting path", "balanced, forced", params={"path": "matting"})
SEGMENTATION = Method("segmentation path", "balanced, forced", params={"path": "segmentation"})
EVERY = Method(
    "every frame",
    "the effect, every net at every frame",
    params={"quality": "best", "reuse": 1, "hair_interval": 0.2},
)
ALL = (
    CHEAP,
    MULTICLASS,
    MODNET,
    FAST,
    BALANCED,
    BEST,
    MATTING,
    SEGMENTATION,
    EVERY,
)
BY_NAME = {method.name: method for method in ALL}


class Effect:
    """The effect, as a method."""

    def __init__(self, method: Method, models: Models, pixels: Watched, inner: CpuPixels) -> None:
        self._params = Matte.Params(**method.params)
        self._matte = Matte(models, pixels)
        self._inner = inner

    def __call__(self, frame: Frame) -> Any:
        """The frame's matte, still a plane: reading it out belongs to nobody's time."""
        return self._matte(frame, self._params, Rung.FULL).matte

    def alpha(self, plane: Any) -> Bytes:
        """(H, W), 0..255."""
        return levels(self._inner.alpha(plane))

    @property
    def busy(self) -> bool:
        """Whether something works beside the stream."""
        return self._matte.busy

    def settle(self) -> None:
        """Wait for what works beside the stream."""
        self._matte.settle()

    def close(self) -> None:
        """Let go of threads."""
        self._matte.close()


class Alone:
    """One net, asked at every frame, as a method."""

    def __init__(self, net: str, models: Models, pixels: Watched) -> None:
        self._net, self._models, self._pixels = net, models, pixels

    def __call__(self, frame: Frame) -> Floats:
        """(H, W), 0..1."""
        picture = frame.picture
        name, size = _net(self._net, picture.width, picture.height)
        small = self._pixels.small(picture, size)
        alpha = _person(self._models[name]({"picture": small[None]}))
        return np.asarray(cv2.resize(alpha, (picture.width, picture.height)), np.float32)

    def alpha(self, found: Any) -> Bytes:
        """(H, W), 0..255."""
        return levels(found)

    busy = False

    def settle(self) -> None:
        """Nothing works beside the stream."""

    def close(self) -> None:
        """Nothing to let go of."""


def open_method(
    method: Method, models: Models, pixels: Watched, inner: CpuPixels
) -> Effect | Alone:
    """Ready to be shown frames. Raises pydantic's ValidationError for parameters it has not."""
    if method.net is None:
        return Effect(method, models, pixels, inner)
    return Alone(method.net, models, pixels)


def _person(answer: Mapping[str, Array]) -> Floats:
    """(h, w), 0..1; of classes, without the haze that softmax leaves everywhere."""
    if "classes" not in answer:
        return np.asarray(answer["alpha"][0, ..., 0], np.float32)
    return np.clip((1 - answer["classes"][0, ..., 0] - 0.3) / 0.4, 0, 1).astype(np.float32)


def _net(name: str, width: int, height: int) -> tuple[str, Size]:
    if name != "selfie":
        return name, (256, 256)
    if width > 1.3 * height:
        return "selfie_landscape", (256, 144)
    return "selfie_square", (256, 256)


def levels(alpha: Floats) -> Bytes:
    """As bytes."""
    return np.asarray(cv2.convertScaleAbs(alpha, alpha=255), np.uint8)
