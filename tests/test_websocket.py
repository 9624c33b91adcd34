"""`/stages/{name}/control`: who may connect, what is said unasked, and how it ends."""

import asyncio
import json
import logging
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from websockets import ClientConnection, ConnectionClosed, InvalidStatus, Subprotocol

from omote.server import websocket
from omote.server.tokens import parse
from tests.chromium import chromium
from tests.house import PATIENCE_S, House, house
from tests.test_serve import omote

SECRET = "0123456789abcd+/=="
OTHER = "abcdef0123456789"


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        yield made


@asynccontextmanager
async def connected(
    made: House, stage: str = "desk", **given: Any
) -> AsyncIterator[ClientConnection]:
    url = made.url.replace("http", "ws") + f"/stages/{stage}/control"
    async with websockets.connect(url, proxy=None, **given) as socket:
        yield socket


async def heard(socket: ClientConnection, key: str) -> Any:
    """The next message that has this key."""
    async with asyncio.timeout(PATIENCE_S):
        while key not in (message := json.loads(await socket.recv())):
            pass
    return message[key]


async def status(made: House, stage: str = "desk", **given: Any) -> int:
    """What the handshake is answered."""
    try:
        async with connected(made, stage, **given):
            return 101
    except InvalidStatus as exc:
        return exc.response.status_code


def bearer(secret: str) -> Subprotocol:
    word = urlsafe_b64encode(secret.encode()).decode().rstrip("=")
    return Subprotocol(f"bearer.{word}")


async def test_the_state_comes_at_once_and_at_each_change(made: House) -> None:
    async with connected(made) as one, connected(made) as two:
        assert await heard(one, "state") == made.desk.state()
        assert await heard(two, "state") == made.desk.state()
        await one.send('{"stage": {"mirror": true}}')
        for socket in (one, two):
            assert (await heard(socket, "state"))["stage"]["mirror"] is True


async def test_a_change_that_rings_no_bell_is_told_too(made: House) -> None:
    async with connected(made) as socket:
        await heard(socket, "state")
        made.stages.workshop.mqtt = "away"
        assert (await heard(socket, "state"))["mqtt"] == "away"


async def test_figures_come_each_second(made: House) -> None:
    async with connected(made) as socket:
        for _ in range(2):
            assert (await heard(socket, "stats"))["fps_in"] == 0


async def test_answers_come_in_the_order_of_the_orders(made: House) -> None:
    async with connected(made) as socket:
        for number in range(20):
            await socket.send(json.dumps({"id": str(number), "stage": {"budget_ms": 10 + number}}))
        answers = [await heard(socket, "id") for _ in range(20)]
    assert answers == [str(number) for number in range(20)]


async def test_a_client_that_orders_without_reading_holds_up_nobody(made: House) -> None:
    async with connected(made, max_queue=1) as deaf, connected(made) as other:

        async def shout() -> None:
            while True:
                await deaf.send(json.dumps({"id": "x" * 100, "stage": {"mirror": True}}))
                await asyncio.sleep(0)

        shouting = asyncio.create_task(shout())
        await other.send('{"id": "y", "stage": {"orientation": 90}}')
        assert await heard(other, "id") == "y"
        shouting.cancel()
        await asyncio.gather(shouting, return_exceptions=True)
        deaf.transport.abort()  # a polite goodbye would have to be read


async def test_a_stage_that_is_removed_says_goodbye(made: House) -> None:
    async with connected(made) as socket:
        await heard(socket, "state")
        await made.stages.remove("desk")
        with pytest.raises(ConnectionClosed) as closed:
            await heard(socket, "no such thing")
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "the stage was removed")


async def test_a_server_that_ends_ends_its_sockets(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        async with house(tmp_path) as made:
            socket = await websockets.connect(
                made.url.replace("http", "ws") + "/stages/desk/control"
            )
            await heard(socket, "state")
        with pytest.raises(ConnectionClosed):
            await heard(socket, "no such thing")
    assert "Traceback" not in caplog.text


async def test_clients_that_break_off_do_no_harm(
    made: House, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        async with connected(made) as socket:
            await socket.send('{"stage": {"mirror": true}}')
            socket.transport.abort()
    async with connected(made) as socket:
        assert await heard(socket, "state")
    assert "Traceback" not in caplog.text


async def test_a_stage_that_is_not_there_is_404(made: House) -> None:
    assert await status(made, "nowhere") == 404
    assert await status(made, "no%20name") == 404


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"]
)
async def test_pages_of_other_sites_are_refused(made: House, origin: str) -> None:
    assert await status(made, origin=origin) == 403
    assert await status(made, origin="http://localhost:5173") == 101


async def test_a_rebound_name_is_refused(made: House) -> None:
    assert await status(made, additional_headers={"Host": "evil.example"}) in (400, 403)


async def test_so_many_sockets_and_no_more(made: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(websocket, "MOST_SOCKETS", 1)
    async with connected(made):
        assert await status(made) == 503

    async with asyncio.timeout(PATIENCE_S):
        while await status(made) != 101:  # until the server has seen the first one leave
            pass


async def test_a_token_opens_what_its_scope_and_stage_are(tmp_path: Path) -> None:
    tokens = parse(f"{SECRET}:control:desk {OTHER}:view,publish")
    async with house(tmp_path, tokens=tokens) as made:
        assert made.stages["other"].name == "other"
        assert await status(made) == 401
        for secret, stage, wanted in (
            (SECRET, "desk", 101),
            (SECRET, "other", 403),
            (OTHER, "desk", 403),
            ("nobody knows this", "desk", 401),
        ):
            header = {"Authorization": f"Bearer {secret}"}
            assert await status(made, stage, additional_headers=header) == wanted
            offered = [Subprotocol("control.1"), bearer(secret)]
            assert await status(made, stage, subprotocols=offered) == wanted
        broken = [Subprotocol("control.1"), Subprotocol("bearer.%%%")]
        assert await status(made, subprotocols=broken) == 401


async def test_the_subprotocol_that_is_agreed_on_is_never_the_token(tmp_path: Path) -> None:
    tokens = parse(f"{SECRET}:control")
    async with (
        house(tmp_path, tokens=tokens) as made,
        connected(made, subprotocols=[bearer(SECRET), Subprotocol("control.1")]) as socket,
    ):
        assert socket.subprotocol == "control.1"


async def test_a_browser_connects_with_its_token_and_orders(tmp_path: Path) -> None:
    tokens = parse(f"{SECRET}:control")
    async with house(tmp_path, tokens=tokens) as made, chromium() as browser:
        page = await browser.new_page()
        await page.goto(made.url)
        state = await page.evaluate(
            """token => new Promise((done, fail) => {
                const url = `ws://${location.host}/stages/desk/control`;
                const socket = new WebSocket(url, ["control.1", token]);
                socket.onopen = () => socket.send('{"id": "a", "stage": {"mirror": true}}');
                socket.onerror = () => fail("refused");
                socket.onmessage = ({ data }) => {
                    const message = JSON.parse(data);
                    if (message.id === "a") done(message.state);
                };
            })""",
            bearer(SECRET),
        )
    assert state["stage"]["mirror"] is True


async def test_a_message_that_is_far_too_long_ends_the_connection() -> None:
    async with omote("--port", "0", "--ephemeral") as server:
        url = await server.address()
        async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
            await client.put("/stages/desk")
        address = url.replace("http", "ws") + "stages/desk/control"
        async with websockets.connect(address, proxy=None) as socket:
            await socket.send("x" * 1_000_000)
            with pytest.raises(ConnectionClosed) as closed:
                await heard(socket, "no such thing")
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1009
