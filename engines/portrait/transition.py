"""Inner transition: the mask's edge in the hair made soft from within, so that strands can begin."""

from dataclasses import dataclass

import numpy as np

from omote.engines.kernels import Floats
from omote.engines.portrait.outline import outline
from omote.engines.portrait.region import Region
from omote.engines.portrait.shapes import blurred, dilated, eroded


@dataclass(frozen=True, slots=True)
class Softening:
    """How the edge is softened; radii in pixels of the map."""

    width: float
    "Radius of the mean."
    shrink: float
    grow: float
    guard: float
    "How far around the face nothing is touched."


def width(region: Region | None, people: int, narrow: float, wide: float, least: float) -> float:
    """The transition's radius: between `narrow` and `wide`, growing with the hair's share.

    `least` is the share of the frame below which nothing is done: 0.
    """
    if region is None or region.area < least:
        return 0.0
    share = region.area / max(people, 1)
    return narrow + (wide - narrow) * min(share / 0.25, 1.0)


def weights(hair: Floats, person: Floats, face: Floats, softening: Softening) -> Floats:
    """How much of each pixel becomes soft: the hair's outline, spread, without the face."""
    line = outline(hair, person, 0, softening.shrink)
    spread = blurred(dilated(line, softening.grow), softening.grow)
    head = np.clip(dilated(face, softening.guard), 0, 1)
    return np.asarray(np.clip(spread - head, 0, 1), np.float32)


def softened(person: Floats, hair: Floats, weight: Floats, softening: Softening) -> Floats:
    """`w * P3 + (1 - w) * P`, P3 being P with its hair eroded and blurred."""
    eaten = np.where(hair > 0.1, eroded(person, softening.shrink), person)
    soft = blurred(np.asarray(eaten, np.float32), softening.width)
    return np.asarray(person + weight * (soft - person), np.float32)
