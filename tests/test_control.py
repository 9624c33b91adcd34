"""What is true of orders whatever transport brings them, and of the function they all end in."""

import asyncio
import copy
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omote.engines.effect import kinds
from omote.server.control import MOST_WAITING, Control
from omote.server.orders import Invalid, Settings, merge
from omote.server.payload import AT_MOST
from omote.server.scene import Scenery, read_scene
from omote.streams.frame import Scene
from tests.effects.probe import Probe
from tests.fakes import FakeStage
from tests.house import House, house, until
from tests.peers import client
from tests.transports import OVER, Transport, broker_for

MANY = {
    "orders_per_s": 1e6,
    "order_burst": 1_000_000,
    "requests_per_s": 1e6,
    "request_burst": 10**6,
}
everyway = pytest.mark.parametrize("way", OVER)


@asynccontextmanager
async def opened(way: str, folder: Path, **given: Any) -> AsyncIterator[tuple[House, Transport]]:
    async with (
        broker_for(way, folder) as mqtt,
        house(folder, mqtt, **{**MANY, **given}) as made,
        OVER[way](made) as transport,
    ):
        yield made, transport


@pytest.fixture
async def way_in(way: str, tmp_path: Path) -> AsyncIterator[tuple[House, Transport]]:
    async with opened(way, tmp_path) as made:
        yield made


Open = tuple[House, Transport]


def said(order: Any) -> bytes:
    return json.dumps(order).encode()


@everyway
async def test_an_order_is_carried_out_and_answered_with_its_id(way_in: Open) -> None:
    made, transport = way_in
    answer = await transport.send(said({"id": "abc", "stage": {"mirror": True, "budget_ms": 40}}))
    assert (answer["id"], answer["ok"]) == ("abc", True)
    assert answer["state"]["stage"]["mirror"] is True
    assert answer["state"]["stage"]["budget_ms"] == 40
    assert made.desk.state()["stage"] == answer["state"]["stage"]


@everyway
async def test_a_refused_order_says_where_and_why_and_changes_nothing(way_in: Open) -> None:
    made, transport = way_in
    before = made.desk.state()
    order = {"id": "7", "stage": {"mirror": True, "budget_ms": -1}, "params": {"nothing": {}}}
    answer = await transport.send(said(order))
    assert (answer["id"], answer["ok"]) == ("7", False)
    assert all(error["message"] for error in answer["errors"])
    assert "stage.budget_ms" in {error["at"] for error in answer["errors"]}
    assert made.desk.state() == before


@everyway
async def test_without_an_id_none_is_echoed(way_in: Open) -> None:
    _, transport = way_in
    assert (await transport.send(said({"stage": {"mirror": True}}))).get("id") is None
    assert "id" not in await transport.send(said({"stage": {"mirror": "perhaps"}}))


@everyway
async def test_null_resets_to_the_default(way_in: Open) -> None:
    made, transport = way_in
    await transport.send(said({"stage": {"mirror": True, "orientation": 90}}))
    await transport.send(said({"stage": {"mirror": None}}))
    assert made.desk.state()["stage"]["mirror"] is False
    assert made.desk.state()["stage"]["orientation"] == 90
    await transport.send(said({"stage": None}))
    assert made.desk.state()["stage"]["orientation"] == 0


@everyway
async def test_a_scene_is_told_and_forgotten(way_in: Open) -> None:
    made, transport = way_in
    answer = await transport.send(said({"scene": {"iso": 3200, "low_light": True}}))
    unknown = {"exposure_s": None, "lux": None}
    assert answer["state"]["scene"] == {
        "iso": 3200,
        "low_light": True,
        "origin": "message",
        **unknown,
    }
    answer = await transport.send(said({"scene": None}))
    assert answer["state"]["scene"]["origin"] == "none"
    answer = await transport.send(said({"scene": {"iso": -1}, "stage": {"mirror": True}}))
    assert [error["at"] for error in answer["errors"]] == ["scene.iso"]
    assert made.desk.state()["stage"]["mirror"] is False


