"""A clip of somebody: its closeups, the keyframes that are kept, and a net that draws from them."""

import os
import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from pydantic import ValidationError

from omote.engines.effect import Rung
from omote.engines.effects.puppet import Puppet
from omote.engines.faces.topology import LIPS_INNER, OVAL
from omote.engines.kernels import Bytes, Floats
from omote.engines.puppet import album, enrolment
from omote.engines.puppet.bank import AT_ONCE, Bank, farthest, load, save, shares
from omote.engines.puppet.closeup import SIDE, Closeup, closeup
from omote.engines.puppet.contours import drawn
from omote.engines.puppet.enrolment import Shot, enrol, enrolled, keep, shots
from omote.engines.puppet.mesh_puppet import Animated
from omote.engines.puppet.network import corrected, networked
from omote.engines.puppet.performance import Casting
from omote.engines.puppet.pose_transfer import Amounts
from omote.engines.puppet.unrolled import warm_up
from omote.server.config import Misconfigured
from omote.server.media import Store
from omote.server.puppet_network import use_puppet_network
from tests.clips import astronaut as clip
from tests.portraits import frame, models, opened, pixels, portrait

PHOTO = Path(__file__).parent / "data" / "astronaut.jpg"


@cache
def her() -> Shot:
    warm_up()
    [seen] = shots(PHOTO, models(), pixels(), 1)
    return seen


def changed(down: float) -> Closeup:
    """Her with a lower lip that hangs so many pixels of a closeup."""
    landmarks = her().face.landmarks.copy()
    landmarks[list(LIPS_INNER[11:]), 1] += np.float32(down)
    return replace(her().face, landmarks=landmarks)


@cache
def bank() -> Bank:
    several = [replace(her(), face=changed(down)) for down in (0, 5, 10, 15, 20, 25)]
    return Bank(tuple(shot.keyframe() for shot in several))


def test_a_closeup_is_the_same_wherever_and_however_large_the_face_is() -> None:
    angle, scale = np.radians(25), 0.6
    turn = scale * np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]],
        np.float32,
    )
    landmarks = her().face.region.placed(her().face.landmarks, SIDE)
    moved = (landmarks @ turn.T + (40, 70, 0)).astype(np.float32)
    assert np.abs(closeup(moved).landmarks - her().face.landmarks).max() < 0.1


def test_the_whole_face_is_in_its_closeup() -> None:
    oval = her().face.landmarks[list(OVAL), :2]
    assert (oval > 8).all() and (oval < SIDE - 8).all()


def test_a_face_mask_shows_what_opens() -> None:
    shut, open_ = (drawn(changed(down).landmarks, SIDE, 128) for down in (0, 25))
    assert shut.shape == (128, 128, 3)
    assert np.count_nonzero(open_[..., 2] > 200) > np.count_nonzero(shut[..., 2] > 200) + 50
    assert (shut[..., :2] == open_[..., :2]).all()


def test_the_likest_keyframe_has_most_to_say_and_no_more_than_a_few_have_any() -> None:
    for number, key in enumerate(bank().keyframes):
        given = bank().shares(Closeup(her().face.region, key.landmarks))
        assert given.argmax() == number and given[number] > 0.9
    given = bank().shares(changed(12.4))
    assert given.sum() == pytest.approx(1)
    assert np.count_nonzero(given) <= AT_ONCE
    assert set(np.argsort(-given)[:2]) == {2, 3}


def test_keyframes_come_and_go_without_a_jump() -> None:
    at = np.linspace(0, 25, 500)
    given = np.array([bank().shares(changed(float(down))) for down in at])
    assert np.abs(np.diff(given, axis=0)).max() < 0.15


def test_with_fewer_keyframes_than_are_mixed_all_have_a_share() -> None:
    given: Floats = shares(np.array([1.0, 4.0], np.float32))
    assert given == pytest.approx([0.8, 0.2], abs=0.01)


def test_a_keyframe_in_its_own_pose_is_as_it_was() -> None:
    key = bank().keyframes[3]
    face = Closeup(her().face.region, key.landmarks)
    made, _ = bank().blended(face, bank().shares(face))
    inside = np.s_[40:-40, 40:-40, :3]
    assert np.abs(made[inside].astype(int) - key.picture[inside]).mean() < 2


def test_keyframes_are_as_different_as_can_be() -> None:
    faces = [changed(down).landmarks for down in (0, 0.5, 1, 1.5, 12, 25)]
    assert set(farthest(faces, 3)) >= {4, 5}


def test_a_bank_is_read_as_it_was_written(tmp_path: Path) -> None:
    save(replace(bank(), of="me"), tmp_path / "bank.npz")
    kept = load(tmp_path / "bank.npz")
    assert kept.of == "me"
    for one, other in zip(kept.keyframes, bank().keyframes, strict=True):
        assert (one.picture == other.picture).all() and (one.landmarks == other.landmarks).all()


# Beside a face in the album.


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OMOTE_DATA", str(tmp_path))
    monkeypatch.setattr(enrolment, "LOOKED_AT", 6)
    (tmp_path / "faces").mkdir()
    return tmp_path / "faces"


