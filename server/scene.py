"""Scene: what a camera says of the light, taken from messages and kept while it is fresh."""

import time
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from omote.server.orders import Invalid, reasons
from omote.streams.frame import Scene

FRESH_S = 10.0
"Seconds for which a message holds."
SLACK_S = 2.0
"Seconds by which a camera's clock may be ahead of ours."


class SceneMessage(BaseModel):
    """What the camera says of the light; every value may be left out."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    iso: float | None = Field(
        None,
        gt=0,
        le=10_000_000,
        description="Sensor sensitivity, ISO 12232.",
        json_schema_extra={"unit": "ISO"},
    )
    exposure_s: float | None = Field(
        None, gt=0, le=3600, description="Exposure time.", json_schema_extra={"unit": "s"}
    )
    lux: float | None = Field(
        None,
        ge=0,
        le=1_000_000,
        description="Illuminance at the camera.",
        json_schema_extra={"unit": "lx"},
    )
    low_light: bool | None = Field(None, description="Whether the camera calls it dark.")
    time: float | None = Field(
        None,
        ge=0,
        description="When this was so, seconds since 1970 (UTC); left out, it is when it arrives.",
        json_schema_extra={"unit": "s"},
    )


def read_scene(message: Any) -> Scene:
    """The scene of a message; raises `Invalid`."""
    try:
        read = SceneMessage.model_validate(message)
    except ValidationError as exc:
        raise Invalid(reasons(exc, "scene")) from exc
    age = 0.0 if read.time is None else time.time() - read.time
    _check_age(age)
    said = read.model_dump(exclude={"time"})
    return Scene(**said, origin="message", since=time.monotonic() - max(age, 0.0))


def _check_age(age: float) -> None:
    if not -SLACK_S <= age <= FRESH_S:
        when = f"{age:.0f} s ago" if age > 0 else f"{-age:.0f} s from now"
        words = f"that is {when} by this server's clock; leave it out to mean now"
        raise Invalid([{"at": "scene.time", "message": words}])


class Scenery:
    """The newest message, while it is fresh."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._scene = Scene()

    def tell(self, scene: Scene | None) -> None:
        """Take a newer message; None forgets the last."""
        self._scene = scene or Scene()

    def now(self) -> Scene:
        """What is known of the light; of origin `none` when no message is fresh."""
        if self._scene.origin != "none" and self._clock() - self._scene.since > FRESH_S:
            self._scene = Scene()
        return self._scene
