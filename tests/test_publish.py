"""`omote publish`, `watch` and `record` as processes against a real server."""

import signal
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner

from omote.clients.recording import CODECS, UnfitFile, codecs_for
from omote.server.cli import application
from tests.command import ended, omote, said, started
from tests.flashes import beeps, flashes, write_flashes
from tests.house import House, house, until

SMALL = ("--size", "320x180", "--fps", 15)


def pictures(path: Path) -> int:
    with av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0))


def published(at: House) -> bool:
    return bool(at.desk.state()["publisher"] == "connected")


async def test_a_film_goes_through_a_stage_and_is_recorded_as_it_came(tmp_path: Path) -> None:
    film = write_flashes(tmp_path / "in.mp4", "aac", 5)
    target = tmp_path / "out.mp4"
    async with house(tmp_path) as at, started("record", f"{at.url}/desk", target) as recorder:
        await said(recorder, "waiting for somebody")
        sent = await omote("publish", film, "--to", f"{at.url}/whip/desk")
        kept = await ended(recorder)
        await until(lambda: not published(at))
    assert (sent.code, kept.code) == (0, 0)
    assert sent.json["frames"] > 100
    assert kept.json["written"] > 60 and kept.json["codec"] == "H264"
    assert kept.json["sizes"] == [[160, 120]]
    assert kept.json["synthetic"] is False
    assert abs(pictures(target) - kept.json["written"]) <= 1
    seen, heard = flashes(target), beeps(target)
    pairs = [(flash, beep) for flash in seen for beep in heard if abs(flash - beep) < 0.5]
    assert len(pairs) >= 2
    assert all(abs(flash - beep) < 0.1 for flash, beep in pairs)


@pytest.mark.parametrize(("name", "codec"), [("out.mkv", "h264"), ("out.webm", "vp8")])
async def test_what_is_watched_can_be_saved(tmp_path: Path, name: str, codec: str) -> None:
    target = tmp_path / name
    async with (
        house(tmp_path) as at,
        started("publish", "test:chart", "--to", f"{at.url}/desk", *SMALL) as publisher,
    ):
        await until(lambda: published(at))
        done = await omote("watch", "desk", "--save", target, "--seconds", 2, OMOTE_URL=at.url)
        publisher.send_signal(signal.SIGINT)
        sent = await ended(publisher)
        await until(lambda: not published(at))
    assert (done.code, sent.code) == (0, 0)
    assert done.json["file"] == str(target)
    assert sent.json["frames"] > 10 and sent.json["reconnected"] == 0
    with av.open(str(target)) as film:
        assert film.streams.video[0].codec_context.name == codec
    assert pictures(target) == done.json["written"] > 5


async def test_watching_keeps_nothing_and_tells_figures(tmp_path: Path) -> None:
    async with (
        house(tmp_path) as at,
        started("publish", "test:chart", "--to", f"{at.url}/desk", *SMALL, "--codec", "VP8"),
    ):
        await until(lambda: published(at))
        done = await omote("watch", f"{at.url}/desk", "--seconds", 2.5)
    assert done.code == 0
    assert done.json["stage"] == "desk" and done.json["frames"] > 10
    assert done.json["age_p50_ms"] > 0 and done.json["lost"] == 0
    assert "fps" in done.errors


async def test_a_second_publisher_is_refused_unless_he_takes_over(tmp_path: Path) -> None:
    async with (
        house(tmp_path) as at,
        started("publish", "test:chart", "--to", f"{at.url}/desk", *SMALL) as first,
    ):
        await until(lambda: published(at))
        words = ("publish", "test:chart", "--to", f"{at.url}/desk", *SMALL)
        refused = await omote(*words)
        async with started(*words, "--takeover") as second:
            replaced = await ended(first)
            assert published(at)
            second.send_signal(signal.SIGINT)
            taken = await ended(second)
    assert (refused.code, replaced.code, taken.code) == (1, 1, 0)
    assert all("--takeover takes his place" in done.errors for done in (refused, replaced))
    assert replaced.json["frames"] > 0


async def test_a_publisher_comes_back_to_a_stage_that_was_taken_away(tmp_path: Path) -> None:
    async with (
        house(tmp_path) as at,
        started("publish", "test:chart", "--to", f"{at.url}/desk", *SMALL) as publisher,
    ):
        await until(lambda: published(at))
        assert (await at.http.delete("/stages/desk")).status_code == 204
        await said(publisher, "the server ended the session")
        await said(publisher, "connected")
        await until(lambda: published(at))
        publisher.send_signal(signal.SIGTERM)
        done = await ended(publisher)
    assert (done.code, done.json["reconnected"]) == (0, 1)


async def test_a_recorder_that_nobody_comes_to_writes_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    async with house(tmp_path) as at:
        done = await omote("record", f"{at.url}/desk", target, "--wait", 0.5)
    assert done.code == 1
    assert "nobody published" in done.errors
    assert not target.exists()


REFUSALS = {
    "no film": (["publish", "none.mp4", "--to", "desk"], 2, "no file none.mp4"),
    "size": (["publish", "test:chart", "--to", "desk", "--size", "big"], 2, "WIDTHxHEIGHT"),
    "test": (["publish", "test:hat", "--to", "desk"], 2, "test:chart"),
    "place": (["publish", "test:chart", "--to", "Desk"], 2, "is no stage"),
    "nobody": (["publish", "test:chart", "--to", "desk", "--url", "NONE"], 3, "refused"),
    "kind": (["watch", "desk", "--save", "out.avi"], 2, "record to .mp4, .mkv, .webm"),
    "both": (["watch", "desk", "--save", "out.mp4", "--camera"], 2, "--camera shows"),
    "nobody to watch": (["watch", "desk", "--url", "NONE"], 3, "refused"),
    "no recorder": (["record", "desk", "out.avi"], 2, "record to .mp4"),
    "nobody to record": (["record", "desk", "out.mp4", "--url", "NONE"], 3, "refused"),
    "no camera": (["watch", "desk", "--camera"], 4, "virtual camera"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, code, words = REFUSALS[case]
    typed = [word.replace("NONE", "http://127.0.0.1:1") for word in arguments]
    result = CliRunner().invoke(application(), typed)
    assert result.exit_code == code, result.output
    line = result.stderr.strip().splitlines()[-1]
    assert line.startswith("omote: ") and words in line
    assert "Traceback" not in result.output


async def test_a_camera_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        done = await omote("publish", "/dev/video99", "--to", f"{at.url}/desk")
    assert done.code == 2
    assert "omote: v4l2:/dev/video99: no such file or directory; is the camera" in done.errors


def test_a_recording_never_replaces_another(tmp_path: Path) -> None:
    (tmp_path / "there.mp4").touch()
    with pytest.raises(UnfitFile, match="is there already"):
        codecs_for(tmp_path / "there.mp4")
    with pytest.raises(UnfitFile, match="no folder"):
        codecs_for(tmp_path / "nowhere" / "out.mp4")
    assert [codecs_for(tmp_path / f"out{kind}") for kind in CODECS] == list(CODECS.values())
