"""What a person changes on the page, and what others change meanwhile."""

import asyncio
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.async_api import Browser, Locator, Page, Route, expect

from tests.visit import becomes, control, effect, keep, opened, order, start, state_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRENGTH = "params.background.strength"


def slider(page: Page) -> Locator:
    return control(page, "background", "strength").get_by_role("slider")


async def drag(page: Page, handle: Locator, share: float) -> None:
    """Take a slider with the mouse, move it, and do not let go."""
    await handle.scroll_into_view_if_needed()
    box = await handle.bounding_box()
    assert box
    await page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(box["x"] + box["width"] * share, box["y"] + box["height"] / 2, steps=4)


async def tab_to(page: Page, wanted: Locator) -> None:
    """Press Tab until it has the focus."""
    for _ in range(120):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("(element) => element === document.activeElement"):
            return
    raise AssertionError(f"Tab does not reach {wanted}")


async def test_a_slider_changes_the_stage_and_says_its_value(page: Page, url: str) -> None:
    await slider(page).fill("0.25")
    await becomes(page, url, STRENGTH, 0.25)
    await expect(control(page, "background", "strength").locator(".value")).to_have_text("0.25")
    await control(page, "background", "strength").get_by_role("button", name="Reset").click()
    await becomes(page, url, STRENGTH, 0.6)
    await expect(slider(page)).to_have_value("0.6")


async def test_a_change_by_others_moves_the_slider(page: Page, url: str) -> None:
    await expect(slider(page)).to_have_value("0.6")
    await order(url, {"params": {"background": {"strength": 0.9}}, "stage": {"mirror": True}})
    await expect(slider(page)).to_have_value("0.9")
    await expect(page.locator("[data-parameter=mirror] input")).to_be_checked()
    await order(url, {"effects": ["matte"]})
    await expect(effect(page, "background").get_by_role("switch").first).not_to_be_checked()


async def test_a_change_by_others_waits_for_the_finger_on_the_slider(page: Page, url: str) -> None:
    await drag(page, slider(page), 0.8)
    dragged = await slider(page).input_value()
    await becomes(page, url, STRENGTH, float(dragged))
    await order(url, {"params": {"background": {"strength": 0.1, "light_wrap": 0.9}}})
    wrap = control(page, "background", "light_wrap").get_by_role("slider")
    await expect(wrap).to_have_value("0.9")
    assert await slider(page).input_value() == dragged
    await page.mouse.up()
    await expect(slider(page)).to_have_value("0.1")


async def test_a_slider_is_reached_and_moved_with_the_keyboard_alone(page: Page, url: str) -> None:
    await expect(slider(page)).to_have_value("0.6")
    await tab_to(page, slider(page))
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("ArrowRight")
    await becomes(page, url, STRENGTH, 0.62)
    assert await slider(page).get_attribute("aria-valuetext") == "0.62"


async def test_keys_bypass_while_held_and_mirror(page: Page, url: str) -> None:
    await expect(slider(page)).to_be_visible()
    await page.keyboard.down("b")
    await becomes(page, url, "stage.bypass", True)
    await page.keyboard.up("b")
    await becomes(page, url, "stage.bypass", False)
    await page.keyboard.press("m")
    await becomes(page, url, "stage.mirror", True)


async def test_keys_are_letters_in_a_field_and_can_be_turned_off(page: Page, url: str) -> None:
    await expect(slider(page)).to_be_visible()
    await page.get_by_label("Name of a new preset").press_sequentially("mbm")
    await page.locator("#theme").focus()
    await page.keyboard.press("?")
    await page.get_by_label("Use these keys").uncheck()
    await page.get_by_role("button", name="Close").click()
    await expect(page.locator("#help")).to_be_hidden()
    await page.keyboard.press("m")
    await slider(page).fill("0.3")
    await becomes(page, url, STRENGTH, 0.3)
    state = await state_of(url)
    assert not state["stage"]["mirror"] and not state["stage"]["bypass"]


