"""Setting up: options as they were written become the configuration that the server runs with."""

import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from omote.server.certificate import self_signed
from omote.server.config import Config, Misconfigured, Tls, default_data
from omote.server.effective import SECRETS, Effective
from omote.server.options import KEYS, Options
from omote.server.orders import Invalid, Settings, settings_after
from omote.server.tokens import Token, parse
from omote.streams.source import SourceError, medium_of

OWN = frozenset({"data", "ephemeral", "tokens", "tls", "tls_cert", "tls_key", "stages"})
"Keys that become something else; the others mean the same in both."


@contextmanager
def config_of(found: Effective) -> Iterator[Config]:
    """The configuration, while its folder is there; raises `Misconfigured` or `BadTokens`."""
    options = found.options
    sources, orders = _sources(found), _orders(found)
    with _folder(found) as folder:
        yield Config(
            data=folder,
            sources=sources,
            orders=orders,
            tokens=_tokens(options.tokens),
            tls=_tls(options, folder),
            **{key: getattr(options, key) for key in KEYS if key not in OWN},
        )


@contextmanager
def _folder(found: Effective) -> Iterator[Path]:
    options = found.options
    both = options.ephemeral and options.data is not None
    if both and found.origins["data"].rank == found.origins["ephemeral"].rank:
        raise Misconfigured("--ephemeral keeps nothing, so leave --data away")
    if options.ephemeral and not (both and found.outranks("data", "ephemeral")):
        with TemporaryDirectory(prefix="omote-") as folder:
            yield Path(folder)
    else:
        yield options.data or default_data()


def _sources(found: Effective) -> dict[str, str]:
    sources = {n: s.source for n, s in found.options.stages.items() if s.source is not None}
    for name, url in sources.items():
        try:
            medium_of(url)
        except SourceError as exc:
            where = found.place("stages", name, "source")
            pair = f" {name}={url}" if where == "--source" else ""
            raise Misconfigured(f"{where}{pair}: {exc}") from exc
    return sources


def _orders(found: Effective) -> dict[str, Mapping[str, Any]]:
    orders: dict[str, Mapping[str, Any]] = {
        name: stage.order() for name, stage in found.options.stages.items()
    }
    for name, order in orders.items():
        try:
            settings_after(Settings(), order)
        except Invalid as exc:
            error = exc.errors[0]
            where = found.place("stages", name, *error["at"].split("."))
            raise Misconfigured(f"{where}: {error['at']}: {error['message']}") from exc
    return orders


def _tokens(file: Path | None) -> tuple[Token, ...]:
    if file is None:
        return parse(os.environ.get(SECRETS, ""))
    try:
        return parse(file.read_text())
    except (OSError, UnicodeDecodeError) as exc:
        raise Misconfigured(f"--tokens {file}: {exc}") from exc


def _tls(options: Options, data: Path) -> Tls | None:
    certificate, key = options.tls_cert, options.tls_key
    if options.tls != "off" and certificate is None and key is None:
        return self_signed(data / "tls", options.host)
    if certificate is None and key is None:
        return None
    if certificate is None or key is None or options.tls != "off":
        raise Misconfigured("pass both --tls-cert and --tls-key, or --tls self-signed")
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key)
    except OSError as exc:
        raise Misconfigured(f"--tls-cert {certificate}, --tls-key {key}: {exc}") from exc
    return Tls(certificate, key)
