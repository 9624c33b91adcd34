"""The application as a whole: pages, stages and orders over HTTP, metrics, and the guard."""

import asyncio
import logging
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import Receive, Scope, Send

from omote.engines.effect import kinds
from omote.server import catalogue
from omote.server.app import WEB
from omote.server.config import Config
from omote.server.guard import Guard
from omote.server.orders import StageSettings
from omote.server.rate import Rate
from omote.server.tokens import parse
from tests.fakes import OFFER, FakeStages, faked, is_problem

Faked = tuple[httpx.AsyncClient, FakeStages]
MERGE = {"Content-Type": "application/merge-patch+json"}
SDP = {"Content-Type": "application/sdp"}
SECRET = "0123456789abcdef"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Faked]:
    async with faked(tmp_path) as made:
        yield made


# Pages


async def test_health_says_ok_and_the_version(server: Faked) -> None:
    client, _ = server
    answer = (await client.get("/health")).json()
    assert answer["status"] == "ok"
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer["version"])
    assert (await client.head("/health")).status_code == 200


async def test_the_page_loads_nothing_from_elsewhere(server: Faked) -> None:
    client, _ = server
    answer = await client.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'self';")
    assert "unsafe" not in policy
    assert "http" not in policy


async def test_every_file_of_the_page_has_its_type_and_is_asked_for_anew(server: Faked) -> None:
    client, _ = server
    types = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
    for file in WEB.iterdir():
        answer = await client.get(f"/{file.name}")
        assert answer.content == file.read_bytes()
        assert answer.headers["cache-control"] == "no-cache"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"].startswith(types.get(file.suffix, "image/"))


@pytest.mark.parametrize("path", ["/", "/watch/desk"])
async def test_a_page_has_neither_inline_script_nor_inline_style(server: Faked, path: str) -> None:
    client, _ = server
    answer = await client.get(path)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'self';")
    assert not re.search(r"<style|<script(?![^>]* src=\"/)|\sstyle=|\son[a-z]+=", answer.text)


async def test_an_unchanged_file_is_not_sent_again(server: Faked) -> None:
    client, _ = server
    etag = (await client.get("/")).headers["etag"]
    assert (await client.get("/", headers={"If-None-Match": etag})).status_code == 304


@pytest.mark.parametrize(
    "path", ["/nothing", "/..%2fpyproject.toml", "/%2e%2e/x", "/%ff", "/a/b/c"]
)
async def test_what_is_not_there_is_404(server: Faked, path: str) -> None:
    client, _ = server
    assert is_problem(await client.get(path), 404)


async def test_another_method_is_405(server: Faked) -> None:
    client, _ = server
    answer = await client.post("/health")
    assert is_problem(answer, 405)
    assert answer.headers["allow"] == "GET"


async def test_the_handbook_lists_every_operation_and_needs_no_script(server: Faked) -> None:
    client, _ = server
    schema = (await client.get("/openapi.json")).json()
    page = (await client.get("/docs")).text
    assert "<script" not in page
    assert not re.search(r"(src|href)=.?https?:", page)
    for path, operations in schema["paths"].items():
        assert f"<code>{path}</code>" in page
        assert all(f"<code>{method.upper()}</code>" in page for method in operations)
    assert "application/sdp" in page


# Stages, orders, effects


async def test_a_stage_is_made_looked_at_and_removed(server: Faked) -> None:
    client, _ = server
    assert is_problem(await client.get("/stages/desk"), 404)
    assert (await client.put("/stages/desk")).status_code == 201
    assert (await client.put("/stages/desk")).status_code == 200
    one = (await client.get("/stages/desk")).json()
    assert one["name"] == "desk"
    assert one["state"]["publisher"] == "waiting"
    assert one["stats"]["fps_in"] == 29.9
    assert (await client.get("/stages")).json() == {"stages": [one]}
    assert (await client.delete("/stages/desk")).status_code == 204
    assert is_problem(await client.delete("/stages/desk"), 404)


async def test_a_stage_of_an_impossible_name_is_not_made(server: Faked) -> None:
    client, stages = server
    assert is_problem(await client.put("/stages/no name"), 404)
    assert not stages.all


async def test_one_stage_too_many_is_507(server: Faked, monkeypatch: pytest.MonkeyPatch) -> None:
    client, stages = server
    monkeypatch.setattr(catalogue, "MOST_STAGES", 1)
    await client.put("/stages/desk")
    assert is_problem(await client.put("/stages/lab"), 507)
    assert is_problem(await client.post("/whep/lab", content=OFFER, headers=SDP), 507)
    assert (await client.put("/stages/desk")).status_code == 200
    assert stages.names() == ("desk",)


