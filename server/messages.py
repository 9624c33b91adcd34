"""Messages: what a stage says of itself, as models, for OpenAPI and AsyncAPI.

A test compares them with what is really sent; what a key means is written here and nowhere else.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from omote.server.face import FaceState
from omote.server.message import Message
from omote.server.orders import DepthSettings, StageSettings
from omote.server.workshop import MqttStatus
from omote.streams.depth import Clock
from omote.streams.frame import Origin


class SceneState(Message):
    """What is known of the light; null where it is not."""

    iso: float | None = Field(description="Sensor sensitivity, ISO 12232.")
    exposure_s: float | None = Field(description="Exposure time, seconds.")
    lux: float | None = Field(description="Illuminance at the camera, lux.")
    low_light: bool | None = Field(description="Whether it is dark.")
    origin: Origin = Field(description="Who says so; `none` when nobody did in the last 10 s.")


class DepthState(DepthSettings):
    """Where the stage's depth comes from, what is ordered of it, and whether it is used."""

    origin: str = Field(description="`channel`, `hue`, a device or another source; or `none`.")
    name: str = Field(description="What the sender calls its camera.")
    clock: Clock | None = Field(
        description="`video`: depth is stamped by the picture's clock; `own`: by another one."
    )
    lossy: bool = Field(description="Whether its values have gone through a video codec.")
    size: list[int] | None = Field(description="Width and height of the newest frame, pixels.")
    age_ms: float | None = Field(
        description="Since the depth in use came, when it was used; median, milliseconds."
    )
    skew_ms: float | None = Field(
        description="Capture time of depth minus that of its picture; median, milliseconds."
    )
    valid: float | None = Field(ge=0, le=1, description="Share of the picture with known depth.")
    used: bool = Field(description="Whether the last picture had depth.")
    why: str = Field(description="If not, why not.")
    made: str | None = Field(
        description="`stereo` or `network` where the server makes depth itself."
    )


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
    depth: DepthState
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


class DepthFigures(Message):
    """How the stream of depth fares."""

    age_ms: Milliseconds | None = Field(description="Since the newest frame came; null without.")
    frames: int = Field(ge=0, description="Whole frames, so far.")
    lost: int = Field(ge=0, description="Frames begun and never whole, or too late, so far.")
    bad: int = Field(ge=0, description="Messages that were no depth, so far.")
    errors: dict[str, int] = Field(description="Of those, how many for which reason.")
    kbps: float = Field(ge=0, description="kbit/s, over the last second.")
    used_share: float | None = Field(ge=0, le=1, description="Share of pictures that had depth.")
    skew_p50_ms: float | None = Field(
        description="Capture time of depth minus that of its picture, median, milliseconds."
    )
    skew_p95_ms: Milliseconds | None = Field(description="The same, either way, 95th percentile.")
    offset_ms: float = Field(description="What is added to the depth's clock, milliseconds.")
    doubt_ms: Milliseconds = Field(description="By how much that may be wrong.")
    waited_ms: Milliseconds | None = Field(description="How long pictures wait for depth, mean.")
    valid: float | None = Field(ge=0, le=1, description="Share of the picture with known depth.")


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
    depth: DepthFigures
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
