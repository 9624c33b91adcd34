import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from pydantic import ValidationError

from omote.engines import backdrops
from omote.engines.effect import Rung
from omote.engines.effects.background import Background
from omote.streams.frame import Frame, VideoPicture
from tests.portraits import Rgb, frame, models, opened, oval, pixels, portrait

PERSON = np.s_[90:180, 300:340]
"Where the oval is full, in 640 x 360."
ROOM = np.s_[10:200, 10:200]
"Where it is empty."


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OMOTE_DATA", str(tmp_path))
    folder = tmp_path / "backgrounds"
    folder.mkdir()
    return folder


def seen(rgb: Rgb, index: int = 0) -> Frame:
    picture = opened(rgb)
    return frame(picture, index, pixels().guided_upsample(oval(), picture))


@contextmanager
def running() -> Iterator[Background]:
    effect = Background(models(), pixels())
    try:
        yield effect
    finally:
        effect.close()


def shown(given: Frame | None = None, **params: Any) -> Rgb:
    with running() as effect:
        made = Background.Params.model_validate(params)
        return pixels().rgb(effect(given or seen(portrait()), made, Rung.FULL).picture)


def write_film(path: Path, colours: list[tuple[int, int, int]], fps: int = 25) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for colour in colours:
            picture = np.full((48, 64, 3), colour, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        container.mux(stream.encode(None))


def test_without_a_matte_it_says_what_is_missing() -> None:
    with running() as effect, pytest.raises(ValueError, match="put the effect matte before"):
        effect(frame(opened(portrait())), Background.Params(), Rung.FULL)


@pytest.mark.parametrize("mode", ["blur", "disc", "colour", "key"])
def test_the_person_stays_and_the_room_changes(mode: str) -> None:
    before = pixels().rgb(opened(portrait()))
    after = shown(mode=mode, light_wrap=0)
    assert np.array_equal(after[PERSON], before[PERSON])
    assert np.abs(after[ROOM].astype(int) - before[ROOM]).mean() > 5


@pytest.mark.parametrize("mode", ["blur", "disc"])
def test_a_stronger_blur_leaves_less_detail(mode: str) -> None:
    detail = [
        cv2.Laplacian(shown(mode=mode, strength=strength)[ROOM], cv2.CV_32F).std()
        for strength in (0, 0.3, 1)
    ]
    assert detail[0] > detail[1] > detail[2]
    assert detail[1] < 0.7 * cv2.Laplacian(portrait()[ROOM], cv2.CV_32F).std()


@pytest.mark.parametrize(("mode", "field"), [("colour", "colour"), ("key", "key")])
def test_a_colour_is_exact(mode: str, field: str) -> None:
    params: dict[str, Any] = {"mode": mode, field: "#3080c0"}
    room = shown(**params)[ROOM]
    assert np.abs(room.astype(int) - (0x30, 0x80, 0xC0)).max() <= 2


def test_a_key_has_a_hard_edge_without_spill() -> None:
    grey = seen(np.full((360, 640, 3), 128, np.uint8))
    soft, hard = shown(grey, mode="colour", colour="#00ff00", light_wrap=0), shown(grey, mode="key")

    def mixed(rgb: Rgb) -> float:
        far = np.minimum(*(np.abs(rgb - np.array(c, float)).max(2) for c in KEYED))
        return float((far > 20).mean())

    assert mixed(hard) < 0.75 * mixed(soft)


KEYED = ((0, 255, 0), (128, 128, 128))


def test_light_of_the_background_falls_on_the_edge() -> None:
    without, with_light = (
        shown(mode="colour", colour="#ffffff", light_wrap=wrap).astype(int) for wrap in (0.0, 1.0)
    )
    gain = (with_light - without).mean(2)
    assert gain.max() > 15
    assert np.abs(gain[PERSON]).max() == 0
    assert np.abs(gain[ROOM]).max() == 0


@pytest.mark.parametrize(
    "name", ["", "../secret.png", "/etc/passwd", "a/b.png", ".hidden", "a\nb", "x" * 81]
)
def test_nothing_but_the_name_of_an_upload_is_accepted(name: str, uploads: Path) -> None:
    (uploads.parent / "secret.png").write_bytes(b"")
    (uploads / ".hidden").write_bytes(b"")
    for mode in ("image", "video"):
        with pytest.raises(ValidationError):
            Background.Params.model_validate({"mode": mode, "source": name})


def test_an_upload_that_is_not_there_is_refused_by_name(uploads: Path) -> None:
    with pytest.raises(ValidationError, match=r"no background of the name 'beach.jpg'"):
        Background.Params(mode="image", source="beach.jpg")


@pytest.mark.parametrize("ending", ["png", "jpg", "webp"])
def test_an_uploaded_picture_is_shown(ending: str, uploads: Path) -> None:
    beach = np.full((90, 160, 3), (30, 140, 200), np.uint8)
    cv2.imwrite(str(uploads / f"beach.{ending}"), beach[..., ::-1])
    room = shown(mode="image", source=f"beach.{ending}")[ROOM]
    assert np.abs(room.astype(int) - (30, 140, 200)).max() <= 5


def test_a_whole_picture_has_the_colour_beside_it(uploads: Path) -> None:
    cv2.imwrite(str(uploads / "tower.png"), np.full((200, 50, 3), 255, np.uint8))
    params: dict[str, Any] = {
        "mode": "image",
        "source": "tower.png",
        "fit": "contain",
        "colour": "#102030",
    }
    assert np.abs(shown(**params)[ROOM].astype(int) - (0x10, 0x20, 0x30)).max() <= 2


def test_a_picture_uploaded_anew_is_shown_anew(uploads: Path) -> None:
    path = uploads / "wall.png"
    with running() as effect:
        for value in (40, 200):
            cv2.imwrite(str(path.with_name("new.png")), np.full((9, 16, 3), value, np.uint8))
            path.with_name("new.png").replace(path)
            params = Background.Params(mode="image", source="wall.png")
            room = pixels().rgb(effect(seen(portrait()), params, Rung.FULL).picture)[ROOM]
            assert np.abs(room.astype(int) - value).max() <= 3


@pytest.mark.parametrize("mode", ["image", "video"])
def test_what_cannot_be_decoded_never_uncovers_the_room(
    mode: str, uploads: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (uploads / "broken").write_bytes(b"not a picture" * 100)
    params = Background.Params.model_validate(
        {"mode": mode, "source": "broken", "colour": "#102030"}
    )
    with running() as effect:
        for _ in range(3):
            room = pixels().rgb(effect(seen(portrait()), params, Rung.FULL).picture)[ROOM]
            assert np.abs(room.astype(int) - (0x10, 0x20, 0x30)).max() <= 2
    assert sum("showing a plain colour" in line for line in caplog.messages) == 1


def test_a_removed_upload_never_uncovers_the_room(uploads: Path) -> None:
    cv2.imwrite(str(uploads / "gone.png"), np.full((9, 16, 3), 200, np.uint8))
    params = Background.Params(mode="image", source="gone.png", colour="#102030")
    with running() as effect:
        effect(seen(portrait()), params, Rung.FULL)
        (uploads / "gone.png").unlink()
        room = pixels().rgb(effect(seen(portrait()), params, Rung.FULL).picture)[ROOM]
    assert np.abs(room.astype(int) - (0x10, 0x20, 0x30)).max() <= 2


def test_a_film_runs_and_begins_again(uploads: Path) -> None:
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200)]
    write_film(uploads / "film.mp4", [c for c in colours for _ in range(3)])
    params = Background.Params(mode="video", source="film.mp4")
    order: list[int] = []
    with running() as effect:
        given, until = seen(portrait()), time.monotonic() + 20
        while len(order) < 7 and time.monotonic() < until:
            rgb = pixels().rgb(effect(given, params, Rung.FULL).picture)
            now = int(rgb[100, 100].argmax())
            if not order or order[-1] != now:
                order.append(now)
    assert order == [0, 1, 2, 0, 1, 2, 0]


