"""Keyed: real footage of a man before a blue wall, put before other backgrounds.

The key may be off by a pixel from what was before the camera, but the clip is made with it: the
alpha is true of the clip by construction. The footage is small (360 x 288, 4:2:0, scaled by 2.5),
so single hairs are not in it: for these there are the drawn clips.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from omote.server.bench.matte import backgrounds, fetched
from omote.server.bench.matte.noise import noisy
from omote.server.bench.matte.shots import Bytes, Clip, Shot, Stratum, top_of
from omote.streams.frame import Scene

Floats = NDArray[np.float32]
Cutout = tuple[Bytes, Bytes]
"Colours (720, 900, 3) RGB without the wall's blue, and alpha (720, 900), 0..255."

WIDTH, HEIGHT = 1280, 720
FPS = 24.0
CLEAN, WALL = 0.2, 0.8
"Blueness, as a share of the wall's, of what is surely person and surely wall."
DAYLIGHT_ISO = 200
PHOTOS = ("motorcycle_left.png", "coffee.png", "gravel.png", "chelsea.png")
STARTS = (60, 700, 1500, 2600, 3700)
"First frames of the stretches used; the last one is for tuning."
TUNING = 4


def talking(
    stretch: int,
    number: int,
    stratum: Stratum,
    count: int,
    iso: float = DAYLIGHT_ISO,
    scene: Scene | None = None,
) -> Clip:
    """One stretch of the footage before one background. Raises `fetched.NotFetched`."""
    film = _Film(fetched.clip("franck"), STARTS[stretch])
    behind, words = _behind(number, stratum)
    known = Scene() if scene is None else scene

    def make(index: int) -> Shot:
        shot = _before(film(index), behind)
        grains = 10_000 * stretch + 1000 * number + index
        return replace(shot, picture=noisy(shot.picture, iso, grains), scene=known)

    what = f"blue-wall footage from frame {STARTS[stretch]} on before {words}, ISO {iso:g}"
    return Clip(f"keyed {stratum} {stretch}{number}", what, stratum, "keyed", FPS, count, make)


def pair(stratum: Stratum, count: int) -> Clip:
    """The same man twice, mirrored and smaller behind. Raises `fetched.NotFetched`."""
    near, far = (_Film(fetched.clip("franck"), STARTS[stretch]) for stretch in (0, 2))
    behind, words = _behind(0, stratum)

    def make(index: int) -> Shot:
        rear = _before(_smaller_mirrored(far(index)), behind, left=0)
        front = _before(near(index), rear.picture)
        assert front.alpha is not None and front.hair is not None and rear.alpha is not None
        hidden = _under(rear.alpha, front.alpha)
        hair = np.maximum(front.hair, _under(rear.hair, front.alpha))
        picture = noisy(front.picture, DAYLIGHT_ISO, index)
        return Shot(
            picture, np.asarray(cv2.add(front.alpha, hidden), np.uint8), hair, (front.alpha, hidden)
        )

    what = f"blue-wall footage twice, mirrored and smaller behind, before {words}"
    return Clip(f"keyed pair {stratum}", what, "other", "keyed", FPS, count, make)


def skin_coloured(stretch: int, count: int) -> Clip:
    """One stretch before wood and pale fingers. Raises `fetched.NotFetched`."""
    film = _Film(fetched.clip("franck"), STARTS[stretch])
    behind = backgrounds.skin_coloured(stretch, WIDTH, HEIGHT)

    def make(index: int) -> Shot:
        shot = _before(film(index), behind)
        return replace(shot, picture=noisy(shot.picture, DAYLIGHT_ISO, index))

    what = "blue-wall footage before wood and pale fingers"
    return Clip(f"keyed skin {stretch}", what, "other", "keyed", FPS, count, make)


class _Film:
    """Cut-outs of a stretch of the footage, read in order and kept while they are near."""

    def __init__(self, path: Path, start: int) -> None:
        self._path, self._start = path, start
        self._frames: Iterator[Cutout] | None = None
        self._last: tuple[int, Cutout] | None = None

    def __call__(self, index: int) -> Cutout:
        if self._last is None or index < self._last[0] or self._frames is None:
            self._frames, self._last = self._cut(), None
        while self._last is None or self._last[0] < index:
            number = 0 if self._last is None else self._last[0] + 1
            self._last = number, next(self._frames)
        return self._last[1]

    def _cut(self) -> Iterator[Cutout]:
        with av.open(str(self._path)) as container:
            stream = container.streams.video[0]
            second = self._start / FPS
            container.seek(round(max(second - 1, 0) * av.time_base))
            for frame in container.decode(stream):
                if (frame.time or 0) >= second - 0.5 / FPS:
                    yield cut_out(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))


def cut_out(picture: Bytes) -> Cutout:
    """The man without the wall."""
    blueness = _blueness(picture)
    wall = float(np.percentile(blueness, 90))
    alpha = 1 - np.clip((blueness / wall - CLEAN) / (WALL - CLEAN), 0, 1)
    alpha *= _main_part(alpha)
    colours = _large(_without_wall(picture, alpha))
    guide = cv2.cvtColor(_large(picture), cv2.COLOR_RGB2GRAY)
    sharp = cv2.ximgproc.guidedFilter(guide, _large(_solid(alpha)), 5, 1e-3 * 255**2)
    alpha = np.clip((sharp - 0.1) / 0.8, 0, 1)
    return np.asarray(colours, np.uint8), np.round(255 * alpha).astype(np.uint8)


def _large(layer: NDArray[Any]) -> NDArray[Any]:
    """As high as the frame."""
    width = round(layer.shape[1] * HEIGHT / layer.shape[0])
    return np.asarray(cv2.resize(layer, (width, HEIGHT), interpolation=cv2.INTER_CUBIC))


def _blueness(picture: Bytes) -> Floats:
    """(H, W): how much more blue than anything else."""
    red, green, blue = cv2.split(picture.astype(np.float32))
    return np.asarray(blue - cv2.max(red, green), np.float32)


def _main_part(alpha: Floats) -> Floats:
    """(H, W), 0 or 1: the largest thing that is no wall, and what touches it."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats((alpha > 0.02).astype(np.uint8))
    biggest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return np.asarray(labels == biggest, np.float32)


