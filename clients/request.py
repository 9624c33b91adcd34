"""Request: one HTTP request from a client's side, with nothing but what Python brings along."""

import asyncio
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urlsplit

ANSWER_TIMEOUT = 15.0
"Seconds until a request is given up."
LONGEST_REASON = 200
"Bytes of an answer that is no Omote's, when it is shown."


class NotConnected(Exception):
    """What was asked for could not be had; the message says why."""

    def __init__(self, words: str, status: int | None = None) -> None:
        super().__init__(words)
        self.status = status
        "What the server answered, if it did."


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    "Names in lower case."
    body: bytes

    def detail(self) -> str:
        """Why it refused: the `detail` of problem+json (RFC 9457), else how the answer begins."""
        try:
            return str(json.loads(self.body)["detail"])
        except (ValueError, KeyError, TypeError):
            return self.body[:LONGEST_REASON].decode(errors="replace")


async def ask(
    method: str,
    url: str,
    body: bytes = b"",
    content_type: str | None = None,
    token: str | None = None,
) -> Answer:
    """`exchange`, without blocking the loop."""
    return await asyncio.to_thread(exchange, method, url, body, content_type, token)


def exchange(
    method: str,
    url: str,
    body: bytes = b"",
    content_type: str | None = None,
    token: str | None = None,
    timeout: float = ANSWER_TIMEOUT,
) -> Answer:
    """One HTTP request; raises `NotConnected` when nobody answers within `timeout` seconds."""
    headers = {"Content-Type": content_type} if content_type else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        return _exchange(method, url, body, headers, timeout)
    except ssl.SSLCertVerificationError as exc:
        raise NotConnected(f"{_origin(url)}: {exc.verify_message}; {_TRUST}") from exc
    except (OSError, HTTPException) as exc:
        reason = getattr(exc, "strerror", None) or exc or type(exc).__name__
        raise NotConnected(f"{method} {url}: {reason}") from exc


_TRUST = "to trust a certificate of your own, set SSL_CERT_FILE to it"


def _exchange(
    method: str, url: str, body: bytes, headers: Mapping[str, str], timeout: float
) -> Answer:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = (
        HTTPSConnection(host, port, timeout=timeout, context=ssl.create_default_context())
        if parts.scheme == "https"
        else HTTPConnection(host, port, timeout=timeout)
    )
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body or None, dict(headers))
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())
    finally:
        connection.close()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