async def test_an_order_is_answered_with_its_id_and_the_state(server: Faked) -> None:
    client, _ = server
    await client.put("/stages/desk")
    order = {"id": "abc", "effects": ["matte"]}
    answer = await client.patch("/stages/desk", json=order, headers=MERGE)
    assert answer.status_code == 200
    assert answer.json() == {
        "id": "abc",
        "ok": True,
        "state": {"publisher": "waiting", "orders": [order]},
    }
    without = (await client.patch("/stages/desk", json={})).json()
    assert "id" not in without


async def test_a_refused_order_says_where_and_why(server: Faked) -> None:
    client, stages = server
    await client.put("/stages/desk")
    answer = await client.patch("/stages/desk", json={"id": "7", "bad": 1}, headers=MERGE)
    assert answer.status_code == 422
    reason = {"at": "bad", "message": "there is no such thing"}
    assert answer.json() == {"id": "7", "ok": False, "errors": [reason]}
    assert not stages["desk"].orders


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b'"text"', 400),
        (b"\xff{}", 400),
        (b'{"x": NaN}', 400),
        (b'{"x": 1e999}', 400),
        (b'{"x": "\\ud800"}', 400),
        (b'{"x":' * 10_000, 400),
        (b'{"x":' * 900 + b"1" + b"}" * 900, 200),
        (b'{"id": 7}', 400),
        (b'{"id": "%s"}' % (b"x" * 300), 400),
        (b'{"x": "%s"}' % (b"x" * 70_000), 413),
    ],
)
async def test_a_body_that_is_no_order_changes_nothing(
    server: Faked, body: bytes, status: int
) -> None:
    client, stages = server
    await client.put("/stages/desk")
    answer = await client.patch("/stages/desk", content=body, headers=MERGE)
    assert answer.status_code == status
    assert len(stages["desk"].orders) == (status == 200)


async def test_an_order_of_another_type_is_415(server: Faked) -> None:
    client, _ = server
    await client.put("/stages/desk")
    answer = await client.patch("/stages/desk", content=b"{}", headers=SDP)
    assert is_problem(answer, 415)
    assert "merge-patch" in answer.headers["accept-patch"]


async def test_an_order_to_no_stage_is_404(server: Faked) -> None:
    client, _ = server
    assert is_problem(await client.patch("/stages/desk", json={}), 404)


async def test_a_mistake_of_the_server_tells_nothing_but_is_logged(
    server: Faked, caplog: pytest.LogCaptureFixture
) -> None:
    client, _ = server
    await client.put("/stages/desk")
    with caplog.at_level(logging.ERROR):
        answer = await client.patch("/stages/desk", json={"broken": True})
    assert is_problem(answer, 500)
    assert "secret" not in answer.text and "Traceback" not in answer.text
    assert "a secret of the server" in caplog.text
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_effects_are_listed_in_order_with_their_schemas(server: Faked) -> None:
    client, _ = server
    listed = (await client.get("/effects")).json()["effects"]
    assert [effect["name"] for effect in listed] == list(kinds())
    for effect in listed:
        assert effect["schema"]["type"] == "object"
        assert effect["description"]


async def test_settings_of_a_stage_are_listed_with_their_schemas(server: Faked) -> None:
    client, _ = server
    listed = (await client.get("/effects")).json()["settings"]
    blocks = {block["name"]: block["schema"]["properties"] for block in listed}
    assert blocks["stage"].keys() == StageSettings.model_fields.keys()
    assert all(block["description"] for block in listed)


# Metrics


async def test_metrics_are_prometheus_text_with_figures_of_every_stage(server: Faked) -> None:
    client, _ = server
    await client.put("/stages/desk")
    await client.post("/whep/desk", content=OFFER, headers=SDP)
    answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found: dict[tuple[str, ...], float] = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["omote_stage_age_seconds_bucket", "0.02", "desk"] == 5
    assert found["omote_stage_age_seconds_bucket", "+Inf", "desk"] == 9
    assert found["omote_stage_age_seconds_count", "desk"] == 9
    assert found["omote_stage_age_seconds_sum", "desk"] == pytest.approx(0.13)
    assert found["omote_stage_age_p50_seconds", "desk"] == pytest.approx(0.020)
    assert found["omote_stage_encoded_bytes_per_second", "desk"] == 187_500
    assert found["omote_stage_dropped_newest_total", "desk"] == 3
    assert found["omote_stage_effect_errors_total", "desk", "matte"] == 2
    assert found["omote_stage_step_seconds", "decode", "desk"] == pytest.approx(0.0025)
    assert found["omote_stage_publishing", "desk"] == 0
    assert ("omote_stage_matte_age_seconds", "desk") not in found
    assert found["omote_sessions",] == 1
    assert found["process_resident_memory_bytes",] > 0
    assert found["process_cpu_seconds_total",] > 0


