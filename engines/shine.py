"""Shine: the light that skin mirrors, told from its colour by how colourful each place is.

Light that skin scatters has its colour, light that it mirrors has the lamp's, taken for white.
What every place would be without the second follows from the most colourful places around that
are alike (Yang, Wang and Ahuja, "Real-time specular highlight removal using bilateral filtering",
2010). Nothing is learnt.
"""

import cv2
import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats

GAMMA = 2.2

DARK = 0.02
"Places of less light than this, of 3, have no colour to speak of."

BINS = 6
"Kinds of colour that are told apart; a place's are its own and the neighbouring one."

ROUNDS = 3
"How often colourfulness is passed on to what is around."

REACH = 0.07
"How far at a time, as a share of the picture's longer side."

MOST = 0.8
"Share of the light that is taken for mirrored at most."


def shine(picture: Bytes, where: Floats) -> Floats:
    """(h, w, 3) levels that are too much on skin; `where`, (h, w, 1), 0..1, is the skin."""
    light = (picture.astype(np.float32) / 255) ** np.float32(GAMMA)
    total = light.sum(2)
    inside = where[..., 0] * (total > DARK)
    chroma = light / np.maximum(total, DARK)[..., None]
    most, least = chroma.max(2), chroma.min(2)
    # White light changes both, but this not; so alike in it is alike behind the shine.
    kind = (most - least) / np.maximum(1 - 3 * least, 0.05)
    wanted = np.maximum(_propagated(most, kind, inside), most)
    mirrored = (light.max(2) - wanted * total) / np.minimum(1 - 3 * wanted, -0.05)
    mirrored = np.clip(mirrored, 0, MOST * light.min(2))
    # What lies on all of the skin alike is its paleness.
    mirrored = np.maximum(mirrored - _quantile(mirrored, inside), 0) * inside
    mirrored = cv2.GaussianBlur(mirrored, (0, 0), 0.7)[..., None]
    left = np.maximum(light - mirrored, 0) ** np.float32(1 / GAMMA) * 255
    return np.asarray(np.maximum(picture - left, 0) * (mirrored > 0), np.float32)


def _propagated(most: Floats, kind: Floats, inside: Floats) -> Floats:
    """(h, w): the colourfulness of the diffuse light, from like places around."""
    sigma = REACH * max(most.shape)
    low, high = _quantile(kind, inside, 0.02), _quantile(kind, inside, 0.98)
    place = np.clip((kind - low) / max(high - low, 1e-3), 0, 1) * (BINS - 1)
    made = most
    for _ in range(ROUNDS):
        spread = np.zeros_like(most)
        for index in range(BINS):
            alike = inside * np.maximum(1 - np.abs(place - index) / 1.5, 0)
            weight = cv2.GaussianBlur(alike, (0, 0), sigma)
            mean = cv2.GaussianBlur(alike * made, (0, 0), sigma) / np.maximum(weight, 1e-4)
            near = np.maximum(1 - np.abs(place - index), 0)
            spread += near * np.where(weight > 1e-3, mean, made)
        made = np.maximum(made, spread)
    return np.asarray(made, np.float32)


def _quantile(values: Floats, inside: Floats, share: float = 0.5) -> float:
    """The value that so large a share of the skin stays below."""
    chosen = values[inside > 0.5]
    return float(np.quantile(chosen, share)) if chosen.size else 0.0
