"""Puppet: a face in a photograph that moves as the one in front of the camera does."""

from collections.abc import Hashable
from dataclasses import replace
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from omote.engines import effect
from omote.engines.effect import Rung
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.engines.puppet import album, unrolled
from omote.engines.puppet.modes import MODES, Mode
from omote.engines.puppet.mouth import Interior
from omote.engines.puppet.performance import Casting, Performance
from omote.engines.puppet.pose_transfer import Amounts
from omote.streams.frame import Frame, Picture


class Puppet:
    """Shows the photograph moved, or you with its face."""

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
        mode: Mode = Field(
            "mesh",
            description="mesh: the photograph moves as you do; wear: its face on your own head;"
            " network: as mesh, its face drawn by the net that was trained for it.",
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
        light: float = Field(
            1.0,
            ge=0,
            le=1,
            description="How much the photograph's face is lit as yours is, compared with your"
            " neutral face, 0 to 1.",
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

        @property
        def takes_driver(self) -> bool:
            """Whether somebody who is not before the camera can move it."""
            return self.mode != "wear"

        @model_validator(mode="after")
        def _source_exists(self) -> Self:
            path = album.find(self.source) if self.source else None
            if path is not None and self.mode == "network" and album.network(path) is None:
                raise ValueError("no net was trained for this face: omote train puppet")
            return self

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._models, self._pixels = models, pixels
        unrolled.warm_up()
        self._made: tuple[Hashable, Performance] | None = None

    def __call__(self, frame: Frame, params: Params, rung: Rung) -> Frame:
        """The frame with the photograph, moved."""
        if not params.source:
            hidden = self._pixels.veiled(frame.picture)
            return replace(frame, picture=self._pixels.stamped(hidden, "choose a face"))
        amounts = Amounts(
            params.expression,
            params.turn,
            params.travel,
            params.light,
            params.motion == "relative",
        )
        moved = frame if frame.driver is None else replace(frame, faces=frame.driver)
        picture = self._performance(frame.picture, params)(moved, amounts)
        return replace(frame, picture=picture, synthetic=True)

    def _performance(self, like: Picture, params: Params) -> Performance:
        """Made anew when the photograph, the frame's size or the way it is shown changed."""
        path = album.find(params.source)
        file = (path, path.stat().st_mtime_ns)
        what = (file, params.mode, params.interior, like.width, like.height)
        if self._made is None or self._made[0] != what:
            self.close()
            of = Casting(path, params.interior, like, self._models, self._pixels)
            self._made = what, MODES[params.mode](of)
        return self._made[1]

    def reset(self) -> None:
        """Whoever comes now is somebody else."""
        if self._made is not None:
            self._made[1].reset()

    def close(self) -> None:
        """Let go of the photograph."""
        if self._made is not None:
            self._made[1].close()
        self._made = None
