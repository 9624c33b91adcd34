"""`omote set`: what is typed, what it becomes, and what comes back over HTTP and MQTT."""

import json
from pathlib import Path
from typing import Any

import pytest

from omote.clients import completion
from omote.clients.assignments import NoOrder, order_of
from omote.clients.order_mqtt import shows
from omote.clients.place import NoPlace, Place
from omote.server.bench.mosquitto import mosquitto
from omote.server.tokens import parse
from tests.command import omote
from tests.house import house

SECRET = "0123456789abcdef"
HOME = "http://127.0.0.1:8080"

PLACES = {
    "desk": Place(HOME, "desk"),
    "http://a:1/desk": Place("http://a:1", "desk"),
    "http://a:1/desk/": Place("http://a:1", "desk"),
    "http://a:1/whip/desk": Place("http://a:1", "desk"),
    "http://a:1/whep/desk": Place("http://a:1", "desk"),
    "http://a:1/stages/desk": Place("http://a:1", "desk"),
    "https://a/behind/whip/desk": Place("https://a/behind", "desk"),
    "http://a:1/": Place("http://a:1", "live"),
    "http://a:1": Place("http://a:1", "live"),
    "http://a:1/?stage=desk": Place("http://a:1", "desk"),
    "http://[::1]:1/desk": Place("http://[::1]:1", "desk"),
}


@pytest.mark.parametrize("words", PLACES)
def test_a_stage_is_written_in_many_ways(words: str) -> None:
    place = Place.read(words)
    assert place == PLACES[words]
    assert place.whip == f"{place.server}/whip/{place.stage}"


@pytest.mark.parametrize("words", ["No", "", "a/b", "ftp://a/desk", "http:///desk", "http://a:x/b"])
def test_what_is_no_stage_is_refused(words: str) -> None:
    with pytest.raises(NoPlace, match="write"):
        Place.read(words)


ORDERS: dict[str, dict[str, Any]] = {
    "background.strength=0.6": {"params": {"background": {"strength": 0.6}}},
    "params.background.strength=0.6": {"params": {"background": {"strength": 0.6}}},
    "background.strength=": {"params": {"background": {"strength": None}}},
    "background.strength=null": {"params": {"background": {"strength": None}}},
    "background.colour=#203040": {"params": {"background": {"colour": "#203040"}}},
    'background={"mode": "disc"}': {"params": {"background": {"mode": "disc"}}},
    "background=": {"params": {"background": None}},
    "effects=matte, background": {"effects": ["matte", "background"]},
    "effects=matte": {"effects": ["matte"]},
    "effects=[]": {"effects": []},
    "effects=": {"effects": None},
    "stage.mirror=true": {"stage": {"mirror": True}},
    "scene.iso=3200": {"scene": {"iso": 3200}},
    "id=a": {"id": "a"},
}


@pytest.mark.parametrize("assignment", ORDERS)
def test_an_assignment_becomes_an_order(assignment: str) -> None:
    assert order_of([assignment]) == ORDERS[assignment]


def test_assignments_join_into_one_order() -> None:
    order = order_of(["background.strength=1", "background.mode=blur", "stage.mirror=false"])
    together = {"background": {"strength": 1, "mode": "blur"}}
    assert order == {"params": together, "stage": {"mirror": False}}


@pytest.mark.parametrize(
    "words", [["mirror"], ["=1"], ["a..b=1"], ["a.b=1", "a.b=2"], ["a.b=1", "a.b.c=2"]]
)
def test_what_is_no_assignment_is_refused(words: list[str]) -> None:
    with pytest.raises(NoOrder):
        order_of(words)


def test_a_state_shows_an_order_or_does_not() -> None:
    state = {"stage": {"mirror": True}, "effects": ["matte"], "params": {"a": {"b": 0.5}}}
    assert shows(state, {"id": "x", "stage": {"mirror": True}, "params": {"a": {"c": None}}})
    assert not shows(state, {"effects": []})
    assert not shows(state, {"params": {"z": {"b": 1}}})


