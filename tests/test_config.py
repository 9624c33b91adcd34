"""Configuration: which of flags, environment, file and defaults holds, and what is refused."""

import asyncio
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from omote.server.cli import application
from omote.server.config import Misconfigured, default_data
from omote.server.effective import effective
from omote.server.options import KEYS, NOT_IN_ENVIRONMENT, Options, flag, sentence, variable
from omote.server.setting_up import config_of
from omote.server.stages import Stages
from omote.server.toml_lines import line_of
from omote.server.toml_text import default_toml, effective_toml, without_secret
from tests.command import omote

CONFIGS = Path(__file__).parents[1] / "configs"
SECRET = "0123456789abcdef"


def file(folder: Path, text: str) -> Path:
    path = folder / "omote.toml"
    path.write_text(text)
    return path


def test_flags_win_over_the_environment_that_over_the_file_that_over_defaults(
    tmp_path: Path,
) -> None:
    config = file(tmp_path, "port = 1\nmax_sessions = 2\norder_burst = 3\n")
    environment = {"OMOTE_PORT": "11", "OMOTE_MAX_SESSIONS": "12", "OMOTE_HOST": ""}
    found = effective({"port": 21}, environment, config)
    options = found.options
    assert (options.port, options.max_sessions, options.order_burst) == (21, 12, 3)
    assert options.host == "127.0.0.1"
    words = [found.origins[key].words for key in ("port", "max_sessions", "order_burst", "host")]
    assert words == ["--port", "OMOTE_MAX_SESSIONS", f"{config} line 3", "default"]


def test_every_key_has_a_sentence_and_every_flag_its_key() -> None:
    assert all(Options.model_fields[key].description for key in KEYS)


def test_every_key_is_a_flag_with_the_same_words() -> None:
    shown = CliRunner().invoke(application(), ["serve", "--help"]).stdout
    words = "".join(shown.split())
    for key in set(KEYS) - {"stages"}:
        assert flag(key) in shown
        assert "".join(sentence(key).split()) in words


def test_the_file_of_defaults_is_what_the_code_says() -> None:
    words = "run: python -m omote.server.toml_text > configs/default.toml"
    assert (CONFIGS / "default.toml").read_text() == default_toml(), words


def test_the_file_of_defaults_changes_nothing() -> None:
    assert effective({}, {}, CONFIGS / "default.toml").options == Options()
    text = default_toml()
    assert all(variable(key) in text for key in set(KEYS) - NOT_IN_ENVIRONMENT)


def test_the_defaults_are_those_of_the_server() -> None:
    with config_of(effective({}, {}, None)) as config:
        assert config.data == default_data()
        fresh = type(config)(data=config.data)
        assert config == fresh


UNKNOWN = {
    "a key": ("port = 1\nprot = 2\n", "line 2: no key 'prot'; did you mean port?"),
    "of a stage": (
        '\n[stages.desk]\nsorce = "x"\n',
        "line 3: no key 'sorce'; did you mean source?",
    ),
    "nothing like it": ("zzz = 1\n", "line 1: no key 'zzz'; there are host, port"),
    "of an effect": (
        "[stages.desk.params.background]\nstrenth = 1\n",
        "line 2: params.background.strenth: Extra inputs are not permitted; did you mean strength?",
    ),
    "in a line": ("[stages.desk]\nparams = { background = { strength = 7 } }\n", "line 2: params"),
    "an effect": ('[stages.desk]\neffects = ["hat"]\n', "line 2: effects.0: no effect 'hat'"),
    "of the stage": ("[stages.desk.stage]\nmiror = true\n", "did you mean mirror?"),
    "a value": ("port = 99999\n", "line 1: port: input should be less than or equal to 65535"),
    "a name": ("[stages.Desk]\n", "line 1: stages.Desk"),
    "no toml": ("port = \n", "(at line 1"),
    "no file": ('[stages.desk]\nsource = "none.mp4"\n', "line 2: no file"),
}


@pytest.mark.parametrize("case", UNKNOWN)
def test_what_cannot_be_is_refused_with_its_line_and_the_nearest_name(
    tmp_path: Path, case: str
) -> None:
    text, words = UNKNOWN[case]
    config = file(tmp_path, text)
    with pytest.raises(Misconfigured) as refused, config_of(effective({}, {}, config)):
        pass
    assert words in str(refused.value)
    assert str(refused.value).startswith(str(config))


def test_a_bad_variable_is_named() -> None:
    with pytest.raises(Misconfigured, match="OMOTE_PORT: port: input should be a valid integer"):
        effective({}, {"OMOTE_PORT": "tcp://10.0.0.1:80"}, None)


