"""The page in a real Chromium against a real server: a camera in, an effect out, shown."""

import asyncio
import re
from collections.abc import Callable, Sequence

import cv2
import numpy as np
import pytest
from playwright.async_api import Browser, Page, expect

from tests.chromium import Bgr, picture, pictures
from tests.visit import PATIENCE_S, effect, keep_result, opened, start, state_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Of the clip cap13_edit2 as the camera shows it, in shares of width and height:
WALL_MAP = (slice(0.08, 0.55), slice(0.02, 0.14))
"Rows and columns of the map on the wall."
FACE = (slice(0.32, 0.7), slice(0.43, 0.58))
"Rows and columns that stay within the face as the head moves."
CORNER = (slice(0.02, 0.15), slice(0.85, 0.98))

Region = tuple[slice, slice]


async def choose_colour(page: Page, colour: str) -> None:
    background = effect(page, "background")
    await background.get_by_role("radio", name="Colour").check()
    await background.locator("[data-parameter=colour] input").fill(colour)


def part(image: Bgr, region: Region) -> Bgr:
    rows, columns = (
        slice(round(share.start * size), round(share.stop * size))
        for share, size in zip(region, image.shape, strict=False)
    )
    return image[rows, columns]


def detail(image: Bgr) -> float:
    """How much fine structure there is: deviation of the luma from its own blur, levels."""
    luma = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.float32)
    return float((luma - cv2.GaussianBlur(luma, (0, 0), image.shape[0] / 40)).std())


def likeness(one: Bgr, other: Bgr) -> float:
    """Peak signal-to-noise ratio, decibels; both are first halved, less noise of the codecs."""
    first, second = (cv2.pyrDown(image) for image in (one, other))
    return float(cv2.PSNR(first, second))


def likeness_in(region: Region, one: Bgr, other: Bgr) -> float:
    return likeness(part(one, region), part(other, region))


async def shows(page: Page, wanted: Callable[[Bgr, Bgr], bool]) -> None:
    """Wait until the camera's picture and the result made from it are as wanted.

    Which one that is, is told by the face: among 40 in a row, the one most like the result's.
    """
    async with asyncio.timeout(PATIENCE_S):
        while True:
            camera, result = await pictures(page, "#preview", "#result", 40)
            result = np.asarray(cv2.resize(result, camera[0].shape[1::-1]), np.uint8)
            if wanted(max(camera, key=lambda one: likeness_in(FACE, one, result)), result):
                return


def keeps_the_person(camera: Bgr, result: Bgr) -> bool:
    as_sharp = detail(part(result, FACE)) > 0.8 * detail(part(camera, FACE))
    return as_sharp and likeness_in(FACE, camera, result) > 29


def blurs_the_wall(camera: Bgr, result: Bgr) -> bool:
    return detail(part(result, WALL_MAP)) < detail(part(camera, WALL_MAP)) / 3


def keeps_the_wall(camera: Bgr, result: Bgr) -> bool:
    return detail(part(result, WALL_MAP)) > detail(part(camera, WALL_MAP)) * 0.8