@everyway
async def test_what_is_no_order_is_refused_and_changes_nothing(way_in: Open) -> None:
    made, transport = way_in
    before = made.desk.state()
    for payload in (
        b"{",
        b"[]",
        b'"text"',
        b"\xff{}",
        b'{"stage": {"budget_ms": NaN}}',
        b'{"stage": {"budget_ms": 1e999}}',
        b'{"id": 7}',
        b'{"id": "%s"}' % (b"x" * 300),
        b'{"x":' * 2000 + b"1" + b"}" * 2000,
        b'{"stage": {"mirror": "\\ud800"}}',
    ):
        answer = await transport.send(payload)
        assert answer["ok"] is False, payload
        assert answer["errors"][0]["message"], payload
    assert made.desk.state() == before


@pytest.mark.parametrize("way", ["http", "data channel", "mqtt", "mqtt, embedded broker"])
async def test_an_order_that_is_too_long_is_refused(way_in: Open) -> None:
    _, transport = way_in
    answer = await transport.send(said({"stage": {"mirror": "y" * AT_MOST}}))
    assert answer["ok"] is False
    assert str(AT_MOST) in answer["errors"][0]["message"]
    answer = await transport.send(said({"stage": {"mirror": True}}))
    assert answer["ok"] is True


@pytest.mark.parametrize("way", ["http", "websocket", "data channel"])
async def test_one_order_too_many_is_refused_and_others_go_on(way: str, tmp_path: Path) -> None:
    async with opened(way, tmp_path, orders_per_s=0.01, order_burst=3) as (made, transport):
        order = said({"id": "a", "stage": {"mirror": True}})
        answers = [await transport.send(order) for _ in range(4)]
        assert [answer["ok"] for answer in answers] == [True, True, True, False]
        assert "too many" in answers[3]["errors"][0]["message"]
        again = await made.control.carry_out(made.desk, order, "somebody else")
        assert again.ok


# Whatever is ordered is carried out whole or not at all.

stage_values: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "mirror": st.sampled_from([True, False, None, 7, "x", []]),
        "orientation": st.sampled_from([0, 90, 180, 270, None, 45, "90"]),
        "budget_ms": st.one_of(st.none(), st.floats(-10, 2000), st.text(max_size=3)),
        "bypass": st.one_of(st.booleans(), st.none()),
        "nothing": st.integers(),
    },
)
numbers = st.one_of(st.none(), st.floats(-1, 2), st.text(max_size=2), st.lists(st.integers()))
params = st.dictionaries(
    st.sampled_from([*kinds(), "nothing"]),
    st.one_of(
        st.none(),
        st.dictionaries(
            st.sampled_from(
                [key for kind in kinds().values() for key in kind.Params.model_fields] + ["nothing"]
            ),
            numbers,
            max_size=3,
        ),
    ),
    max_size=2,
)
orders = st.fixed_dictionaries(
    {},
    optional={
        "stage": st.one_of(stage_values, st.none(), st.integers()),
        "params": st.one_of(params, st.none()),
        "effects": st.sampled_from([[], None, ["nothing"], 7]),
        "scene": st.sampled_from([None, {"iso": 100}, {"iso": "x"}, {"more": 1}, []]),
        "nothing": st.integers(),
    },
)


@pytest.mark.parametrize("way", OVER)
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=orders)
async def test_an_order_is_never_half_applied(way_in: Open, order: Any) -> None:
    made, transport = way_in
    # Resetting the effects would load weights; what that takes is tested elsewhere.
    order = {key: value for key, value in order.items() if (key, value) != ("effects", None)}
    before = settled(made.desk.state())
    kept = copy.deepcopy(made.desk._pipeline.settings.model_dump(exclude_defaults=True))
    answer = await transport.send(said(order))
    after = settled(made.desk.state())
    now = made.desk._pipeline.settings.model_dump(exclude_defaults=True)
    if not answer["ok"]:
        assert (after, now) == (before, kept)
        return
    assert settled(answer["state"]) == after
    wanted = merge(kept, {key: order[key] for key in order if key != "scene"})
    assert without_defaults(wanted) == without_defaults(now)
    for effect, values in (order.get("params") or {}).items():
        for key, value in (values or {}).items():
            assert value is None or after["params"][effect][key] == value


