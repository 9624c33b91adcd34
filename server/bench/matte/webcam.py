"""Webcam: real talking heads as they are, with no truth: for flicker, reuse and time."""

from collections.abc import Iterator

import av
import cv2
import numpy as np

from omote.server.bench.matte import fetched
from omote.server.bench.matte.shots import Bytes, Clip, Shot

WIDTH, HEIGHT = 1280, 720
LEFT_OUT_S = 1.0
"They begin as blocks that grow sharp."


def talking(name: str, count: int) -> Clip:
    """A clip of `fetched.CLIPS`, cropped to 16:9 and scaled up. Raises `fetched.NotFetched`."""
    path = fetched.clip(name)
    with av.open(str(path)) as container:
        fps = float(container.streams.video[0].average_rate or 25)
    frames: list[Bytes] = []
    source = _pictures(str(path))

    def make(index: int) -> Shot:
        while len(frames) <= index:
            frames.append(next(source))
        return Shot(frames[index], None)

    return Clip(f"webcam {name}", f"{name} of {fetched.CLIPS}", "other", "none", fps, count, make)


def _pictures(path: str) -> Iterator[Bytes]:
    """The part that has the frame's shape, rather shoulders than ceiling."""
    with av.open(path) as container:
        for frame in container.decode(video=0):
            if (frame.time or 0) < LEFT_OUT_S:
                continue
            picture = frame.to_ndarray(format="rgb24")
            rows = round(picture.shape[1] * HEIGHT / WIDTH)
            top = (picture.shape[0] - rows) * 3 // 4
            kept = picture[top : top + rows]
            large = cv2.resize(kept, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
            yield np.asarray(large, np.uint8)
