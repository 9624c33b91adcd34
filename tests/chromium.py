"""A real Chromium with a fake camera, driven by Playwright."""

import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, async_playwright

QUIET = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--allow-loopback-in-peer-connection",  # a machine may have no other interface
)
CAMERA = (
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
)


class NoChromium(Exception):
    """Chromium is not installed; the message says how to install it."""


@asynccontextmanager
async def chromium(
    camera: Path | None = None, *, more: Sequence[str] = ()
) -> AsyncIterator[Browser]:
    """A headless Chromium whose camera plays the MJPEG file `camera`, or a test pattern.

    Permission to use the camera is granted without a question; `more` are further switches.
    """
    clip = [f"--use-file-for-fake-video-capture={camera}"] if camera else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=executable(), args=[*QUIET, *CAMERA, *clip, *more]
        )
        try:
            yield browser
        finally:
            await browser.close()


def executable() -> str:
    """The path of the installed Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    raise NoChromium("no Chromium to open the page with; install it (apt-get install chromium)")
