"""Signalling: a WHIP (RFC 9725) or WHEP session from a client's side, over plain HTTP."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import urljoin, urlsplit

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcconfiguration import RTCBundlePolicy

from omote.streams import interop
from omote.streams.link import Weather, expose

SDP = "application/sdp"
ANSWER_TIMEOUT = 15.0
"Seconds until a request is given up."
CONNECT_TIMEOUT = 15.0
"Seconds from the answer to a connection."
TRIES = 5
"Requests at most while the server says that there are too many."
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class NotConnected(Exception):
    """The session could not be had; the message says why."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    "Names in lower case."
    body: bytes


async def ask(
    method: str,
    url: str,
    body: bytes = b"",
    content_type: str | None = None,
    token: str | None = None,
) -> Answer:
    """One HTTP request; raises `NotConnected` when nobody answers."""
    headers = {"Content-Type": content_type} if content_type else {}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    try:
        return await asyncio.to_thread(_exchange, method, url, body, headers)
    except (OSError, HTTPException) as exc:
        raise NotConnected(f"{method} {url}: {exc or type(exc).__name__}") from exc


def _exchange(method: str, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection = (
        HTTPSConnection(host, port, timeout=ANSWER_TIMEOUT, context=ssl.create_default_context())
        if parts.scheme == "https"
        else HTTPConnection(host, port, timeout=ANSWER_TIMEOUT)
    )
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body or None, dict(headers))
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())
    finally:
        connection.close()


def new_connection() -> RTCPeerConnection:
    """A peer connection that asks no STUN server on the internet, as aiortc would by default."""
    return RTCPeerConnection(
        RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
    )


@asynccontextmanager
async def session(
    url: str,
    connection: RTCPeerConnection,
    weather: Weather | None = None,
    token: str | None = None,
) -> AsyncIterator[asyncio.Event]:
    """Offer what `connection` was given to a WHIP or WHEP endpoint; connected within the block.

    Gives an event that is set when the connection is lost. Raises `NotConnected`. At the end the
    session is deleted and the connection closed.
    """
    decided = _watched(connection)
    try:
        answer = await _offered(url, await _offer(url, connection, weather or Weather()), token)
        resource = urljoin(url, answer.headers["location"])
        try:
            await _accept(url, connection, answer, decided)
            yield decided
        finally:
            with suppress(NotConnected):  # a server that has gone has forgotten it, too
                await ask("DELETE", resource, token=token)
    finally:
        await connection.close()


async def _offer(url: str, connection: RTCPeerConnection, weather: Weather) -> str:
    offer = await connection.createOffer()
    if urlsplit(url).hostname in LOOPBACK:
        interop.bind_media_to_loopback(connection)
    expose(connection, weather)
    await connection.setLocalDescription(offer)
    sdp: str = connection.localDescription.sdp
    return sdp


async def _accept(
    url: str, connection: RTCPeerConnection, answer: Answer, decided: asyncio.Event
) -> None:
    await connection.setRemoteDescription(RTCSessionDescription(answer.body.decode(), "answer"))
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT):
            await decided.wait()
    except TimeoutError as exc:
        raise NotConnected(f"{url}: no media connection in {CONNECT_TIMEOUT:g} s") from exc
    if connection.connectionState != "connected":
        raise NotConnected(f"{url}: the media connection failed")
    decided.clear()


def _watched(connection: RTCPeerConnection) -> asyncio.Event:
    """Set when the connection is there, or will not be, or is lost."""
    decided = asyncio.Event()

    def look() -> None:
        if connection.connectionState in ("connected", "failed", "closed"):
            decided.set()

    connection.on("connectionstatechange", look)
    return decided


async def _offered(url: str, offer: str, token: str | None) -> Answer:
    for _ in range(TRIES):
        answer = await ask("POST", url, offer.encode(), SDP, token)
        if answer.status != 429:
            break
        await asyncio.sleep(float(answer.headers.get("retry-after", "1")))
    if answer.status != 201 or "location" not in answer.headers:
        reason = answer.body[:200].decode(errors="replace")
        raise NotConnected(f"{url} answered {answer.status}: {reason}")
    return answer
