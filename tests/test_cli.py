"""The command line as a whole: what it loads, its help, and what is told of effects."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from omote.engines.effect import kinds
from omote.server.cli import COMMANDS, application, load
from omote.server.orders import StageSettings
from tests.command import omote as process

HEAVY = ("onnxruntime", "aiortc", "av", "numpy", "numba", "fastapi", "aiomqtt")
PARTS = [("bench", "live"), ("bench", "encoder")]
TYPED = [(name,) for name in COMMANDS] + PARTS


def omote(*arguments: str) -> Result:
    return CliRunner().invoke(application(), list(arguments))


@pytest.mark.parametrize("command", TYPED, ids=" ".join)
def test_every_command_has_help(command: tuple[str, ...]) -> None:
    result = omote(*command, "--help")
    assert result.exit_code == 0, result.output
    assert f"omote {' '.join(command)}" in result.stdout or "Usage: root" in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_an_example(name: str) -> None:
    _, _, examples = omote(name, "--help").stdout.partition("Examples:")
    assert f"omote {name}" in examples


@pytest.mark.parametrize("name", COMMANDS)
def test_a_summary_is_the_first_line_of_its_commands_help(name: str) -> None:
    assert (load(name).help or "").partition("\n")[0] == COMMANDS[name].summary


def test_the_first_help_shows_every_command() -> None:
    shown = omote("--help").stdout
    assert all(f"  {name} " in shown and entry.summary in shown for name, entry in COMMANDS.items())


def test_a_misspelt_command_is_known() -> None:
    result = omote("srve")
    assert result.exit_code == 2
    assert "Did you mean 'serve'?" in result.stderr


LOADED = """
import sys
from typer.testing import CliRunner
from omote.server.cli import application
result = CliRunner().invoke(application(), sys.argv[1:])
print(result.exit_code, *[name for name in {heavy!r} if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], "0"),
        (["--version"], "0"),
        (["set", "--help"], "0"),
        (["set", "desk", "a.b=1", "--url", "http://127.0.0.1:1"], "3"),
    ],
)
def test_what_should_start_at_once_loads_nothing_heavy(arguments: list[str], code: str) -> None:
    command = [sys.executable, "-c", LOADED.format(heavy=HEAVY), *arguments]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.split() == [code]


async def test_it_says_which_it_is() -> None:
    done = await process("--version")
    assert (done.code, done.errors) == (0, "")
    assert done.output.startswith("omote 0.")


def test_effects_are_described_whole() -> None:
    result = omote("effects", "--describe")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert [effect["name"] for effect in told["effects"]] == list(kinds())
    for effect in told["effects"]:
        fields = kinds()[effect["name"]].Params.model_fields
        rows = {row["key"]: row for row in effect["parameters"]}
        assert list(rows) == [f"{effect['name']}.{field}" for field in fields]
        assert effect["schema"]["properties"].keys() == fields.keys()
        assert all(row["description"] and "default" in row for row in rows.values())
    [stage] = [block for block in told["settings"] if block["name"] == "stage"]
    keys = [row["key"] for row in stage["parameters"]]
    assert keys == [f"stage.{field}" for field in StageSettings.model_fields]
    assert told["order"]["properties"]["params"]


def test_one_effect_may_be_described_alone() -> None:
    told = json.loads(omote("effects", "background", "--json").stdout)
    assert [effect["name"] for effect in told["effects"]] == ["background"]
    assert "settings" not in told


def test_effects_are_a_table_for_people() -> None:
    result = omote("effects")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "background.strength" in result.stderr and "stage.mirror" in result.stderr


def test_a_misspelt_effect_is_known() -> None:
    result = omote("effects", "bakground")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "omote: no effect 'bakground'; did you mean background?\n"


def test_the_doctor_looks_at_everything_without_measuring() -> None:
    result = omote("doctor", "--quick", "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == (0 if told["well"] else 1)
    found = {finding["name"]: finding for finding in told["findings"]}
    wanted = {"python", "packages", "onnxruntime", "gpu", "cameras", "virtual camera", "http port"}
    assert wanted | {"mqtt port", "media port", "mqtt broker", "tls", "open files"} <= found.keys()
    assert all(finding["words"] for finding in found.values())
    assert found["packages"]["verdict"] == found["tls"]["verdict"] == "works"
    assert "aiortc" in found["packages"]["figures"]


def test_the_doctor_names_a_broker_that_does_not_answer(tmp_path: Path) -> None:
    file = tmp_path / "omote.toml"
    file.write_text('mqtt = "mqtt://bob:secret@127.0.0.1:1"\n')
    result = omote("doctor", "--quick", "--json", "--config", str(file))
    assert result.exit_code == 1
    found = {finding["name"]: finding for finding in json.loads(result.stdout)["findings"]}
    assert found["mqtt broker"]["verdict"] == "wrong"
    assert "secret" not in result.output


async def test_the_doctor_measures_models_codecs_and_what_they_carry() -> None:
    done = await process("doctor", "--json")
    found = {finding["name"]: finding for finding in done.json["findings"]}
    figures = {name: finding.get("figures", {}) for name, finding in found.items()}
    assert figures["model selfie_square"]["p50_ms"] > 0
    assert all(figures[codec]["encode_ms"] > 0 for codec in ("H264", "VP8"))
    assert figures["effects"]["effects_ms"] > 0
    assert figures["capacity"]["stages_720p30"] >= 0
    assert "works" in done.errors
