"""Real clients against the real server: aiortc, FFmpeg's WHIP muxer, whip-whep in Chromium."""

import asyncio
import random
import shutil
import sys
import tarfile
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from starlette.staticfiles import StaticFiles

from omote.server.app import create_app
from omote.server.certificate import self_signed
from omote.server.config import Config
from omote.server.stages import Stages
from omote.server.tokens import parse
from tests.chromium import chromium
from tests.fakes import serving
from tests.peers import PATIENCE_S, SDP, Camera, client

FRAGMENT = {"Content-Type": "application/trickle-ice-sdpfrag"}
CACHE = Path(__file__).parent.parent / ".cache"


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the real server; its stage `desk` has no effects."""
    async with served(tmp_path) as made:
        yield made


@asynccontextmanager
async def served(data: Path, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    kept = data / "stages" / "desk.json"
    kept.parent.mkdir()
    kept.write_text('{"effects": []}')
    config = Config(data=data, request_burst=10_000, **settings)
    stages = Stages(config)
    async with (
        serving(create_app(config, stages)) as url,
        httpx.AsyncClient(base_url=url, trust_env=False, timeout=PATIENCE_S) as made,
    ):
        yield made


async def state_of(http: httpx.AsyncClient) -> dict[str, Any]:
    answer = await http.get("/stages/desk")
    state: dict[str, Any] = answer.json()["state"]
    return state


async def until(http: httpx.AsyncClient, wanted: Callable[[dict[str, Any]], bool]) -> None:
    """Ask for the state until it is as wanted."""
    async with asyncio.timeout(PATIENCE_S):
        async for _ in ticks():
            if wanted(await state_of(http)):
                return


async def ticks() -> AsyncIterator[None]:
    """Times at which to ask again what cannot be waited for."""
    while True:
        yield
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_what_aiortc_publishes_another_aiortc_sees(
    http: httpx.AsyncClient, codec: str
) -> None:
    async with client(http) as publisher, client(http) as viewer:
        assert (await publisher.publish()).status_code == 201
        assert (await viewer.watch(codec)).status_code == 201
        await viewer.sees_the_camera()
        state = await state_of(http)
        assert (state["publisher"], state["viewers"]) == ("connected", 1)
        assert (await http.delete(viewer.url)).status_code == 200
        assert (await http.delete(publisher.url)).status_code == 200
        await viewer.until("closed")
        await publisher.until("closed")
        await until(http, lambda now: now["publisher"] == "waiting" and now["viewers"] == 0)
        assert (await http.delete(publisher.url)).status_code == 404


async def test_a_viewer_may_come_first_and_a_publisher_may_be_replaced(
    http: httpx.AsyncClient,
) -> None:
    async with client(http) as viewer, client(http) as first, client(http) as second:
        await viewer.watch()
        await first.publish()
        await viewer.sees_the_camera()
        assert (await second.publish()).status_code == 409
        async with client(http) as third:
            assert (await third.publish("/whip/desk?takeover=true")).status_code == 201
            await first.until("closed")
            await third.until("connected")
            await viewer.sees_the_camera()


async def test_candidates_may_come_by_patch_alone(http: httpx.AsyncClient) -> None:
    async with client(http) as publisher, client(http) as viewer:
        publisher.connection.addTrack(Camera())
        offer = await publisher.offer()
        lines = offer.splitlines(keepends=True)
        candidates = [line for line in lines if line.startswith("a=candidate")]
        trickled = ("a=candidate", "a=end-of-candidates")
        bare = "".join(line for line in lines if not line.startswith(trickled))
        answer = await http.post("/whip/desk", content=bare, headers=SDP)
        await publisher.connection.setRemoteDescription(
            RTCSessionDescription(answer.text, "answer")
        )
        ufrag = next(line for line in lines if line.startswith("a=ice-ufrag"))
        fragment = ufrag + "m=video 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n" + "".join(candidates)
        headers = {**FRAGMENT, "If-Match": answer.headers["etag"]}
        url = answer.headers["location"]
        patched = await http.patch(url, content=fragment, headers=headers)
        assert patched.status_code == 204, patched.text
        ended = await http.patch(url, content=ufrag + "a=end-of-candidates\r\n", headers=headers)
        assert ended.status_code == 204, ended.text
        await publisher.until("connected")
        await viewer.watch()
        await viewer.sees_the_camera()


async def test_a_peer_that_just_goes_takes_its_session_along(http: httpx.AsyncClient) -> None:
    async with client(http) as publisher:
        await publisher.publish()
        await publisher.until("connected")
    await until(http, lambda now: now["publisher"] == "waiting")
    assert (await http.delete(publisher.url)).status_code == 404


async def test_delete_before_anything_is_connected_is_fine(http: httpx.AsyncClient) -> None:
    async with client(http) as publisher:
        publisher.connection.addTrack(Camera())
        for _ in range(5):
            answer = await http.post("/whip/desk", content=await publisher.offer(), headers=SDP)
            assert answer.status_code == 201
            assert (await http.delete(answer.headers["location"])).status_code == 200
        await until(http, lambda now: now["publisher"] == "waiting")


async def test_an_offer_that_nobody_follows_up_is_dropped(tmp_path: Path) -> None:
    async with served(tmp_path, connect_timeout_s=0.2) as http, client(http) as publisher:
        publisher.connection.addTrack(Camera())
        answer = await http.post("/whip/desk", content=await publisher.offer(), headers=SDP)
        assert answer.status_code == 201
        async with asyncio.timeout(PATIENCE_S):
            async for _ in ticks():
                asked = await http.patch(answer.headers["location"], content="", headers=FRAGMENT)
                if asked.status_code == 404:
                    break


async def offer_of(*kinds: str, direction: str = "sendonly") -> str:
    connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    for kind in kinds:
        if kind == "data":
            connection.createDataChannel("only")
        else:
            connection.addTransceiver(kind, direction=direction)
    await connection.setLocalDescription(await connection.createOffer())
    sdp = connection.localDescription.sdp
    await connection.close()
    return sdp


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"hello", 400),
        (b"\x00\x01\x02\x03", 400),
        (b"v=0\r\n", 400),
        (b"v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n", 422),
        (b"\xff\xfe\xfd", 400),
        (b"v=0\r\nm=video x y z\r\n", 400),
    ],
)
@pytest.mark.parametrize("side", ["whip", "whep"])
async def test_what_is_no_offer_is_refused_in_words(
    http: httpx.AsyncClient, side: str, body: bytes, status: int
) -> None:
    answer = await http.post(f"/{side}/desk", content=body, headers=SDP)
    assert answer.status_code in {status, 400, 422}, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.json()["detail"]) > 10


@pytest.mark.parametrize(("side", "direction"), [("whip", "sendonly"), ("whep", "recvonly")])
async def test_an_offer_without_a_usable_picture_is_refused(
    http: httpx.AsyncClient, side: str, direction: str
) -> None:
    other = "recvonly" if direction == "sendonly" else "sendonly"
    exotic = (await offer_of("video", direction=direction)).replace("VP8", "AV1")
    exotic = exotic.replace("H264/90000", "VP9/90000")
    for offer, status in (
        (await offer_of("audio", direction=direction), 422),
        (await offer_of("data"), 422),
        (await offer_of("video", direction=other), 422),
        (exotic, 406),
    ):
        answer = await http.post(f"/{side}/desk", content=offer, headers=SDP)
        assert answer.status_code == status, answer.text
        assert "location" not in answer.headers


async def test_damaged_offers_are_never_the_servers_mistake(http: httpx.AsyncClient) -> None:
    chance = random.Random(9725)
    lines = (await offer_of("audio", "video")).splitlines(keepends=True)
    async with client(http) as publisher:
        await publisher.publish()
        await publisher.until("connected")
        for number in range(60):
            damaged = damage(lines, chance)
            side = "whip" if number % 2 else "whep"
            path = f"/{side}/other" if number % 2 else f"/{side}/desk"
            answer = await http.post(path, content=damaged, headers=SDP)
            assert answer.status_code < 500, f"{answer.text}\n{damaged}"
            if answer.status_code == 201:
                assert (await http.delete(answer.headers["location"])).status_code == 200
        assert (await state_of(http))["publisher"] == "connected"


def damage(lines: list[str], chance: random.Random) -> str:
    """An offer with a few lines dropped, doubled, cut short, or with a number changed."""
    damaged = list(lines)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(damaged))
        line = damaged.pop(place)
        match chance.randrange(4):
            case 0:
                damaged[place:place] = [line, line]
            case 1:
                damaged.insert(place, line[: chance.randrange(len(line))] + "\r\n")
            case 2:
                damaged.insert(place, line.translate({ord("0"): "9", ord(":"): " "}))
    return "".join(damaged)


@pytest.mark.parametrize("secret", ["", "0123456789abcdef"])
async def test_ffmpegs_whip_muxer_publishes(tmp_path: Path, secret: str) -> None:
    """With a P-256 certificate of its own; the one it makes itself is on a curve of long ago."""
    tokens = parse(f"{secret}:admin") if secret else ()
    async with served(tmp_path, tokens=tokens) as http, client(http) as viewer:
        if secret:
            http.headers["Authorization"] = f"Bearer {secret}"
        async with muxing(f"{http.base_url}/whip/desk", tmp_path / "client", secret):
            await viewer.watch()
            await viewer.sees_the_camera()
            assert (await state_of(http))["publisher"] == "connected"
        await until(http, lambda now: now["publisher"] == "waiting")


@asynccontextmanager
async def muxing(url: str, folder: Path, token: str) -> AsyncIterator[None]:
    """FFmpeg's WHIP muxer publishes while the block runs; it must end without complaint."""
    tls = self_signed(folder, "localhost")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.muxer", url, tls.certificate, tls.key, token, stdin=PIPE
    )
    try:
        yield
    finally:
        async with asyncio.timeout(PATIENCE_S):
            await process.communicate(b"")
    assert process.returncode == 0


