"""A visit to the page: a tab of a real Chromium, and what a person does in it."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urljoin, urlsplit

import cv2
import httpx
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, ViewportSize, expect

from tests.chromium import picture
from tests.clips import as_mjpeg, clip
from tests.transports import MERGE

PATIENCE_S = 60
ARTEFACTS = Path(__file__).parents[1] / "artefacts"
WIDE: ViewportSize = {"width": 1400, "height": 1000}
PHONE: ViewportSize = {"width": 360, "height": 780}
NO_ERROR = "$^"

expect.set_options(timeout=PATIENCE_S * 1e3)


def man_before_a_wall() -> Path:
    return as_mjpeg(clip("cap13_edit2"))


@asynccontextmanager
async def opened(
    browser: Browser,
    url: str,
    expected: str = NO_ERROR,
    viewport: ViewportSize = WIDE,
    scheme: Literal["light", "dark"] = "light",
) -> AsyncIterator[Page]:
    """A page without errors in its console, but for those that match `expected`."""
    context = await browser.new_context(viewport=viewport, color_scheme=scheme)
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_S * 1e3)
    errors: list[str] = []

    def note(line: ConsoleMessage) -> None:
        if line.type == "error" and not re.search(expected, line.text):
            errors.append(f"{line.text} {line.location['url']}")

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    await page.goto(url)
    yield page
    await context.close()
    assert errors == []


async def start(page: Page, size: str = "640x360") -> None:
    """Publish, and wait until the result plays at the camera's size."""
    await page.locator("#size").select_option(size)
    await page.get_by_role("button", name="Start").click()
    await expect(page.locator("#status")).to_have_text("Live")
    await expect(page.locator("#result-caption")).to_contain_text(size.partition("x")[0])


def effect(page: Page, name: str) -> Locator:
    """The card of an effect."""
    return page.locator(f"[data-effect={name}]")


def control(page: Page, effect_name: str, key: str) -> Locator:
    """The control of an effect's parameter."""
    return effect(page, effect_name).locator(f"[data-parameter={key}]")


def stage_of(url: str) -> str:
    """The stage that an address of the page is of."""
    [name] = parse_qs(urlsplit(url).query).get("stage", ["live"])
    return name


async def state_of(url: str) -> dict[str, Any]:
    """The state of the stage of an address of the page."""
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(urljoin(url, f"/stages/{stage_of(url)}"))
        found: dict[str, Any] = answer.json()["state"]
        return found


async def order(url: str, patch: Mapping[str, Any]) -> None:
    """Change the stage of an address of the page from elsewhere."""
    async with httpx.AsyncClient(trust_env=False, headers=MERGE) as client:
        answer = await client.patch(urljoin(url, f"/stages/{stage_of(url)}"), json=patch)
        assert answer.status_code == 200, answer.text


async def becomes(page: Page, url: str, path: str, wanted: object) -> None:
    """Wait until a value of the stage's state, such as `stage.mirror`, is as wanted."""
    for _ in range(PATIENCE_S * 10):
        value: Any = await state_of(url)
        for key in path.split("."):
            value = value[key]
        if value == wanted:
            return
        await page.wait_for_timeout(100)
    raise AssertionError(f"{path} is {value!r}, not {wanted!r}")


async def keep(page: Page, name: str) -> None:
    """Leave a screenshot for people to look at."""
    ARTEFACTS.mkdir(exist_ok=True)
    # The fake camera is called after the file it plays.
    await page.evaluate("document.querySelector('#camera option').textContent = 'Camera'")
    await page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)


async def keep_result(page: Page, name: str) -> None:
    """Leave what the page shows, and the result alone."""
    await keep(page, name)
    cv2.imwrite(str(ARTEFACTS / f"{name}-result.png"), await picture(page, "#result"))
