"""Options: every key of a configuration, each with its sentence; the one source of all of them.

From here come the flags of `omote serve` and their help, the environment's names, what a file may
hold, and `configs/default.toml`.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from omote.streams.frame import LabelPlace

LogLevel = Literal["debug", "info", "warning", "error"]
StageName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]


class StageOptions(BaseModel):
    """One stage that is there from the start: an order, and where its pictures come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str | None = Field(
        None,
        description="Where it fetches its pictures itself: a file, rtsp://, v4l2:/dev/video0,"
        " test:chart; without it somebody publishes.",
    )
    effects: list[str] | None = Field(
        None, description="What a frame goes through, in this order; `omote effects` lists them."
    )
    params: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Effect name to its parameters."
    )
    stage: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the stage itself, such as mirror = true."
    )
    depth: dict[str, Any] = Field(
        default_factory=dict, description="Settings of its depth, such as far_m = 1.5."
    )

    def order(self) -> dict[str, Any]:
        """The order that it stands for: what it does not name stays as it was ordered last."""
        return self.model_dump(exclude={"source"}, exclude_none=True, exclude_defaults=True)


class Options(BaseModel):
    """What can be configured. Flags win over the environment, that over the file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8080, ge=0, le=65535, description="TCP port; 0 takes a free one.")
    data: Path | None = Field(
        None, description="Folder for settings and uploads; else the user's own data folder."
    )
    ephemeral: bool = Field(False, description="Keep nothing.")
    tokens: Path | None = Field(
        None,
        description="File with lines of SECRET:SCOPES or SECRET:SCOPES:STAGES, scopes publish, view,"
        " control, admin; the environment's OMOTE_TOKENS holds such lines themselves.",
    )
    tls: Literal["off", "self-signed"] = Field(
        "off", description="HTTPS with a certificate of our own."
    )
    tls_cert: Path | None = Field(None, description="HTTPS with this certificate, PEM.")
    tls_key: Path | None = Field(None, description="The key of tls_cert, PEM.")
    mqtt: str = Field(
        "embedded",
        description="MQTT broker: `embedded`, one of our own on the loopback address, `off`, or"
        " mqtt://USER:PASSWORD@HOST:PORT, mqtts:// for TLS.",
    )
    mqtt_ca: Path | None = Field(
        None, description="Who signed the broker's certificate, PEM; else whom the system trusts."
    )
    mqtt_cert: Path | None = Field(
        None, description="Our certificate, PEM, for a broker that wants one."
    )
    mqtt_key: Path | None = Field(None, description="The key of mqtt_cert, PEM.")
    mqtt_prefix: str = Field(
        "omote",
        description="What every MQTT topic begins with; servers that share a broker need"
        " different ones.",
    )
    home_assistant: bool = Field(
        False, description="Announce every stage to Home Assistant over MQTT."
    )
    synthetic_label: LabelPlace = Field(
        "top-left",
        description="Corner of the small word `synthetic` in pictures of a puppet, or off; no order"
        " changes it.",
    )
    puppet_network: Path | None = Field(
        None,
        description="ONNX file that draws the face of a puppet in mode `network`, of faces for which"
        " no net was trained; its contract is in engines/puppet/network.py.",
    )
    log_level: LogLevel = Field("info", description="How much is logged.")
    stereo: Path | None = Field(
        None,
        description="Calibration of a stereo camera, JSON: pictures with left and right side by"
        " side, or with the right one as a second track (?depth=stereo), get depth.",
    )
    depth_network: Path | None = Field(
        None, description="ONNX file that makes depth of pictures to which nobody sends any."
    )
    depth_network_gives: Literal["nearness", "metres"] = Field(
        "nearness", description="What its map says: the nearer the more, or metres."
    )
    depth_network_takes: Literal["imagenet", "unit", "bytes"] = Field(
        "imagenet",
        description="How it wants its pixels: by ImageNet's mean and deviation, 0 to 1, or 0 to 255.",
    )
    ice_server: str | None = Field(
        None,
        description="STUN or TURN server through which others reach this machine: stun:HOST:PORT or"
        " turn:USER:PASSWORD@HOST:PORT; none is ever asked otherwise.",
    )
    connect_timeout_s: float = Field(
        15.0, gt=0, le=600, description="Seconds in which a new session has to connect."
    )
    max_sessions: int = Field(
        100, ge=1, description="Publishers and viewers at once, over all stages."
    )
    requests_per_s: float = Field(
        20.0,
        gt=0,
        description="Changes over HTTP that one client may make a second, in the long run.",
    )
    request_burst: int = Field(40, ge=1, description="Changes it may make at once after a rest.")
    orders_per_s: float = Field(
        50.0, gt=0, description="Orders one client may give a second, in the long run."
    )
    order_burst: int = Field(100, ge=1, description="Orders it may give at once after a rest.")
    stages: dict[StageName, StageOptions] = Field(
        default_factory=dict, description="Stages that are there from the start, by name."
    )


KEYS = tuple(Options.model_fields)
NOT_IN_ENVIRONMENT = frozenset({"stages", "tokens"})
"A table does not fit there, and OMOTE_TOKENS holds tokens, not their file's name."


def variable(key: str) -> str:
    """The environment's name of a key."""
    return f"OMOTE_{key.upper()}"


def flag(key: str) -> str:
    """The command line's name of a key."""
    return f"--{key.replace('_', '-')}"


def sentence(key: str) -> str:
    """What a key means."""
    return Options.model_fields[key].description or ""
