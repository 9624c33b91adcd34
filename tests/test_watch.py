"""The page that is only a stage's picture, as a browser source of another program shows it."""

from contextlib import AsyncExitStack

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.test_serve import omote
from tests.visit import ARTEFACTS, WIDE, opened, stage_of, start

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "0123456789abcdef"


def watched(site: str, url: str, more: str = "") -> str:
    return f"{site}watch/{stage_of(url)}{more}"


async def plays(view: Page) -> None:
    await expect(view.locator("#screen.playing")).to_be_visible()
    await view.locator("#result").evaluate(NEW_FRAMES)


async def test_the_view_shows_the_result_and_nothing_else(
    page: Page, browser: Browser, url: str
) -> None:
    async with opened(browser, f"{url}&view=1") as view:
        await start(page)
        await plays(view)
        assert await view.locator("button:visible, input:visible, #words:visible").count() == 0
        box = await view.locator("#screen").bounding_box()
        assert box and (box["width"], box["height"]) == (WIDE["width"], WIDE["height"])


async def test_it_plays_silently_as_large_as_asked_and_is_clear_where_nothing_is(
    page: Page, browser: Browser, site: str, url: str
) -> None:
    await start(page)
    async with opened(browser, watched(site, url, "?fit=cover")) as view:
        await plays(view)
        video = view.locator("#result")
        assert await video.evaluate("(video) => video.muted")
        assert await video.evaluate("(video) => getComputedStyle(video).objectFit") == "cover"
        clear = "() => getComputedStyle(document.body).backgroundColor"
        assert await view.evaluate(clear) == "rgba(0, 0, 0, 0)"
        await view.screenshot(path=ARTEFACTS / "watch.png")
    async with opened(browser, watched(site, url, "?sound=1&debug=1")) as view:
        await plays(view)
        assert not await view.locator("#result").evaluate("(video) => video.muted")
        await expect(view.locator("#words")).to_have_text("Watching")


async def test_it_takes_a_token_from_the_fragment_and_comes_back_with_the_server(
    browser: Browser,
) -> None:
    async with AsyncExitStack() as stack:
        async with omote("--port", "0", "--ephemeral", OMOTE_TOKENS=f"{SECRET}:view") as server:
            url = await server.address()
            address = f"{url}watch/desk#token={SECRET}"
            view = await stack.enter_async_context(opened(browser, address, "ERR_|404"))
            await plays(view)
        await expect(view.locator("#screen")).not_to_have_class("playing")
        assert await view.locator("body").inner_text() == "Stage desk"  # for screen readers alone
        again = omote("--port", url.rstrip("/").rpartition(":")[2], "--ephemeral")
        await (await stack.enter_async_context(again)).address()
        await plays(view)


async def test_there_is_no_such_page_for_what_is_no_stage(site: str) -> None:
    async with httpx.AsyncClient(base_url=site, trust_env=False) as client:
        assert (await client.get("/watch/No%20stage")).status_code == 404
        answer = await client.get("/watch/desk")
        assert answer.status_code == 200
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")


NEW_FRAMES = """async (video) => {
    for (let frames = 0; frames < 3; frames += 1) {
        await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    }
}"""
