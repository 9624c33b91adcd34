"""The puppet: a photograph moved by a face, what stands still, and what it says of itself."""

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from omote.engines.chain import Chain
from omote.engines.effect import Rung
from omote.engines.effects.puppet import Puppet
from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.topology import BLENDSHAPES, LIPS_INNER, OVAL, RIGHT_EYE
from omote.engines.kernels import Bytes, Floats
from omote.engines.puppet.mesh_puppet import MeshPuppet
from omote.engines.puppet.pose_transfer import LARGEST_TURN, Amounts, Target, transferred
from omote.engines.puppet.reference import FACE_POINTS, NoFace, Reference, studied
from omote.engines.puppet.surround import CHEEKS, ring_count, sheet, triangles
from omote.engines.puppet.unrolled import warm_up
from omote.streams.frame import Face, Neutral
from tests.portraits import astronaut, frame, models, opened, pixels, portrait, turned

SIZE = (640, 480)


@cache
def reference() -> Reference:
    warm_up()
    return studied(astronaut(), SIZE, models(), pixels())


def driver(pose: Floats, change: Floats | float = 0.0, strength: float = 1.0) -> Face:
    """Somebody whose neutral face looks straight ahead, now in another pose."""
    rest = np.zeros((478, 3), np.float32)
    neutral = Neutral(dict.fromkeys(BLENDSHAPES[1:], 0.0), rest, turned(0))
    shape = (rest + change).astype(np.float32)
    return Face((0, 0, 1, 1), rest, {}, pose, shape, neutral, strength=strength)


def moved(face: Face | None, amounts: Amounts | None = None) -> Target:
    return transferred(reference(), face, amounts or Amounts())


def whole(target: Target) -> tuple[Bytes, MeshPuppet]:
    puppet = MeshPuppet(reference(), "auto")
    patch, made = puppet(target), puppet.still()
    rows, columns = patch.rgb.shape[:2]
    made[patch.top : patch.top + rows, patch.left : patch.left + columns] = patch.rgb
    return made, puppet


def test_without_a_driver_the_photograph_stays_as_it_is() -> None:
    made, _ = whole(moved(None))
    difference = np.abs(made.astype(int) - reference().rgb)
    assert difference.mean() < 1.5
    assert np.abs(moved(None).landmarks - reference().landmarks).max() < 0.01


@pytest.mark.parametrize("yaw", [-25, -12, 12, 25])
@pytest.mark.parametrize("pitch", [-15, 0, 15])
def test_nothing_is_folded_however_the_head_turns(yaw: float, pitch: float) -> None:
    down = canonical_face().vertices[:, 1]
    jaw = np.zeros((478, 3), np.float32)
    jaw[:468, 1] = -2 * np.clip((-down - 3) / 5, 0, 1)
    for change in (0.0, jaw):
        laid = sheet(reference(), moved(driver(turned(yaw, pitch, yaw / 2), change)))
        # Without the rings of skin that is uncovered, which are folded into the face on purpose.
        rings = triangles()[: ring_count() - 2 * CHEEKS * len(OVAL)]
        assert (areas(laid.before[rings]) * areas(laid.after[rings]) > 0).all()


def areas(corners: Floats) -> Floats:
    """(n,), signed, of triangles (n, 3, 2)."""
    x, y = (corners[:, 1:] - corners[:, :1]).transpose(2, 1, 0)
    return np.asarray(x[0] * y[1] - x[1] * y[0], np.float32)


@pytest.mark.parametrize("yaw", [-25, 25])
def test_beside_a_face_that_turns_away_there_is_skin(yaw: float) -> None:
    """Where an ear is left behind, nothing of the wall shines through."""
    made, _ = whole(moved(driver(turned(yaw))))
    laid = sheet(reference(), moved(driver(turned(yaw))))
    cheeks = laid.after[FACE_POINTS : FACE_POINTS + CHEEKS * len(OVAL)].reshape(CHEEKS, -1, 2)
    contour = laid.after[list(OVAL)]
    wide = np.linalg.norm(cheeks[-1] - contour, axis=1)
    assert wide.max() > 3
    x, y = ((contour + cheeks[-1]) / 2)[wide > 2].round().astype(int).T
    red, _, blue = made[y, x].astype(int).T
    assert (red - blue > 15).mean() > 0.7


def test_light_falls_on_the_photograph_as_on_the_driver_but_the_wall_keeps_its_own() -> None:
    face = driver(turned(0))
    assert face.neutral is not None
    grey = np.full(3, 100, np.float32)
    lit = replace(face, complexion=1.3 * grey, neutral=replace(face.neutral, complexion=grey))
    made, plain = (whole(moved(each))[0].astype(float) for each in (lit, face))
    x, y = reference().landmarks[[50, 280, 151], :2].astype(int).T
    assert (made[y, x].mean() / plain[y, x].mean()) == pytest.approx(1.28, abs=0.05)
    x = reference().landmarks[list(OVAL), 0]
    far = slice(0, max(2, int(x.min() - 1.2 * np.ptp(x))))
    assert np.abs(made[:, far] - plain[:, far]).max() <= 1
    dim = moved(replace(lit, complexion=0.1 * grey))
    assert dim.gain == pytest.approx(0.6)
    assert moved(lit, Amounts(light=0)).gain == pytest.approx(1)
    assert moved(face).gain == pytest.approx(1)


def test_a_head_turns_no_farther_than_there_is_skin() -> None:
    target = moved(driver(turned(70)))
    apart = target.rotation @ reference().likeness.rotation.T
    angle = np.degrees(np.arccos((np.trace(apart) - 1) / 2))
    assert 20 < angle <= LARGEST_TURN + 0.1


