"""`omote serve`: the server, from its command line to its last closed peer."""

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Literal

import typer
import uvicorn
from starlette.types import ASGIApp

from omote.server import memory
from omote.server.app import create_app
from omote.server.carrier import carrier, check
from omote.server.config import Config, Misconfigured
from omote.server.control import Control
from omote.server.effective import effective
from omote.server.options import KEYS, LogLevel, Options, sentence
from omote.server.payload import AT_MOST
from omote.server.puppet_network import use_puppet_network
from omote.server.setting_up import config_of
from omote.server.stages import NAME, Stages
from omote.server.tokens import BadTokens
from omote.server.toml_text import effective_toml
from omote.streams.frame import LabelPlace

logger = logging.getLogger(__name__)

_TALKATIVE = ("aioice", "aiortc", "uvicorn")  # they log what an operator cannot act on


def _flag(key: str, metavar: str | None = None, **more: Any) -> Any:
    """A key of the configuration on the command line."""
    default = Options.model_fields[key].default
    shown = False if default in (None, False) else str(default)
    return typer.Option(metavar=metavar, help=sentence(key), show_default=shown, **more)


ConfigOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", envvar="OMOTE_CONFIG", help="TOML, like configs/default.toml."),
]
PrintOption = Annotated[
    bool, typer.Option("--print-config", help="Say what holds and why, and serve nothing.")
]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=URL", help="A stage that fetches its pictures itself."),
]


def serve(
    context: typer.Context,
    config: ConfigOption = None,
    print_config: PrintOption = False,
    source: SourceOption = None,
    host: Annotated[str | None, _flag("host")] = None,
    port: Annotated[int | None, _flag("port", min=0, max=65535)] = None,
    data: Annotated[Path | None, _flag("data", "DIR")] = None,
    ephemeral: Annotated[bool | None, _flag("ephemeral")] = None,
    tokens: Annotated[Path | None, _flag("tokens", "FILE")] = None,
    tls: Annotated[Literal["off", "self-signed"] | None, _flag("tls")] = None,
    tls_cert: Annotated[Path | None, _flag("tls_cert", "PEM")] = None,
    tls_key: Annotated[Path | None, _flag("tls_key", "PEM")] = None,
    mqtt: Annotated[str | None, _flag("mqtt", "URL|embedded|off")] = None,
    mqtt_ca: Annotated[Path | None, _flag("mqtt_ca", "PEM")] = None,
    mqtt_cert: Annotated[Path | None, _flag("mqtt_cert", "PEM")] = None,
    mqtt_key: Annotated[Path | None, _flag("mqtt_key", "PEM")] = None,
    mqtt_prefix: Annotated[str | None, _flag("mqtt_prefix", "WORD")] = None,
    home_assistant: Annotated[bool | None, _flag("home_assistant")] = None,
    synthetic_label: Annotated[LabelPlace | None, _flag("synthetic_label")] = None,
    puppet_network: Annotated[Path | None, _flag("puppet_network", "ONNX")] = None,
    log_level: Annotated[LogLevel | None, _flag("log_level")] = None,
    stereo: Annotated[Path | None, _flag("stereo", "FILE")] = None,
    depth_network: Annotated[Path | None, _flag("depth_network", "ONNX")] = None,
    depth_network_gives: Annotated[
        Literal["nearness", "metres"] | None, _flag("depth_network_gives")
    ] = None,
    depth_network_takes: Annotated[
        Literal["imagenet", "unit", "bytes"] | None, _flag("depth_network_takes")
    ] = None,
    ice_server: Annotated[str | None, _flag("ice_server", "URL")] = None,
    connect_timeout_s: Annotated[float | None, _flag("connect_timeout_s", "SECONDS")] = None,
    max_sessions: Annotated[int | None, _flag("max_sessions", "N")] = None,
    requests_per_s: Annotated[float | None, _flag("requests_per_s", "N")] = None,
    request_burst: Annotated[int | None, _flag("request_burst", "N")] = None,
    orders_per_s: Annotated[float | None, _flag("orders_per_s", "N")] = None,
    order_burst: Annotated[int | None, _flag("order_burst", "N")] = None,
) -> None:
    """Serve until told to stop: the page, WHIP, WHEP, HTTP, MQTT.

    Each flag may also be a key of the file, and a variable of the environment: --port is port and
    OMOTE_PORT. Flags win over the environment, that over the file.

    \b
    Examples:
      omote serve
      omote serve --config configs/demo.toml
      omote serve --source door=rtsp://camera/stream --source loop=clip.mp4
      omote serve --host 0.0.0.0 --tokens tokens.txt --tls self-signed
      omote serve --port 9000 --print-config
    """
    try:
        found = effective(_given(context, source or []), os.environ, config)
        if print_config:
            typer.echo(effective_toml(found), nl=False)
            return
        with config_of(found) as settled:
            run(settled)
    except (Misconfigured, BadTokens) as exc:
        typer.echo(f"omote: {exc}", err=True)
        raise typer.Exit(1) from exc


