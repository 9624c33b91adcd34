"""Skin made smoother, and blur by depth, on pictures whose answer is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from omote.engines import layers
from omote.engines.effect import Rung
from omote.engines.effects.background import Background
from omote.engines.effects.retouch import Retouch
from omote.engines.retouching import Touch
from omote.streams.frame import Depth, Frame, Plane
from tests.portraits import Rgb, frame, models, opened, oval, pixels

SKIN = (205, 150, 125)


def portrait_with(colour: tuple[int, int, int], sigma: float = 4) -> Rgb:
    noise = np.random.default_rng(0).normal(0, sigma, (360, 640, 1))
    return np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)


def framed(rgb: Rgb, depth: Depth | None = None) -> Frame:
    picture = opened(rgb)
    given = frame(picture, 0, pixels().guided_upsample(oval(), picture))
    return Frame(
        picture, given.pts, given.time_base, given.arrived, 0, depth=depth, matte=given.matte
    )


def retouched(rgb: Rgb, **params: float) -> Rgb:
    effect = Retouch(models(), pixels())
    return pixels().rgb(effect(framed(rgb), Retouch.Params(**params), Rung.FULL).picture)


def matte() -> Plane:
    return pixels().guided_upsample(oval(), opened(portrait_with(SKIN)))


def roughness(rgb: Rgb, part: tuple[slice, slice]) -> float:
    return float(rgb[part].astype(float).mean(axis=2).std())


FACE = np.s_[90:150, 300:340]
WALL = np.s_[10:60, 20:120]


def test_skin_becomes_smoother_and_what_is_not_the_person_stays() -> None:
    rgb = portrait_with(SKIN)
    before, after = pixels().rgb(opened(rgb)), retouched(rgb, smooth=1, even=0, light=0)
    assert roughness(after, FACE) < 0.5 * roughness(before, FACE)
    assert np.array_equal(after[WALL], before[WALL])


def test_what_has_not_the_colour_of_skin_stays() -> None:
    rgb = portrait_with((60, 90, 160))
    assert np.array_equal(retouched(rgb), pixels().rgb(opened(rgb)))


def test_skin_becomes_lighter_or_darker() -> None:
    rgb = portrait_with(SKIN, 0)
    dark, light = (retouched(rgb, smooth=0, even=0, light=x)[FACE].mean() for x in (-1, 1))
    assert dark < rgb[FACE].mean() - 5
    assert light > rgb[FACE].mean() + 5


def test_an_eye_stays_an_eye() -> None:
    rgb = portrait_with(SKIN, 0)
    rgb[110:120, 310:330] = 20
    assert retouched(rgb, smooth=1)[115, 320].max() < 40


def test_nothing_to_do_gives_the_frame_back() -> None:
    given = framed(portrait_with(SKIN))
    effect = Retouch(models(), pixels())
    assert effect(given, Retouch.Params(smooth=0, even=0, light=0), Rung.FULL) is given
    assert effect(given, Retouch.Params(), Rung.SIZE) is given


def test_without_any_skin_a_picture_stays() -> None:
    picture = opened(portrait_with(SKIN))
    made = pixels().retouched(picture, np.zeros((90, 160), np.float32), Touch(1, 1, 1))
    assert np.array_equal(pixels().rgb(made), pixels().rgb(picture))


def room(near: float, far: float, person: float) -> NDArray[np.float32]:
    """Metres: the left half near, the right one far, and the person before them."""
    metres = np.full((360, 640), near, np.float32)
    metres[:, 320:] = far
    metres[pixels().alpha(matte()) > 0.5] = person
    return metres


def test_blur_grows_with_the_distance_from_the_persons_plane() -> None:
    alpha = pixels().low(matte(), (160, 90))
    amount = layers.amounts(room(1.2, 6.0, 1.2), alpha)
    assert amount is not None
    assert amount[10, 5] < 0.05
    assert amount[10, 155] == pytest.approx(0.8, abs=0.05)


def test_unknown_depth_is_as_around_and_without_any_of_the_person_there_is_none() -> None:
    alpha = pixels().low(matte(), (160, 90))
    metres = room(6.0, 6.0, 1.2)
    metres[:60, :120] = np.nan
    amount = layers.amounts(metres, alpha)
    assert amount is not None
    assert np.isfinite(amount).all()
    assert amount[2, 2] > 0.7
    assert layers.amounts(np.full((360, 640), np.nan, np.float32), alpha) is None


@pytest.mark.parametrize("mode", ["blur", "disc"])
def test_what_stands_beside_the_person_stays_sharp_and_what_is_behind_does_not(mode: str) -> None:
    rng = np.random.default_rng(1)
    rgb = np.repeat(np.repeat(rng.integers(0, 256, (90, 160, 1), np.uint8), 4, 0), 4, 1)
    rgb = np.repeat(rgb, 3, axis=2)
    depth = Depth(room(1.2, 9.0, 1.2), None, 0, "test")
    effect = Background(models(), pixels())
    params = Background.Params.model_validate({"mode": mode, "strength": 1})
    shown = pixels().rgb(effect(framed(rgb, depth), params, Rung.FULL).picture)
    plain = pixels().rgb(opened(rgb))
    left, right = np.s_[20:100, 20:100], np.s_[20:100, 540:620]
    assert roughness(shown, left) > 0.8 * roughness(plain, left)
    assert roughness(shown, right) < 0.4 * roughness(plain, right)
    flat = params.model_copy(update={"by_depth": False})
    even = pixels().rgb(effect(framed(rgb, depth), flat, Rung.FULL).picture)
    assert roughness(even, left) < 0.4 * roughness(plain, left)