def test_a_closed_film_leaves_no_thread(uploads: Path) -> None:
    write_film(uploads / "film.mp4", [(200, 30, 30)] * 5)
    params = Background.Params(mode="video", source="film.mp4")
    with running() as effect:
        effect(seen(portrait()), params, Rung.FULL)
        assert any(each.name == "reel film.mp4" for each in threading.enumerate())
        effect(seen(portrait()), Background.Params(), Rung.FULL)
    assert not any(each.name == "reel film.mp4" for each in threading.enumerate())


def test_a_film_nobody_looks_at_is_not_decoded_further(uploads: Path) -> None:
    write_film(uploads / "film.mp4", [(200, 30, 30)] * 50, fps=200)
    prepared = threading.Semaphore(0)

    def prepare(picture: VideoPicture) -> Any:
        prepared.release()
        return opened(portrait(64, 48))

    reel = backdrops.Reel(uploads / "film.mp4", prepare)
    assert not prepared.acquire(timeout=0.2)
    reel.now()
    assert prepared.acquire(timeout=5)
    assert not prepared.acquire(timeout=0.2)
    reel.close()


def test_a_film_held_upright_is_shown_upright(uploads: Path) -> None:
    write_film(uploads / "film.mp4", [(200, 30, 30)])
    picture = backdrops.picture(uploads / "film.mp4")
    assert (picture.width, picture.height, picture.rotation) == (64, 48, 0)


@pytest.mark.parametrize("mode", ["blur", "disc", "colour", "key"])
def test_a_smaller_working_size_looks_much_the_same(mode: str) -> None:
    params = Background.Params.model_validate({"mode": mode})
    given = seen(portrait(1280, 720))
    with running() as effect:
        fine, coarse = (
            pixels().rgb(effect(given, params, rung).picture).astype(int)
            for rung in (Rung.FULL, Rung.SIZE)
        )
    assert np.abs(fine - coarse).mean() < 3