def test_the_background_stands_still_whatever_the_face_does() -> None:
    still, _ = whole(moved(None))
    made, _ = whole(moved(driver(turned(20, 10))))
    x = reference().landmarks[list(OVAL), 0]
    far = slice(0, max(2, int(x.min() - 1.5 * np.ptp(x))))
    assert np.abs(made[:, far].astype(int) - still[:, far]).max(initial=0) <= 1
    assert np.abs(made.astype(int) - still).mean() > 1


def test_hair_does_not_nod_when_only_the_jaw_drops() -> None:
    change = np.zeros((478, 3), np.float32)
    change[:468, 1] = -1.5 * np.clip((-canonical_face().vertices[:, 1] - 3) / 5, 0, 1)
    assert np.abs(moved(driver(turned(0), change)).head - np.eye(2, 3)).max() < 0.05


def test_hair_goes_with_a_head_that_is_tilted() -> None:
    head = moved(driver(turned(0, 0, 15))).head
    angle = np.degrees(np.arctan2(head[1, 0], head[0, 0]))
    assert angle == pytest.approx(15, abs=1)


def test_hair_and_ears_are_behind_the_axis_a_head_turns_about() -> None:
    """They go against the face, or at least far less with it."""
    target = moved(driver(turned(15)))
    face = (target.landmarks - reference().landmarks)[1, 0]
    middle = reference().landmarks[:, :2].mean(0)
    hair = (target.head[:, :2] @ middle + target.head[:, 2] - middle)[0]
    assert abs(face) > 10
    assert hair / face < 0.2


def test_lids_close_over_the_eyes() -> None:
    """Between closed lids there is skin: nothing as bright or dark as an eye."""
    here = reference().landmarks
    change = np.zeros((478, 3), np.float32)
    for upper, lower in zip(RIGHT_EYE[1:8], RIGHT_EYE[:8:-1], strict=True):
        change[upper] = reference().shape[lower] - reference().shape[upper]
    made, still = (whole(moved(driver(turned(0), each)))[0] for each in (change, 0.0))
    left, top = here[list(RIGHT_EYE), :2].min(0).astype(int)
    right, bottom = here[list(RIGHT_EYE), :2].max(0).astype(int)
    part = np.s_[top : bottom + 1, left + 2 : right - 1]
    spread = [np.ptp(np.percentile(rgb[part].mean(2), [5, 95])) for rgb in (made, still)]
    assert spread[0] < 0.75 * spread[1]


def test_an_expression_moves_what_it_moves_and_no_more() -> None:
    change = np.zeros((478, 3), np.float32)
    change[list(LIPS_INNER[11:]), 1] = -1.0
    target = moved(driver(turned(0), change))
    apart = np.linalg.norm((target.landmarks - reference().landmarks)[:, :2], axis=1)
    assert apart[LIPS_INNER[15]] == pytest.approx(reference().likeness.scale, rel=0.1)
    assert apart[10] < 0.01
    half = moved(driver(turned(0), change), Amounts(expression=0.5))
    assert np.abs((half.landmarks - reference().landmarks)[14, 1]) == pytest.approx(
        apart[14] / 2, rel=0.1
    )


def test_a_face_that_is_lost_leaves_the_photograph_at_rest() -> None:
    target = moved(driver(turned(20), strength=0.0))
    assert np.abs(target.landmarks - reference().landmarks).max() < 0.01


def test_a_photograph_without_a_face_is_refused() -> None:
    with pytest.raises(NoFace, match="no face"):
        studied(np.full((300, 300, 3), 120, np.uint8), SIZE, models(), pixels())


# As an effect.


@pytest.fixture
def faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OMOTE_DATA", str(tmp_path))
    folder = tmp_path / "faces"
    folder.mkdir()
    shutil.copy(Path(__file__).parent / "data" / "astronaut.jpg", folder / "her.jpg")
    return folder


def test_the_driver_is_never_shown_and_the_picture_says_what_it_is(faces: Path) -> None:
    chain = Chain(models(), pixels())
    params = Puppet.Params(source="her.jpg")
    chain.use(chain.build(["puppet"]), {"puppet": params})
    given = frame(opened(portrait(*SIZE)[:, ::-1].copy()))
    turn = chain(given, Rung.FULL)
    assert not turn.failed
    assert turn.frame.faces
    assert chain.synthetic
    shown = pixels().rgb(turn.frame.picture)
    expected = reference().rgb
    assert np.abs(shown[100:].astype(int) - expected[100:]).mean() < 6
    label = shown[10:45, 10:90]
    assert label.min() < 60 and label.max() > 200
    chain.close()


def test_before_a_face_is_chosen_nobody_is_shown() -> None:
    given = frame(opened(portrait(*SIZE)))
    made = Puppet(models(), pixels())(given, Puppet.Params(), Rung.FULL)
    shown, bare = pixels().rgb(made.picture), pixels().rgb(given.picture)
    sharp = [np.abs(np.diff(rgb[150:].astype(int), axis=1)).mean() for rgb in (shown, bare)]
    assert sharp[0] < sharp[1] / 3


def test_only_the_name_of_an_upload_is_taken(faces: Path) -> None:
    with pytest.raises(ValidationError, match="not a path"):
        Puppet.Params(source="../her.jpg")
    with pytest.raises(ValidationError, match="no face of the name"):
        Puppet.Params(source="him.jpg")


def test_another_photograph_or_size_is_studied_anew(faces: Path) -> None:
    effect, params = Puppet(models(), pixels()), Puppet.Params(source="her.jpg")
    for size in (SIZE, (320, 240), (360, 640)):
        given = frame(opened(portrait(*size)))
        made = effect(replace(given, faces=()), params, Rung.FULL)
        assert (made.picture.width, made.picture.height) == size
    effect.close()
