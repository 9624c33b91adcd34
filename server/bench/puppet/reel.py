"""Reel: a clip's frames as a stage would see them, at the size that is asked for."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from omote.engines.pixels import Pixels
from omote.streams.frame import Frame, VideoPicture

Size = tuple[int, int]
LEFT_OUT_S = 1.0
"The fetched clips begin as blocks that grow sharp."


class Unusable(ValueError):
    """Nothing can be said of this clip; the message says why."""


def reel(clip: Path, pixels: Pixels, size: Size, count: int) -> Iterator[Frame]:
    """Up to `count` frames, scaled to cover `size` and cut; upright ones whole, with black beside.

    Raises `Unusable` for what is no clip.
    """
    try:
        yield from _reel(clip, pixels, size, count)
    except (av.FFmpegError, IndexError) as exc:
        raise Unusable(f"{clip.name} is no clip that can be read: {exc}") from exc


def _reel(clip: Path, pixels: Pixels, size: Size, count: int) -> Iterator[Frame]:
    like = pixels.from_rgb(np.zeros((size[1], size[0], 3), np.uint8))
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        first, given = None, 0
        for video in container.decode(stream):
            second = float((video.pts or 0) * (stream.time_base or 0))
            first = second if first is None else first
            if second - first < LEFT_OUT_S:
                continue
            if given == count:
                return
            seen = VideoPicture(video, -video.rotation % 360)
            # Of a phone held upright the middle alone would be shoulders.
            wide = (video.width >= video.height) != (seen.rotation in (90, 270))
            picture = pixels.fitted(seen, like, cover=wide, rest=(0, 0, 0))
            yield Frame(picture, video.pts or 0, stream.time_base or Fraction(1), second, given)
            given += 1


def still(frame: Frame, pixels: Pixels, count: int, noise: float) -> Iterator[Frame]:
    """One frame again and again, each time with other noise (standard deviation, of 255)."""
    rgb, chance = pixels.rgb(frame.picture).astype(np.float32), np.random.default_rng(7)
    for index in range(count):
        noisy = np.clip(rgb + chance.normal(0, noise, rgb.shape), 0, 255).astype(np.uint8)
        picture = pixels.from_rgb(noisy, frame.picture)
        yield replace(frame, picture=picture, pts=index, time_base=Fraction(1, 30), index=index)