async def test_settings_of_the_stage_are_drawn_and_reset(page: Page, url: str) -> None:
    settings = page.locator("[data-settings=stage]")
    budget = settings.locator("[data-parameter=budget_ms]")
    await expect(budget.locator(".value")).to_have_text("Automatic")
    await budget.get_by_role("slider").press("PageUp")
    await expect(budget.locator(".value")).to_contain_text("ms")
    await settings.get_by_role("radio", name="90°").check()
    await becomes(page, url, "stage.orientation", 90)
    assert (await state_of(url))["stage"]["budget_ms"] > 5
    await settings.get_by_role("button", name="Reset all").click()
    await becomes(page, url, "stage.budget_ms", None)
    await becomes(page, url, "stage.orientation", 0)
    await expect(budget.locator(".value")).to_have_text("Automatic")


async def test_an_effects_preset_is_one_press_and_marked_while_it_is_so(
    page: Page, url: str
) -> None:
    preset = page.get_by_role("button", name="Green screen")
    await preset.click()
    await becomes(page, url, "params.background.mode", "key")
    await expect(preset).to_have_attribute("aria-pressed", "true")
    await order(url, {"params": {"background": {"light_wrap": 0.5}}})
    await expect(preset).to_have_attribute("aria-pressed", "false")
    await page.get_by_role("button", name="No effects").click()
    await becomes(page, url, "effects", [])


async def test_a_preset_is_saved_applied_and_deleted(page: Page, url: str) -> None:
    await slider(page).fill("0.15")
    await becomes(page, url, STRENGTH, 0.15)
    await page.get_by_label("Name of a new preset").fill("Evening")
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#announcement")).to_have_text("Saved as Evening.")
    await order(url, {"effects": [], "params": {"background": {"strength": 1, "mode": "disc"}}})
    await page.reload()
    await page.get_by_role("button", name="Evening", exact=True).click()
    await becomes(page, url, STRENGTH, 0.15)
    state = await state_of(url)
    assert state["effects"] == ["matte", "background"]
    assert state["params"]["background"]["mode"] == "blur"
    await page.get_by_role("button", name="Delete the preset Evening").click()
    await expect(page.get_by_role("button", name="Evening", exact=True)).to_have_count(0)


async def test_presets_go_to_a_file_and_come_back(page: Page, browser: Browser, url: str) -> None:
    await page.get_by_label("Name of a new preset").fill("Mine")
    await page.keyboard.press("Enter")
    async with page.expect_download() as started:
        await page.get_by_role("button", name="Export presets").click()
    path: Path = await (await started.value).path()
    text = await asyncio.to_thread(path.read_text)
    assert json.loads(text)["presets"][0]["name"] == "Mine"
    async with opened(browser, url) as other:
        await expect(other.get_by_role("button", name="Soft room")).to_be_visible()
        bad = {"name": "x.json", "mimeType": "application/json", "buffer": b"{}"}
        await other.locator("#preset-file").set_input_files(bad)  # type: ignore[arg-type]
        await expect(other.locator("#preset-error")).to_contain_text("no presets")
        await other.locator("#preset-file").set_input_files(path)
        await expect(other.get_by_role("button", name="Mine", exact=True)).to_be_visible()


async def test_values_stand_in_the_groups_that_their_schemas_name(
    browser: Browser, url: str
) -> None:
    async def grouped(route: Route) -> None:
        answer = await route.fetch()
        described = await answer.json()
        for kind in described["effects"]:
            values = kind["schema"]["properties"]
            for key in ("smoothing", "light_wrap"):
                if key in values:
                    values[key]["group"] = "edge"
            if "contrast" in values:
                values["contrast"]["group"] = "advanced"
        await route.fulfill(response=answer, json=described)

    async with opened(browser, "about:blank") as page:
        await page.route("**/effects", grouped)
        await page.goto(url)
        matte = effect(page, "matte")
        await expect(matte.locator("[data-group=edge] [data-parameter=smoothing]")).to_be_visible()
        contrast = matte.locator("[data-group=advanced] [data-parameter=contrast]")
        await expect(contrast).to_be_hidden()
        await matte.locator("summary", has_text="Advanced").click()
        await contrast.get_by_role("slider").fill("0.4")
        await expect(matte.locator("[data-group=advanced] .count")).to_have_text("1 changed")
        await keep(page, "page-groups")


