"""Effects made for tests: one that paints, one that fails, one that waits to be told."""

import threading
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from omote.engines import effect
from omote.engines.effect import Rung
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.streams.frame import Frame


class Tint:
    """Paints the lower half of the picture grey, and keeps what it was called with."""

    name: ClassVar[str] = "tint"
    made: ClassVar[list["Tint"]]

    class Params(effect.Params):
        """How grey."""

        grey: int = Field(60, ge=0, le=255, description="Brightness, 0 to 255.")
        share: float = Field(0.5, gt=0, le=1, description="Share of the rows that are painted.")
        word: Literal["plain", "fancy"] = Field("plain", description="Of no consequence.")

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._pixels = pixels
        self.seen: list[int] = []
        self.resets = 0
        self.closed = 0
        self.busy = False
        self.made.append(self)

    def __call__(self, frame: Frame, params: Params, rung: Rung) -> Frame:
        self.busy = True
        self.work(params)
        self.seen.append(frame.index)
        rgb = np.array(self._pixels.rgb(frame.picture))
        rgb[round(len(rgb) * (1 - params.share)) :] = params.grey
        self.busy = False
        return replace(frame, picture=self._pixels.from_rgb(rgb))

    def work(self, params: Params) -> None:
        """What an heir does meanwhile."""

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        assert not self.busy, "closed while it works"
        self.closed += 1


class Broken(Tint):
    """Fails at every frame, until told otherwise."""

    name = "broken"
    mended: ClassVar[bool] = False

    def work(self, params: Tint.Params) -> None:
        if not self.mended:
            raise ZeroDivisionError("no such luck")


class Patient(Tint):
    """Does nothing until `go` is set; `begun` is set while it waits."""

    name = "patient"
    begun: ClassVar[threading.Event]
    go: ClassVar[threading.Event]

    def work(self, params: Tint.Params) -> None:
        self.begun.set()
        assert self.go.wait(20)
        self.begun.clear()


class Rude(Tint):
    """Returns what is no frame."""

    name = "rude"

    def __call__(self, frame: Frame, params: Tint.Params, rung: Rung) -> Frame:
        return None  # type: ignore[return-value]


class Unloadable(Tint):
    """Its weights are not there."""

    name = "unloadable"

    def __init__(self, models: Models, pixels: Pixels) -> None:
        models["no such weights"]


ALL = (Tint, Broken, Patient, Rude, Unloadable)


def forget() -> None:
    """As if none had ever been made."""
    for kind in ALL:
        kind.made = []
    Broken.mended = False
    Patient.begun, Patient.go = threading.Event(), threading.Event()
