"""Background: what is behind the person, out of focus or replaced."""

import logging
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.config import JsonDict, JsonValue

from omote.engines import backdrops, effect, layers
from omote.engines.composition import Edge
from omote.engines.effect import Rung
from omote.engines.model import Models
from omote.engines.pixels import Pixels, Rgb
from omote.streams.frame import Frame, Picture, Plane, VideoPicture

logger = logging.getLogger(__name__)

COLOUR = "^#[0-9a-fA-F]{6}$"
BLURRED: JsonDict = {"shown_when": {"mode": ["blur", "disc"]}}
"A form need not show what does nothing in another mode."
UPLOADED: JsonDict = {"shown_when": {"mode": ["image", "video"]}}
PICKED: JsonDict = {
    **UPLOADED,
    "media": "backgrounds",
    "media_types": {"mode": {"image": "image/", "video": "video/"}},
}
"A form shows uploads to pick from, in each mode those that fit it."
BOTH: list[JsonValue] = ["matte", "background"]
PRESETS: list[JsonValue] = [
    {"name": "Soft room", "effects": BOTH, "params": {"strength": 0.35}},
    {"name": "Deep blur", "effects": BOTH, "params": {"strength": 1.0}},
    {"name": "Lens", "effects": BOTH, "params": {"mode": "disc", "strength": 0.7}},
    {"name": "Studio", "effects": BOTH, "params": {"mode": "colour", "light_wrap": 0.35}},
    {"name": "Green screen", "effects": BOTH, "params": {"mode": "key"}},
]
"What a form offers at one press; the rest of the parameters are the defaults."