def _given(context: typer.Context, sources: Sequence[str]) -> dict[str, Any]:
    """The keys that are on the command line."""
    given = {key: context.params[key] for key in KEYS if context.params.get(key) is not None}
    return given | ({"stages": _pairs(sources)} if sources else {})


def _pairs(sources: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for pair in sources:
        name, _, url = pair.partition("=")
        if not NAME.fullmatch(name) or not url or name in pairs:
            raise Misconfigured(
                f"--source {pair}: write NAME=URL, each name once, of 1 to 40 of a-z 0-9 -"
            )
        pairs[name] = url
    return pairs


def run(config: Config) -> None:
    """Serve until SIGINT or SIGTERM; raises `Misconfigured` if the port cannot be had."""
    set_up_logging(config.log_level)
    check(config)
    memory.keep_together()
    os.environ["OMOTE_DATA"] = str(config.data)  # where effects look for uploads
    use_puppet_network(config.puppet_network)
    with listening(config) as listener, asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(_serve(config, listener))


async def _serve(config: Config, listener: socket.socket) -> None:
    control = Control(config.orders_per_s, config.order_burst)
    stages = Stages(config)
    stages.open_configured()
    async with carrier(config, stages, control) as mqtt:
        await _listen(config, listener, create_app(config, stages, control, mqtt))


async def _listen(config: Config, listener: socket.socket, app: ASGIApp) -> None:
    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=3,
        ws_max_size=AT_MOST,
        ws_per_message_deflate=False,  # it costs more than it saves on messages this small
        ssl_certfile=config.tls.certificate if config.tls else None,
        ssl_keyfile=config.tls.key if config.tls else None,
    )
    server = Server(settings, address(config, listener))
    if not config.loopback and config.tls is None:
        logger.warning("tokens travel in the clear; see --tls")
    await server.serve(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn, saying where it is once it is there, and ending on a signal without an error."""

    def __init__(self, settings: uvicorn.Config, address: str) -> None:
        super().__init__(settings)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()  # else each full collection goes over all that was imported and stops every thread
        print(f"Omote is at {self._address}", file=sys.stderr, flush=True)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End gracefully on the first SIGINT or SIGTERM, at once on the second."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self._signalled) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


def set_up_logging(level: str) -> None:
    """One line per event on stderr."""
    form = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
    logging.basicConfig(stream=sys.stderr, level=level.upper(), format=form)
    if level != "debug":
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.WARNING)


def listening(config: Config) -> socket.socket:
    """A socket bound to the configured address; raises `Misconfigured`."""
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    try:
        return socket.create_server((config.host, config.port), family=family)
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            detail = f"port {config.port} is taken; pass --port N, 0 takes a free one"
        else:
            detail = f"cannot listen on {config.host} port {config.port}: {exc.strerror or exc}"
        raise Misconfigured(detail) from exc


def address(config: Config, listener: socket.socket) -> str:
    """URL of the page, as one would type it on this machine."""
    host = config.host
    if host in {"0.0.0.0", "::"}:
        host = socket.gethostname()
    host = f"[{host}]" if ":" in host else host
    scheme = "https" if config.tls else "http"
    return f"{scheme}://{host}:{listener.getsockname()[1]}/"


def _new_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop  # not to be had on Windows

    return uvloop.new_event_loop()
