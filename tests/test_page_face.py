"""The page with a puppet: choose a face, see it move, calibrate, compare, be driven from elsewhere."""

from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
from playwright.async_api import Page, expect

from tests.chromium import chromium, picture
from tests.clips import PORTRAIT, astronaut
from tests.house import House, house, until
from tests.visit import (
    PHONE,
    becomes,
    control,
    effect,
    keep,
    man_before_a_wall,
    opened,
    start,
)


@pytest.fixture
async def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setenv("OMOTE_DATA", str(tmp_path))
    sources = {"booth": str(astronaut(640, 480, 25, 4))}
    async with house(tmp_path, sources=sources) as made:
        await made.stages["booth"].order({"effects": []})
        yield made


async def choose_her(page: Page) -> None:
    """Upload the astronaut's portrait in the puppet's card, and choose it by that."""
    source = control(page, "puppet", "source")
    await source.locator("input[type=file]").set_input_files(str(PORTRAIT))
    await expect(source.get_by_role("radio", name="astronaut.jpg")).to_be_checked()


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
        await until(lambda: home.desk.stats()["steps_ms"].get("puppet", 0) > 0)
        await page.wait_for_function("document.querySelector('#result').currentTime > 0")
        for _ in range(100):
            her = await picture(page, "#result")
            apart = np.abs(her.astype(int) - nobody).mean()
            if apart > 20:
                break
        assert apart > 20
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
        await page.evaluate("scrollTo(0, 0)")
        await keep(page, "puppet-page-phone-dark")
        await home.stages.remove("booth")
        await expect(page.locator("#face-status")).to_contain_text("No face is seen on the stage")
        await expect(page.get_by_role("button", name="Calibrate")).to_be_disabled()
        await driver.select_option("messages")
        await expect(page.locator("#face-status")).to_contain_text("Nothing comes from outside")