def settled(state: Any) -> Any:
    """A state without what changes by itself."""
    return {key: value for key, value in state.items() if key not in ("models", "viewers", "mqtt")}


def without_defaults(settings: Any) -> Any:
    """Settings, less what says nothing: empty objects and the defaults."""
    return Settings.model_validate(settings).model_dump(exclude_defaults=True)


# The function itself, and the stage behind it.


async def test_a_mistake_of_ours_is_answered_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    control, stage = Control(10, 10), FakeStage("desk")
    answer = await control.carry_out(stage, b'{"id": "a", "broken": 1}', "somebody")
    assert (answer.status, answer.id, answer.ok) == (500, "a", False)
    assert "secret" not in json.dumps(answer.message())
    assert "a secret of the server" in caplog.text


async def test_so_many_orders_of_one_stage_are_under_way_and_no_more() -> None:
    control, stage, go = Control(1e6, 10**6), FakeStage("desk"), asyncio.Event()

    async def slow(patch: Any) -> dict[str, Any]:
        await go.wait()
        return {}

    stage.order = slow  # type: ignore[method-assign]
    waiting = [
        asyncio.create_task(control.carry_out(stage, b"{}", "a")) for _ in range(MOST_WAITING)
    ]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    refused = await control.carry_out(stage, b'{"id": "b"}', "b")
    assert (refused.status, refused.id) == (429, "b")
    other = asyncio.create_task(control.carry_out(FakeStage("other"), b"{}", "b"))
    assert (await other).ok
    go.set()
    assert all(answer.ok for answer in await asyncio.gather(*waiting))
    assert (await control.carry_out(stage, b"{}", "b")).ok


async def test_a_refused_flood_still_gets_its_ids_back_where_they_are_short() -> None:
    control, stage = Control(0.001, 1), FakeStage("desk")
    await control.carry_out(stage, b"{}", "a")
    short = await control.carry_out(stage, b'{"id": "x"}', "a")
    long = await control.carry_out(stage, said({"id": "x", "y": "z" * 5000}), "a")
    assert (short.status, short.id, long.status, long.id) == (429, "x", 429, None)


async def test_orders_at_the_same_time_do_not_undo_each_other(
    tmp_path: Path, probe: type[Probe]
) -> None:
    async with house(tmp_path) as made:
        orders: list[dict[str, Any]] = [
            {"effects": ["probe"]},
            {"stage": {"mirror": True}},
            {"params": {"probe": {"share": 0.25}}},
            {"stage": {"orientation": 180}},
        ]
        await asyncio.gather(*(made.desk.order(order) for order in orders))
        state = made.desk.state()
    assert state["effects"] == ["probe"]
    assert (state["stage"]["mirror"], state["stage"]["orientation"]) == (True, 180)
    assert state["params"]["probe"]["share"] == 0.25


async def test_an_effect_that_cannot_be_made_is_refused_and_the_old_ones_go_on(
    tmp_path: Path, probe: type[Probe], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path) as made:
        monkeypatch.setattr(probe, "broken", RuntimeError("no weights here"))
        order = {"effects": ["probe"], "stage": {"mirror": True}}
        answer = await made.control.carry_out(made.desk, said(order), "a")
        assert answer.errors == [{"at": "effects", "message": "no weights here"}]
        assert made.desk.state()["effects"] == []
        assert made.desk.state()["stage"]["mirror"] is False


