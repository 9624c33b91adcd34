"""Films whose pictures flash when their sound beeps, and the moments at which they do."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 48_000
FPS = 30
SAMPLES = RATE // FPS
"Of a picture."


def write_flashes(path: Path, codec: str, seconds: int = 2, begin: Fraction = Fraction(0)) -> Path:
    """A flash and a beep, one picture long, in the middle of each second."""
    with av.open(str(path), "w") as film:
        picture = film.add_stream("libx264", FPS)
        picture.width, picture.height = 160, 120
        sound = film.add_stream(codec, RATE)
        assert isinstance(sound, av.AudioStream)
        sound.layout = "stereo"
        for number in range(FPS * seconds):
            now = number % FPS == FPS // 2
            film.mux(picture.encode(_picture(number + int(begin * FPS), now)))
            film.mux(sound.encode(_sound(number * SAMPLES + int(begin * RATE), now)))
        film.mux(picture.encode(None))
        film.mux(sound.encode(None))
    return path


def flashes(path: Path) -> list[float]:
    """Seconds at which the picture flashes."""
    with av.open(str(path)) as film:
        frames = film.decode(video=0)
        return [f.time for f in frames if f.to_ndarray(format="gray").mean() > 128]


def beeps(path: Path) -> list[float]:
    """Seconds at which beeps begin."""
    loud = np.concatenate([np.zeros(1), *_loud_moments(path)])
    return [float(moment) for moment in loud[1:][np.diff(loud) > 0.2]]


def sound_codec(path: Path) -> str:
    """FFmpeg's name of what the sound is coded with."""
    with av.open(str(path)) as film:
        return film.streams.audio[0].codec_context.name


def _picture(number: int, white: bool) -> av.VideoFrame:
    shade = np.full((120, 160, 3), 250 if white else 30, np.uint8)
    frame = av.VideoFrame.from_ndarray(shade, "rgb24")
    frame.pts, frame.time_base = number, Fraction(1, FPS)
    return frame


def _sound(begin: int, loud: bool) -> av.AudioFrame:
    wave = np.sin(np.arange(SAMPLES) * 2 * np.pi * 1000 / RATE) * 26_000 * loud
    frame = av.AudioFrame.from_ndarray(np.repeat(wave, 2).astype(np.int16)[None], "s16", "stereo")
    frame.sample_rate, frame.pts, frame.time_base = RATE, begin, Fraction(1, RATE)
    return frame


def _loud_moments(path: Path) -> Iterator[NDArray[np.float64]]:
    resampler = av.AudioResampler("flt", "mono")
    with av.open(str(path)) as film:
        for frame in film.decode(audio=0):
            for mono in resampler.resample(frame):
                level = np.abs(mono.to_ndarray()[0])
                yield (mono.time or 0.0) + np.flatnonzero(level > 0.3) / mono.sample_rate
