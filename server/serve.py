"""`omote serve`: the server, from its command line to its last closed peer."""

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
import ssl
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Annotated, Literal

import typer
import uvicorn
from starlette.types import ASGIApp

from omote.server import memory
from omote.server.app import create_app
from omote.server.carrier import carrier, check
from omote.server.certificate import self_signed
from omote.server.config import Config, Misconfigured, Tls, default_data
from omote.server.control import AT_MOST, Control
from omote.server.options import (
    HomeAssistantOption,
    MqttCaOption,
    MqttCertOption,
    MqttKeyOption,
    MqttOption,
    MqttPrefixOption,
)
from omote.server.stages import NAME, Stages
from omote.server.tokens import BadTokens, Token, parse
from omote.streams.source import SourceError, medium_of

logger = logging.getLogger(__name__)

LogLevel = Literal["debug", "info", "warning", "error"]
_TALKATIVE = ("aioice", "aiortc", "uvicorn")  # they log what an operator cannot act on


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=URL", help="A stage that fetches its pictures itself."),
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for settings and uploads.")
    ] = None,
    ephemeral: Annotated[bool, typer.Option("--ephemeral", help="Keep nothing.")] = False,
    tokens: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Lines of SECRET:SCOPES or SECRET:SCOPES:STAGES; else OMOTE_TOKENS is read."
            " Scopes: publish, view, control, admin.",
        ),
    ] = None,
    tls: Annotated[
        Literal["self-signed"] | None, typer.Option(help="HTTPS with a certificate of our own.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="PEM", help="Certificate.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="PEM", help="Its key.")] = None,
    mqtt: MqttOption = "embedded",
    mqtt_ca: MqttCaOption = None,
    mqtt_cert: MqttCertOption = None,
    mqtt_key: MqttKeyOption = None,
    mqtt_prefix: MqttPrefixOption = "omote",
    home_assistant: HomeAssistantOption = False,
    log_level: Annotated[LogLevel, typer.Option()] = "info",
) -> None:
    """Serve the page, WHIP, WHEP and the HTTP interface until told to stop."""
    try:
        with _folder(data, ephemeral) as folder:
            config = Config(
                host=host,
                port=port,
                data=folder,
                sources=_sources(source or []),
                tokens=_tokens(tokens),
                tls=_tls(tls, tls_cert, tls_key, host, folder),
                mqtt=mqtt,
                mqtt_ca=mqtt_ca,
                mqtt_cert=mqtt_cert,
                mqtt_key=mqtt_key,
                mqtt_prefix=mqtt_prefix,
                home_assistant=home_assistant,
                log_level=log_level,
            )
            run(config)
    except (Misconfigured, BadTokens) as exc:
        typer.echo(f"omote: {exc}", err=True)
        raise typer.Exit(1) from exc


def run(config: Config) -> None:
    """Serve until SIGINT or SIGTERM; raises `Misconfigured` if the port cannot be had."""
    set_up_logging(config.log_level)
    check(config)
    memory.keep_together()
    os.environ["OMOTE_DATA"] = str(config.data)  # where effects look for uploads
    with listening(config) as listener, asyncio.Runner(loop_factory=_new_loop) as runner:
        runner.run(_serve(config, listener))


async def _serve(config: Config, listener: socket.socket) -> None:
    control = Control(config.orders_per_s, config.order_burst)
    stages = Stages(config)
    stages.open_sources()
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


@contextmanager
def _folder(data: Path | None, ephemeral: bool) -> Iterator[Path]:
    if ephemeral and data is not None:
        raise Misconfigured("--ephemeral keeps nothing, so leave --data away")
    if ephemeral:
        with TemporaryDirectory(prefix="omote-") as folder:
            yield Path(folder)
    else:
        yield data or default_data()


def _sources(pairs: Sequence[str]) -> dict[str, str]:
    sources: dict[str, str] = {}
    for pair in pairs:
        name, _, url = pair.partition("=")
        if not NAME.fullmatch(name) or not url or name in sources:
            raise Misconfigured(
                f"--source {pair}: write NAME=URL, each name once, of 1 to 40 of a-z 0-9 -"
            )
        try:
            medium_of(url)
        except SourceError as exc:
            raise Misconfigured(f"--source {pair}: {exc}") from exc
        sources[name] = url
    return sources


def _tokens(file: Path | None) -> tuple[Token, ...]:
    if file is None:
        return parse(os.environ.get("OMOTE_TOKENS", ""))
    try:
        return parse(file.read_text())
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured(f"--tokens {file}: {exc}") from exc


def _tls(
    own: str | None, certificate: Path | None, key: Path | None, host: str, data: Path
) -> Tls | None:
    if own is not None and certificate is None and key is None:
        return self_signed(data / "tls", host)
    if certificate is None and key is None:
        return None
    if certificate is None or key is None or own is not None:
        raise Misconfigured("pass both --tls-cert and --tls-key, or --tls self-signed")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as exc:
        raise Misconfigured(f"--tls-cert {certificate}, --tls-key {key}: {exc}") from exc
    return Tls(certificate, key)


def _new_loop() -> asyncio.AbstractEventLoop:
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop  # not to be had on Windows

    return uvloop.new_event_loop()
