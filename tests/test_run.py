"""`omote run`: real films and pictures through the command, as it is typed."""

import json
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import psutil
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from omote.server.run import run
from tests.clips import PORTRAIT, clip
from tests.flashes import beeps, flashes, sound_codec, write_flashes
from tests.numbered import numbered, write_jpegs, write_numbered

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(run)

PROGRAM = "import typer; from omote.server.run import run; typer.run(run)"


def omote_run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def summary(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def pictures(path: Path) -> list[NDArray[np.uint8]]:
    with av.open(str(path)) as film:
        return [np.asarray(f.to_ndarray(format="rgb24"), np.uint8) for f in film.decode(video=0)]


def detail(picture: NDArray[np.uint8]) -> float:
    """How much neighbouring pixels differ on average."""
    return float(np.abs(np.diff(picture.astype(int), axis=1)).mean())


def test_a_person_stays_and_the_room_goes(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    told = summary(
        omote_run(
            *(clip("cap12_edit"), target, "--limit", 40, "--json"),
            *("--effects", "matte,background", "--set", "background.strength=1"),
        )
    )
    assert told["frames"] == 40
    assert told["effect_errors"] == {}
    assert set(told["steps_ms"]) == {"decode", "matte", "background", "encode"}
    before, after = pictures(clip("cap12_edit"))[:40], pictures(target)
    assert len(after) == 40
    assert after[0].shape == before[0].shape
    map_on_the_wall, face = np.s_[70:200, 10:90], np.s_[130:200, 180:235]
    for was, now in zip(before, after, strict=True):
        assert detail(now[map_on_the_wall]) < 0.4 * detail(was[map_on_the_wall])
        assert np.abs(now[face].astype(int) - was[face]).mean() < 4


def test_every_picture_and_every_packet_of_sound_is_there(tmp_path: Path) -> None:
    source = with_sound(clip("cap12_edit"), tmp_path / "in.mp4", seconds=2)
    target = tmp_path / "out.mp4"
    told = summary(omote_run(source, target, "--json"))
    assert (told["frames"], told["effect_errors"]) == (len(times(source)), {})
    assert times(target) == times(source)
    assert spoken(target) == spoken(source)
    assert len(spoken(target)) > 80


def with_sound(film: Path, path: Path, seconds: int) -> Path:
    """The beginning of a silent film, and a sound."""
    beep = write_flashes(path.with_name("beep.mp4"), "aac", seconds)
    with av.open(str(path), "w") as out, av.open(str(film)) as one, av.open(str(beep)) as other:
        tracks = [one.streams.video[0], other.streams.audio[0]]
        copies = [out.add_stream_from_template(track) for track in tracks]
        for container, track, copy in zip((one, other), tracks, copies, strict=True):
            for packet in container.demux(track):
                if packet.dts is not None and packet.dts * packet.time_base < seconds:
                    packet.stream = copy
                    out.mux(packet)
    return path


def times(path: Path) -> list[tuple[int | None, Fraction | None]]:
    with av.open(str(path)) as film:
        return [(frame.pts, frame.time_base) for frame in film.decode(video=0)]


def spoken(path: Path) -> list[tuple[int | None, bytes]]:
    with av.open(str(path)) as film:
        return [(packet.pts, bytes(packet)) for packet in film.demux(audio=0)]


def test_the_same_parameters_as_json_or_one_by_one_give_the_same(tmp_path: Path) -> None:
    one, two, other = (tmp_path / f"{name}.png" for name in ("one", "two", "other"))
    params = '{"background": {"strength": %s}, "matte": {"model": "square"}}'
    first = (clip("franck"), "--limit", 1, "--params")
    assert omote_run(*first, params % 0.3, one).exit_code == 0
    assert omote_run(*first, params % 0.9, two, "--set", "background.strength=0.3").exit_code == 0
    assert omote_run(*first, params % 0.9, other).exit_code == 0
    assert one.read_bytes() == two.read_bytes() != other.read_bytes()


def test_the_matte_can_be_seen(tmp_path: Path) -> None:
    target = tmp_path / "matte.png"
    result = omote_run(PORTRAIT, target, "--effects", "matte", "--view", "matte")
    assert result.exit_code == 0
    (grey,) = pictures(target)
    assert grey[80:160, 190:260].mean() > 250  # her face
    assert grey[100:200, 0:20].mean() < 5  # the flag
    assert np.ptp(grey.astype(int), axis=2).max() <= 2


def test_the_landmarks_can_be_seen_without_any_effect(tmp_path: Path) -> None:
    plain, drawn = tmp_path / "plain.png", tmp_path / "drawn.png"
    summary(omote_run(PORTRAIT, plain, "--effects", "", "--json"))
    summary(omote_run(PORTRAIT, drawn, "--effects", "", "--view", "landmarks", "--json"))
    apart = np.abs(pictures(plain)[0].astype(int) - pictures(drawn)[0]).max(2) > 40
    assert 500 < apart.sum() < 20_000


def test_sound_is_kept_and_in_time(tmp_path: Path) -> None:
    source = write_flashes(tmp_path / "in.mov", "aac", seconds=3)
    target = tmp_path / "out.mp4"
    assert summary(omote_run(source, target, "--effects", "", "--json"))["frames"] == 90
    assert sound_codec(target) == "aac"
    assert flashes(target) == pytest.approx([0.5, 1.5, 2.5])
    assert beeps(target) == pytest.approx(flashes(target), abs=0.003)


def test_a_phones_film_stands_upright(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "in.mp4", 3, turned=-90)
    target = tmp_path / "out.mp4"
    assert omote_run(source, target, "--effects", "").exit_code == 0
    lain, stood = pictures(source)[0], pictures(target)[0]
    assert stood.shape == (320, 240, 3)
    assert np.abs(np.rot90(lain, -1).astype(int) - stood).mean() < 3
    with av.open(str(target)) as film:
        assert next(film.decode(video=0)).rotation == 0


def test_a_picture_of_odd_size_keeps_it(tmp_path: Path) -> None:
    numbered(5, 301, 243).save(tmp_path / "odd.png")
    target = tmp_path / "out.png"
    assert omote_run(tmp_path / "odd.png", target).exit_code == 0
    assert pictures(target)[0].shape == (243, 301, 3)


def test_what_no_effect_changes_of_a_picture_is_the_same_to_the_bit(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    coloured = cv2.resize(rng.integers(0, 255, (40, 60, 3), np.uint8), (301, 201))
    cv2.imwrite(str(tmp_path / "in.png"), coloured)
    target = tmp_path / "out.png"
    assert omote_run(tmp_path / "in.png", target, "--effects", "").exit_code == 0
    assert np.array_equal(np.asarray(cv2.imread(str(target))), coloured)


@pytest.mark.parametrize("name", ["out.png", "out.jpg"])
def test_a_picture_becomes_a_picture(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    result = omote_run(PORTRAIT, target, "--set", "background.strength=1", "--json")
    assert summary(result)["frames"] == 1
    (before,), (after,) = pictures(PORTRAIT), pictures(target)
    assert after.shape == before.shape
    face = np.s_[80:160, 190:260]
    assert np.abs(after[face].astype(int) - before[face]).mean() < 8
    assert detail(after[:150, 320:]) < 0.4 * detail(before[:150, 320:])  # the shuttle behind her


def test_the_first_picture_of_a_film(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "in.mp4", 3)
    target = tmp_path / "first.png"
    assert omote_run(source, target, "--effects", "", "--limit", 1).exit_code == 0
    assert np.abs(pictures(target)[0].astype(int) - pictures(source)[0]).mean() < 3


REFUSALS = {
    "no file": (["none.mp4", "out.mp4"], "no file"),
    "not a film": (["letter.txt", "out.mp4"], "letter.txt: invalid data"),
    "damaged": (["damaged.avi", "out.mp4"], "damaged.avi ended without a picture"),
    "damaged picture": (["damaged.avi", "out.png", "--limit", "1"], "ended without a picture"),
    "itself": (["in.mp4", "in.mp4"], "is what is read; write to another file"),
    "no folder": (["in.mp4", "nowhere/out.mp4"], "no folder"),
    "kind": (["in.mp4", "out.webm"], "take .mp4 or .mkv"),
    "a film as a picture": (["in.mp4", "out.png"], "with --limit 1"),
    "effect": (["in.mp4", "out.mp4", "--effects", "matte,hat"], "effects.1: no effect 'hat'"),
    "twice": (["in.mp4", "out.mp4", "--effects", "matte,matte"], "is there twice"),
    "value": (
        ["in.mp4", "out.mp4", "--set", "background.mode=cubist"],
        "params.background.mode: Input should be",
    ),
    "unknown": (["in.mp4", "out.mp4", "--set", "background.hat=1"], "params.background.hat: Extra"),
    "idle": (
        ["in.mp4", "out.mp4", "--effects", "matte", "--set", "background.mode=blur"],
        "background is given parameters but is not among --effects",
    ),
    "form": (["in.mp4", "out.mp4", "--set", "mode=blur"], "write EFFECT.NAME=VALUE"),
    "no value": (["in.mp4", "out.mp4", "--set", "background.mode"], "write EFFECT.NAME=VALUE"),
    "json": (["in.mp4", "out.mp4", "--params", "{mode"], "--params is no JSON"),
    "object": (["in.mp4", "out.mp4", "--params", "[1]"], "--params must be an object"),
    "view": (["in.mp4", "out.mp4", "--effects", "", "--view", "matte"], "name it in --effects"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_is_refused_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    write_numbered(Path("in.mp4"), 3)
    Path("letter.txt").write_text("Dear film,\n")
    write_jpegs(Path("damaged.avi"), damaged=range(5))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    arguments, reason = REFUSALS[case]
    result = omote_run(*arguments)
    assert result.exit_code == 2
    assert reason in result.stderr
    assert result.stdout == ""
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_effect_that_fails_is_told_of(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "in.mp4", 4)
    target = tmp_path / "out.mp4"
    result = omote_run(source, target, "--effects", "background", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["effect_errors"] == {"background": 4}
    assert "background failed on 4 frames, they went by without it: ValueError" in result.stderr
    assert len(pictures(target)) == 4


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_stopped_leaves_nothing(tmp_path: Path, how: signal.Signals) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"what was there before")
    command = [sys.executable, "-c", PROGRAM, str(clip("cap12_edit")), str(target)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            while len(list(tmp_path.iterdir())) < 2:
                assert process.poll() is None
            process.send_signal(how)
            _, words = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert words.strip() == "stopped; nothing was written"
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"what was there before"


def test_a_run_leaves_no_thread_and_no_file(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "in.mp4", 5)
    omote_run(source, tmp_path / "out.mp4", "--effects", "")
    process = psutil.Process()
    before = process.num_threads(), process.num_fds()
    omote_run(source, tmp_path / "out.mp4", "--effects", "")
    omote_run(tmp_path / "letter.txt", tmp_path / "out.mp4", "--effects", "")
    after = process.num_threads(), process.num_fds()
    assert all(now <= then for now, then in zip(after, before, strict=True)), (before, after)
