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
        description="What viewers see: the result, or what one of its parts sees.",
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


class Settings(BaseModel):
    """Everything that orders change; kept over restarts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    effects: tuple[str, ...] = ("matte", "background")
    params: dict[str, Any] = Field(default_factory=dict)
    "Effect name to what was ordered of it; the defaults fill the rest."
    stage: StageSettings = StageSettings()


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
