"""Scenes: what looks like glare and is none: bright walls and windows, lamps, and all of it blurred.

Such things hide what is behind them; glare only adds light to it. Photographs of the recipe have
too few, and without them a net takes whatever is bright and out of focus for a veil.
"""

import cv2
import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats
from omote.engines.training import lights

OUT_OF_FOCUS = 0.25
"Share of pictures of which a part is blurred as by a lens."

BRIGHT = 0.3
"Share in which bright things stand."


def staged(picture: Bytes, other: Bytes, rng: np.random.Generator) -> Bytes:
    """(h, w, 3) with bright things put in and parts out of focus, or as it was."""
    if rng.random() < BRIGHT:
        picture = _with_bright_things(picture, other, rng)
    if rng.random() < OUT_OF_FOCUS:
        picture = _out_of_focus(picture, rng)
    return picture


def _out_of_focus(picture: Bytes, rng: np.random.Generator) -> Bytes:
    """Sharp in some part only, or nowhere."""
    sigma = np.exp(rng.uniform(np.log(1.5), np.log(9)))
    far = cv2.GaussianBlur(picture, (0, 0), float(sigma), borderType=cv2.BORDER_REFLECT)
    if rng.random() < 0.2:
        return np.asarray(far, np.uint8)
    return _mixed(picture, far.astype(np.float32), 1 - lights.region(_size(picture), rng))


def _with_bright_things(picture: Bytes, other: Bytes, rng: np.random.Generator) -> Bytes:
    """Walls, windows, shirts or lamps, as bright as the picture's brightest, and more."""
    size = _size(picture)
    draw = (lights.patch, lights.window, lights.screen, lights.lamp)[rng.integers(4)]
    mask = draw(size, np.full_like(other, 255), rng).max(2)
    if rng.random() < 0.6:
        mask = lights.blurred(mask, np.exp(rng.uniform(np.log(0.5), np.log(6))))
    mask = np.clip(mask / max(float(mask.max()), 1e-3), 0, 1)
    return _mixed(picture, _surface(size, other, rng), mask)


def _surface(size: lights.Size, other: Bytes, rng: np.random.Generator) -> Floats:
    """(h, w, 3), levels: something bright of little contrast, lit from one side."""
    texture = cv2.resize(other, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    texture = (texture - texture.mean()) * rng.uniform(0, 0.4)
    shade = lights.ramp(size, rng)[..., None] * rng.uniform(0, 60)
    tint = rng.normal(0, 8, 3).astype(np.float32)
    return np.asarray(np.clip(rng.uniform(170, 290) + texture - shade + tint, 0, 255), np.float32)


def _mixed(picture: Bytes, with_: Floats, where: Floats) -> Bytes:
    share = where[..., None].astype(np.float32)
    return np.asarray(picture + share * (with_ - picture) + 0.5, np.uint8)


def _size(picture: Bytes) -> lights.Size:
    return picture.shape[1], picture.shape[0]
