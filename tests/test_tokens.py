"""Tokens: how they are written, what they open, and what a request without the right one gets."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from omote.server.config import Config, Misconfigured, is_loopback
from omote.server.tokens import BadTokens, find, parse
from tests.fakes import OFFER, faked

ADMIN, PUBLISHER, VIEWER, OPERATOR = (letter * 16 for letter in "apvo")
TEXT = f"""
{ADMIN}:admin               # everything
{PUBLISHER}:publish:desk    # the camera at the desk
{VIEWER}:view  {OPERATOR}:control,view:desk,hall
"""
SDP = {"Content-Type": "application/sdp"}


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with faked(tmp_path, tokens=parse(TEXT), request_burst=1000) as (made, stages):
        stages["desk"], stages["lab"]
        yield made


def test_tokens_are_read_with_their_scopes_and_stages() -> None:
    admin, publisher, viewer, operator = parse(TEXT)
    assert admin.scopes == {"admin"} and admin.stages is None
    assert publisher.scopes == {"publish"} and publisher.stages == frozenset({"desk"})
    assert viewer.scopes == {"view"} and viewer.stages is None
    assert operator.scopes == {"control", "view"} and operator.stages == frozenset({"desk", "hall"})


def test_no_text_is_no_tokens() -> None:
    assert parse("") == parse("  # only words\n") == ()


@pytest.mark.parametrize(
    "text",
    [
        "short:admin",
        ADMIN,
        f"{ADMIN}:",
        f"{ADMIN}:admin,",
        f"{ADMIN}:root",
        f"{ADMIN}:view:Desk",
        f"{ADMIN}:view:desk:more",
        f"{ADMIN}:view:",
        f"sécrét-sécrét-sécrét:view {ADMIN}:view",
    ],
)
def test_a_token_that_cannot_be_read_is_refused_without_quoting_it(text: str) -> None:
    with pytest.raises(BadTokens, match="token 1") as caught:
        parse(text)
    assert ADMIN not in str(caught.value)


def test_a_secret_is_found_whole_or_not_at_all() -> None:
    tokens = parse(TEXT)
    assert find(tokens, VIEWER) == tokens[2]
    assert find(tokens, VIEWER[:-1]) is None
    assert find(tokens, VIEWER + "v") is None
    assert find(tokens, "") is None


def test_secrets_are_not_kept() -> None:
    assert ADMIN not in repr(parse(TEXT))


def test_admin_is_everything_and_a_stage_is_only_itself() -> None:
    admin, publisher, viewer, _ = parse(TEXT)
    assert admin.allows("publish", "lab") and admin.allows("control", None)
    assert publisher.allows("publish", "desk")
    assert not publisher.allows("publish", "lab")
    assert not publisher.allows("publish", None)
    assert not publisher.allows("view", "desk")
    assert viewer.allows("view", None)


def test_a_reachable_address_needs_tokens() -> None:
    with pytest.raises(Misconfigured, match="OMOTE_TOKENS"):
        Config(host="0.0.0.0")
    Config(host="0.0.0.0", tokens=parse(TEXT))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("[::1]", True),
        ("localhost", True),
        ("omote.localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("192.168.1.2", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
    ],
)
def test_loopback_is_this_machine_only(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": f"Basic {ADMIN}"}, bearer("x" * 16), {"Authorization": "Bearer"}],
)
async def test_a_request_without_a_known_token_is_401(
    client: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    for method, path in (("GET", "/stages"), ("GET", "/media/backgrounds"), ("GET", "/metrics")):
        answer = await client.request(method, path, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith('Bearer realm="omote"')
    answer = await client.post("/whip/desk", content=OFFER, headers={**SDP, **headers})
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("secret", "method", "path", "status"),
    [
        (PUBLISHER, "POST", "/whip/desk", 201),
        (PUBLISHER, "POST", "/whip/lab", 403),
        (PUBLISHER, "POST", "/whep/desk", 403),
        (PUBLISHER, "GET", "/stages/desk", 200),
        (PUBLISHER, "GET", "/stages/lab", 403),
        (PUBLISHER, "PATCH", "/stages/desk", 403),
        (PUBLISHER, "DELETE", "/stages/desk", 403),
        (PUBLISHER, "GET", "/metrics", 403),
        (PUBLISHER, "GET", "/media/backgrounds", 200),
        (VIEWER, "POST", "/whep/lab", 201),
        (VIEWER, "POST", "/whip/lab", 403),
        (VIEWER, "GET", "/metrics", 200),
        (VIEWER, "PUT", "/media/backgrounds/x", 403),
        (OPERATOR, "PATCH", "/stages/desk", 200),
        (OPERATOR, "PATCH", "/stages/lab", 403),
        (OPERATOR, "PUT", "/media/backgrounds/x", 403),
        (OPERATOR, "DELETE", "/media/backgrounds/x", 403),
        (ADMIN, "POST", "/whip/lab", 201),
        (ADMIN, "PATCH", "/stages/lab", 200),
        (ADMIN, "DELETE", "/stages/lab", 204),
        (ADMIN, "DELETE", "/media/backgrounds/x", 404),
    ],
)
async def test_a_token_opens_its_scopes_and_no_more(
    client: httpx.AsyncClient, secret: str, method: str, path: str, status: int
) -> None:
    body = (OFFER, SDP) if "/wh" in path else ("{}", {"Content-Type": "application/json"})
    headers = {**body[1], **bearer(secret)}
    answer = await client.request(method, path, content=body[0], headers=headers)
    assert answer.status_code == status, answer.text
    if status == 403:
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]


async def test_a_list_shows_only_the_stages_a_token_is_for(client: httpx.AsyncClient) -> None:
    for secret, expected in ((ADMIN, ["desk", "lab"]), (PUBLISHER, ["desk"])):
        answer = (await client.get("/stages", headers=bearer(secret))).json()
        assert [stage["name"] for stage in answer["stages"]] == expected


async def test_a_session_needs_the_token_again(client: httpx.AsyncClient) -> None:
    headers = {**SDP, **bearer(PUBLISHER)}
    answer = await client.post("/whip/desk", content=OFFER, headers=headers)
    url = answer.headers["location"]
    assert (await client.delete(url)).status_code == 401
    assert (await client.delete(url, headers=bearer(VIEWER))).status_code == 403
    assert (await client.delete(url, headers=bearer(PUBLISHER))).status_code == 200


@pytest.mark.parametrize("path", ["/", "/health", "/docs", "/openapi.json", "/effects"])
async def test_what_tells_nothing_of_anybody_needs_no_token(
    client: httpx.AsyncClient, path: str
) -> None:
    assert (await client.get(path)).status_code == 200


async def test_a_preflight_needs_no_token(client: httpx.AsyncClient) -> None:
    headers = {"Origin": "https://studio.example", "Access-Control-Request-Method": "POST"}
    answer = await client.options("/whip/desk", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
