"""Signalling: a WHIP (RFC 9725) or WHEP session from a client's side, over plain HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urljoin, urlsplit

from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.rtcconfiguration import RTCBundlePolicy

from omote.clients.request import Answer, NotConnected, ask
from omote.streams import interop
from omote.streams.link import Weather, expose

SDP = "application/sdp"
CONNECT_TIMEOUT = 15.0
"Seconds from the answer to a connection."
TRIES = 5
"Requests at most while the server says that there are too many."
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


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
        words = f"{url} answered {answer.status}: {answer.detail()}"
        raise NotConnected(words, answer.status)
    return answer