async def test_stages_are_listed_made_and_deleted(page: Page, site: str, url: str) -> None:
    await page.locator("#stage-button").click()
    panel = page.get_by_role("dialog", name="Stages")
    await expect(panel.locator("[aria-current=page]")).to_contain_text("Waiting for a camera")
    await panel.get_by_label("Name of a new stage").fill("No Good!")
    await panel.get_by_role("button", name="Create").click()
    await expect(panel.locator(".error")).to_contain_text("small letters")
    await panel.get_by_label("Name of a new stage").fill("kitchen")
    await panel.get_by_role("button", name="Create").click()
    await expect(page.locator("#stage-name")).to_have_text("kitchen")
    await start(page)
    await page.locator("#stage-button").click()
    await expect(panel.locator("[aria-current=page]")).to_contain_text("Live · 1 viewer")
    await keep(page, "page-stages")
    await panel.get_by_role("button", name="Delete kitchen").click()
    await page.get_by_role("button", name="Cancel").click()
    await expect(page.locator("#status")).to_have_text("Live")
    await panel.get_by_role("button", name="Delete kitchen").click()
    await page.locator("#question-yes").click()
    await expect(page.locator("#stage-name")).to_have_text("live")
    await page.locator("#stage-button").click()
    await expect(panel.locator("[aria-current=page]")).to_be_visible()
    await expect(panel.get_by_text("kitchen")).to_have_count(0)


async def test_pictures_are_dropped_on_the_page_and_deleted(browser: Browser, url: str) -> None:
    async with opened(browser, url, "422|415") as page:
        background = effect(page, "background")
        await background.get_by_role("radio", name="Image").check()
        leaf = cv2.imencode(".png", np.full((90, 160, 3), (40, 160, 90), np.uint8))[1].tobytes()
        await drop(page, "Leaf.png", leaf)
        await expect(background.get_by_role("radio", name="leaf.png")).to_be_checked()
        await becomes(page, url, "params.background.source", "leaf.png")
        await drop(page, "Words.png", b"no picture at all")
        await expect(background.locator(".pictures .error")).to_contain_text("Only JPEG")
        tile = background.locator(".tile", has=page.get_by_role("radio", name="leaf.png"))
        await tile.hover()
        await tile.get_by_role("button", name="Delete leaf.png").click()
        await page.locator("#question-yes").click()
        await expect(background.get_by_role("radio", name="leaf.png")).to_have_count(0)


async def drop(page: Page, name: str, content: bytes) -> None:
    """Let a file fall on the pictures to choose from."""
    files = await page.evaluate_handle(
        """([name, bytes]) => {
            const files = new DataTransfer();
            files.items.add(new File([new Uint8Array(bytes)], name, { type: "image/png" }));
            return files;
        }""",
        [name, list(content)],
    )
    await (
        effect(page, "background")
        .locator(".pictures")
        .dispatch_event("drop", {"dataTransfer": files})
    )


async def test_the_original_is_beside_the_result_left_of_a_divider(page: Page) -> None:
    await expect(page.get_by_role("button", name="Compare")).to_be_disabled()
    await start(page)
    await page.get_by_role("button", name="Compare").click()
    divider = page.get_by_role("slider", name="Divider")
    await divider.press("ArrowLeft")
    await expect(divider).to_have_attribute("aria-valuenow", "48")
    await drag(page, page.locator("#divider"), 6)
    await page.mouse.up()
    await expect(divider).not_to_have_attribute("aria-valuenow", "48")
    await expect(page.locator("#original")).to_be_visible()
    assert await page.locator("#original").evaluate("(video) => video.videoWidth") == 640
    await keep(page, "page-compare")
    await page.keyboard.press("v")
    await expect(page.locator("#original")).to_be_hidden()
