"""Messages: what a stage says of itself, as models, for OpenAPI and AsyncAPI.

A test compares them with what is really sent; what a key means is written here and nowhere else.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from omote.server.face import FaceState
from omote.server.message import Message
from omote.server.orders import StageSettings
from omote.server.workshop import MqttStatus
from omote.streams.frame import Origin


class SceneState(Message):
    """What is known of the light; null where it is not."""

    iso: float | None = Field(description="Sensor sensitivity, ISO 12232.")
    exposure_s: float | None = Field(description="Exposure time, seconds.")
    lux: float | None = Field(description="Illuminance at the camera, lux.")
    low_light: bool | None = Field(description="Whether it is dark.")
    origin: Origin = Field(description="Who says so; `none` when nobody did in the last 10 s.")


class State(Message):
    """A stage's state: settings with every default filled in, and who is here."""

    online: bool = Field(description="False once the server has ended the stage.")
    publisher: Literal["connected", "waiting"]
    source: str | None = Field(description="URL of a stage that fetches its own pictures.")
    viewers: int = Field(ge=0)
    effects: list[str] = Field(description="What a frame goes through, in this order.")
    params: dict[str, Any] = Field(description="Of every effect, in use or not.")
    stage: StageSettings
    scene: SceneState
    rung: int = Field(ge=0, le=7, description="Step of the ladder; 0 is full quality.")
    models: dict[str, list[str]] = Field(
        description="The nets each effect has taken so far, and where each runs."
    )
    synthetic: bool = Field(
        description="Whether it shows somebody who is not in front of the camera."
    )
    face: FaceState | None = Field(description="Null while no face is looked for.")
    mqtt: MqttStatus = Field(description="Whether orders come over MQTT now.")
    version: str


Milliseconds = Annotated[float, Field(ge=0, json_schema_extra={"unit": "ms"})]


class Stats(Message):
    """Figures of a stage's last five seconds; null without frames."""

    fps_in: float = Field(ge=0, description="Frames that arrive, a second.")
    fps_out: float = Field(ge=0, description="Frames that leave, a second.")
    age_p50_ms: Milliseconds | None = Field(description="Age of frames when sent, median.")
    age_p95_ms: Milliseconds | None = Field(description="Age when sent, 95th percentile.")
    matte_age_ms: Milliseconds | None = Field(description="Age of the matte in use, mean.")
    inferred_share: float | None = Field(
        ge=0, le=1, description="Share of frames with a matte of their own."
    )
    tracked_share: float | None = Field(
        ge=0, le=1, description="Share of frames in which the followed face was seen."
    )
    driver_fps: float | None = Field(
        ge=0, description="Faces that `stage.driver` gives, a second; null without one."
    )
    driver_age_ms: Milliseconds | None = Field(
        description="How old the newest of them is; held from 300 ms on, let go from 700 ms on."
    )
    dropped_undecoded: int = Field(ge=0, description="Frames dropped before decoding, so far.")
    dropped_newest: int = Field(ge=0, description="Frames replaced by newer ones, so far.")
    effect_errors: dict[str, int] = Field(description="Frames each effect failed on, so far.")
    bitrate_kbps: float = Field(ge=0, description="To each viewer.")
    rung: int = Field(ge=0, le=7, description="Step of the ladder; 0 is full quality.")
    viewers: int = Field(ge=0)
    loop_lag_p95_ms: Milliseconds | None = Field(description="Lateness of the event loop.")
    steps_ms: dict[str, float] = Field(description="Milliseconds a frame takes, by step, median.")


class Reason(Message):
    """One thing that is wrong with an order."""

    at: str = Field(description="Path of the value, dots between; empty for the order as a whole.")
    message: str


class Accepted(Message):
    """An order was carried out."""

    id: str | None = Field(None, description="The order's own; left out if it had none.")
    ok: Literal[True]
    state: State


class Refusal(Message):
    """An order was refused and nothing has changed."""

    id: str | None = Field(None, description="The order's own; left out if it had none.")
    ok: Literal[False]
    errors: list[Reason]
