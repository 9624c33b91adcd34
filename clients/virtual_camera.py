"""Virtual camera: what is watched, as a camera that other programs can use (extra `camera`)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import av

from omote.clients.terminal import NO_CAMERA, GivenUp

Draw = Callable[[av.VideoFrame], None]


@contextmanager
def virtual_camera(fps: float) -> Iterator[Draw]:
    """Something to draw pictures on, opened with the first; raises `GivenUp` where there is none."""
    make = _maker()
    _probe(make, fps)
    opened: dict[tuple[int, int], Any] = {}

    def draw(video: av.VideoFrame) -> None:
        size = video.width, video.height
        if size not in opened:
            for camera in opened.values():
                camera.close()
            opened.clear()
            opened[size] = make(*size, fps)
        opened[size].send(video.to_ndarray(format="rgb24"))

    try:
        yield draw
    finally:
        for camera in opened.values():
            camera.close()


def _maker() -> Callable[..., Any]:
    try:
        import pyvirtualcam  # brings its own drivers, and is not needed by anything else
    except ImportError as exc:
        words = "a virtual camera takes the package pyvirtualcam: pip install 'omote[camera]'"
        raise GivenUp(words, NO_CAMERA) from exc
    made: Callable[..., Any] = pyvirtualcam.Camera
    return made


def _probe(make: Callable[..., Any], fps: float) -> None:
    """Better now than at the first picture."""
    try:
        make(640, 360, fps).close()
    except RuntimeError as exc:
        words = "no virtual camera here: on Linux `modprobe v4l2loopback` makes one, elsewhere OBS"
        raise GivenUp(f"{words} brings one along ({_first_line(exc)})", NO_CAMERA) from exc


def _first_line(exc: RuntimeError) -> str:
    return str(exc).strip().partition("\n")[0]
