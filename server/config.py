"""Config: everything the server is told at start, one frozen value with the defaults in code."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal

from omote.server.tokens import Token
from omote.streams.frame import LabelPlace
from omote.streams.ice import ice_server


class Misconfigured(Exception):
    """The server cannot start like this; the message says what to set instead."""


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate and its key, PEM files."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Config:
    """Checked when made: raises `Misconfigured` for what could not run or would not be safe."""

    host: str = "127.0.0.1"
    "Address to listen on."
    port: int = 8080
    "TCP port; 0 takes a free one."
    data: Path = field(default_factory=lambda: default_data())
    "Where settings and uploads are kept; with `--ephemeral` a folder that goes with the process."
    sources: Mapping[str, str] = field(default_factory=dict)
    "Stage name to URL: pictures a stage fetches itself instead of waiting for a publisher."
    orders: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    "Stage name to the order it is given at the start, over what is kept of it."
    tokens: tuple[Token, ...] = ()
    "Who may do what; without any, everybody who reaches the loopback host may do everything."
    tls: Tls | None = None
    ice_server: str | None = None
    "URL of the STUN or TURN server through which others reach this machine."
    connect_timeout_s: float = 15.0
    "A session that has not connected by then is dropped, seconds."
    max_sessions: int = 100
    "Publishers and viewers at once, over all stages; one more is answered 503."
    requests_per_s: float = 20.0
    "Changes (POST, PUT, PATCH, DELETE) one client may make in the long run, per second."
    request_burst: int = 40
    "Changes one client may make at once after a rest."
    orders_per_s: float = 50.0
    "Orders one client may give in the long run, per second, whatever the transport."
    order_burst: int = 100
    "Orders one client may give at once after a rest."
    mqtt: str = "embedded"
    "The MQTT broker: `embedded`, `off`, or the URL of another one."
    mqtt_ca: Path | None = None
    "Who signed the broker's certificate, PEM; without it, whom the system trusts."
    mqtt_cert: Path | None = None
    "Our certificate, PEM, for a broker that wants one."
    mqtt_key: Path | None = None
    "The key of `mqtt_cert`, PEM."
    mqtt_prefix: str = "omote"
    "What every topic begins with; servers that share a broker need different ones."
    home_assistant: bool = False
    "Whether every stage is announced to Home Assistant over MQTT."
    synthetic_label: LabelPlace = "top-left"
    "Corner in which pictures of somebody who is not there are marked; no order changes it."
    puppet_network: Path | None = None
    "ONNX file that draws faces in the puppet's mode `network` which have no net of their own."
    log_level: str = "info"
    stereo: Path | None = None
    "Calibration of a stereo camera, for pictures that hold left and right side by side."
    depth_network: Path | None = None
    "ONNX file that makes depth of a picture, for stages to which nobody sends any."
    depth_network_gives: Literal["nearness", "metres"] = "nearness"
    "What the network's map means."
    depth_network_takes: Literal["imagenet", "unit", "bytes"] = "imagenet"
    "How it wants its pixels scaled."

    def __post_init__(self) -> None:
        """Refuse to be reachable by others without tokens, and what cannot be read."""
        if self.ice_server is not None:
            try:
                ice_server(self.ice_server)
            except ValueError as exc:
                raise Misconfigured(f"--ice-server: {exc}") from exc
        if not self.loopback and not self.tokens:
            raise Misconfigured(
                f"{self.host} can be reached from other machines, so tokens are needed: set"
                " OMOTE_TOKENS or pass --tokens FILE (one SECRET:SCOPES a line, such as"
                " `openssl rand -hex 16`:admin), or listen on 127.0.0.1"
            )

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach `host`."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a host name or an address, IPv6 with or without brackets, is this machine only."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def default_data() -> Path:
    """The user's data folder for Omote, after the XDG base directory specification."""
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "omote"
