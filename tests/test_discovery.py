"""Home Assistant: what it is told of a stage, and that its templates, rendered, are orders."""

import json
import math
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from omote.server.bench.mosquitto import Mosquitto, mosquitto
from omote.server.discovery import Discovery, bounds_of, component
from omote.server.messages import Stats
from omote.server.orders import Invalid, Settings, settings_after, validate_params
from omote.server.schemas import Path as Way
from omote.server.schemas import facts, model_schema, parameters
from omote.server.topics import Topics
from tests.house import House, house, listener, until

jinja = ImmutableSandboxedEnvironment()  # what Home Assistant renders with, less its own filters
CONFIG = "homeassistant/device/omote_desk/config"
Component = dict[str, Any]


def components() -> dict[Way, Component]:
    return {path: component(path, schema) for path, schema in parameters()}


def state_of(settings: Settings) -> Any:
    """As a stage shows it."""
    params = validate_params(settings.effects, settings.params)
    return {
        "effects": list(settings.effects),
        "params": {name: model.model_dump(mode="json") for name, model in params.items()},
        "stage": settings.stage.model_dump(mode="json"),
    }


def rendered(template: str, **values: Any) -> str:
    return jinja.from_string(template).render(**values)


def after(entity: Component, value: Any) -> Any:
    """The state once somebody has set the entity to a value in Home Assistant."""
    if entity["p"] == "switch":
        order = entity["payload_on" if value == "ON" else "payload_off"]
    else:
        order = rendered(entity["command_template"], value=value)
    settings = settings_after(Settings(effects=()), json.loads(order))
    return state_of(settings)


def shown(entity: Component, state: Any) -> str:
    """What Home Assistant shows of a state."""
    return rendered(entity["value_template"], value_json=json.loads(json.dumps(state)))


@pytest.mark.parametrize(
    ("key", "kind", "facts"),
    [
        ("share", "number", {"min": 0, "max": 1, "step": 0.01}),
        ("width", "number", {"min": 1, "max": 64, "step": 1, "unit_of_measurement": "px"}),
        ("above", "number", {"min": 0.1, "max": 9.9, "step": 0.1}),
        ("limit", "number", {"min": 1, "max": 5}),
        ("free", "text", {}),
        ("mode", "select", {"options": ["soft", "hard"]}),
        ("turn", "select", {"options": ["0", "90"]}),
        ("only", "select", {"options": ["this"]}),
        ("maybe", "select", {"options": ["a", "b", "none"]}),
        ("on", "switch", {"state_on": "ON", "state_off": "OFF"}),
        ("colour", "text", {"pattern": "^#[0-9a-f]{6}$"}),
        ("word", "text", {"max": 20}),
        ("points", "text", {"max": 255}),
    ],
)
def test_every_kind_of_parameter_is_the_right_kind_of_entity(
    probe: Any, key: str, kind: str, facts: Component
) -> None:
    entity = components()["params", "probe", key]
    assert entity["p"] == kind
    assert {name: entity[name] for name in facts} == facts
    assert ("unit_of_measurement" in entity) is (key == "width")


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("share", 0.25, 0.25),
        ("width", 12, 12),
        ("limit", 2.5, 2.5),
        ("free", "12.5", 12.5),
        ("mode", "hard", "hard"),
        ("turn", "90", 90),
        ("maybe", "b", "b"),
        ("maybe", "none", None),
        ("on", "ON", True),
        ("on", "OFF", False),
        ("colour", "#aabbcc", "#aabbcc"),
        ("word", 'with "quotes" & <b>', 'with "quotes" & <b>'),
        ("word", "", None),
        ("points", "[3, 4, 5]", [3, 4, 5]),
    ],
)
def test_what_is_set_is_ordered_and_shown_again(
    probe: Any, key: str, value: Any, wanted: Any
) -> None:
    entity = components()["params", "probe", key]
    state = after(entity, value)
    assert state["params"]["probe"][key] == wanted
    assert shown(entity, state) == str(value)


def settable(path: Way, entity: Component, option: str) -> bool:
    """Whether it is shown once it is set, or refused for what another parameter lacks."""
    try:
        return shown(entity, after(entity, option)) == option
    except Invalid as exc:
        return all(error["at"] == ".".join(path[:-1]) for error in exc.errors)


def test_every_parameter_of_every_effect_is_an_entity_with_its_bounds(probe: Any) -> None:
    for path, entity in components().items():
        known = facts(dict(parameters())[path])
        state = state_of(Settings())
        assert isinstance(shown(entity, state), str)
        if known.get("type") in ("number", "integer") and "enum" not in known:
            bounds = bounds_of(known)
            assert (entity["p"] == "number") is (bounds is not None)
        if entity["p"] == "number":
            for value in (entity["min"], entity["max"]):
                reached = after(entity, value)
                assert math.isclose(float(shown(entity, reached)), value)
            assert entity["step"] <= entity["max"] - entity["min"]
        if entity["p"] == "select":
            for option in entity["options"]:
                assert settable(path, entity, option)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_a_step_is_about_a_hundredth_of_the_range(least: float, span: float) -> None:
    bounds = bounds_of({"type": "number", "minimum": least, "maximum": least + span})
    assert bounds is not None
    assert span / 251 <= bounds[2] <= span / 99


