"""The face that is followed: where it is, how it moves, and how it is let go."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise

import cv2
import numpy as np
import pytest

from omote.engines.chain import FACES, LANDMARKS, Chain
from omote.engines.effect import Rung
from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.mesh import named
from omote.engines.faces.pose import MIRRORED, angles, fitted
from omote.engines.faces.region import Region, around
from omote.engines.faces.rest import Moment, Rest
from omote.engines.faces.steady import OneEuro
from omote.engines.faces.topology import BLENDSHAPES, LEFT_IRIS, RIGHT_IRIS, SEEN
from omote.engines.faces.tracker import Tracker
from omote.engines.kernels import Floats
from omote.streams.frame import Face, Frame
from tests.portraits import Rgb, frame, models, opened, pixels, portrait

PUPILS = (RIGHT_IRIS, LEFT_IRIS)


def tracker() -> Tracker:
    return Tracker(models(), pixels())


def nobody(width: int = 640, height: int = 480) -> Rgb:
    return np.full((height, width, 3), 90, np.uint8)


def shown(made: Tracker, picture: Rgb, index: int, rung: Rung = Rung.FULL) -> Frame:
    return made(frame(opened(picture), index), rung)


@cache
def seen(width: int = 640, height: int = 480) -> Face:
    [face] = shown(tracker(), portrait(width, height), 0).faces
    return face


def turned(degrees: float, scale: float = 1.0) -> tuple[Rgb, Floats]:
    """The portrait turned clockwise about its middle, and how points get there, (2, 3)."""
    picture = portrait(640, 480)
    affine = cv2.getRotationMatrix2D((320, 240), -degrees, scale)
    made = cv2.warpAffine(picture, affine, (640, 480), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(made, np.uint8), affine.astype(np.float32)


def eyes(face: Face) -> float:
    return float(np.linalg.norm(face.landmarks[RIGHT_IRIS] - face.landmarks[LEFT_IRIS]))


# Where it is.


@pytest.mark.parametrize("size", [(640, 480), (1280, 720), (360, 640), (322, 242)])
def test_a_face_is_found_at_once_and_its_landmarks_lie_on_it(size: tuple[int, int]) -> None:
    face = seen(*size)
    side = 1.35 * max(size)
    # Her pupils in the portrait's 512 pixels, marked by hand.
    for index, (x, y) in zip(PUPILS, ((203.5, 101), (247, 103)), strict=True):
        where = np.array([(x / 512 - 0.43) * side + size[0] / 2, y / 512 * side])
        assert np.abs(face.landmarks[index, :2] - where).max() < 0.12 * eyes(face)
    left, top, right, bottom = face.box
    assert 0 < left < face.landmarks[1, 0] < right < size[0]
    assert 0 < top < face.landmarks[1, 1] < bottom < size[1]
    assert (face.status, face.strength) == ("tracked", 1.0)


def test_a_smile_is_one() -> None:
    shapes = seen().blendshapes
    assert set(shapes) == set(BLENDSHAPES[1:])
    assert min(shapes["mouthSmileLeft"], shapes["mouthSmileRight"]) > 0.5
    assert max(shapes["eyeBlinkLeft"], shapes["eyeBlinkRight"], shapes["jawOpen"]) < 0.3


@pytest.mark.parametrize("degrees", [-35, -15, 20, 40])
def test_a_tilted_head_has_the_same_landmarks_elsewhere(degrees: float) -> None:
    picture, affine = turned(degrees)
    [face] = shown(tracker(), picture, 0).faces
    expected = seen().landmarks[:, :2] @ affine[:, :2].T + affine[:, 2]
    apart = np.linalg.norm(face.landmarks[:, :2] - expected, axis=1) / eyes(face)
    assert np.mean(apart) < 0.035
    assert face.pose is not None
    straight = seen().pose
    assert straight is not None
    assert angles(face.pose).roll - angles(straight).roll == pytest.approx(degrees, abs=3)


def test_two_pictures_of_one_face_have_one_shape() -> None:
    picture, _ = turned(20, 0.8)
    [face] = shown(tracker(), picture, 0).faces
    straight = seen().shape
    assert face.shape is not None
    assert straight is not None
    assert np.abs(face.shape - straight).mean() < 0.15  # centimetres


def test_a_pose_is_found_again() -> None:
    face = canonical_face()
    turn = cv2.Rodrigues(np.radians((10.0, -25.0, 8.0)))[0]
    points = (12 * face.vertices @ turn.T + (320, -240, 5)) * MIRRORED
    found = fitted(np.vstack([points, points[:10]]).astype(np.float32), face)
    assert found.scale == pytest.approx(12, rel=1e-3)
    assert np.abs(found.rotation - turn).max() < 1e-3
    assert np.abs(found.undone(points.astype(np.float32)) - face.vertices).max() < 1e-2
    matrix = found.matrix((640, 480))
    assert matrix[:2, 3] == pytest.approx((0, 0), abs=1e-2)
    assert matrix[2, 3] < 0


@pytest.mark.parametrize(
    ("turn", "of"),
    [((0.0, 20.0, 0.0), "yaw"), ((-20.0, 0.0, 0.0), "pitch"), ((0.0, 0.0, -20.0), "roll")],
)
def test_angles_are_called_what_they_are(turn: tuple[float, float, float], of: str) -> None:
    found = angles(cv2.Rodrigues(np.radians(turn))[0].astype(np.float32))
    assert getattr(found, of) == pytest.approx(20)
    assert sum(map(abs, (found.yaw, found.pitch, found.roll))) == pytest.approx(20)


def test_the_region_of_a_face_holds_it_upright() -> None:
    face = seen()
    region = around(face.landmarks)
    affine = region.affine(256)
    inverse = np.linalg.inv(np.vstack([affine, (0, 0, 1)]))[:2]
    inside = face.landmarks[:, :2] @ inverse[:, :2].T + inverse[:, 2]
    assert inside.min() > 20
    assert inside.max() < 236
    assert abs(inside[33, 1] - inside[263, 1]) < 4
    assert (
        np.abs(
            region.placed(np.column_stack([inside, face.landmarks[:, 2:]]), 256)[:, :2]
            - face.landmarks[:, :2]
        ).max()
        < 0.01
    )


@pytest.mark.parametrize("side", [60, 200, 700, 1500])
def test_a_straightened_part_has_the_colours_of_the_picture(side: float) -> None:
    across = np.linspace(30, 220, 1280, dtype=np.float32)
    ramp = np.repeat(np.broadcast_to(across, (720, 1280))[..., None], 3, 2).astype(np.uint8)
    region = Region(640, 360, side, 0.3)
    part = pixels().straightened(opened(ramp), region.affine(64), (64, 64))
    middle = part[28:36, 28:36].mean()
    assert middle == pytest.approx(float(across[640]), abs=2)
    expected = across[640] + 190 / 1280 * side / 4 * np.cos(0.3)
    assert part[32, 47:49].mean() == pytest.approx(expected, abs=3)


# How it is followed.


def noisy(count: int) -> Iterator[Rgb]:
    chance = np.random.default_rng(3)
    still = portrait(640, 480).astype(np.float32)
    for _ in range(count):
        yield np.clip(still + chance.normal(0, 4, still.shape), 0, 255).astype(np.uint8)


def test_landmarks_of_a_still_face_stand_still_in_noise() -> None:
    made = tracker()
    faces = [shown(made, picture, i).faces[0] for i, picture in enumerate(noisy(40))]
    points = np.array([face.landmarks[:, :2] for face in faces[15:]])
    spread = np.linalg.norm(points.std(0), axis=1).mean() / eyes(faces[0])
    assert spread < 0.003


def test_a_face_that_moves_is_at_most_a_frame_behind() -> None:
    made = tracker()
    moving = np.array(
        [shown(made, portrait(640, 480, 8 * i), i).faces[0].landmarks[1] for i in range(12)]
    )
    fresh = [
        shown(tracker(), portrait(640, 480, 8 * i), 0).faces[0].landmarks[1] for i in range(12)
    ]
    behind = np.abs(moving[:, 0] - np.array(fresh)[:, 0]) / 8
    assert behind[4:].max() < 1


def test_a_filter_holds_still_what_rests_and_follows_what_moves() -> None:
    steady = OneEuro(rest_hz=0.3, rise=20, speed_hz=3)
    chance = np.random.default_rng(1)
    noise = chance.normal(0, 0.001, (200, 1, 2)).astype(np.float32)
    rest = np.array([steady(row, 1 / 30) for row in noise])[60:]
    assert rest.std() < 0.4 * noise.std()
    moved = [float(steady(np.full((1, 2), 0.05 * i, np.float32), 1 / 30)[0, 0]) for i in range(20)]
    assert moved[-1] > 0.05 * 18


def test_the_colour_of_skin_follows_the_light_and_neither_hair_nor_wall() -> None:
    bright = portrait()
    faces = [shown(tracker(), rgb, 0).faces[0] for rgb in (bright, (bright * 0.7).astype(np.uint8))]
    first, second = (face.complexion for face in faces)
    assert first is not None and second is not None
    assert second / first == pytest.approx(0.7, abs=0.03)
    x, y = faces[0].landmarks[[50, 280], :2].astype(int).T
    assert np.abs(first - bright[y, x].mean(0)).max() < 45


def test_nobody_is_no_face() -> None:
    made = tracker()
    for index in range(5):
        assert shown(made, nobody(), index).faces == ()
    assert made.status == "lost"


def test_a_face_that_goes_is_held_then_eased_to_neutral_then_gone() -> None:
    made = tracker()
    for index in range(40):
        shown(made, portrait(640, 480), index)
    gone = [shown(made, nobody(), index).faces for index in range(40, 80)]
    statuses = [faces[0].status if faces else "none" for faces in gone]
    order = [statuses[0]] + [b for a, b in pairwise(statuses) if a != b]
    assert order == ["held", "lost", "none"]
    strengths = [faces[0].strength for faces in gone if faces]
    assert strengths[0] == 1
    assert all(0 <= before - after < 0.1 for before, after in pairwise(strengths))
    last = [faces[0] for faces in gone if faces][-1]
    assert last.neutral is not None
    rest = last.neutral.blendshapes
    assert max(abs(last.blendshapes[name] - rest[name]) for name in rest) < 0.1


def test_a_face_that_comes_back_is_taken_up_calmly() -> None:
    made = tracker()
    for index in range(30):
        shown(made, portrait(640, 480), index)
    for index in range(30, 60):
        shown(made, nobody(), index)
    back = [shown(made, portrait(640, 480, 40), index).faces for index in range(60, 75)]
    faces = [each[0] for each in back if each]
    assert len(faces) >= 12
    assert faces[0].status == "tracked"
    assert 0 < faces[0].strength < 0.5
    assert faces[-1].strength == 1
    assert all(after.strength - before.strength < 0.25 for before, after in pairwise(faces))


def test_after_a_cut_nothing_of_the_last_face_is_left() -> None:
    made = tracker()
    for index in range(30):
        shown(made, portrait(640, 480), index)
    made.reset()
    [face] = shown(made, np.ascontiguousarray(portrait(640, 480)[:, ::-1]), 30).faces
    assert (face.status, face.strength, face.neutral) == ("tracked", 1.0, None)


def test_under_load_expressions_are_computed_for_every_second_frame() -> None:
    made = tracker()
    shapes = [
        shown(made, picture, i, Rung.REUSE).faces[0].blendshapes
        for i, picture in enumerate(noisy(9))
    ]
    same = [before == after for before, after in pairwise(shapes)]
    assert sum(same) == 4


# What it looks like at rest.


def moment(smile: float = 0.0, lift: float = 0.0) -> Moment:
    coefficients = np.zeros(52, np.float32)
    coefficients[BLENDSHAPES.index("mouthSmileLeft")] = smile
    shape = np.full((478, 3), lift, np.float32)
    return Moment(coefficients, shape, np.eye(4, dtype=np.float32))


def after(rest: Rest, now: Moment, seconds: float) -> float:
    """The neutral smile after so long."""
    for _ in range(round(seconds * 30)):
        neutral = rest(now, 1 / 30)
    assert neutral is not None
    return neutral.blendshapes["mouthSmileLeft"]


def test_the_calmest_moment_becomes_the_neutral_face() -> None:
    rest = Rest()
    assert rest(moment(0.9), 1 / 30) is None
    assert after(rest, moment(0.9), 3) == pytest.approx(0.9, abs=0.05)
    assert after(rest, moment(0.1), 4) == pytest.approx(0.1, abs=0.05)
    assert after(rest, moment(0.9), 4) == pytest.approx(0.1, abs=0.05)


def test_whoever_asks_gets_the_face_of_that_moment_as_neutral() -> None:
    rest = Rest()
    after(rest, moment(0.0), 3)
    rest.ask()
    assert after(rest, moment(0.6), 4) == pytest.approx(0.6, abs=0.05)
    assert after(rest, moment(0.0), 4) == pytest.approx(0.6, abs=0.05)
    neutral = rest(moment(), 1 / 30)
    assert neutral is not None
    assert neutral.asked
    rest.release()
    assert after(rest, moment(0.0), 6) == pytest.approx(0.0, abs=0.05)


def test_one_neutral_face_becomes_another_without_a_jump() -> None:
    rest = Rest()
    smiles = [after(rest, moment(0.9), 2)]
    smiles += [after(rest, moment(0.0), 1 / 30) for _ in range(120)]
    assert max(abs(b - a) for a, b in pairwise(smiles)) < 0.12


# In a chain.


class Watcher:
    """Notes what faces it was given."""

    name = "watcher"
    needs_faces = True

    def __init__(self) -> None:
        self.given: list[int] = []

    def __call__(self, frame: Frame, params: object, rung: Rung) -> Frame:
        self.given.append(len(frame.faces))
        return frame

    def reset(self) -> None:
        """No past."""

    def close(self) -> None:
        """Nothing held."""


def chain() -> Chain:
    return Chain(models(), pixels())


def test_a_face_is_looked_for_only_when_somebody_needs_it() -> None:
    made = chain()
    made.use(made.build([]), {})
    assert made(frame(opened(portrait())), Rung.FULL).frame.faces == ()
    made.load_tracker()
    made.follow_faces(True)
    turn = made(frame(opened(portrait()), 1), Rung.FULL)
    assert len(turn.frame.faces) == 1
    assert turn.steps_ms[FACES] > 0
    assert [name.partition("@")[0] for name in made.models()[FACES]] == [
        "face_full_range",
        "face_landmarks",
        "face_blendshapes",
    ]
    made.follow_faces(False)
    assert made(frame(opened(portrait()), 2), Rung.FULL).frame.faces == ()


def test_an_effect_that_needs_faces_gets_them() -> None:
    made, watcher = chain(), Watcher()
    made.load_tracker()
    made.use({"watcher": watcher}, {"watcher": None})  # type: ignore[dict-item]
    assert made(frame(opened(portrait())), Rung.FULL).frame.faces
    assert watcher.given == [1]


def test_the_landmarks_can_be_looked_at() -> None:
    made = chain()
    made.load_tracker()
    made.follow_faces(True)
    given = replace(frame(opened(portrait())), view=LANDMARKS)
    turn = made(given, Rung.FULL)
    view = pixels().rgb(turn.frame.views[LANDMARKS])
    plain = pixels().rgb(given.picture)
    [face] = turn.frame.faces
    x, y = np.round(face.landmarks[1, :2]).astype(int)
    assert np.abs(view[y, x].astype(int) - plain[y, x]).max() > 25
    assert np.abs(view[-40:, :40].astype(int) - plain[-40:, :40]).mean() < 2


def test_the_points_of_the_expression_net_are_the_ones_it_was_made_for() -> None:
    assert len(SEEN) == len(set(SEEN)) == 146
    assert len(named(np.zeros(52, np.float32))) == 51
