"""What says that a picture is synthetic: its label, the state, and the files it is kept in."""

import json
import shutil
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import cv2
import httpx
import numpy as np
import pytest
from typer.testing import CliRunner

from omote.engines.chain import SYNTHETIC, Chain
from omote.engines.effect import Rung
from omote.engines.effects.puppet import Puppet
from omote.server.face_report import read_report
from omote.server.media import README
from omote.server.orders import Invalid
from omote.server.tokens import parse
from omote.streams import remark
from omote.streams.frame import LabelPlace
from tests.clips import PORTRAIT, astronaut
from tests.command import ended, said, started
from tests.fakes import faked
from tests.house import House, house, until
from tests.portraits import frame, models, opened, pixels, portrait
from tests.test_driver import BY_MESSAGES, JAW, telling, theatre
from tests.test_run import app

PUPPET_SEEN = "a puppet is shown"
PUPPET = ("--effects", "puppet", "--set", "puppet.source=her.jpg")


@pytest.fixture(autouse=True)
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMOTE_DATA", str(tmp_path))
    (tmp_path / "faces").mkdir()
    shutil.copy(PORTRAIT, tmp_path / "faces" / "her.jpg")


def comment(path: Path) -> str | None:
    with av.open(str(path)) as film:
        return film.metadata.get("comment") or film.metadata.get("COMMENT")


# In the picture.


@pytest.mark.parametrize(
    ("label", "there"),
    [
        ("top-left", np.s_[:60, :160]),
        ("top-right", np.s_[:60, -160:]),
        ("bottom-left", np.s_[-60:, :160]),
        ("bottom-right", np.s_[-60:, -160:]),
    ],
)
def test_the_label_is_small_and_in_its_corner(
    label: LabelPlace, there: tuple[slice, slice]
) -> None:
    plain, marked = shown("off"), shown(label)
    apart = np.abs(plain.astype(int) - marked).max(2)
    assert (apart[there] > 30).mean() > 0.1
    apart[there] = 0
    assert apart.max() <= 3
    assert (np.abs(plain.astype(int) - marked).max(2) > 3).mean() < 0.02


def shown(label: LabelPlace) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    chain = Chain(models(), pixels(), label)
    chain.use(chain.build(["puppet"]), {"puppet": Puppet.Params(source="her.jpg")})
    turn = chain(frame(opened(portrait(640, 480))), Rung.FULL)
    assert not turn.failed
    assert turn.frame.synthetic
    chain.close()
    return pixels().rgb(turn.frame.picture)


def test_where_nobody_is_shown_nothing_is_labelled() -> None:
    chain = Chain(models(), pixels())
    chain.use(chain.build(["puppet"]), {"puppet": Puppet.Params()})
    assert not chain(frame(opened(portrait(640, 480))), Rung.FULL).frame.synthetic
    assert SYNTHETIC == "synthetic"


async def test_no_order_takes_the_label_away(tmp_path: Path) -> None:
    async with house(tmp_path, synthetic_label="bottom-right") as made:
        assert made.stages.workshop.label == "bottom-right"
        for order in ({"stage": {"synthetic_label": "off"}}, {"synthetic_label": "off"}):
            with pytest.raises(Invalid):
                await made.desk.order(order)
        with pytest.raises(Invalid):
            await made.desk.order({"params": {"puppet": {"label": "off"}}})


# In files.


def sent(made: House) -> int:
    """Pictures that have left, the slate aside."""
    return made.desk.age_buckets()[-1][1]


async def driven(made: House) -> None:
    report = read_report(json.dumps(JAW))
    made.desk.tell_face(report)


