"""Every parameter of every effect and stage, reached and shown by all seven surfaces alike.

Page, HTTP, MQTT, Home Assistant, AsyncAPI, OpenAPI and command line: one walk over the schemas.
"""

import json
from collections.abc import AsyncIterator
from pathlib import Path as File
from typing import Any

import pytest
import pytest_asyncio
from jinja2.sandbox import ImmutableSandboxedEnvironment
from playwright.async_api import Page

from omote.server.discovery import Discovery
from omote.server.schemas import Path, facts, parameters
from omote.server.topics import Topics
from tests.chromium import chromium
from tests.command import omote
from tests.house import House, house, listener, until
from tests.surfaces import (
    Shown,
    at,
    block_schemas,
    of_blocks,
    of_order,
    of_schema,
    order_of,
    others,
    wanted,
)
from tests.transports import MERGE
from tests.visit import man_before_a_wall, opened

DEFAULTS = {path: facts(schema).get("default") for path, schema in parameters()}
jinja = ImmutableSandboxedEnvironment()

READ = """() => [...document.querySelectorAll("[data-parameter]")].map((control) => {
  const card = control.closest("[data-effect], [data-settings]");
  const {effect, settings} = card.dataset;
  const range = control.querySelector("input[type=range], input[type=number]");
  const choices = [...control.querySelectorAll("input[type=radio], option")];
  return {
    path: [...(effect ? ["params", effect] : [settings]), control.dataset.parameter],
    words: control.querySelector(".description").textContent,
    value: control.querySelector(".value").textContent,
    bounds: range ? [range.min, range.max, range.step].map(Number) : null,
    choices: choices.map((choice) => choice.value),
    labels: [...control.querySelectorAll(".chips span, option")].map((label) => label.textContent),
  };
})"""
SET = """([path, value]) => {
  const key = path.at(-1);
  const card = path[0] === "params" ? `[data-effect=${path[1]}]` : `[data-settings=${path[0]}]`;
  const control = document.querySelector(`${card} [data-parameter=${key}]`);
  const choice = [...control.querySelectorAll("input[type=radio]")].find((x) => x.value === String(value));
  const input = choice ?? control.querySelector("input, select");
  if (choice || input.type === "checkbox") input.click();
  else {
    input.value = value;
    for (const name of ["input", "change"]) input.dispatchEvent(new Event(name, {bubbles: true}));
  }
}"""


