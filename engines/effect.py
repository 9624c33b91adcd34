"""Effect: one transformation of frames, its parameters, and the ladder's rungs it must know."""

import importlib
import pkgutil
from collections.abc import Mapping
from enum import IntEnum
from functools import cache
from graphlib import TopologicalSorter
from typing import Any, ClassVar, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict

from omote.engines import effects
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.streams.frame import Frame


class Rung(IntEnum):
    """The steps of the ladder: each keeps the savings of those before it."""

    FULL = 0
    "Everything as ordered."
    NEWEST = 1
    "Frames are being replaced before their turn; quality is untouched."
    REUSE = 2
    "Mattes are reused longer."
    MODEL = 3
    "The smaller model."
    SIZE = 4
    "A smaller working size."
    RATE = 5
    "Every second frame."
    PUBLISHER = 6
    "The publisher is asked for less."
    PASS = 7
    "Pass-through, marked in the picture; veiled where an effect was to hide something."


class Params(BaseModel):
    """Parameters of an effect: every field with bounds, a unit and a one-sentence description."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


P_contra = TypeVar("P_contra", bound=Params, contravariant=True)


class Effect(Protocol[P_contra]):
    """One instance serves one stage and sees its frames in order, one at a time.

    What it remembers between frames is plain attributes. `params` may be another object at the
    next frame, never during one.
    """

    name: ClassVar[str]
    "The file's name."
    Params: ClassVar[type[Params]]

    def __init__(self, models: Models, pixels: Pixels) -> None:
        """Cheap; weights load through `models`, which warms them up."""

    def __call__(self, frame: Frame, params: P_contra, rung: Rung) -> Frame:
        """Return another frame; called in the stage's worker thread, in order."""

    def reset(self) -> None:
        """Forget the past: the source was cut, its size changed, or it was sought."""

    def close(self) -> None:
        """Let go of what the instance holds."""


AnyEffect = Effect[Any]


class UnknownEffect(Exception):
    """No effect of that name; the message says which there are."""


@cache
def kinds() -> Mapping[str, type[AnyEffect]]:
    """Every effect by name, the files of `omote.engines.effects`, in an order that works.

    That is alphabetical, but for an effect that names in `follows` what must have run before it.
    """
    found = {m.name: _effect_of(m.name) for m in pkgutil.iter_modules(effects.__path__)}
    after = {name: getattr(found[name], "follows", ()) for name in sorted(found)}
    return {name: found[name] for name in TopologicalSorter(after).static_order()}


def _effect_of(name: str) -> type[AnyEffect]:
    module = importlib.import_module(f"{effects.__name__}.{name}")
    for value in vars(module).values():
        if isinstance(value, type) and getattr(value, "name", None) == name:
            return value
    raise UnknownEffect(f"engines/effects/{name}.py holds no class whose `name` is {name!r}")
