"""Chromium as a viewer: the page's own WHEP script in a real browser, pictures read off its canvas."""

import json
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from omote.clients import marks
from omote.server.bench.child import ChildFailed

try:
    from playwright.async_api import Error, Page, async_playwright
except ImportError as exc:
    raise ChildFailed(
        "no playwright to drive Chromium with; install it (pip install playwright)"
    ) from exc

NAMES = ("chromium", "chromium-browser", "google-chrome")
SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--autoplay-policy=no-user-gesture-required",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 60_000
DOTS = 4
"Pixels along a cell as it is read back."

WATCH = """
async ({url, rows, columns, dots, patience}) => {
  const {watch} = await import("/whip.js");
  const video = document.createElement("video");
  video.muted = true;
  document.body.replaceChildren(video);
  const stream = new MediaStream();
  video.srcObject = stream;
  const canvas = new OffscreenCanvas(columns * dots, rows * dots);
  const context = canvas.getContext("2d", {willReadFrequently: true});
  const noted = window.noted = [];
  const levels = (video) => {
    const cell = Math.max(8, Math.floor(video.videoHeight * 64 / 720) & ~1);
    context.drawImage(video, 0, 0, columns * cell, rows * cell, 0, 0, canvas.width, canvas.height);
    const {data} = context.getImageData(0, 0, canvas.width, canvas.height);
    const found = [];
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        let sum = 0;
        for (let y = 1; y < dots - 1; y++) {
          for (let x = 1; x < dots - 1; x++) {
            const at = 4 * ((row * dots + y) * canvas.width + column * dots + x);
            sum += data[at] * 0.299 + data[at + 1] * 0.587 + data[at + 2] * 0.114;
          }
        }
        found.push(Math.round(sum / (dots - 2) ** 2));
      }
    }
    return found;
  };
  const note = (now, frame) => {
    video.requestVideoFrameCallback(note);
    noted.push([frame.expectedDisplayTime, frame.rtpTimestamp ?? 0, levels(video)]);
  };
  const first = new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error("no picture")), patience);
    video.requestVideoFrameCallback((now, frame) => { note(now, frame); resolve(); });
  });
  window.session = await watch(url, (track) => { if (track.kind === "video") stream.addTrack(track); });
  await video.play();
  await first;
}
"""

FIGURES_ARE_THERE = "() => Number.parseFloat(document.querySelector('#fps').textContent) > 0"


class Browser:
    """A page that watches a stage."""

    def __init__(self, page: Page, name: str) -> None:
        self._page = page
        self.name = name

    async def watch(self, url: str) -> None:
        """Begin; returns once there is a picture."""
        given = {"url": url, "rows": marks.ROWS, "columns": marks.COLUMNS, "dots": DOTS}
        await self._page.evaluate(WATCH, given | {"patience": PATIENCE_MS})

    async def shown(self) -> tuple[list[tuple[int | None, float, int]], float]:
        """Number, moment on `time.monotonic()`'s clock and timestamp of each picture; how many
        milliseconds those moments may be wrong by."""
        shift, uncertainty = await self._clock()
        noted = json.loads(await self._page.evaluate("() => JSON.stringify(window.noted)"))
        pictures = [
            (_number(levels), shift + moment / 1e3, int(stamp)) for moment, stamp, levels in noted
        ]
        return pictures, round(uncertainty * 1e3, 2)

    async def _clock(self) -> tuple[float, float]:
        """What to add to the page's seconds, and half the shortest round trip it was found in."""
        best = (0.0, float("inf"))
        for _ in range(30):
            before = time.monotonic()
            there = float(await self._page.evaluate("() => performance.now()")) / 1e3
            after = time.monotonic()
            if (after - before) / 2 < best[1]:
                best = ((before + after) / 2 - there, (after - before) / 2)
        return best


@asynccontextmanager
async def watching(server_url: str, whep_url: str) -> AsyncIterator[Browser]:
    """Chromium watching a stage; raises `ChildFailed`."""
    async with _tab() as page:
        await page.goto(f"{server_url}/health")  # an empty page of the same origin
        started = page.context.browser
        browser = Browser(page, f"Chromium {started.version if started else ''}".rstrip())
        await browser.watch(whep_url)
        yield browser


@asynccontextmanager
async def page_open(server_url: str, stage: str) -> AsyncIterator[None]:
    """The page itself, with a stage's figures coming in; raises `ChildFailed`."""
    async with _tab() as page:
        await page.goto(f"{server_url}/?stage={stage}")
        await page.wait_for_function(FIGURES_ARE_THERE)
        yield


@asynccontextmanager
async def _tab() -> AsyncIterator[Page]:
    try:
        async with async_playwright() as playwright:
            started = await playwright.chromium.launch(
                executable_path=executable(), args=list(SWITCHES)
            )
            try:
                page = await started.new_page(bypass_csp=True)
                page.set_default_timeout(PATIENCE_MS)
                yield page
            finally:
                await started.close()
    except Error as exc:
        raise ChildFailed(f"Chromium: {exc.message}") from exc


def executable() -> str:
    """Path of the installed Chromium; raises `ChildFailed`."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise ChildFailed("no Chromium; install it (apt-get install chromium)")
    return found


def _number(levels: list[int]) -> int | None:
    return marks.number_in(np.array(levels, np.float64).reshape(marks.ROWS, marks.COLUMNS))
