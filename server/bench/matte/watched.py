"""Watched: full-size pixels as the matte opens them, timed, and what nets are shown remembered."""

import time
from collections.abc import Callable
from typing import Any

import av
import numpy as np

from omote.engines.pixels import CpuPixels
from omote.server.bench.matte.nets import Ledger, Taken
from omote.server.bench.matte.shots import Bytes
from omote.streams.frame import Picture, VideoPicture


class Watched:
    """Does what `CpuPixels` does; whatever takes a picture's part for a net is written down."""

    def __init__(self, inner: CpuPixels, ledger: Ledger) -> None:
        self._inner, self._ledger = inner, ledger
        self._frames: dict[int, tuple[Picture, int]] = {}

    def opened(self, rgb: Bytes, index: int) -> Picture:
        """A frame's picture, known from now on by its number."""
        picture = as_picture(self._inner, rgb)
        self._frames[id(picture)] = (picture, index)
        if len(self._frames) > 32:
            del self._frames[next(iter(self._frames))]
        return picture

    def __getattr__(self, name: str) -> Any:
        """The function of that name, watched."""
        function = getattr(self._inner, name)
        return self._noted(name, function) if callable(function) else function

    def _noted(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*arguments: Any, **options: Any) -> Any:
            before = time.thread_time()
            result = function(*arguments, **options)
            self._ledger.note(name, time.thread_time() - before)
            known = self._frames.get(id(arguments[0])) if arguments else None
            if known is not None and isinstance(result, np.ndarray) and result.ndim == 3:
                self._remember(result, known[1], function, arguments[1:], options)
            return result

        return noted

    def _remember(
        self,
        picture: Bytes,
        index: int,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        options: dict[str, Any],
    ) -> None:
        def view(rgb: Bytes) -> Bytes:
            other = as_picture(self._inner, rgb)
            return np.asarray(function(other, *arguments, **options), np.uint8)

        self._ledger.remember(Taken(picture.copy(), index, view))


def as_picture(pixels: CpuPixels, rgb: Bytes) -> Picture:
    """As a decoder would give it, opened."""
    video = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), "rgb24")
    return pixels.from_video(VideoPicture(video.reformat(format="yuv420p")))
