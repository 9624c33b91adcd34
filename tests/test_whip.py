"""The rules of WHIP (RFC 9725) and WHEP over HTTP, with stages that have no media."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omote.server.fragment import Candidate, Fragment, Malformed, parse
from tests.fakes import ANSWER, OFFER, UFRAG, FakePeer, FakeStages, faked, is_problem

SDP = {"Content-Type": "application/sdp"}
FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
HOST = "candidate:1 1 udp 2130706431 192.0.2.1 50000 typ host"
TRICKLE = (
    f"a=ice-ufrag:{UFRAG}\r\na=ice-pwd:{'p' * 24}\r\n"
    f"m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na={HOST}\r\na=end-of-candidates\r\n"
)
both = pytest.mark.parametrize("side", ["whip", "whep"])
Faked = tuple[httpx.AsyncClient, FakeStages]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Faked]:
    async with faked(tmp_path) as made:
        yield made


async def opened(client: httpx.AsyncClient, side: str = "whip") -> httpx.Response:
    answer = await client.post(f"/{side}/desk", content=OFFER, headers=SDP)
    assert answer.status_code == 201
    return answer


def peer_of(stages: FakeStages) -> FakePeer:
    peer = stages["desk"].publisher
    assert peer is not None
    return peer


@both
async def test_an_offer_makes_a_session(server: Faked, side: str) -> None:
    client, _ = server
    answer = await opened(client, side)
    assert answer.text == ANSWER
    assert answer.headers["content-type"] == "application/sdp"
    assert re.fullmatch(rf"/{side}/desk/[\w-]{{32}}", answer.headers["location"])
    assert re.fullmatch(r'"\w{16}"', answer.headers["etag"])
    assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"


async def test_every_session_has_its_own_url_and_etag(server: Faked) -> None:
    client, _ = server
    answers = [await opened(client, "whep") for _ in range(10)]
    assert len({answer.headers["location"] for answer in answers}) == 10
    assert len({answer.headers["etag"] for answer in answers}) == 10


async def test_a_media_type_may_have_parameters(server: Faked) -> None:
    client, _ = server
    headers = {"Content-Type": "Application/SDP; charset=utf-8"}
    assert (await client.post("/whip/desk", content=OFFER, headers=headers)).status_code == 201


@both
@pytest.mark.parametrize("headers", [{}, {"Content-Type": "application/json"}])
async def test_an_offer_of_another_type_is_415(
    server: Faked, side: str, headers: dict[str, str]
) -> None:
    client, _ = server
    answer = await client.post(f"/{side}/desk", content=OFFER, headers=headers)
    assert is_problem(answer, 415)
    assert answer.headers["accept-post"] == "application/sdp"


@both
async def test_a_body_of_a_megabyte_is_413(server: Faked, side: str) -> None:
    client, stages = server
    answer = await client.post(f"/{side}/desk", content=b"v" * 1_000_000, headers=SDP)
    assert is_problem(answer, 413)
    assert not stages.all


async def test_a_long_body_of_undeclared_length_is_413(server: Faked) -> None:
    client, _ = server

    async def drops() -> AsyncIterator[bytes]:
        for _ in range(70):
            yield b"v" * 1000

    answer = await client.post("/whip/desk", content=drops(), headers=SDP)
    assert is_problem(answer, 413)


async def test_bytes_that_are_not_utf_8_are_400(server: Faked) -> None:
    client, _ = server
    answer = await client.post("/whip/desk", content=b"v=0\r\n\xff\xfe", headers=SDP)
    assert is_problem(answer, 400)


@both
@pytest.mark.parametrize("status", [400, 406, 422])
async def test_a_refused_offer_says_why(server: Faked, side: str, status: int) -> None:
    client, _ = server
    answer = await client.post(f"/{side}/desk", content=f"refuse {status}", headers=SDP)
    assert is_problem(answer, status)
    assert answer.json()["detail"] == "an offer to refuse"
    assert "location" not in answer.headers


async def test_a_second_publisher_is_409(server: Faked) -> None:
    client, _ = server
    await opened(client)
    answer = await client.post("/whip/desk", content=OFFER, headers=SDP)
    assert is_problem(answer, 409)
    assert "takeover=true" in answer.json()["detail"]


async def test_a_second_publisher_may_take_over(server: Faked) -> None:
    client, stages = server
    first = (await opened(client)).headers["location"]
    before = peer_of(stages)
    answer = await client.post("/whip/desk?takeover=true", content=OFFER, headers=SDP)
    assert answer.status_code == 201
    assert before.closed.is_set()
    assert is_problem(await client.delete(first), 404)


async def test_a_takeover_that_is_no_truth_value_is_422(server: Faked) -> None:
    client, _ = server
    answer = await client.post("/whip/desk?takeover=banana", content=OFFER, headers=SDP)
    assert is_problem(answer, 422)
    assert answer.json()["errors"][0]["at"] == "query.takeover"


@both
@pytest.mark.parametrize("name", ["no%20name", "%ff", "%00", "a.b", "a%0d%0ab"])
async def test_a_stage_name_that_cannot_be_is_404(server: Faked, side: str, name: str) -> None:
    client, _ = server
    assert is_problem(await client.post(f"/{side}/{name}", content=OFFER, headers=SDP), 404)


async def test_candidates_are_handed_to_the_peer(server: Faked) -> None:
    client, stages = server
    url = (await opened(client)).headers["location"]
    answer = await client.patch(url, content=TRICKLE, headers=FRAGMENT)
    assert answer.status_code == 204
    assert answer.content == b""
    assert "etag" not in answer.headers
    assert peer_of(stages).candidates == [(HOST, "0", None), (None, "0", None)]


async def test_a_candidate_without_a_section_belongs_to_the_first(server: Faked) -> None:
    client, stages = server
    url = (await opened(client)).headers["location"]
    await client.patch(url, content=f"a={HOST}\r\n", headers=FRAGMENT)
    assert peer_of(stages).candidates == [(HOST, None, 0)]


@pytest.mark.parametrize(
    ("match", "status"),
    [
        (None, 204),
        ("ETAG", 204),
        ('"other", ETAG', 204),
        ("*", 204),
        ('"*"', 204),
        ('"other"', 412),
        ("W/ETAG", 412),
        ("", 204),
    ],
)
async def test_if_match_may_be_missing_but_not_wrong(
    server: Faked, match: str | None, status: int
) -> None:
    client, _ = server
    answer = await opened(client)
    headers = dict(FRAGMENT)
    if match is not None:
        headers["If-Match"] = match.replace("ETAG", answer.headers["etag"])
    patched = await client.patch(answer.headers["location"], content=TRICKLE, headers=headers)
    assert patched.status_code == status


async def test_an_ice_restart_is_422_and_the_session_goes_on(server: Faked) -> None:
    client, stages = server
    url = (await opened(client)).headers["location"]
    restart = TRICKLE.replace(UFRAG, "anew")
    answer = await client.patch(url, content=restart, headers={**FRAGMENT, "If-Match": '"*"'})
    assert is_problem(answer, 422)
    assert not peer_of(stages).closed.is_set()
    assert (await client.patch(url, content=TRICKLE, headers=FRAGMENT)).status_code == 204


async def test_a_patch_of_another_type_is_415(server: Faked) -> None:
    client, _ = server
    url = (await opened(client)).headers["location"]
    answer = await client.patch(url, content=TRICKLE, headers=SDP)
    assert is_problem(answer, 415)
    assert answer.headers["accept-patch"] == "application/trickle-ice-sdpfrag"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"\x00\x01\x02",
        b"a=candidate:\xff\xff",
        b"a=candidate:nonsense\r\n",
        b"a=candidate:1 1 udp x 192.0.2.1 1 typ host\r\n",
        b"a=candidate:1 1 udp 1 192.0.2.1 99999999999 typ host\r\n",
        b"a=candidate:1 1 udp 1 192.0.2.1 1 typ unusable\r\n",
        b"a=ice-ufrag:a b\r\n",
        b"a=ice-pwd:short\r\n",
        b"a=mid:\r\n",
        b"m=\r\n",
        b"q=1\r\n",
        b'{"candidate": "json"}',
        b"a=x:\x1b[31m\r\n",
    ],
)
async def test_a_malformed_fragment_is_400(server: Faked, body: bytes) -> None:
    client, stages = server
    url = (await opened(client)).headers["location"]
    assert is_problem(await client.patch(url, content=body, headers=FRAGMENT), 400)
    assert not peer_of(stages).closed.is_set()


async def test_a_fragment_of_a_megabyte_is_413(server: Faked) -> None:
    client, _ = server
    url = (await opened(client)).headers["location"]
    assert is_problem(await client.patch(url, content=b"a" * 1_000_000, headers=FRAGMENT), 413)


async def test_candidates_are_limited(server: Faked) -> None:
    client, stages = server
    url = (await opened(client)).headers["location"]
    answer = await client.patch(url, content=f"a={HOST}\r\n" * 200, headers=FRAGMENT)
    assert is_problem(answer, 422)
    assert len(peer_of(stages).candidates) == 100


@pytest.mark.parametrize("path", ["/whip/desk/unknown", "/whep/desk/unknown", "/whip/other/KEY"])
async def test_an_unknown_session_is_404(server: Faked, path: str) -> None:
    client, _ = server
    key = (await opened(client)).headers["location"].rpartition("/")[2]
    path = path.replace("KEY", key)
    assert is_problem(await client.patch(path, content=TRICKLE, headers=FRAGMENT), 404)
    assert is_problem(await client.delete(path), 404)


async def test_a_publishers_session_is_no_viewers(server: Faked) -> None:
    client, stages = server
    url = (await opened(client)).headers["location"]
    assert is_problem(await client.delete(url.replace("whip", "whep")), 404)
    assert not peer_of(stages).closed.is_set()


@both
async def test_delete_ends_a_session_whatever_if_match_says(server: Faked, side: str) -> None:
    client, _ = server
    url = (await opened(client, side)).headers["location"]
    answer = await client.delete(url, headers={"If-Match": '"other"'})
    assert answer.status_code == 200
    assert is_problem(await client.patch(url, content=TRICKLE, headers=FRAGMENT), 404)
    assert is_problem(await client.delete(url), 404)


async def test_delete_closes_a_peer_that_never_connected(server: Faked) -> None:
    client, stages = server
    url = (await opened(client)).headers["location"]
    peer = peer_of(stages)
    await client.delete(url)
    assert peer.closed.is_set()


async def test_a_session_goes_with_its_peer(server: Faked) -> None:
    client, stages = server
    url = (await opened(client)).headers["location"]
    await peer_of(stages).close()
    assert is_problem(await client.patch(url, content=TRICKLE, headers=FRAGMENT), 404)


async def test_a_session_that_does_not_connect_in_time_is_dropped(tmp_path: Path) -> None:
    async with faked(tmp_path, connect_timeout_s=0.1) as (client, stages):
        connected = (await opened(client, "whep")).headers["location"]
        stages["desk"].viewers[0].connected.set()
        idle = (await opened(client, "whep")).headers["location"]
        async with asyncio.timeout(5):
            await stages["desk"].viewers[1].closed.wait()
        assert is_problem(await client.delete(idle), 404)
        assert (await client.delete(connected)).status_code == 200


async def test_one_session_too_many_is_503(tmp_path: Path) -> None:
    async with faked(tmp_path, max_sessions=1) as (client, _):
        first = (await opened(client)).headers["location"]
        answer = await client.post("/whep/desk", content=OFFER, headers=SDP)
        assert is_problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        await client.delete(first)
        await opened(client, "whep")


async def test_every_peer_is_closed_when_the_server_ends(tmp_path: Path) -> None:
    async with faked(tmp_path) as (client, stages):
        await opened(client)
        await opened(client, "whep")
    assert peer_of(stages).closed.is_set()
    assert stages["desk"].viewers[0].closed.is_set()
    assert stages.closed


@both
async def test_options_say_what_an_endpoint_takes(server: Faked, side: str) -> None:
    client, _ = server
    answer = await client.options(f"/{side}/desk")
    assert answer.status_code == 200
    assert answer.headers["accept-post"] == "application/sdp"


@both
@pytest.mark.parametrize("path", ["desk", "desk/session"])
async def test_a_preflight_allows_what_clients_send(server: Faked, side: str, path: str) -> None:
    client, _ = server
    asked = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "PATCH"}
    answer = await client.options(f"/{side}/{path}", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "http://localhost:3000"
    allowed = answer.headers["access-control-allow-headers"]
    assert {"Authorization", "Content-Type", "If-Match"} <= set(allowed.split(", "))
    methods = answer.headers["access-control-allow-methods"]
    assert {"POST", "PATCH", "DELETE"} <= set(methods.split(", "))


async def test_a_script_may_read_what_it_needs_of_an_answer(server: Faked) -> None:
    client, _ = server
    headers = {**SDP, "Origin": "http://localhost:3000"}
    answer = await client.post("/whip/desk", content=OFFER, headers=headers)
    exposed = answer.headers["access-control-expose-headers"]
    assert {"Location", "Link", "ETag", "Accept-Patch"} <= set(exposed.split(", "))


@both
async def test_get_and_head_find_an_endpoint_without_content(server: Faked, side: str) -> None:
    client, _ = server
    got = await client.get(f"/{side}/desk")
    assert (got.status_code, got.content) == (204, b"")
    head = await client.head(f"/{side}/desk")
    assert (head.status_code, head.headers["content-type"]) == (200, "application/sdp")


@both
async def test_put_is_405_and_says_what_is_allowed(server: Faked, side: str) -> None:
    client, _ = server
    answer = await client.put(f"/{side}/desk", content=OFFER, headers=SDP)
    assert is_problem(answer, 405)
    assert answer.headers["allow"]


def test_a_fragment_is_read_section_by_section() -> None:
    text = "a=ice-ufrag:abcd\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=mid:v\na=x-later:on\n" + (
        f"a={HOST}\nm=audio 9 RTP/AVP 0\na=end-of-candidates\n"
    )
    candidates = (Candidate(HOST, "v"), Candidate(None, None))
    assert parse(text) == Fragment("abcd", None, candidates)


lines = st.sampled_from([*TRICKLE.split("\r\n"), "a=", "=", "m=audio", "a=mid:", "a=candidate:"])


@given(st.text() | st.lists(lines | st.text(max_size=20)).map("\r\n".join))
def test_any_text_is_a_fragment_or_malformed(text: str) -> None:
    try:
        fragment = parse(text)
    except Malformed as exc:
        assert str(exc)
    else:
        assert all(c.line is None or c.line.startswith("candidate:") for c in fragment.candidates)


@given(
    st.integers(0, 2**31), st.ip_addresses(), st.integers(0, 65535), st.text("ab12+/", min_size=4)
)
def test_any_candidate_a_browser_could_send_is_read(
    priority: int, address: object, port: int, ufrag: str
) -> None:
    line = f"candidate:{ufrag[:32]} 1 udp {priority} {address} {port} typ srflx raddr 0.0.0.0"
    assert parse(f"a=mid:1\r\na={line}\r\n").candidates == (Candidate(line, "1"),)