PAGE = """<!doctype html>
<link rel="icon" href="data:,">
<video id="own" autoplay muted playsinline></video>
<video id="result" autoplay muted playsinline></video>
<script type="module">
import { WHIPClient } from "/package/whip.js";
import { WHEPClient } from "/package/whep.js";
const calls = window.calls = [];
const plain = window.fetch;
window.fetch = async (url, options) => {
  const answer = await plain(url, options);
  calls.push([options.method, answer.status, "If-Match" in options.headers]);
  return answer;
};
window.publish = async (url, token) => {
  const stream = await navigator.mediaDevices.getUserMedia({ video: true, audio: true });
  const peer = window.publisher = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  for (const track of stream.getTracks()) peer.addTransceiver(track, { direction: "sendonly" });
  window.whip = new WHIPClient();
  await whip.publish(peer, url, token);
};
window.watch = async (url, token) => {
  const peer = window.viewer = new RTCPeerConnection({ bundlePolicy: "max-bundle" });
  peer.addTransceiver("audio", { direction: "recvonly" });
  peer.addTransceiver("video", { direction: "recvonly" });
  const stream = document.getElementById("result").srcObject = new MediaStream();
  peer.ontrack = ({ track }) => stream.addTrack(track);
  window.whep = new WHEPClient();
  await whep.view(peer, url, token);
};
window.decoded = async (kind) => {
  for (const report of (await viewer.getStats()).values())
    if (report.type === "inbound-rtp" && report.kind === kind)
      return kind === "video" ? report.framesDecoded : report.packetsReceived;
  return 0;
};
</script>
"""


