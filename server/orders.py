"""Orders: one validated change to a stage, whatever transport brought it.

An order is a JSON merge patch (RFC 7396): objects merge, null resets to the default, arrays replace.
It is validated whole before anything changes.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from omote.engines.effect import Params, kinds
from omote.streams.frame import View

NOT_SETTINGS = frozenset({"id", "scene", "calibrate"})
"Keys of an order that change nothing that is kept."

Error = dict[str, str]
"`at`: the path of the value, dots between; `message`: what is wrong with it."


class Invalid(Exception):
    """An order that changes nothing; every reason at once."""

    def __init__(self, errors: Sequence[Error]) -> None:
        super().__init__("; ".join(f"{error['at']}: {error['message']}" for error in errors))
        self.errors = list(errors)


class StageSettings(BaseModel):
    """How the camera's picture is taken in, and what a frame may cost."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    orientation: Literal[0, 90, 180, 270] = Field(
        0,
        description="Degrees, clockwise, by which the camera's picture is turned upright.",
        json_schema_extra={"unit": "°"},
    )
    mirror: bool = Field(False, description="Swap left and right.")
    budget_ms: float | None = Field(
        None,
        ge=5,
        le=1000,
        description="Milliseconds a frame may take before the stage steps down its ladder;"
        " empty is one frame interval.",
        json_schema_extra={"unit": "ms"},
    )
    view: View = Field(
        "result",
        description="What viewers see: the result, what one of its parts sees, or depth, red near, blue"
        " far.",
    )
    bypass: bool = Field(False, description="Pass the camera through without any effect.")
    driver: str | None = Field(
        None,
        pattern=r"^[a-z0-9-]{1,40}$",
        description="Whose face moves the puppet: another stage's name, or `messages` for a tracker"
        " of your own, over the data channel face/1 or MQTT; empty is the face before this camera.",
        json_schema_extra={"stages": True},
    )
    share_faces: bool = Field(
        False,
        description="Tell other programs over MQTT how the face in the picture moves and where it"
        " is; also while nobody watches.",
    )


class DepthSettings(BaseModel):
    """How a depth camera's view joins the matte; without one nothing of this matters."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(True, description="Use depth where somebody sends it.")
    fusion: Literal["gate", "product", "depth", "off"] = Field(
        "gate",
        description="How depth joins the matte: it decides near or far and the picture draws the"
        " edge; both are multiplied; depth alone; or not at all.",
    )
    near_m: float = Field(
        0.2,
        ge=0.05,
        le=10,
        description="What is nearer is not the person, metres.",
        json_schema_extra={"unit": "m"},
    )
    far_m: float | None = Field(
        None,
        ge=0.1,
        le=20,
        description="What is farther is not the person, metres; empty follows the person."
        " At least 0.1 more than near_m counts.",
        json_schema_extra={"unit": "m"},
    )
    threshold: float = Field(
        0.1, ge=0, le=0.9, description="Of fusion by product: less is not the person, 0 to 1."
    )
    normalise: bool = Field(
        True, description="Of fusion by product: divided by the largest value of the frame."
    )
    percentile: float = Field(
        100,
        ge=50,
        le=100,
        description="Of fusion by product: which percentile of the depths counts as the largest.",
    )
    max_skew_ms: float | None = Field(
        None,
        ge=0,
        le=500,
        description="Milliseconds between picture and depth; empty is half a frame interval and"
        " the clocks' doubt.",
        json_schema_extra={"unit": "ms"},
    )
    max_age_ms: float = Field(
        250,
        ge=0,
        le=2000,
        description="Milliseconds for which depth is held, with less and less weight, when none"
        " comes in time.",
        json_schema_extra={"unit": "ms"},
    )
    wait_ms: float = Field(
        20,
        ge=0,
        le=100,
        description="Milliseconds a picture may wait for depth that usually comes a little late.",
        json_schema_extra={"unit": "ms"},
    )
    interpolation: Literal["linear", "nearest"] = Field(
        "linear", description="Whether depth between two pixels of one surface is interpolated."
    )
    blur: float = Field(
        0.0,
        ge=0,
        le=5,
        description="Gaussian blur of the aligned depth, in pixels of a map 320 long.",
        json_schema_extra={"unit": "px"},
    )


class Settings(BaseModel):
    """Everything that orders change; kept over restarts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    effects: tuple[str, ...] = ("matte", "background")
    params: dict[str, Any] = Field(default_factory=dict)
    "Effect name to what was ordered of it; the defaults fill the rest."
    stage: StageSettings = StageSettings()
    depth: DepthSettings = DepthSettings()


def settings_after(settings: Settings, patch: Mapping[str, Any]) -> Settings:
    """The settings with an order applied, or `Invalid`; `settings` stays as it is."""
    current = settings.model_dump(exclude_defaults=True)
    try:
        kept = {key: value for key, value in patch.items() if key not in NOT_SETTINGS}
        merged = merge(current, kept)
        after = Settings.model_validate(merged)
    except ValidationError as exc:
        raise Invalid(reasons(exc, model=Settings)) from exc
    except RecursionError as exc:
        raise Invalid([{"at": "", "message": "nested too deeply"}]) from exc
    validate_params(after.effects, after.params)
    return after


def merge(target: Any, patch: Any) -> Any:
    """RFC 7396, section 2."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def validate_params(effects: Sequence[str], params: Mapping[str, Any]) -> dict[str, Params]:
    """Typed parameters of every effect that is known; `Invalid` with every reason otherwise."""
    known = kinds()
    errors = [_unknown(f"effects.{i}", x) for i, x in enumerate(effects) if x not in known]
    errors += [_unknown(f"params.{name}", name) for name in params if name not in known]
    errors += [
        {"at": f"effects.{i}", "message": f"{name!r} is there twice"}
        for i, name in enumerate(effects)
        if name in effects[:i]
    ]
    typed: dict[str, Params] = {}
    for name, kind in known.items():
        try:
            typed[name] = kind.Params.model_validate(params.get(name, {}))
        except ValidationError as exc:
            errors += reasons(exc, "params", name, model=kind.Params)
    if errors:
        raise Invalid(errors)
    return typed


def _unknown(at: str, name: str) -> Error:
    return {"at": at, "message": f"no effect {name!r}; there are {', '.join(kinds())}"}


def reasons(
    exc: ValidationError, *within: str, model: type[BaseModel] | None = None
) -> list[Error]:
    """A validation's failures in the shape of an order's answer; names that there are in `model`."""
    return [
        {
            "at": ".".join([*within, *map(str, error["loc"])]),
            "message": error["msg"] + (_nearest(error, model) if model else ""),
        }
        for error in exc.errors()
    ]


def _nearest(error: ErrorDetails, model: type[BaseModel]) -> str:
    """What an unknown key was perhaps meant to be."""
    if error["type"] != "extra_forbidden":
        return ""
    *way, last = (str(part) for part in error["loc"])
    for key in way:
        inner = model.model_fields[key].annotation if key in model.model_fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return ""
        model = inner
    near = get_close_matches(last, model.model_fields, 1)
    return f"; did you mean {near[0]}?" if near else ""