def test_a_clip_is_looked_through_once_and_forgotten_with_its_file(faces: Path) -> None:
    path = Path(shutil.copy(clip(640, 480, 25, 4), faces / "her.mp4"))
    made = enrol(path, models(), pixels())
    assert 3 <= len(made.keyframes) <= 6
    kept = album.bank(path)
    assert kept is not None and len(kept.keyframes) == len(made.keyframes)
    assert album.photo(path, pixels()).shape == (480, 640, 3)
    os.utime(path, ns=(1, 1))
    assert album.bank(path) is None
    Store(faces).remove("her.mp4")
    assert not list(faces.iterdir())


def casting(path: Path) -> Casting:
    return Casting(path, "auto", opened(portrait(320, 240)), models(), pixels())


def test_a_clip_is_shown_at_once_and_better_when_it_was_looked_through(faces: Path) -> None:
    path = Path(shutil.copy(clip(640, 480, 25, 4), faces / "her.mp4"))
    shown = Animated(casting(path))
    given = frame(opened(portrait(320, 240)))
    first = shown(given, Amounts())
    shown.settle()
    later = shown(given, Amounts())
    assert album.bank(path) is not None
    assert (first.width, first.height) == (later.width, later.height) == (320, 240)
    shown.close()


def copying(path: Path, wanted: str, size: tuple[int, int] = (128, 128)) -> Path:
    """A net that draws what it is shown, if that is what there is."""
    shape = [1, *size, 3]
    given = helper.make_tensor_value_info(wanted, TensorProto.UINT8, shape)
    made = helper.make_tensor_value_info("generated", TensorProto.FLOAT, shape)
    node = helper.make_node("Cast", [wanted], ["generated"], to=TensorProto.FLOAT)
    graph = helper.make_graph([node], "copying", [given], [made])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, path)
    return path


def test_anybodys_net_draws_the_face_if_it_keeps_to_the_contract(faces: Path) -> None:
    path = Path(shutil.copy(PHOTO, faces / "her.jpg"))
    made, _ = enrolled([her()], models())
    keep(made, path)
    copying(album.beside(path) / "mine.onnx", "blend")
    given = frame(opened(portrait(320, 240)))
    shown, plain = (kind(casting(path))(given, Amounts()) for kind in (networked, Animated))
    apart = np.abs(pixels().rgb(shown).astype(int) - pixels().rgb(plain))
    assert 0 < apart.mean() < 4


def test_a_net_corrects_the_keyframes_only_where_it_keeps_little_of_them() -> None:
    blend = np.full((SIDE, SIDE, 3), 100, np.uint8)
    blend[::2] = 120  # detail that a net's size has no room for
    few, keep = np.full((128, 128, 3), 110, np.uint8), np.ones((128, 128, 1), np.float32)
    keep[64:] = 0
    made = corrected(blend, few, np.full((128, 128, 3), 140, np.float32), keep)
    assert (made[:120] == blend[:120]).all()
    assert (made[136:] == blend[136:] + 30).all()


def test_a_net_that_wants_what_nobody_has_is_refused(faces: Path) -> None:
    path = Path(shutil.copy(PHOTO, faces / "her.jpg"))
    keep(bank(), path)
    copying(album.beside(path) / "mine.onnx", "audio")
    with pytest.raises(ValueError, match="audio"):
        networked(casting(path))


def test_without_a_net_the_mode_network_is_refused(faces: Path) -> None:
    shutil.copy(PHOTO, faces / "her.jpg")
    with pytest.raises(ValidationError, match="omote train puppet"):
        Puppet.Params(source="her.jpg", mode="network")
    copying(album.beside(faces / "her.jpg") / "mine.onnx", "blend")
    params = Puppet.Params(source="her.jpg", mode="network")
    effect = Puppet(models(), pixels())
    with pytest.raises(ValueError, match="omote train puppet"):
        effect(frame(opened(portrait(320, 240))), params, Rung.FULL)
    effect.close()


def test_an_operators_net_draws_every_face_that_has_none_of_its_own(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(album.EVERYBODYS, "")
    use_puppet_network(copying(tmp_path / "theirs.onnx", "blend"))
    path = Path(shutil.copy(PHOTO, faces / "her.jpg"))
    Puppet.Params(source="her.jpg", mode="network")
    given = frame(opened(portrait(320, 240)))
    shown = networked(casting(path))(given, Amounts())
    assert album.bank(path) is not None
    assert np.abs(pixels().rgb(shown).astype(int) - astronaut_at_rest(path)).mean() < 6


def astronaut_at_rest(path: Path) -> Bytes:
    return pixels().rgb(Animated(casting(path))(frame(opened(portrait(320, 240))), Amounts()))


def test_a_net_that_breaks_the_contract_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"puppet_network.*audio"):
        use_puppet_network(copying(tmp_path / "deaf.onnx", "audio"))
    with pytest.raises(Misconfigured, match=r"`blend` is uint8 \(1, 64, 32, 3\)"):
        use_puppet_network(copying(tmp_path / "oblong.onnx", "blend", (64, 32)))
    (tmp_path / "text.onnx").write_text("no net")
    for wrong in ("text.onnx", "none.onnx", "photo.png"):
        with pytest.raises(Misconfigured, match="puppet_network"):
            use_puppet_network(tmp_path / wrong)
    use_puppet_network(None)
