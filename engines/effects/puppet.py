"""Puppet: a face in a photograph that moves as the one in front of the camera does."""

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from omote.engines import effect
from omote.engines.effect import Rung
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.engines.puppet import album, unrolled
from omote.engines.puppet.mesh_puppet import MeshPuppet
from omote.engines.puppet.mouth import Interior
from omote.engines.puppet.pose_transfer import Amounts, transferred
from omote.engines.puppet.reference import studied
from omote.streams.frame import Frame, Picture


@dataclass(frozen=True, slots=True, eq=False)
class _Set:
    """A photograph in a frame's size, ready to be moved."""

    what: Hashable
    still: Picture
    puppet: MeshPuppet


class Puppet:
    """Shows the photograph instead of the camera's picture."""

    name: ClassVar[str] = "puppet"
    needs_faces: ClassVar[bool] = True
    conceals: ClassVar[bool] = True
    synthetic: ClassVar[bool] = True
    driven: ClassVar[bool] = True

    class Params(effect.Params):
        """Which face, and how much of the motion it takes over."""

        source: str = Field(
            "",
            max_length=80,
            description="Name of the uploaded photograph; without one nobody is shown.",
            json_schema_extra={"media": "faces"},
        )
        expression: float = Field(
            1.0, ge=0, le=1.5, description="How much of the expression is taken over, 0 to 1.5."
        )
        turn: float = Field(
            1.0,
            ge=0,
            le=1,
            description="How much of the head's turning, 0 to 1; 25 degrees at most.",
        )
        travel: float = Field(
            0.6, ge=0, le=1, description="How much of the head's way through the picture, 0 to 1."
        )
        motion: Literal["relative", "absolute"] = Field(
            "relative",
            description="Measured from your own neutral face, which keeps the photograph's shape,"
            " or taken as it is.",
        )
        interior: Interior = Field(
            "auto",
            description="What an open mouth shows: the photograph's own teeth, drawn ones, or,"
            " auto, its own if it shows any.",
        )

        @model_validator(mode="after")
        def _source_exists(self) -> Self:
            if self.source:
                album.find(self.source)
            return self

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._models, self._pixels = models, pixels
        unrolled.warm_up()
        self._set: _Set | None = None

    def __call__(self, frame: Frame, params: Params, rung: Rung) -> Frame:
        """The frame with the photograph, moved."""
        if not params.source:
            hidden = self._pixels.veiled(frame.picture)
            return replace(frame, picture=self._pixels.stamped(hidden, "choose a face"))
        kept = self._ready(frame.picture, params)
        faces = frame.faces if frame.driver is None else frame.driver
        face = faces[0] if faces else None
        amounts = Amounts(
            params.expression, params.turn, params.travel, params.motion == "relative"
        )
        made = kept.puppet(transferred(kept.puppet.reference, face, amounts))
        picture = self._pixels.patched(kept.still, made.rgb, made.left, made.top)
        return replace(frame, picture=picture, synthetic=True)

    def _ready(self, like: Picture, params: Params) -> _Set:
        """The photograph, studied when it, the frame's size or what is in its mouth changed."""
        path = album.find(params.source)
        file = (path, path.stat().st_mtime_ns)
        what = (file, params.interior, like.width, like.height)
        if self._set is None or self._set.what != what:
            photo = album.photo(path, self._pixels)
            size = (like.width, like.height)
            puppet = MeshPuppet(studied(photo, size, self._models, self._pixels), params.interior)
            self._set = _Set(what, self._pixels.from_rgb(puppet.still(), like), puppet)
        return self._set

    def reset(self) -> None:
        """No past."""

    def close(self) -> None:
        """Let go of the photograph."""
        self._set = None