def test_paths_in_a_file_begin_at_its_folder(tmp_path: Path) -> None:
    (tmp_path / "in.mp4").touch()
    (tmp_path / "me.png").touch()
    text = 'data = "kept"\nstereo = "pair.json"\n[stages.a]\nsource = "in.mp4"\n[stages.b]\nsource = "test:me.png?fps=5"\n'
    text += '[stages.c]\nsource = "rtsp://camera/1"\n'
    options = effective({}, {}, file(tmp_path, text)).options
    assert (options.data, options.stereo) == (tmp_path / "kept", tmp_path / "pair.json")
    sources = {name: stage.source for name, stage in options.stages.items()}
    assert sources == {
        "a": str(tmp_path / "in.mp4"),
        "b": f"test:{tmp_path / 'me.png'}?fps=5",
        "c": "rtsp://camera/1",
    }


def test_no_secret_is_printed(tmp_path: Path) -> None:
    text = 'mqtt = "mqtts://bob:hush@broker"\n[stages.a]\nsource = "rtsp://u:hush@cam/1?key=hush"\n'
    environment = {"OMOTE_TOKENS": f"{SECRET}:admin"}
    printed = effective_toml(effective({}, environment, file(tmp_path, text)))
    assert "hush" not in printed and SECRET not in printed
    assert 'mqtt = "mqtts://bob:***@broker"' in printed
    assert "OMOTE_TOKENS" in printed
    assert without_secret("mqtt://bob:a@b:c@host") == "mqtt://bob:***@host"


def test_what_is_printed_can_be_read_again(tmp_path: Path) -> None:
    text = '[stages.a]\neffects = []\nparams.background = { mode = "disc", strength = 0.5 }\n'
    found = effective({"port": 7}, {"OMOTE_HOST": "::1"}, file(tmp_path, text))
    printed = effective_toml(found)
    again = tmp_path / "again.toml"
    again.write_text(printed)
    read = effective({}, {}, again).options
    assert read.model_dump(exclude={"data"}) == found.options.model_dump(exclude={"data"})
    assert tomllib.loads(printed)["port"] == 7


async def test_print_config_serves_nothing() -> None:
    done = await omote(
        "serve", "--print-config", "--config", CONFIGS / "demo.toml", "--port", 9, OMOTE_MQTT="off"
    )
    assert (done.code, done.errors) == (0, "")
    assert "port = 9  # --port" in done.output
    assert 'mqtt = "off"  # OMOTE_MQTT' in done.output
    assert "demo.toml line" in done.output


def test_a_source_on_the_command_line_joins_the_files_stages(tmp_path: Path) -> None:
    config = file(tmp_path, "[stages.a]\neffects = []\n")
    flags = {"stages": {"a": "test:chart", "b": "test:chart"}}
    with config_of(effective(flags, {}, config)) as made:
        assert made.sources == {"a": "test:chart", "b": "test:chart"}
        assert made.orders["a"] == {"effects": []}


def test_tokens_of_the_environment_win_over_those_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text(f"{SECRET}:view\n")
    config = file(tmp_path, 'tokens = "tokens"\n')
    found = effective({}, {"OMOTE_TOKENS": f"{SECRET}:admin"}, config)
    assert found.options.tokens is None
    assert effective({}, {}, config).options.tokens == tmp_path / "tokens"


async def test_a_stage_of_the_file_is_an_order_over_what_was_kept(tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    kept = '{"effects": ["matte"], "stage": {"mirror": true, "bypass": true}}'
    (tmp_path / "stages" / "desk.json").write_text(kept)
    text = f'data = "{tmp_path}"\n[stages.desk]\neffects = []\nstage.mirror = false\n'
    with config_of(effective({}, {}, file(tmp_path, text))) as config:
        stages = Stages(config)
        stages.open_configured()
        state = stages["desk"].state()
        await stages.close()
    assert state["effects"] == []
    assert (state["stage"]["mirror"], state["stage"]["bypass"]) == (False, True)


async def test_the_demo_shows_somebody_at_once(tmp_path: Path) -> None:
    found = effective({}, {}, CONFIGS / "demo.toml")
    with config_of(found) as config:
        assert config.data.is_dir() and config.data != default_data()
        stages = Stages(config)
        stages.open_configured()
        portrait = stages["portrait"]
        async with asyncio.timeout(60):
            while not portrait.stats().get("fps_in"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert portrait.state()["effects"] == ["matte", "background"]
        await stages.close()


def test_lines_are_found_in_tables_and_dotted_keys() -> None:
    text = '# port = 1\nport = 2 # port = 3\n[stages."a-b"]\nsource = "x"\nparams.background = {}\n'
    assert line_of(text, ["port"]) == 2
    assert line_of(text, ["stages", "a-b"]) == 3
    assert line_of(text, ["stages", "a-b", "source"]) == 4
    assert line_of(text, ["stages", "a-b", "params", "background", "mode"]) == 5
    assert line_of(text, ["host"]) is None