async def test_an_order_over_http_is_answered(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        done = await omote("set", "desk", "stage.mirror=true", OMOTE_URL=at.url)
        assert (done.code, done.errors) == (0, "")
        assert done.json["state"]["stage"]["mirror"] is True
        assert at.desk.state()["stage"]["mirror"] is True
        again = await omote("set", f"{at.url}/desk", "-", given='{"stage": {"mirror": null}}')
        assert (again.code, at.desk.state()["stage"]["mirror"]) == (0, False)


async def test_a_refused_order_says_why_and_what_was_meant(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        words = ("background.strenth=1", "stage.budget_ms=1", "stage.miror=true")
        done = await omote("set", f"{at.url}/desk", *words)
        before = at.desk.state()
    assert done.code == 1
    assert done.json["ok"] is False
    assert "stage.miror: Extra inputs are not permitted; did you mean mirror?" in done.errors
    assert "stage.budget_ms: Input should be greater" in done.errors
    assert before["stage"]["budget_ms"] is None
    assert "Traceback" not in done.errors


async def test_a_misspelt_parameter_is_known(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        done = await omote("set", f"{at.url}/desk", "background.strenth=1")
    assert done.code == 1
    assert (
        "background.strenth: Extra inputs are not permitted; did you mean strength?" in done.errors
    )


async def test_a_misspelt_stage_is_known(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        done = await omote("set", f"{at.url}/dsk", "stage.mirror=true")
    assert (done.code, done.output) == (1, "")
    assert "did you mean desk?" in done.errors


async def test_a_token_opens_control(tmp_path: Path) -> None:
    async with house(tmp_path, tokens=parse(f"{SECRET}:control")) as at:
        words = ("set", f"{at.url}/desk", "stage.mirror=true")
        closed = await omote(*words)
        opened = await omote(*words, OMOTE_TOKEN=SECRET)
    assert (closed.code, opened.code) == (1, 0)
    assert "OMOTE_TOKEN" in closed.errors
    assert SECRET not in opened.errors + opened.output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["desk", "stage.mirror=true", "--url", "http://127.0.0.1:1"], 3, "Connection refused"),
        (["desk", "stage.mirror=true", "--mqtt", "mqtt://127.0.0.1:1"], 3, "the broker"),
        (["desk", "stage.mirror=true", "--mqtt", "http://a"], 2, "mqtt://"),
        (["desk"], 2, "KEY=VALUE"),
        (["desk", "mirror"], 2, "KEY=VALUE"),
        (["No", "stage.mirror=true"], 2, "'No' is no stage"),
        (["desk", "--file", "none.json"], 2, "none.json"),
        (["desk", "-"], 2, "not JSON"),
    ],
)
async def test_what_cannot_be_done_is_one_clear_line(
    arguments: list[str], code: int, words: str
) -> None:
    done = await omote("set", *arguments, given="{")
    assert (done.code, done.output) == (code, "")
    assert done.errors.startswith("omote: ") and done.errors.count("\n") == 1
    assert words in done.errors


async def test_an_order_over_mqtt_is_answered(tmp_path: Path) -> None:
    async with mosquitto(tmp_path / "broker") as broker, house(tmp_path, broker.url) as at:
        words = ("set", "desk", "--mqtt", broker.url)
        done = await omote(*words, "stage.mirror=true")
        assert (done.code, done.errors) == (0, "")
        assert done.json["state"]["stage"]["mirror"] is True
        again = await omote(*words, "stage.mirror=yes")  # the state says true
        assert again.code == 0
        refused = await omote(*words, "stage.miror=true")
        assert refused.code == 1
        assert "did you mean mirror?" in refused.errors
        assert refused.json["ok"] is False
        assert at.desk.state()["stage"]["mirror"] is True


async def test_a_stage_that_is_not_there_refuses_over_mqtt(tmp_path: Path) -> None:
    async with mosquitto(tmp_path / "broker") as broker, house(tmp_path, broker.url):
        done = await omote("set", "nobody", "stage.mirror=true", "--mqtt", broker.url)
    assert done.code == 1
    assert "no such stage" in done.errors


async def test_a_shell_completes_stages_and_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path) as at:
        line = {"_OMOTE_COMPLETE": "complete_bash", "OMOTE_URL": at.url}
        stages = await omote(**line, COMP_WORDS="omote set d", COMP_CWORD="2")
        keys = await omote(**line, COMP_WORDS="omote set desk background.st", COMP_CWORD="3")
    assert stages.output.split() == ["desk"]
    assert keys.output.split() == ["background.strength="]
    monkeypatch.setenv("OMOTE_URL", "http://127.0.0.1:1")
    assert completion.stages("") == []
    assert json.dumps(completion.keys("stage")) == '["stage."]'
