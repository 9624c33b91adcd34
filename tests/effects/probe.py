"""An effect with a parameter of every kind, which notes what it is called with."""

from typing import ClassVar, Literal

from pydantic import Field

from omote.engines import effect
from omote.engines.effect import Rung
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.streams.frame import Frame


class ProbeParams(effect.Params):
    """One parameter of every kind."""

    share: float = Field(0.5, ge=0, le=1, description="A bounded number.")
    width: int = Field(8, ge=1, le=64, description="A whole one.", json_schema_extra={"unit": "px"})
    above: float = Field(1.0, gt=0, lt=10, description="Bounds that are not in reach.")
    free: float = Field(1.0, description="A number without bounds.")
    limit: float | None = Field(None, ge=1, le=5, description="A number or none.")
    mode: Literal["soft", "hard"] = Field("soft", description="A choice.")
    turn: Literal[0, 90] = Field(0, description="A choice among numbers.")
    only: Literal["this"] = Field("this", description="No choice at all.")
    maybe: Literal["a", "b"] | None = Field(None, description="A choice or none.")
    on: bool = Field(False, description="A switch.")
    colour: str = Field(
        "#00ff00",
        pattern="^#[0-9a-f]{6}$",
        description="A colour.",
        json_schema_extra={"format": "color"},
    )
    word: str | None = Field(None, max_length=20, description="Text or none.")
    points: tuple[int, ...] = Field((1, 2), description="Several numbers.")


class Probe:
    """Changes nothing and notes everything."""

    name: ClassVar[str] = "probe"
    Params: ClassVar[type[effect.Params]] = ProbeParams
    seen: ClassVar[list[tuple[Frame, ProbeParams]]] = []
    made: ClassVar[list["Probe"]] = []
    broken: ClassVar[Exception | None] = None
    "What making one raises."

    def __init__(self, models: Models, pixels: Pixels) -> None:
        if self.broken is not None:
            raise self.broken
        self.closed = False
        self.made.append(self)

    def __call__(self, frame: Frame, params: ProbeParams, rung: Rung) -> Frame:
        """Pass it on."""
        self.seen.append((frame, params))
        return frame

    def reset(self) -> None:
        """Nothing to forget."""

    def close(self) -> None:
        """Note it."""
        self.closed = True
