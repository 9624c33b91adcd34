"""Stages: made by being named, and their settings outlive the process."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omote.server.archive import keep_settings, kept_settings
from omote.server.config import Config
from omote.server.orders import Settings
from omote.server.stages import NAME, Stages
from tests.tints import Tint

pytestmark = pytest.mark.usefixtures("tinted")


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new stage has no effects: those of the default are not there."""
    monkeypatch.setattr("omote.server.archive.Settings", NoEffects)


class NoEffects(Settings):
    effects: tuple[str, ...] = ()


@asynccontextmanager
async def stages(data: Path) -> AsyncIterator[Stages]:
    made = Stages(Config(data=data))
    try:
        yield made
    finally:
        await made.close()


async def test_a_stage_is_made_when_it_is_named_and_stays_the_same(tmp_path: Path) -> None:
    async with stages(tmp_path) as all_of_them:
        assert all_of_them.get("a") is None
        one = all_of_them["a"]
        assert all_of_them["a"] is one is all_of_them.get("a")
        assert all_of_them["b"] is not one
        assert all_of_them.names() == ("a", "b")


@pytest.mark.parametrize(
    "name", ["", "A", "a b", "../a", "a/b", "a.b", "ä", "a" * 41, "a\n", "a\x00"]
)
async def test_a_stage_by_any_other_name_is_refused(tmp_path: Path, name: str) -> None:
    async with stages(tmp_path) as all_of_them:
        with pytest.raises(ValueError, match="no stage name"):
            all_of_them[name]
        assert all_of_them.names() == ()


async def test_settings_outlive_the_process(tmp_path: Path) -> None:
    async with stages(tmp_path) as all_of_them:
        await all_of_them["a"].order({"effects": ["tint"], "params": {"tint": {"grey": 7}}})
        await all_of_them["a"].order({"stage": {"orientation": 90}})
    async with stages(tmp_path) as all_of_them:
        state = all_of_them["a"].state()
        assert state["effects"] == ["tint"]
        assert state["params"]["tint"]["grey"] == 7
        assert state["stage"]["orientation"] == 90
        assert all_of_them["b"].state()["effects"] == []


async def test_a_removed_stage_is_forgotten(tmp_path: Path) -> None:
    async with stages(tmp_path) as all_of_them:
        await all_of_them["a"].order({"effects": ["tint"]})
        await all_of_them.remove("a")
        await all_of_them.remove("never was")
        assert all_of_them.names() == ()
        assert [tint.closed for tint in Tint.made] == [1]
        assert all_of_them["a"].state()["effects"] == []
    assert list((tmp_path / "stages").iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b'{"effects": ["gone"]}',
        b'{"params": {"tint": {"grey": 999}}}',
        b'{"unknown": 1}',
        b"\x00" * 1000,
        b'{"a":' * 5000,
    ],
)
async def test_settings_that_no_longer_fit_are_set_aside_and_the_stage_is_there(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "stages" / "a.json"
    file.parent.mkdir()
    file.write_bytes(content)
    async with stages(tmp_path) as all_of_them:
        assert all_of_them["a"].state()["effects"] == []
        await all_of_them["a"].order({"effects": ["tint"]})
    assert (tmp_path / "stages" / "a.refused.json").read_bytes() == content
    assert "do not fit" in caplog.text
    assert json.loads(file.read_text()) == {"effects": ["tint"]}


async def test_settings_that_cannot_be_kept_hold_nevertheless(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The disk is full, or the folder is not ours: the order was obeyed, and nothing else is true."""
    (tmp_path / "stages").write_text("in the way")
    async with stages(tmp_path) as all_of_them:
        state = await all_of_them["a"].order({"effects": ["tint"]})
        assert state["effects"] == ["tint"]
        assert all_of_them["a"].state() == state
    assert "could not be kept" in caplog.text


def test_no_settings_are_the_default(tmp_path: Path) -> None:
    assert kept_settings(tmp_path / "none.json").effects == ()


@given(st.binary(max_size=200))
def test_whatever_is_in_the_file_there_are_settings(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "a.json"
        file.write_bytes(content)
        assert isinstance(kept_settings(file), Settings)


def test_settings_are_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.json"
    keep_settings(file, Settings(effects=("tint",)))

    def half(self: Path, text: str) -> int:
        self.write_bytes(text.encode()[: len(text) // 2])
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", half)
        keep_settings(file, Settings(effects=("broken",)))
    assert kept_settings(file).effects == ("tint",)


async def test_closing_leaves_neither_tasks_nor_threads(tmp_path: Path) -> None:
    tasks, threads = asyncio.all_tasks(), set(threading.enumerate())
    async with stages(tmp_path) as all_of_them:
        for name in ("a", "b", "c"):
            await all_of_them[name].order({"effects": ["tint"]})
        assert asyncio.all_tasks() != tasks
    assert asyncio.all_tasks() == tasks
    left = {thread.name for thread in set(threading.enumerate()) - threads}
    assert not [name for name in left if not name.startswith("asyncio_")]
    assert [tint.closed for tint in Tint.made] == [1, 1, 1]


def test_names_have_a_length() -> None:
    assert NAME.fullmatch("a" * 40)
    assert NAME.fullmatch("stage-1")
