"""The page with a puppet: choose a face, see it move, calibrate, compare, be driven from elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, expect

from tests.chromium import Bgr, chromium, picture
from tests.clips import PORTRAIT, astronaut
from tests.house import House, house
from tests.visit import (
    PATIENCE_S,
    PHONE,
    becomes,
    control,
    effect,
    keep,
    man_before_a_wall,
    opened,
    start,
)

PHONE_DRIVES = """async (stage) => {
const peer = new RTCPeerConnection();
const face = peer.createDataChannel("face/1", { ordered: false, maxRetransmits: 0 });
peer.addTransceiver("video", { direction: "recvonly" });
await peer.setLocalDescription();
const gathered = () => new Promise((done) => peer.addEventListener("icegatheringstatechange", done, { once: true }));
while (peer.iceGatheringState !== "complete") await gathered();
const request = { method: "POST", headers: { "Content-Type": "application/sdp" }, body: peer.localDescription.sdp };
const answer = await fetch(`/whep/${stage}`, request);
await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
const tell = (blendshapes, pose) => face.readyState === "open" && face.send(JSON.stringify({ blendshapes, pose }));
setInterval(() => tell({ jawOpen: (1 + Math.sin(performance.now() / 300)) / 2 }, { yaw_deg: 10 }), 33);
}"""
"What a phone's page does; its tracker is a sine."


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setenv("OMOTE_DATA", str(tmp_path))
    sources = {"booth": str(astronaut(640, 480, 25, 4))}
    async with house(tmp_path, sources=sources) as made:
        await made.stages["booth"].order({"effects": [], "stage": {"budget_ms": 1000}})
        await made.desk.order({"stage": {"budget_ms": 1000}})  # or a busy machine pauses effects
        yield made


async def choose_her(page: Page) -> None:
    """Upload the astronaut's portrait in the puppet's card, and choose it by that."""
    source = control(page, "puppet", "source")
    await source.locator("input[type=file]").set_input_files(str(PORTRAIT))
    await expect(source.get_by_role("radio", name="astronaut.jpg")).to_be_checked()


async def another(page: Page, than: Bgr) -> Bgr:
    """The result, once it is quite another picture."""
    async with asyncio.timeout(PATIENCE_S):
        while np.abs((made := await picture(page, "#result")).astype(int) - than).mean() < 20:
            await page.wait_for_timeout(200)
    return made


async def test_a_face_is_chosen_moved_calibrated_and_compared(home: House) -> None:
    url = f"{home.url}/?stage=desk"
    async with chromium(man_before_a_wall()) as browser, opened(browser, url) as page:
        await expect(page.locator("#face")).to_be_hidden()
        await effect(page, "puppet").get_by_role("switch").first.check()
        await start(page)
        nobody = await picture(page, "#result")
        await choose_her(page)
        await becomes(page, url, "params.puppet.source", "astronaut.jpg")
        await becomes(page, url, "face.status", "tracked")
        await expect(page.locator("#face-status")).to_have_text("Your face is followed.")
        her = await another(page, nobody)
        await keep(page, "puppet-page")
        await page.get_by_role("button", name="Calibrate").click()
        await becomes(page, url, "face.neutral", "asked")
        await expect(page.locator("#face-neutral")).to_have_text("As you set it.")
        await page.get_by_role("button", name="Forget it").click()
        await becomes(page, url, "face.neutral", "calmest")
        await page.locator("#split").click()
        box, other = [await page.locator(x).bounding_box() for x in ("#original", "#result")]
        assert box is not None
        assert other is not None
        assert box["x"] + box["width"] <= other["x"] + 2
        assert box["width"] == pytest.approx(other["width"], abs=4)
        await keep(page, "puppet-page-compare")
        await page.locator("#split").click()
        await page.get_by_role("switch", name="Landmarks").check()
        await becomes(page, url, "stage.view", "landmarks")
        await another(page, her)
        await keep(page, "puppet-page-landmarks")
        await page.get_by_role("switch", name="Landmarks").uncheck()
        await becomes(page, url, "stage.view", "result")


async def test_another_stages_face_is_chosen_and_its_going_is_told(home: House) -> None:
    url = f"{home.url}/?stage=desk"
    async with (
        chromium() as browser,
        opened(browser, url, viewport=PHONE, scheme="dark") as page,
    ):
        await effect(page, "puppet").get_by_role("switch").first.check()
        await choose_her(page)
        driver = page.locator("[data-settings=stage] [data-parameter=driver] select")
        await expect(driver.locator("option")).to_have_count(3)
        await driver.select_option("booth")
        await becomes(page, url, "stage.driver", "booth")
        await becomes(page, url, "face.status", "tracked")
        await expect(page.locator("#face-status")).to_have_text(
            "The face of the stage “booth” is followed."
        )
        await expect(page.locator("#status")).to_have_text("Live from elsewhere")
        await expect(page.locator("#result-caption")).to_contain_text("960")
        await page.locator("#split").click()
        await expect(page.locator("#original")).to_have_js_property("videoWidth", 640)
        await page.evaluate("scrollTo(0, 0)")
        await keep(page, "puppet-page-phone-dark")
        await page.locator("#split").click()
        await home.stages.remove("booth")
        await expect(page.locator("#face-status")).to_contain_text("No face is seen on the stage")
        await expect(page.get_by_role("button", name="Calibrate")).to_be_disabled()
        await driver.select_option("messages")
        await expect(page.locator("#face-status")).to_contain_text("Nothing comes from outside")
        await page.evaluate(PHONE_DRIVES, "desk")
        await expect(page.locator("#face-status")).to_have_text("Faces come from outside.")
        await expect(page.locator("#face-neutral")).to_have_text("As the sender tells it.")