# The guard


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "", "[", "10.0.0.1"])
async def test_a_rebound_name_is_refused(server: Faked, host: str) -> None:
    client, _ = server
    assert is_problem(await client.get("/stages", headers={"Host": host}), 403)


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1", "[::1]:8080"])
async def test_every_name_of_this_machine_is_served(server: Faked, host: str) -> None:
    client, _ = server
    assert (await client.get("/stages", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://[", "file://localhost"])
async def test_pages_of_other_sites_can_neither_change_nor_read(server: Faked, origin: str) -> None:
    client, stages = server
    headers = {"Origin": origin}
    assert is_problem(await client.put("/stages/desk", headers=headers), 403)
    assert not stages.all
    read = await client.get("/stages", headers=headers)
    assert "access-control-allow-origin" not in read.headers
    preflight = {**headers, "Access-Control-Request-Method": "PUT"}
    asked = await client.options("/stages/desk", headers=preflight)
    assert "access-control-allow-origin" not in asked.headers


async def test_pages_of_this_machine_can_change_and_read(server: Faked) -> None:
    client, _ = server
    headers = {"Origin": "http://localhost:5173"}
    answer = await client.put("/stages/desk", headers=headers)
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
    preflight = {**headers, "Access-Control-Request-Method": "PATCH"}
    asked = await client.options("/stages/desk", headers=preflight)
    assert asked.status_code == 204
    assert "PATCH" in asked.headers["access-control-allow-methods"]


async def test_with_tokens_other_names_and_sites_are_welcome(tmp_path: Path) -> None:
    tokens = parse(f"{SECRET}:admin")
    async with faked(tmp_path, tokens=tokens) as (client, _):
        headers = {"Origin": "https://studio.example", "Host": "omote.example"}
        refused = await client.put("/stages/desk", headers=headers)
        assert is_problem(refused, 401)
        assert refused.headers["access-control-allow-origin"] == "*"
        headers["Authorization"] = f"Bearer {SECRET}"
        answer = await client.put("/stages/desk", headers=headers)
        assert answer.status_code == 201


async def test_too_many_changes_are_429_and_reading_goes_on(tmp_path: Path) -> None:
    async with faked(tmp_path, request_burst=3, requests_per_s=0.01) as (client, _):
        answers = [await client.put("/stages/desk") for _ in range(4)]
        assert [answer.status_code for answer in answers] == [201, 200, 200, 429]
        assert is_problem(answers[-1], 429)
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert (await client.get("/stages/desk")).status_code == 200


def test_a_rate_allows_a_burst_then_so_many_a_second() -> None:
    now = 0.0
    rate = Rate(2.0, 3, clock=lambda: now)
    assert [rate.take("a") for _ in range(4)] == [0, 0, 0, 0.5]
    assert rate.take("b") == 0
    now = 0.5
    assert rate.take("a") == 0
    assert rate.take("a") > 0
    now = 100.0
    assert [rate.take("a") for _ in range(4)] == [0, 0, 0, 0.5]


def test_a_rate_forgets_whoever_was_quiet_longest() -> None:
    rate = Rate(0.001, 1, clock=lambda: 0.0)
    for number in range(5000):
        rate.take(str(number))
    assert rate.take("0") == 0
    assert rate.take("4999") > 0


async def test_a_websocket_from_another_site_is_refused() -> None:
    sent: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message["type"])

    guard = Guard(app, Config())
    for origin in (b"https://evil.example", b"http://localhost"):
        headers = [(b"host", b"localhost"), (b"origin", origin)]
        await guard({"type": "websocket", "path": "/", "headers": headers}, receive, send)
    assert sent == ["websocket.close", "websocket.accept"]


async def test_a_client_that_leaves_in_the_middle_does_no_harm(
    server: Faked, caplog: pytest.LogCaptureFixture
) -> None:
    client, _ = server
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    writer.write(
        b"POST /whip/desk HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sdp\r\n"
    )
    writer.write(b"Content-Length: 1000\r\n\r\nv=0")
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await client.get("/health")).status_code == 200
    assert "Traceback" not in caplog.text
    assert reader is not None


async def test_bytes_that_are_not_http_do_no_harm(server: Faked) -> None:
    client, _ = server
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    writer.write(b"\x16\x03\x01\x00\xff\x00 not http\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    assert b"Traceback" not in answer
    writer.close()
    assert (await client.get("/health")).status_code == 200
