"""Takes the README's pictures of the page: `python -m tests.page_picture clients/pictures`.

That is `page.jpg`, on a desk, and `phone.jpg`. On an otherwise idle machine: browser, camera, server
and viewer share its cores.
"""

import asyncio
import sys
from pathlib import Path

from playwright.async_api import Browser, Page, ViewportSize

from tests.chromium import chromium
from tests.clips import as_mjpeg, astronaut
from tests.test_serve import omote

WARM_UP_MS = 20_000
TRIES = 40
DESK: ViewportSize = {"width": 1440, "height": 950}
PHONE: ViewportSize = {"width": 390, "height": 844}


async def take(folder: Path, size: str = "1280x720") -> None:
    """Save pictures of the page at work, at full quality or at the best that was seen."""
    async with (
        omote("--port", "0", "--ephemeral") as server,
        chromium(as_mjpeg(astronaut())) as browser,
    ):
        url = await server.address()
        await shoot(browser, url, DESK, size, folder / "page.jpg")
        await shoot(browser, url, PHONE, size, folder / "phone.jpg")


async def shoot(browser: Browser, url: str, viewport: ViewportSize, size: str, path: Path) -> None:
    page = await browser.new_page(viewport=viewport)
    await page.goto(url)
    await page.locator("#size").select_option(size)
    await page.get_by_role("button", name="Start").click()
    await page.wait_for_timeout(WARM_UP_MS)
    # Chromium names its fake camera after the file it plays.
    await page.evaluate("document.querySelector('#camera option').textContent = 'Camera'")
    await page.get_by_role("button", name="Compare").click()
    await page.locator("#status").hover()  # so that no button looks as if it were touched
    await save_the_best(page, path)
    await page.close()


async def save_the_best(page: Page, path: Path) -> None:
    best = 8  # one more than the ladder has
    for _ in range(TRIES):
        rung = int(await page.locator("#rung").get_attribute("data-rung") or best)
        if rung < best:
            best = rung
            await page.screenshot(path=path, type="jpeg", quality=88)
            print(f"{path}: rung {rung}, age {await page.locator('#age').inner_text()}")
        if rung == 0:
            return
        await page.wait_for_timeout(1_000)


if __name__ == "__main__":
    asyncio.run(take(Path(sys.argv[1]), *sys.argv[2:]))