@pytest_asyncio.fixture
async def home(tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setenv("OMOTE_DATA", str(tmp_path))
    async with house(tmp_path, "embedded", home_assistant=True) as made:
        await until(lambda: made.mqtt is not None and made.mqtt.status == "connected")
        await _upload(made, "something")
        yield made


async def test_http_openapi_asyncapi_and_the_command_line_describe_every_parameter_alike(
    home: House,
) -> None:
    source = wanted()
    assert of_blocks(block_schemas()) == source
    assert _of_effects((await home.http.get("/effects")).json()) == source
    openapi = (await home.http.get("/openapi.json")).json()
    body = openapi["paths"]["/stages/{name}"]["patch"]["requestBody"]["content"]
    assert of_order(body[MERGE["Content-Type"]]["schema"]) == source
    asyncapi = (await home.http.get("/asyncapi.json")).json()
    assert of_order(asyncapi["components"]["schemas"]["order"]) == source
    told = (await omote("effects", "--describe")).json
    assert _of_effects(told) == source
    rows = [row for part in (*told["effects"], *told["settings"]) for row in part["parameters"]]
    assert {tuple(row["path"]): of_schema(row) for row in rows} == source


def test_home_assistant_shows_every_parameter_with_its_bounds_choices_unit_and_default() -> None:
    entities = _entities()
    for path, shown in wanted().items():
        entity = entities["_".join(path)]
        if entity["p"] == "number":
            assert (entity["min"], entity["max"]) == (shown.least, shown.most), path
        if entity["p"] == "select":
            assert tuple(x for x in entity["options"] if x != "none") == shown.choices, path
        assert entity.get("unit_of_measurement") == _unit_of_a_number(shown, entity), path
        state = order_of({path: DEFAULTS[path]})
        value = jinja.from_string(entity["value_template"]).render(value_json=state)
        assert value == _in_home_assistant(entity, DEFAULTS[path]), path


async def test_http_mqtt_and_the_command_line_reach_every_parameter_and_reset_it(
    home: House,
) -> None:
    values = others()
    assert home.mqtt is not None
    async with listener(home.mqtt.address.port) as heard:

        async def over_mqtt(order: dict[str, Any]) -> None:
            await heard.client.publish("omote/desk/set", json.dumps(order), qos=1)

        async def over_http(order: dict[str, Any]) -> None:
            answer = await home.http.patch("/stages/desk", json=order, headers=MERGE)
            assert answer.status_code == 200, answer.text

        async def by_command(order: dict[str, Any]) -> None:
            done = await omote("set", f"{home.url}/stages/desk", "-", given=json.dumps(order))
            assert done.code == 0, done.errors

        for give in (over_http, over_mqtt, by_command):
            await give(order_of(values))
            await _becomes(home, values)
            await give(order_of(dict.fromkeys(values)))
            await _becomes(home, DEFAULTS)


async def test_home_assistants_commands_reach_every_parameter(home: House) -> None:
    assert home.mqtt is not None
    entities, values = _entities(), others()
    async with listener(home.mqtt.address.port) as heard:
        for path, value in values.items():
            entity = entities["_".join(path)]
            await heard.client.publish(entity["command_topic"], _command(entity, value), qos=1)
            await _becomes(home, {path: value})


async def test_the_page_shows_and_reaches_every_parameter(home: House) -> None:
    values = others()
    async with (
        chromium(man_before_a_wall()) as browser,
        opened(browser, f"{home.url}/?stage=desk") as page,
    ):
        await page.locator("[data-parameter]").first.wait_for(state="attached")
        # One among the backgrounds, one among the faces.
        uploaded = page.locator("input[type=radio][value=something]")
        await uploaded.nth(1).wait_for(state="attached")
        await _page_shows(page, wanted())
        for path, value in values.items():
            await page.evaluate(SET, [path, value])
            await _becomes(home, {path: value})


async def _upload(home: House, name: str) -> None:
    """What a parameter that names an upload may be set to."""
    picture = (File(__file__).parent / "data" / "astronaut.jpg").read_bytes()
    kind = {"Content-Type": "image/jpeg"}
    for store in ("backgrounds", "faces"):
        answer = await home.http.put(f"/media/{store}/{name}", content=picture, headers=kind)
        assert answer.status_code == 201, answer.text


async def _page_shows(page: Page, source: dict[Path, Shown]) -> None:
    entities = _entities()
    controls = {tuple(control["path"]): control for control in await page.evaluate(READ)}
    assert controls.keys() == source.keys()
    for path, shown in source.items():
        control = controls[path]
        assert control["words"] == shown.words, path
        if shown.choices:
            assert tuple(control["choices"]) == shown.choices, path
        if control["bounds"]:
            entity = entities["_".join(path)]
            assert control["bounds"][:2] == [shown.least, shown.most], path
            assert control["bounds"][2] == pytest.approx(entity["step"]), path
        if shown.unit and shown.default != "None":
            texts = (control["value"], *control["labels"])
            assert any(text.endswith(shown.unit) for text in texts), (path, texts)


async def _becomes(home: House, values: dict[Path, Any]) -> None:
    try:
        await until(lambda: not _unlike(home, values))
    except TimeoutError as exc:
        raise AssertionError(f"still not as ordered: {_unlike(home, values)}") from exc


def _unlike(home: House, values: dict[Path, Any]) -> dict[Path, Any]:
    state = home.desk.state()
    return {p: at(state, p) for p, value in values.items() if not _same(at(state, p), value)}


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, float) and isinstance(other, int | float):
        return abs(one - other) < 1e-6
    return bool(one == other)


def _of_effects(told: dict[str, Any]) -> dict[Path, Shown]:
    blocks: dict[Path, Any] = {("params", x["name"]): x["schema"] for x in told["effects"]}
    return of_blocks(blocks | {(x["name"],): x["schema"] for x in told["settings"]})


def _entities() -> dict[str, dict[str, Any]]:
    components: dict[str, dict[str, Any]] = Discovery(Topics("omote"), "1").device("desk")["cmps"]
    return components


def _unit_of_a_number(shown: Shown, entity: dict[str, Any]) -> str | None:
    return shown.unit if entity["p"] == "number" else None


def _in_home_assistant(entity: dict[str, Any], value: Any) -> str:
    if entity["p"] == "switch":
        return "ON" if value else "OFF"
    if entity["p"] == "select":
        return "none" if value is None else str(value)
    return str(value or "") if entity["p"] == "text" and isinstance(value, str) else str(value)


def _command(entity: dict[str, Any], value: Any) -> str:
    if entity["p"] == "switch":
        return str(entity["payload_on" if value else "payload_off"])
    return jinja.from_string(entity["command_template"]).render(value=value)