async def test_a_stage_whose_effects_cannot_be_made_any_more_is_ordered_otherwise(
    tmp_path: Path,
    probe: type[Probe],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with house(tmp_path) as made:
        await made.stages["other"].order({"effects": ["probe"], "stage": {"mirror": True}})
    monkeypatch.setattr(probe, "broken", RuntimeError("no weights here"))
    async with house(tmp_path) as made:
        other = made.stages["other"]
        await until(lambda: "no weights here" in caplog.text)
        assert (await made.control.carry_out(other, said({"stage": {}}), "a")).status == 422
        assert (await made.control.carry_out(other, said({"effects": []}), "a")).ok
        assert other.state()["stage"]["mirror"] is True


async def test_an_effect_that_is_not_used_any_more_is_closed(
    tmp_path: Path, probe: type[Probe]
) -> None:
    async with house(tmp_path) as made:
        await made.desk.order({"effects": ["probe"]})
        await made.desk.order({"params": {"probe": {"share": 0.1}}})
        assert [one.closed for one in probe.made] == [False]
        await made.desk.order({"effects": []})
        assert [one.closed for one in probe.made] == [True]


async def test_frames_see_orders_and_scenes(tmp_path: Path, probe: type[Probe]) -> None:
    async with house(tmp_path) as made, client(made.http) as camera, client(made.http) as viewer:
        await made.desk.order({"effects": ["probe"]})
        assert (await camera.publish()).status_code == 201
        assert (await viewer.watch()).status_code == 201
        await until(lambda: len(probe.seen) > 3)
        assert probe.seen[-1][0].scene.origin == "none"
        await made.desk.order({"params": {"probe": {"share": 0.75}}, "scene": {"lux": 3}})
        before = len(probe.seen)
        await until(lambda: len(probe.seen) > before + 1)
        frame, params = probe.seen[before + 1]
    assert (frame.scene.lux, frame.scene.origin) == (3, "message")
    assert params.share == 0.75


# Settings on disk.


async def test_of_many_orders_the_last_is_kept(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        for budget in range(10, 200):
            await made.desk.order({"stage": {"budget_ms": budget}})
    kept = json.loads((tmp_path / "stages" / "desk.json").read_text())
    assert kept["stage"]["budget_ms"] == 199


async def test_a_removed_stage_leaves_nothing_on_disk(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.desk.order({"stage": {"mirror": True}})
        await made.stages.remove("desk")
        assert not (tmp_path / "stages" / "desk.json").exists()
    assert not list((tmp_path / "stages").iterdir())


async def test_a_disk_that_is_full_is_logged_and_orders_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(tmp_path) as made:
        folder = tmp_path / "stages"
        (folder / "desk.json").unlink()
        folder.rmdir()
        folder.write_text("in the way")
        assert (await made.control.carry_out(made.desk, said({"stage": {}}), "a")).ok
    assert "settings could not be kept" in caplog.text


async def test_settings_that_do_not_fit_any_more_are_set_aside(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        (tmp_path / "stages" / "old.json").write_text('{"effects": ["gone"]}')
        assert made.stages["old"].state()["effects"] == ["matte", "background"]
    assert (tmp_path / "stages" / "old.refused.json").exists()


# Scenes.


def test_a_scene_is_fresh_for_ten_seconds() -> None:
    now = time.monotonic()
    clock = [now]
    scenery = Scenery(lambda: clock[0])
    assert scenery.now() == Scene()
    scenery.tell(read_scene({"iso": 800}))
    clock[0] = now + 9.5
    assert scenery.now().iso == 800
    clock[0] = now + 11
    assert scenery.now() == Scene()


def test_a_scene_is_as_old_as_it_says() -> None:
    scene = read_scene({"lux": 5, "time": time.time() - 6})
    assert 5.9 < time.monotonic() - scene.since < 7
    for when in (time.time() - 60, time.time() + 60):
        with pytest.raises(Invalid, match=r"scene\.time"):
            read_scene({"lux": 5, "time": when})


@given(
    st.one_of(
        st.dictionaries(
            st.sampled_from(["iso", "lux", "exposure_s", "low_light", "time", "x"]),
            st.one_of(st.none(), st.booleans(), st.floats(allow_nan=True), st.text(max_size=3)),
        ),
        st.lists(st.integers()),
        st.text(),
    )
)
def test_whatever_a_scene_says_it_is_read_or_refused(message: Any) -> None:
    try:
        scene = read_scene(message)
    except Invalid as exc:
        assert all(error["at"].startswith("scene") and error["message"] for error in exc.errors)
    else:
        assert scene.origin == "message"