async def test_a_recording_says_what_it_shows(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    async with theatre(tmp_path) as made:
        await made.desk.order(BY_MESSAGES)

        async def tell() -> None:
            await driven(made)

        async with telling(tell), started("record", f"{made.url}/desk", target) as recorder:
            await until(lambda: sent(made) > 12)
            recorder.send_signal(signal.SIGINT)
            kept = await ended(recorder)
    assert kept.code == 0, kept.errors
    assert kept.json["synthetic"] is True
    assert comment(target) == remark.SYNTHETIC


async def test_a_recording_that_becomes_synthetic_on_the_way_says_so_too(tmp_path: Path) -> None:
    target = tmp_path / "out.mkv"
    sources = {"desk": str(astronaut(640, 480, 25, 4))}
    async with (
        theatre(tmp_path, sources=sources) as made,
        started("record", f"{made.url}/desk", target) as recorder,
    ):
        await until(lambda: sent(made) > 12)
        await made.desk.order({"effects": ["puppet"], "params": BY_MESSAGES["params"]})
        await said(recorder, PUPPET_SEEN)
        recorder.send_signal(signal.SIGINT)
        kept = await ended(recorder)
    assert kept.json["synthetic"] is True
    assert comment(target) == remark.SYNTHETIC
    with av.open(str(target)) as film:
        assert abs(sum(1 for _ in film.decode(video=0)) - kept.json["written"]) <= 1


@pytest.mark.parametrize("name", ["out.mp4", "out.mkv"])
def test_a_film_that_was_run_says_what_it_shows(tmp_path: Path, name: str) -> None:
    target, other = tmp_path / name, tmp_path / f"plain-{name}"
    film = str(astronaut(640, 480, 25, 4))
    done = CliRunner().invoke(app, [film, str(target), "--limit", "5", *PUPPET])
    assert done.exit_code == 0, done.output
    assert comment(target) == remark.SYNTHETIC
    done = CliRunner().invoke(app, [film, str(other), "--limit", "5", "--effects", ""])
    assert done.exit_code == 0, done.output
    assert comment(other) is None


@pytest.mark.parametrize("name", ["out.png", "out.jpg"])
def test_a_picture_that_was_run_says_what_it_shows(tmp_path: Path, name: str) -> None:
    target = tmp_path / name
    done = CliRunner().invoke(app, [str(PORTRAIT), str(target), *PUPPET])
    assert done.exit_code == 0, done.output
    assert remark.SYNTHETIC.encode() in target.read_bytes()[:400]
    read = cv2.imread(str(target))
    assert read is not None
    assert read.shape[2] == 3
    with av.open(str(target)) as film:
        next(film.decode(video=0))


# Whose faces there are.

VIEWER, OPERATOR, ADMIN = (letter * 16 for letter in "abc")
TOKENS = parse(f"{VIEWER}:view {OPERATOR}:control {ADMIN}:admin")


async def test_only_the_operators_token_uploads_and_deletes_a_face(tmp_path: Path) -> None:
    body = PORTRAIT.read_bytes()
    wanted = (
        (VIEWER, {"PUT": 403, "GET": 403, "DELETE": 403}),
        (OPERATOR, {"PUT": 403, "GET": 200, "DELETE": 403}),
        (ADMIN, {"PUT": 201, "GET": 200, "DELETE": 204}),
    )
    async with faked(tmp_path, tokens=TOKENS) as (http, _):
        for secret, answers in wanted:
            headers = {"Authorization": f"Bearer {secret}"}
            for method, status in answers.items():
                url = "/media/faces" if method == "GET" else "/media/faces/him"
                answer = await http.request(
                    method, url, headers=headers, content=body if method == "PUT" else None
                )
                assert answer.status_code == status, (secret[0], method, answer.text)


async def test_faces_are_listed_with_the_time_of_their_upload_however_they_came(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "faces"
    async with faked(tmp_path) as (http, _):
        assert "admin" in (folder / README).read_text()
        assert (await http.put("/media/faces/him", content=PORTRAIT.read_bytes())).is_success
        (folder / "bank").mkdir()
        items = (await http.get("/media/faces")).json()["items"]
        assert [item["name"] for item in items] == ["her.jpg", "him"]
        uploaded = datetime.fromisoformat(items[1]["uploaded"])
        assert timedelta() <= datetime.now(UTC) - uploaded < timedelta(minutes=10)
        await refused(http, README)
        assert (await http.get(f"/media/faces/{README}")).status_code == 404
        (folder / "her.jpg").unlink()
        items = (await http.get("/media/faces")).json()["items"]
        assert [item["name"] for item in items] == ["him"]


async def refused(http: httpx.AsyncClient, name: str) -> None:
    answer = await http.put(f"/media/faces/{name}", content=PORTRAIT.read_bytes())
    assert answer.status_code == 409