async def colour_settles(page: Page, region: Region, bgr: Sequence[int]) -> None:
    """Wait until the result's mean colour in a region is about `bgr`."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            mean = part(await picture(page, "#result"), region).mean((0, 1))
            if np.abs(mean - bgr).max() < 16:
                return
            await page.wait_for_timeout(200)


async def test_the_background_is_blurred_and_the_person_is_not(page: Page) -> None:
    await start(page, "1280x720")
    await shows(page, lambda *both: blurs_the_wall(*both) and keeps_the_person(*both))
    await keep_result(page, "page-blur")


async def test_a_colour_chosen_on_the_page_is_behind_the_person(page: Page) -> None:
    await start(page)
    await choose_colour(page, "#00c040")
    await colour_settles(page, CORNER, (0x40, 0xC0, 0x00))
    await shows(page, keeps_the_person)
    await keep_result(page, "page-colour")


async def test_a_picture_uploaded_on_the_page_is_behind_the_person(
    browser: Browser, url: str
) -> None:
    async with opened(browser, url, "422") as page:
        await start(page)
        background = effect(page, "background")
        await background.get_by_role("radio", name="Image").check()
        await expect(background.locator(".error:visible")).to_contain_text(
            re.compile("picture|upload")
        )
        sea = cv2.imencode(".png", np.full((90, 160, 3), (0xA0, 0x60, 0x20), np.uint8))[1].tobytes()
        upload = background.get_by_label("Add a picture or a video")
        await upload.set_input_files({"name": "Sea 1.png", "mimeType": "image/png", "buffer": sea})
        await expect(background.get_by_role("radio", name="sea-1.png")).to_be_checked()
        await expect(background.locator(".error:visible")).to_have_count(0)
        await colour_settles(page, CORNER, (0xA0, 0x60, 0x20))
        await shows(page, keeps_the_person)
        await keep_result(page, "page-image")


async def test_an_effect_switched_off_gives_the_camera_back(page: Page) -> None:
    await start(page)
    await shows(page, blurs_the_wall)
    await effect(page, "background").get_by_role("switch").first.click()
    await shows(page, keeps_the_wall)
    await keep_result(page, "page-off")


async def test_figures_are_live_and_stop_ends_the_session(page: Page, url: str) -> None:
    await start(page)
    await expect(page.locator("#age")).to_have_text(re.compile(r"^\d+ ms$"))
    await expect(page.locator("#rung")).to_have_text(re.compile("[A-Za-z]{4}"))
    await expect(page.locator("#steps li").first).to_contain_text("Decode")
    assert (await state_of(url))["publisher"] == "connected"
    await page.get_by_role("button", name="Stop").click()
    await expect(page.locator("#status")).to_have_text("Ready")
    assert (await state_of(url))["publisher"] == "waiting"


async def test_leaving_the_page_ends_the_session(page: Page, url: str) -> None:
    await start(page)
    await page.goto("about:blank")
    async with asyncio.timeout(PATIENCE_S):
        while (await state_of(url))["publisher"] != "waiting":
            await page.wait_for_timeout(100)


async def test_the_size_can_be_changed_while_live(page: Page) -> None:
    await start(page)
    await page.locator("#size").select_option("854x480")
    await expect(page.locator("#result-caption")).to_contain_text("854")
    await expect(page.locator("#status")).to_have_text("Live")


async def test_the_microphone_is_heard_by_those_who_listen(page: Page) -> None:
    await page.get_by_label("Microphone").check()
    await start(page)
    assert await page.locator("#result").evaluate("(video) => video.muted")
    await page.get_by_label("Listen").check()
    assert not await page.locator("#result").evaluate("(video) => video.muted")
    async with asyncio.timeout(PATIENCE_S):
        assert await page.locator("#result").evaluate(LOUD)


async def test_two_stages_do_not_disturb_each_other(browser: Browser, url: str) -> None:
    one, two = opened(browser, f"{url}-one"), opened(browser, f"{url}-two")
    async with one as red, two as blue:
        for page, colour in ((red, "#c02020"), (blue, "#2020c0")):
            await start(page)
            await choose_colour(page, colour)
        await colour_settles(red, CORNER, (0x20, 0x20, 0xC0))
        await colour_settles(blue, CORNER, (0xC0, 0x20, 0x20))
        await colour_settles(red, CORNER, (0x20, 0x20, 0xC0))


async def test_an_occupied_stage_can_be_taken_over(browser: Browser, url: str) -> None:
    async with opened(browser, url, "409|404") as first, opened(browser, url, "409") as second:
        await start(first)
        await second.get_by_role("button", name="Start").click()
        await expect(second.locator("#notice")).to_contain_text("Somebody else")
        await second.get_by_role("button", name="Take over").click()
        await expect(second.locator("#status")).to_have_text("Live")
        await expect(first.locator("#notice")).to_contain_text("Somebody else")


async def test_a_refused_value_is_explained_beside_its_control(browser: Browser, url: str) -> None:
    async with opened(browser, url, "422") as page:
        control = effect(page, "background").locator(".control", has_text="Strength")
        slider = control.locator("input")
        await slider.evaluate("(slider) => { slider.max = 9; }")
        await slider.fill("7")
        await expect(control.locator(".error")).to_contain_text("less than or equal to 1")
        await slider.fill("0.2")
        await expect(control.locator(".error")).to_be_hidden()


LOUD = """async (video) => {
    const context = new AudioContext();
    const ear = context.createAnalyser();
    context.createMediaStreamSource(video.srcObject).connect(ear);
    const samples = new Float32Array(ear.fftSize);
    do {
        await new Promise((resolve) => setTimeout(resolve, 20));
        ear.getFloatTimeDomainData(samples);
    } while (Math.max(...samples) < 0.05);
    return true;
}"""
