"""Worn: a photographed face on somebody else's head, and what is seen when it cannot be there."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from omote.engines.effect import Rung
from omote.engines.faces.topology import LEFT_EYE, LIPS_INNER, RIGHT_EYE
from omote.engines.faces.tracker import Tracker
from omote.engines.kernels import Bytes
from omote.engines.puppet.light import Light
from omote.engines.puppet.mask import facing, height_of, inwards, taken_off
from omote.engines.puppet.modes import MODES
from omote.engines.puppet.performance import Casting, Performance
from omote.engines.puppet.pose_transfer import Amounts
from omote.streams.frame import Frame
from tests.portraits import astronaut, frame, models, opened, pixels, portrait, turned

PHOTO = Path(__file__).parent / "data" / "astronaut.jpg"
SIZE = (640, 480)


@cache
def followed() -> Frame:
    """Her own picture in a greener, darker light, as the driver."""
    lit = np.asarray(portrait(*SIZE) * (0.5, 0.7, 0.5), np.uint8)
    return Tracker(models(), pixels())(frame(opened(lit)), Rung.FULL)


@pytest.fixture
def worn() -> Performance:
    return MODES["wear"](Casting(PHOTO, "auto", followed().picture, models(), pixels()))


def shown(worn: Performance, given: Frame) -> Bytes:
    return pixels().rgb(worn(given, Amounts()))


def test_beside_the_face_the_picture_is_the_cameras_own(worn: Performance) -> None:
    bare, made = pixels().rgb(followed().picture), shown(worn, followed())
    left, top, right, bottom = (round(edge) for edge in followed().faces[0].box)
    apart = np.abs(made.astype(int) - bare)
    apart[top - 6 : bottom + 6, left - 6 : right + 6] = 0
    assert apart.max() == 0


def test_eyes_and_the_inside_of_the_mouth_are_the_drivers_own(worn: Performance) -> None:
    """Somebody whose eyes and mouth are bright green."""
    [face] = followed().faces
    painted = pixels().rgb(followed().picture).copy()
    holes = np.zeros(painted.shape[:2], np.uint8)
    for contour in (RIGHT_EYE, LEFT_EYE, LIPS_INNER):
        cv2.fillPoly(holes, [face.landmarks[list(contour), :2].astype(np.int32)], (255,))
    painted[cv2.dilate(holes, np.ones((9, 9), np.uint8)) > 0] = (0, 255, 0)
    given = replace(followed(), picture=pixels().from_rgb(painted, followed().picture))
    made = shown(worn, given)
    inside = cv2.erode(holes, np.ones((3, 3), np.uint8)) > 0
    assert inside.sum() > 100
    assert np.abs(made[inside].astype(int) - (0, 255, 0)).mean() < 25


def test_what_the_matte_knows_to_be_no_skin_stays_in_front(worn: Performance) -> None:
    bare = pixels().rgb(followed().picture)
    left, top, right, bottom = (round(edge) for edge in followed().faces[0].box)
    middle = (left + right) // 2
    skin = np.ones((120, 160), np.float32)
    skin[:, middle // 4 :] = 0
    apart = np.abs(shown(worn, replace(followed(), skin=skin)).astype(int) - bare).max(2)
    assert apart[top:bottom, middle + 8 : right].max() <= 4
    assert apart[top:bottom, left:middle].max() > 20


def test_a_mask_takes_on_the_light_of_the_face_it_is_worn_on(worn: Performance) -> None:
    """Her own face on her own face, in another light: nothing but the light is left to differ."""
    bare, made = pixels().rgb(followed().picture), shown(worn, followed())
    left, top, right, bottom = (round(edge) for edge in followed().faces[0].box)
    face = np.s_[top:bottom, left:right]
    assert np.abs(made[face].mean((0, 1)) - bare[face].mean((0, 1))).max() < 3
    assert np.abs(made[face].astype(int) - bare[face]).mean() < 6


def test_where_no_face_is_found_nothing_is_shown_bare(worn: Performance) -> None:
    veiled = pixels().rgb(pixels().veiled(followed().picture))
    assert np.array_equal(shown(worn, replace(followed(), faces=())), veiled)


def test_a_face_that_is_lost_goes_under_the_veil_little_by_little(worn: Performance) -> None:
    whole = shown(worn, followed()).astype(int)
    [face] = followed().faces
    veiled = pixels().rgb(pixels().veiled(followed().picture)).astype(int)
    half = shown(worn, replace(followed(), faces=(replace(face, strength=0.5),)))
    assert np.abs(half - (whole + veiled) / 2).mean() < 2


def test_a_face_outside_of_the_picture_harms_nothing(worn: Performance) -> None:
    [face] = followed().faces
    for way in ((900.0, 0, 0), (0, -700.0, 0), (260.0, 170.0, 0)):
        moved = replace(face, landmarks=face.landmarks + np.array(way, np.float32))
        made = shown(worn, replace(followed(), faces=(moved,)))
        assert made.shape == (SIZE[1], SIZE[0], 3)


def test_skin_is_taken_and_hair_is_left() -> None:
    mask = taken_off(astronaut(), models(), pixels())
    skin = mask.skins[0]
    alpha = skin.rgba[..., 3]
    nose, forehead = (skin.landmarks[at, :2].round().astype(int) for at in (1, 10))
    assert alpha[nose[1], nose[0]] > 250
    assert alpha[forehead[1] - round(0.35 * height_of(skin.landmarks)), forehead[0]] < 20


def test_a_small_face_wears_a_small_picture() -> None:
    mask = taken_off(astronaut(), models(), pixels())
    heights = [height_of(skin.landmarks) for skin in mask.skins]
    assert heights == sorted(heights, reverse=True)
    assert height_of(mask.near(70).landmarks) < 1.7 * 70
    assert mask.near(5000) is mask.skins[0]


def test_what_is_seen_edge_on_is_not_shown() -> None:
    ahead = facing(turned(0)) * inwards()
    assert ahead[1] == pytest.approx(1) and ahead[[10, 152, 234, 454]].max() == 0
    right, left = facing(turned(55))[[50, 280]]
    assert min(right, left) < 0.3 and max(right, left) > 0.9


def test_light_follows_slowly_and_at_once_on_another_face() -> None:
    light, alpha = Light(), np.full((80, 60), 255, np.uint8)
    grey, dark = (np.full((80, 60, 3), level, np.uint8) for level in (120, 60))
    assert np.abs(light(grey, dark, alpha).astype(int) - 60).max() <= 2
    assert light(grey, grey, alpha).mean() < 90
    light.reset()
    assert np.abs(light(grey, grey, alpha).astype(int) - 120).max() <= 2
