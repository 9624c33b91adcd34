"""Glare: reflections and stray light put on clean pictures as a camera would see them.

A layer of light, blurred and feathered at its border, is added to the picture in linear light.
Sizes are in pixels of pictures about 144 high.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats
from omote.engines.training import lights
from omote.engines.training.lights import Size

KINDS: Mapping[str, Callable[[Size, Bytes, np.random.Generator], Floats]] = {
    "patch": lights.patch,
    "window": lights.window,
    "screen": lights.screen,
    "lamp": lights.lamp,
    "spectacles": lights.spectacles,
    "flare": lights.flare,
    "global": lights.everywhere,
}
"What a kind draws: a layer (h, w, 3) of light whose brightest parts are about 1."

WEIGHTS = {
    "patch": 0.13,
    "window": 0.13,
    "screen": 0.07,
    "lamp": 0.09,
    "spectacles": 0.06,
    "flare": 0.10,
    "global": 0.42,
}
"How often each is met in training."

EASY = {
    "patch": 0.15,
    "window": 0.32,
    "screen": 0.20,
    "lamp": 0.20,
    "spectacles": 0.10,
    "flare": 0.01,
    "global": 0.02,
}
"The same at its beginning: shapes that stand out. Veils say too little about where glare is."

SOFTEST = 6.0, 2.0
"Sigma of the strongest blur, pixels, and that of the beginning."

BRIGHTNESS = {"patch": (0.2, 1.0), "global": (0.22, 1.2), "flare": (0.08, 0.5)}
"Where it is less than that of the sharper kinds."

CLEAN = 0.15
"Share of pictures without any."

DIMMED = 0.7
"Share of global reflections that a camera's exposure keeps from saturating."

UNSEEN = 252
"Values from which on, in all channels, nobody can tell what was behind."

GAMMA = 2.2
_LINEAR = (np.arange(256) / 255).astype(np.float32) ** np.float32(GAMMA)
_ENCODED = (np.linspace(0, 1, 4096) ** (1 / GAMMA) * 255).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A picture with glare, and what made it."""

    shown: Bytes
    "(h, w, 3), as the camera saw it."
    clean: Bytes
    "(h, w, 3), as it would have without the glare, its noise included."
    kind: str
    "One of `KINDS`, or `clean`."


def sample(
    clean: Bytes,
    other: Bytes,
    rng: np.random.Generator,
    kind: str | None = None,
    ease: float = 0.0,
) -> Sample:
    """Glare of a kind, or of any, on `clean`; `other` is the picture that may be reflected.

    `ease` 1..0 is how much easier than the whole variety it shall be.
    """
    clean = toned(clean, rng)
    if kind is None:
        kind = "clean" if rng.random() < CLEAN else str(rng.choice(list(KINDS), p=_shares(ease)))
    size = clean.shape[1], clean.shape[0]
    if kind == "clean":
        return Sample(clean, clean, kind)
    light = behind_glass(KINDS[kind](size, other, rng), kind, rng, ease) * strength(kind, rng)
    if kind == "global" and rng.random() < DIMMED:
        light = dimmed(clean, light, rng)
    if rng.random() < 0.15 * (1 - ease):
        light = light + lights.veil(size, other, rng) * rng.uniform(0.02, 0.15)
    return exposed(clean, light, kind, rng)


def _shares(ease: float) -> list[float]:
    return [ease * EASY[kind] + (1 - ease) * WEIGHTS[kind] for kind in KINDS]


def strength(kind: str, rng: np.random.Generator) -> float:
    """How bright the brightest of a layer is, 1 being the brightest a sensor can tell."""
    low, high = BRIGHTNESS.get(kind, (0.15, 1.3))
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def behind_glass(light: Floats, kind: str, rng: np.random.Generator, ease: float) -> Floats:
    """What the glass makes of it: out of focus, tinted, twice, more so at a grazing angle."""
    # A picture reflected as sharply as what is behind: nobody could say which is which.
    softest = SOFTEST[0] * (1 - ease) + SOFTEST[1] * ease
    sharpest = {"patch": 1.2, "global": 0.7}.get(kind, 0.4)
    light = lights.blurred(light, np.exp(rng.uniform(np.log(sharpest), np.log(softest))))
    if rng.random() < 0.3:
        light = _twice(light, rng)
    if rng.random() < 0.3:
        light = light * lights.ramp((light.shape[1], light.shape[0]), rng)[..., None]
    warmth = rng.normal(0, 0.12)
    tint = np.array([1 + warmth, 1 + rng.normal(0, 0.03), 1 - warmth], np.float32)
    return np.asarray(light * np.clip(tint, 0.4, 1.6), np.float32)


def dimmed(clean: Bytes, light: Floats, rng: np.random.Generator) -> Floats:
    """Less by what is too much for the sensor in the mean, after Fan et al. 2017."""
    too_much = np.maximum(_LINEAR[clean] + light - 1, 0)
    pixels = np.maximum(np.count_nonzero(too_much, axis=(0, 1)), 1)
    less = too_much.sum((0, 1)) / pixels * rng.uniform(1.05, 1.3)
    return np.asarray(np.maximum(light - less, 0), np.float32)


def _twice(light: Floats, rng: np.random.Generator) -> Floats:
    """The front and the back of the pane both reflect."""
    angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(1.5, 6)
    shift = np.array([[1, 0, distance * np.cos(angle)], [0, 1, distance * np.sin(angle)]])
    size = light.shape[1], light.shape[0]
    again = cv2.warpAffine(light, shift, size, borderMode=cv2.BORDER_REPLICATE)
    share = rng.uniform(0.25, 0.5)
    return np.asarray((1 - share) * light + share * again, np.float32)


def exposed(clean: Bytes, light: Floats, kind: str, rng: np.random.Generator) -> Sample:
    """Added, clipped, encoded; the same noise with and without glare, for noise is no glare."""
    sum_ = np.minimum(_LINEAR[clean] + light, 1.0)
    shown = _ENCODED[(sum_ * 4095).astype(np.uint16)]
    if rng.random() < 0.5:
        noise = rng.standard_normal(shown.shape, np.float32) * np.float32(rng.uniform(0.3, 2.5))
        clean = np.clip(clean + noise + 0.5, 0, 255).astype(np.uint8)
        shown = shown + noise
    shown = np.clip(shown + 0.5, 0, 255).astype(np.uint8)
    return Sample(np.maximum(shown, clean), clean, kind)


def toned(picture: Bytes, rng: np.random.Generator) -> Bytes:
    """Other exposure, contrast and white balance, as cameras and rooms differ."""
    bend = np.exp(rng.normal(0, 0.2))
    gains = np.exp(rng.normal(-0.05, 0.12)) * np.exp(rng.normal(0, 0.04, 3))
    steps = np.arange(256)[:, None] / 255
    table = np.clip(steps**bend * gains * 255 + 0.5, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(picture, table[None]), np.uint8)
