"""Takes the README's picture of the page: `python -m tests.page_picture clients/pictures/page.jpg`.

On an otherwise idle machine: browser, camera, server and viewer share its cores.
"""

import asyncio
import sys
from pathlib import Path

from playwright.async_api import Page

from tests.chromium import chromium
from tests.clips import as_mjpeg, astronaut
from tests.test_serve import omote

WARM_UP_MS = 20_000
TRIES = 40


async def take(path: Path, size: str = "1280x720") -> None:
    """Save a picture of the page at work, at full quality or at the best that was seen."""
    async with (
        omote("--port", "0", "--ephemeral") as server,
        chromium(as_mjpeg(astronaut())) as browser,
    ):
        page = await browser.new_page(viewport={"width": 1280, "height": 950})
        await page.goto(await server.address())
        await page.locator("#size").select_option(size)
        await page.get_by_role("button", name="Start").click()
        await page.wait_for_timeout(WARM_UP_MS)
        # Chromium names its fake camera after the file it plays.
        await page.evaluate("document.querySelector('#camera option').textContent = 'Camera'")
        await save_the_best(page, path)


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