def test_a_device_is_complete() -> None:
    device = Discovery(Topics("home/omote"), "1.2.3").device("desk")
    assert device["dev"]["name"] == "Omote desk"
    assert device["o"]["name"] == "omote"
    assert device["availability_topic"] == "home/omote/available"
    assert device["state_topic"] == "home/omote/desk/state"
    parts = device["cmps"]
    assert len({part["unique_id"] for part in parts.values()}) == len(parts)
    for part in parts.values():
        assert part["p"] in ("number", "select", "switch", "text", "sensor", "binary_sensor")
        assert part["name"]
        commanded = part["p"] not in ("sensor", "binary_sensor")
        assert ("command_topic" in part) is commanded
        if commanded:
            assert part["command_topic"] == "home/omote/desk/set"


def test_every_figure_is_a_sensor() -> None:
    parts = Discovery(Topics("omote"), "1").device("desk")["cmps"]
    stats = {"fps_in": 29.5, "age_p50_ms": None}
    for key, schema in model_schema(Stats)["properties"].items():
        if facts(schema).get("type") in ("number", "integer"):
            assert parts[f"stats_{key}"]["state_topic"] == "omote/desk/stats"
    assert shown(parts["stats_fps_in"], stats) == "29.5"
    assert shown(parts["stats_age_p50_ms"], stats) == "None"  # unknown, to Home Assistant
    assert parts["stats_age_p50_ms"]["unit_of_measurement"] == "ms"


def test_the_list_of_effects_is_json() -> None:
    entity = Discovery(Topics("omote"), "1").device("desk")["cmps"]["effects"]
    order = rendered(entity["command_template"], value='["matte"]')
    assert json.loads(order) == {"effects": ["matte"]}
    assert shown(entity, {"effects": ["matte"]}) == '["matte"]'


# With a broker.


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with mosquitto(tmp_path / "broker") as made:
        yield made


@pytest.fixture
async def made(tmp_path: Path, broker: Mosquitto, probe: Any) -> AsyncIterator[House]:
    async with house(tmp_path, broker.url, home_assistant=True) as made:
        yield made


async def test_stages_are_announced_kept_and_taken_back(made: House, broker: Mosquitto) -> None:
    async with listener(broker.port) as heard:
        assert (await heard.json(CONFIG))["dev"]["ids"] == ["omote_desk"]
        assert made.stages["late"].name == "late"
        late = CONFIG.replace("desk", "late")
        await heard.json(late)
        await made.stages.remove("late")
        await heard.until(lambda topic, payload: (topic, payload) == (late, b""))
    async with listener(broker.port) as heard:
        await heard.json(CONFIG)
        assert heard.heard[0][2]
        assert heard.last(late) is None


async def test_home_assistant_is_told_again_when_it_starts(broker: Mosquitto, made: House) -> None:
    async with listener(broker.port) as heard:
        await heard.json(CONFIG)

        async def told_after(payload: str) -> int:
            """How often the device is described between Home Assistant's word and an answer."""
            since = len(heard.heard)
            await heard.client.publish("homeassistant/status", payload, qos=1)
            await heard.client.publish("omote/desk/set", '{"stage": {"mirror": 7}}', qos=1)
            await heard.json("omote/desk/error", since)
            return sum(topic == CONFIG for topic, _, _ in heard.heard[since:])

        assert await told_after("offline") == 0
        assert await told_after("online") == 1


async def test_a_hand_on_an_entity_changes_the_stage(made: House, broker: Mosquitto) -> None:
    async with listener(broker.port) as heard:
        device = await heard.json(CONFIG)
        entity = device["cmps"]["params_probe_share"]
        since = len(heard.heard)
        order = rendered(entity["command_template"], value=0.75)
        await heard.client.publish(entity["command_topic"], order, qos=1)
        await until(lambda: made.desk.state()["params"]["probe"]["share"] == 0.75)

        def shows_it(topic: str, payload: bytes) -> bool:
            return topic == device["state_topic"] and shown(entity, json.loads(payload)) == "0.75"

        await heard.until(shows_it, since)


async def test_without_being_asked_nothing_is_announced(tmp_path: Path, broker: Mosquitto) -> None:
    async with listener(broker.port) as heard, house(tmp_path, broker.url):
        await heard.json("omote/desk/stats")
        assert not [topic for topic, _, _ in heard.heard if topic.startswith("homeassistant")]
