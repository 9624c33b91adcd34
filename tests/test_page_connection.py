"""The page when the server is away, wants a token, or has forgotten it; and who says so."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from urllib.parse import urljoin

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser, WebSocketRoute, expect

from tests.chromium import chromium
from tests.test_serve import omote
from tests.visit import becomes, control, keep, opened, order, stage_of, start

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "0123456789abcdef"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded() -> AsyncIterator[str]:
    """The address of a server with a token."""
    async with omote("--port", "0", "--ephemeral", OMOTE_TOKENS=f"{SECRET}:admin") as server:
        yield await server.address()


async def test_the_page_goes_live_again_when_the_server_is_back(browser: Browser) -> None:
    async with AsyncExitStack() as stack:
        async with omote("--port", "0", "--ephemeral") as server:
            url = await server.address()
            page = await stack.enter_async_context(opened(browser, url, "ERR_|404|WebSocket"))
            await start(page)
        await expect(page.locator("#status")).to_contain_text("Server away")
        await expect(page.locator("#notice")).to_contain_text("does not answer")
        await keep(page, "page-away")
        slider = control(page, "background", "strength").get_by_role("slider")
        await slider.fill("0.8")
        port = url.rstrip("/").rpartition(":")[2]
        await (await stack.enter_async_context(omote("--port", port, "--ephemeral"))).address()
        await expect(page.locator("#status")).to_have_text("Live")
        await expect(page.locator("#screen.playing")).to_be_visible()
        await becomes(page, url, "params.background.strength", 0.8)


async def test_a_token_in_the_address_opens_the_server(browser: Browser, guarded: str) -> None:
    async with opened(browser, guarded, "401") as page:
        await expect(page.locator("#notice")).to_contain_text("wants a token")
    async with opened(browser, f"{guarded}#token={SECRET}") as page:
        await start(page)


async def test_a_token_is_asked_for_and_kept_while_the_tab_is_open(
    browser: Browser, guarded: str
) -> None:
    async with opened(browser, f"{guarded}?stage=other", "401") as page:
        await page.get_by_label("Token").fill("not-the-right-token")
        await page.get_by_role("button", name="Use it").click()
        await expect(page.locator("#notice")).to_contain_text("does not know this token")
        await keep(page, "page-token")
        await page.get_by_label("Token").fill(SECRET)
        await page.keyboard.press("Enter")
        await expect(page.locator("#notice")).to_be_hidden()
        await expect(page.locator("#status")).to_have_text("Ready")
        await page.reload()
        await expect(page.locator("#status")).to_have_text("Ready")
        await start(page)
        assert SECRET not in page.url


async def test_without_a_websocket_the_page_asks_and_says_so(browser: Browser, url: str) -> None:
    async def closed(socket: WebSocketRoute) -> None:
        await socket.close()

    async with opened(browser, "about:blank") as page:
        await page.route_web_socket("**/control", closed)
        await page.goto(url)
        await expect(page.locator("#asking")).to_be_visible()
        slider = control(page, "background", "strength").get_by_role("slider")
        await slider.fill("0.4")
        await becomes(page, url, "params.background.strength", 0.4)
        await order(url, {"params": {"background": {"strength": 0.7}}})
        await expect(slider).to_have_value("0.7")


async def test_a_stage_deleted_elsewhere_is_said_and_not_made_again_unasked(
    browser: Browser, url: str
) -> None:
    here = urljoin(url, f"/stages/{stage_of(url)}")
    async with opened(browser, url, "404") as page, httpx.AsyncClient(trust_env=False) as client:
        await start(page)
        await client.delete(here)
        await expect(page.locator("#notice")).to_contain_text("was deleted")
        assert (await client.get(here)).status_code == 404
        await page.get_by_role("button", name="Make it again").click()
        await expect(page.locator("#status")).to_have_text("Ready")
        assert (await client.get(here)).status_code == 200


async def test_every_trouble_with_a_camera_is_said_in_words(browser: Browser, url: str) -> None:
    said = {
        "NotFoundError": "No camera was found",
        "NotReadableError": "in use by another program",
        "OverconstrainedError": "not there any more",
    }
    async with opened(browser, url) as page:
        for name, words in said.items():
            await page.evaluate(FAIL, name)
            await page.get_by_role("button", name="Start").click()
            await expect(page.locator("#notice")).to_contain_text(words)
        await keep(page, "page-error")
    insecure = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined })"
    async with opened(browser, url) as page:
        await page.add_init_script(insecure)
        await page.reload()
        await page.get_by_role("button", name="Start").click()
        await expect(page.locator("#notice")).to_contain_text("https")


async def test_a_camera_that_may_not_be_used_is_said_in_words(url: str) -> None:
    denied = chromium(more=["--use-fake-ui-for-media-stream=deny"])
    async with denied as browser, opened(browser, url) as page:
        await page.get_by_role("button", name="Start").click()
        await expect(page.locator("#notice")).to_contain_text("may not use your camera")
        await expect(page.get_by_role("button", name="Start")).to_be_enabled()


FAIL = """(name) => {
    navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("no", name));
}"""
