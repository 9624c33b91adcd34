"""ICE servers: how they are written, and a real TURN server that all media goes through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiortc import RTCSessionDescription

from omote.server.bench.mosquitto import free_port, listens, program
from omote.server.config import Config, Misconfigured
from omote.server.toml_text import without_secret
from omote.streams.ice import ice_server
from omote.streams.webrtc import Signalling
from tests.loopback import PATIENCE_S, Camera, offered, opened
from tests.numbered import number_in


@asynccontextmanager
async def turn_server() -> AsyncIterator[str]:
    """coturn on the loopback address; its URL with user and password."""
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        program("turnserver"), "-n", "--no-cli", "--lt-cred-mech", "--user=me:pass",
        "--realm=omote", "--allow-loopback-peers", f"--listening-port={port}", "-L", "127.0.0.1",
        "-E", "127.0.0.1", "--no-tls", "--no-dtls", "--pidfile=", "--log-file=stdout",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not await listens(port):  # noqa: ASYNC110 - a program has no event
                await asyncio.sleep(0.02)
        yield f"turn:me:pass@127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


def relayed_only(sdp: str) -> str:
    """An answer whose other candidates nobody can reach."""
    lines = sdp.splitlines(keepends=True)
    return "".join(x for x in lines if not x.startswith("a=candidate:") or " typ relay" in x)


async def test_who_cannot_reach_the_server_reaches_its_relay() -> None:
    async with turn_server() as url, opened() as connection:
        connection.addTransceiver(Camera(), direction="sendonly")
        publisher = await Signalling(True, url).publisher(await offered(connection))
        try:
            answer = relayed_only(publisher.answer)
            assert " typ relay" in answer
            await connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
            async with asyncio.timeout(PATIENCE_S):
                first = number_in((await publisher.frames.get()).video)
                while number_in((await publisher.frames.get()).video) < first + 10:
                    pass
        finally:
            await publisher.close()


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("stun:stun.example", "stun:stun.example"),
        ("turn:me:pass@turn.example:3478", "turn:turn.example:3478"),
        ("turn:me:p:ss@[::1]:3478?transport=tcp", "turn:[::1]:3478?transport=tcp"),
        ("turns:me:pass@turn.example", "turns:turn.example"),
    ],
)
def test_a_server_is_read_of_its_url(url: str, asked: str) -> None:
    read = ice_server(url)
    assert read.urls == asked
    assert (read.username == "me") == url.startswith("turn")


@pytest.mark.parametrize(
    "url",
    [
        "turn.example:3478",
        "turn:turn.example",
        "stun:me:secret@stun.example",
        "stun:stun.example?transport=tcp",
        "turns:me:secret@turn.example?transport=udp",
        "turn:me:secret@turn.example:port",
        "",
    ],
)
def test_what_cannot_be_one_is_refused_with_the_form_and_without_the_password(url: str) -> None:
    with pytest.raises(Misconfigured, match="--ice-server") as caught:
        Config(ice_server=url)
    assert "secret" not in str(caught.value)


def test_a_password_is_not_shown() -> None:
    assert without_secret("turn:me:secret@turn.example:3478") == "turn:me:***@turn.example:3478"
