"""Broker address: where an MQTT broker is, and how it lets us in."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from omote.server.config import Misconfigured, is_loopback

PORTS = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """As a URL says it; as text it has no password."""

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False)

    @classmethod
    def read(
        cls,
        url: str,
        authority: Path | None = None,
        certificate: Path | None = None,
        key: Path | None = None,
    ) -> Self:
        """From `mqtt://user:password@host:port` or `mqtts://...`; raises `Misconfigured`.

        The files are PEM: who signed the broker's certificate, where the system does not know, and
        our own certificate and key, where the broker wants them.
        """
        parts = _split(url)
        tls = None
        if parts.scheme == "mqtts":
            tls = _context(authority, certificate, key)
        elif authority or certificate or key:
            raise Misconfigured("certificates are for mqtts://, the broker's URL is mqtt://")
        return cls(
            host=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            tls=tls,
        )

    @property
    def is_in_the_clear(self) -> bool:
        """Whether a password would travel so that others can read it."""
        return self.password is not None and self.tls is None and not is_loopback(self.host)

    def __str__(self) -> str:
        """As a URL, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{host}:{self.port}"


def _split(url: str) -> SplitResult:
    # Whatever is wrong: the words name no part of the URL, for it may hold a password.
    how = "--mqtt: write embedded, off, or mqtt://USER:PASSWORD@HOST:PORT (mqtts:// for TLS)"
    try:
        parts = urlsplit(url)
        valid = parts.scheme in PORTS and parts.hostname and parts.port != 0
    except ValueError as exc:
        raise Misconfigured(how) from exc
    if not valid or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise Misconfigured(f"{how}; a / ? # @ : in a password is %2F %3F %23 %40 %3A")
    return parts


def _context(authority: Path | None, certificate: Path | None, key: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=authority)
        if certificate is not None:
            context.load_cert_chain(certificate, key)
        elif key is not None:
            raise Misconfigured("--mqtt-key is of no use without --mqtt-cert")
    except OSError as exc:  # ssl.SSLError is one
        given = ", ".join(str(file) for file in (authority, certificate, key) if file)
        raise Misconfigured(f"--mqtt-ca, --mqtt-cert, --mqtt-key: {given}: {exc}") from exc
    return context