class Background:
    """Shows the person before another background, or the room out of focus."""

    name: ClassVar[str] = "background"
    follows: ClassVar[tuple[str, ...]] = ("matte",)
    conceals: ClassVar[bool] = True

    class Params(effect.Params):
        """Which background, and how the person is set before it."""

        model_config = ConfigDict(json_schema_extra={"presets": PRESETS})

        mode: Literal["blur", "disc", "image", "video", "colour", "key"] = Field(
            "blur",
            description="Blurred as by frosted glass or, disc, as by a lens; an upload; or a colour.",
        )
        strength: float = Field(
            0.6,
            ge=0,
            le=1,
            description="Blur from 0, slight (0.5 % of the height), to 1 (4 %).",
            json_schema_extra=BLURRED,
        )
        by_depth: bool = Field(
            True,
            description="Where depth is known, blur what is farther from the person more.",
            json_schema_extra=BLURRED,
        )
        source: str = Field(
            "",
            max_length=80,
            description="Name of the uploaded picture or film to show.",
            json_schema_extra=PICKED,
        )
        fit: Literal["cover", "contain"] = Field(
            "cover",
            description="Whether an upload fills the frame and is cut, or is shown whole.",
            json_schema_extra=UPLOADED,
        )
        colour: str = Field(
            "#2f4858",
            pattern=COLOUR,
            description="Colour to stand before, and beside an upload.",
            json_schema_extra={"shown_when": {"mode": ["colour", "image", "video"]}},
        )
        key: str = Field(
            "#00ff00",
            pattern=COLOUR,
            description="Colour for a chroma key, with a hard clean edge.",
            json_schema_extra={"shown_when": {"mode": "key"}},
        )
        decontaminate: float = Field(
            1.0, ge=0, le=1, description="How much old background is taken out of the edge, 0 to 1."
        )
        light_wrap: float = Field(
            0.2, ge=0, le=1, description="How much of the background's light falls on the edge."
        )

        @model_validator(mode="after")
        def _source_exists(self) -> Self:
            if self.mode in ("image", "video"):
                backdrops.find(self.source)
            return self

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._pixels = pixels
        self._kept: tuple[Hashable, Picture | backdrops.Reel] | None = None
        self._complaint = ""

    def __call__(self, frame: Frame, params: Params, rung: Rung) -> Frame:
        """The frame with another picture."""
        if frame.matte is None:
            raise ValueError("there is no matte: put the effect matte before background")
        coarser = int(rung >= Rung.SIZE)
        behind = self._behind(frame, frame.matte, params, coarser)
        edge = Edge(params.decontaminate, 0.0 if coarser else params.light_wrap)
        if params.mode == "key":
            edge = Edge(decontaminate=1.0, hardness=0.8)
        shown = self._pixels.composite(frame.picture, frame.matte, behind, edge)
        return replace(frame, picture=shown)

    def _behind(self, frame: Frame, matte: Plane, params: Params, coarser: int) -> Picture:
        picture = frame.picture
        match params.mode:
            case "blur" | "disc":
                return self._blurred(frame, matte, params, coarser)
            case "image" | "video":
                return self._uploaded(picture, params)
            case "colour":
                return self._coloured(picture, params.colour)
            case "key":
                return self._coloured(picture, params.key)

    def _blurred(self, frame: Frame, matte: Plane, params: Params, coarser: int) -> Picture:
        """Out of focus everywhere alike or, by depth, the more the farther from the person."""
        picture = frame.picture
        extent = picture.height * (0.005 + 0.035 * params.strength)
        far = self._out_of_focus(picture, matte, params, extent, coarser)
        if frame.depth is None or not params.by_depth:
            return far
        scale = layers.LONG / max(picture.width, picture.height)
        size = round(picture.width * scale), round(picture.height * scale)
        amount = layers.amounts(frame.depth.metres, self._pixels.low(matte, size))
        if amount is None:
            return far
        near = self._out_of_focus(picture, matte, params, extent / 3, coarser)
        return self._pixels.layered(picture, amount, near, far)

    def _out_of_focus(
        self, picture: Picture, matte: Plane, params: Params, extent: float, coarser: int
    ) -> Picture:
        if params.mode == "disc":
            # A disc of this radius spreads light as far as the Gaussian does.
            return self._pixels.bokeh(picture, 2 * extent, matte, coarser)
        return self._pixels.blur(picture, extent, matte, coarser)

    def _coloured(self, picture: Picture, colour: str) -> Picture:
        what = (colour, picture.width, picture.height)
        if self._kept is None or self._kept[0] != what:
            self._keep(what, self._pixels.plain(_rgb(colour), picture))
        return self._shown()

    def _uploaded(self, like: Picture, params: Params) -> Picture:
        """What was uploaded, or the colour: the room behind is never shown instead."""
        try:
            path = backdrops.find(params.source)
            file = (path, path.stat().st_mtime_ns)
            what = (file, params.mode, params.fit, params.colour, like.width, like.height)
            if self._kept is None or self._kept[0] != what:
                self._keep(what, self._opened(path, like, params))
            return self._shown()
        except (ValueError, OSError) as exc:
            if self._complaint != str(exc):
                self._complaint = str(exc)
                logger.warning("showing a plain colour: %s", exc)
            return self._pixels.plain(_rgb(params.colour), like)

    def _opened(self, path: Path, like: Picture, params: Params) -> Picture | backdrops.Reel:
        cover, rest = params.fit == "cover", _rgb(params.colour)
        size = self._pixels.plain(rest, like)

        def prepared(picture: VideoPicture) -> Picture:
            return self._pixels.fitted(picture, size, cover, rest)

        if params.mode == "video":
            return backdrops.Reel(path, prepared)
        return prepared(backdrops.picture(path))

    def _keep(self, what: Hashable, shown: Picture | backdrops.Reel) -> None:
        self.close()
        self._kept = (what, shown)

    def _shown(self) -> Picture:
        assert self._kept is not None
        kept = self._kept[1]
        return kept.now() if isinstance(kept, backdrops.Reel) else kept

    def reset(self) -> None:
        """No past."""

    def close(self) -> None:
        """End the film's thread."""
        if self._kept is not None and isinstance(self._kept[1], backdrops.Reel):
            self._kept[1].close()
        self._kept = None


def _rgb(colour: str) -> Rgb:
    red, green, blue = bytes.fromhex(colour[1:])
    return red, green, blue
