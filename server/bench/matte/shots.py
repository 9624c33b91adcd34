"""Shots: clips with known alpha, frame by frame, all of it decided by a seed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from omote.streams.frame import Face, Scene

Bytes = NDArray[np.uint8]
Stratum = Literal["plain", "busy", "other"]
Tier = Literal["exact", "keyed", "given", "none"]
"""Where the alpha comes from: drawn, a key of real footage put before another background (true by
construction), handed in with the clip, or nowhere."""


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame and what is true of it."""

    picture: Bytes
    "RGB (H, W, 3)."
    alpha: Bytes | None
    "(H, W), 0..255: everybody."
    hair: Bytes | None = None
    "(H, W), 0..255: the part of alpha that is hair."
    people: tuple[Bytes, ...] = ()
    "(H, W), 0..255 each: who is visible where, the nearest first; of several people alone."
    faces: tuple[Face, ...] = ()
    scene: Scene = field(default_factory=Scene)


@dataclass(frozen=True, eq=False)
class Clip:
    """A clip: its frames are made when they are first asked for, and kept until `forget`."""

    name: str
    what: str
    "What it is, in words for the report."
    stratum: Stratum
    tier: Tier
    fps: float
    count: int
    make: Callable[[int], Shot]
    simulated: bool = False
    "Whether the nets are simulated from the truth, since they know no drawn people."

    @cached_property
    def shots(self) -> list[Shot]:
        """All its frames."""
        return [self.make(index) for index in range(self.count)]

    def forget(self) -> None:
        """Give the memory of the frames back."""
        self.__dict__.pop("shots", None)


def top_of(alpha: Bytes) -> Bytes:
    """The upper 45 % of the person, for want of a label that says what is hair."""
    rows = np.flatnonzero((alpha > 127).any(axis=1))
    kept = alpha.copy()
    if rows.size:
        kept[round(rows[0] + 0.45 * (rows[-1] - rows[0])) :] = 0
    return kept
