"""The page for everybody: axe-core finds nothing grave in any state, nothing runs out of view."""

import asyncio
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from tests.npm import file_of
from tests.visit import ARTEFACTS, PHONE, effect, keep, opened, start, state_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

AXE = ("axe-core@4.10.3", "axe.min.js")


async def check(page: Page, state: str) -> None:
    """No serious or critical fault, in light nor in dark."""
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found: list[Any] = await page.evaluate("axe.run().then((result) => result.violations)")
        grave = [
            (fault["id"], [node["html"] for node in fault["nodes"]])
            for fault in found
            if fault["impact"] in ("serious", "critical")
        ]
        assert grave == [], f"{state}, {scheme}"
    await page.emulate_media(color_scheme="light")


async def prepare(page: Page) -> None:
    """Bring axe into the page, by a way that its own policy does not forbid."""
    path = await asyncio.to_thread(file_of, *AXE)
    await page.add_init_script(path=path)
    await page.reload()


async def test_no_state_of_the_page_has_a_grave_fault(browser: Browser, url: str) -> None:
    async with opened(browser, url, "422") as page:
        await prepare(page)
        await expect(effect(page, "background")).to_be_visible()
        await keep(page, "page-waiting")
        await check(page, "waiting")
        await start(page)
        await check(page, "live")
        await page.get_by_role("button", name="Compare").click()
        await page.locator("#stage-button").click()
        await expect(page.locator("#stage-list li").first).to_be_visible()
        await check(page, "stages")
        await page.keyboard.press("Escape")
        await page.keyboard.press("?")
        await check(page, "help")
        await keep(page, "page-help")
        await page.keyboard.press("Escape")
        await effect(page, "background").get_by_role("radio", name="Image").check()
        await expect(effect(page, "background").locator(".error:visible")).to_be_visible()
        await check(page, "refused value")
        await page.locator("#stage-button").click()
        await page.locator("#stage-list [aria-label^=Delete]").first.click()
        await check(page, "question")


async def test_an_error_and_the_wish_for_a_token_have_no_grave_fault(
    browser: Browser, url: str
) -> None:
    async with opened(browser, url, "401") as page:
        await page.route("**/stages/*", lambda route: route.fulfill(status=401, json={}))
        await prepare(page)
        await expect(page.get_by_label("Token")).to_be_visible()
        await check(page, "token")


async def test_the_watch_page_has_no_grave_fault(browser: Browser, site: str) -> None:
    async with opened(browser, f"{site}watch/desk?debug=1") as page:
        await prepare(page)
        await expect(page.locator("#screen.playing")).to_be_visible()
        await check(page, "watching")


async def test_nothing_runs_out_of_a_narrow_phone(browser: Browser, url: str) -> None:
    async with opened(browser, url, viewport=PHONE) as page:
        await start(page)
        await expect(page.locator("#age")).to_contain_text("ms")
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        await page.screenshot(path=ARTEFACTS / "page-phone-top.png")
        await keep(page, "page-phone")
        await page.locator("#stage-button").click()
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        await page.keyboard.press("Escape")
        await page.emulate_media(color_scheme="dark")
        await keep(page, "page-phone-dark")


async def test_light_and_dark_are_the_systems_until_they_are_chosen(
    browser: Browser, url: str
) -> None:
    async with opened(browser, url, scheme="dark") as page:
        ground = "() => getComputedStyle(document.body).backgroundColor"
        dark = await page.evaluate(ground)
        await page.get_by_role("button", name="Light or dark").click()
        light = await page.evaluate(ground)
        assert light != dark
        await page.reload()
        assert await page.evaluate(ground) == light
        await start(page)
        await page.keyboard.press("t")
        assert await page.evaluate(ground) == dark
        await keep(page, "page-dark")
    assert (await state_of(url))["viewers"] == 0