async def whip_whep() -> Path:
    """The npm package `whip-whep`, fetched once, unpacked in `package/`."""
    folder = CACHE / "whip-whep-1.2.0"
    if not (folder / "package" / "whip.js").exists():
        assert shutil.which("npm"), "whip-whep comes from npm; install it (apt-get install npm)"
        folder.mkdir(parents=True, exist_ok=True)
        npm = await asyncio.create_subprocess_exec(
            "npm", "pack", "--silent", "whip-whep@1.2.0", cwd=folder
        )
        assert await npm.wait() == 0, "npm cannot fetch whip-whep"
        with tarfile.open(folder / "whip-whep-1.2.0.tgz") as package:
            package.extractall(folder, filter="data")
    return folder


@asynccontextmanager
async def page_of_another_site(folder: Path) -> AsyncIterator[str]:
    (folder / "index.html").write_text(PAGE)
    async with serving(StaticFiles(directory=folder, html=True)) as url:
        yield url.replace("127.0.0.1", "localhost")


async def test_whip_whep_publishes_and_views_in_chromium(tmp_path: Path) -> None:
    """From another origin, with a token: preflights, trickle with and without If-Match, DELETE."""
    secret = "0123456789abcdef"
    tokens = parse(f"{secret}:publish,view:desk")
    async with (
        served(tmp_path, tokens=tokens) as http,
        page_of_another_site(await whip_whep()) as site,
        chromium() as browser,
    ):
        page = await browser.new_page()
        await page.goto(site)
        base = str(http.base_url)
        await page.evaluate(f"publish('{base}/whip/desk', '{secret}')")
        await page.wait_for_function("publisher.connectionState === 'connected'")
        await page.evaluate(f"watch('{base}/whep/desk', '{secret}')")
        await page.wait_for_function("decoded('video').then((count) => count >= 30)")
        await page.wait_for_function("decoded('audio').then((count) => count >= 30)")
        calls = await page.evaluate("calls")
        assert ["POST", 201, False] in calls
        assert ["PATCH", 204, True] in calls
        assert {status for method, status, _ in calls if method == "PATCH"} == {204}
        await page.evaluate("Promise.all([whep.stop(), whip.stop()])")
        # It closes its peer first; when the server hears of that before the DELETE, it is a 404.
        for method, status, _ in (await page.evaluate("calls"))[-2:]:
            assert method == "DELETE" and status in {200, 404}