def _solid(alpha: Floats) -> Floats:
    """Without the thin seams that a bluish collar leaves in the key."""
    around = np.ones((11, 11), np.uint8)
    closed = cv2.morphologyEx((alpha > 0.5).astype(np.uint8), cv2.MORPH_CLOSE, around)
    return np.maximum(alpha, cv2.erode(closed, np.ones((7, 7), np.uint8)).astype(np.float32))


def _without_wall(picture: Bytes, alpha: Floats) -> Bytes:
    """The man's own colours: along his outline those of what is surely he, nearby."""
    sure = cv2.erode((alpha > 0.97).astype(np.uint8), np.ones((5, 5), np.uint8)).astype(np.float32)
    own = picture.astype(np.float32)
    spread, near = np.zeros_like(own), np.zeros_like(sure)
    for radius in (3, 7, 21, 63, 189):
        amount = cv2.blur(sure, (radius, radius)) + np.float32(1e-6)
        colours = cv2.blur(own * sure[..., None], (radius, radius)) / amount[..., None]
        share = (1 - near) * np.clip(amount * 4, 0, 1)
        spread += share[..., None] * colours
        near += share
    spread /= np.maximum(near, 1e-6)[..., None]
    trust = cv2.blur(sure, (3, 3))[..., None]
    return np.clip(spread + trust * (own - spread), 0, 255).astype(np.uint8)


def _smaller_mirrored(cutout: Cutout) -> Cutout:
    """At 0.8 of the size, the lower edge where it was."""
    layers = []
    for layer in cutout:
        small = cv2.resize(layer, None, fx=0.8, fy=0.8, interpolation=cv2.INTER_AREA)
        room = np.zeros((HEIGHT, *small.shape[1:]), np.uint8)
        room[HEIGHT - small.shape[0] :] = small[:, ::-1]
        layers.append(room)
    return layers[0], layers[1]


def _under(layer: Bytes | None, cover: Bytes) -> Bytes:
    """What shows of a layer behind another."""
    assert layer is not None
    return np.asarray(cv2.multiply(layer, 255 - cover, scale=1 / 255), np.uint8)


def _before(cutout: Cutout, behind: Bytes, left: int | None = None) -> Shot:
    """At the right edge of the frame, where the footage cuts his shoulder off, if not elsewhere."""
    colours, alpha = cutout
    left = WIDTH - alpha.shape[1] if left is None else left
    place = np.s_[:, left : left + alpha.shape[1]]
    picture, whole = behind.copy(), np.zeros((HEIGHT, WIDTH), np.uint8)
    there = behind[place].astype(np.float32)
    share = alpha[..., None].astype(np.float32) / 255
    picture[place] = np.clip(there + share * (colours - there) + 0.5, 0, 255).astype(np.uint8)
    whole[place] = alpha
    return Shot(picture, whole, top_of(whole))


def _behind(number: int, stratum: Stratum) -> tuple[Bytes, str]:
    """A drawn wall or a defocused photograph; a photograph."""
    if stratum == "plain" and number % 2 == 0:
        return backgrounds.plain(number, WIDTH, HEIGHT), "a drawn wall"
    name = PHOTOS[number % len(PHOTOS)]
    picture = _cover(_opened(fetched.photo(name)))
    if stratum == "plain":
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), 45), np.uint8), f"{name}, defocused"
    return picture, name


def _opened(path: Path) -> Bytes:
    stored = cv2.imread(str(path))
    if stored is None:
        raise fetched.NotFetched(f"{path} is no picture: delete it, and it is fetched again")
    return np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGR2RGB), np.uint8)


def _cover(picture: Bytes) -> Bytes:
    """Scaled and cropped to the frame."""
    scale = max(WIDTH / picture.shape[1], HEIGHT / picture.shape[0])
    grown = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    top, left = (grown.shape[0] - HEIGHT) // 2, (grown.shape[1] - WIDTH) // 2
    return np.ascontiguousarray(grown[top : top + HEIGHT, left : left + WIDTH], np.uint8)
