"""A real Chromium with a fake camera, driven by Playwright."""

import base64
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from playwright.async_api import Browser, Page, async_playwright

Bgr = NDArray[np.uint8]

SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    # Only matters where there is no other interface: Chromium then offers no address at all.
    "--allow-loopback-in-peer-connection",
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
            executable_path=executable(), args=[*SWITCHES, *clip, *more]
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


async def picture(page: Page, video: str) -> Bgr:
    """What the `<video>` that the selector `video` finds shows now, in its own size."""
    return decoded(await page.evaluate(PICTURE, video))


async def pictures(page: Page, earlier: str, later: str, count: int) -> tuple[list[Bgr], Bgr]:
    """`count` pictures in a row of the video `earlier`, and what `later` shows after the last."""
    before, after = await page.evaluate(PICTURES, [earlier, later, count])
    return [decoded(address) for address in before], decoded(after)


def decoded(address: str) -> Bgr:
    """The picture in a `data:` address."""
    content = base64.b64decode(address.partition(",")[2])
    found: Any = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(found, np.uint8)


DRAW = """
    const drawn = (video) => {
        const canvas = document.createElement("canvas");
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
        canvas.getContext("2d").drawImage(video, 0, 0);
        return canvas;
    };
"""
PICTURE = f"""(selector) => {{ {DRAW}
    return drawn(document.querySelector(selector)).toDataURL("image/png");
}}"""
PICTURES = f"""async ([earlier, later, count]) => {{ {DRAW}
    const video = document.querySelector(earlier);
    const next = () => new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    const before = [];
    for (let taken = 0; taken < count; taken += 1) {{
        await next();
        before.push(drawn(video));
    }}
    const after = drawn(document.querySelector(later)).toDataURL("image/png");
    return [before.map((canvas) => canvas.toDataURL("image/jpeg", 0.95)), after];
}}"""
