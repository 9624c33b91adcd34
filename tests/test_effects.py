"""What every effect promises; a new one is covered the moment its file exists."""

import hashlib
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from omote.engines.effect import AnyEffect, Rung, kinds
from omote.streams.frame import Frame, Picture
from tests.portraits import frame, models, opened, oval, pixels, portrait

SIZES = [(322, 242), (640, 360), (1280, 720), (360, 640), (64, 48)]
every_effect = pytest.mark.parametrize("name", kinds())


def made(name: str) -> AnyEffect:
    return kinds()[name](models(), pixels())


def one(width: int = 640, height: int = 360, index: int = 0) -> Frame:
    """A frame that has all an effect may ask for."""
    picture = opened(portrait(width, height))
    return frame(picture, index, pixels().guided_upsample(oval(), picture))


def once(name: str, rung: Rung = Rung.FULL, given: Frame | None = None) -> Frame:
    effect = made(name)
    try:
        result: Frame = effect(given or one(), effect.Params(), rung)
        return result
    finally:
        effect.close()


def digest(picture: Picture) -> str:
    planes = pixels().to_video(picture).planes
    return hashlib.sha256(b"".join(bytes(memoryview(_any(plane))) for plane in planes)).hexdigest()


def _any(plane: object) -> Any:
    return plane


@every_effect
@pytest.mark.parametrize("size", SIZES)
def test_a_frame_keeps_its_size_time_and_index(name: str, size: tuple[int, int]) -> None:
    given = one(*size, index=7)
    result = once(name, given=given)
    assert (result.picture.width, result.picture.height) == size
    assert (result.pts, result.time_base) == (given.pts, given.time_base)
    assert (result.arrived, result.index) == (given.arrived, given.index)


@every_effect
def test_the_pixels_of_the_frame_given_are_never_written(name: str) -> None:
    given = one()
    before = digest(given.picture)
    once(name, given=given)
    assert digest(given.picture) == before


@every_effect
def test_the_first_frame_comes_out_the_same_every_time(name: str) -> None:
    first, again = once(name), once(name)
    assert digest(first.picture) == digest(again.picture)
    assert first.matte is not None and again.matte is not None
    assert np.array_equal(pixels().alpha(first.matte), pixels().alpha(again.matte))


@every_effect
def test_after_a_reset_a_frame_comes_out_as_the_first(name: str) -> None:
    effect = made(name)
    params = effect.Params()
    first: Frame = effect(one(), params, Rung.FULL)
    for index in range(1, 4):
        moved = opened(portrait(right=8 * index))
        matte = pixels().guided_upsample(oval(), moved)
        effect(frame(moved, index, matte), params, Rung.FULL)
    effect.reset()
    again: Frame = effect(one(), params, Rung.FULL)
    effect.close()
    assert digest(first.picture) == digest(again.picture)


@every_effect
def test_the_size_may_change_in_mid_stream(name: str) -> None:
    effect = made(name)
    for size in SIZES:
        effect.reset()
        for index in range(2):
            result: Frame = effect(one(*size, index=index), effect.Params(), Rung.FULL)
            assert (result.picture.width, result.picture.height) == size
    effect.close()


@every_effect
@pytest.mark.parametrize("rung", [rung for rung in Rung if rung < Rung.PASS])
def test_every_rung_works(name: str, rung: Rung) -> None:
    assert once(name, rung).picture.width == 640


@every_effect
def test_every_parameter_is_described_and_every_number_has_bounds(name: str) -> None:
    for field, schema in kinds()[name].Params.model_json_schema()["properties"].items():
        assert schema.get("description", "").endswith("."), field
        assert "default" in schema, field
        if schema.get("type") in ("number", "integer") and "enum" not in schema:
            assert {"minimum", "maximum"} <= schema.keys(), field


@every_effect
def test_unknown_parameters_and_numbers_out_of_bounds_are_refused(name: str) -> None:
    params = kinds()[name].Params
    with pytest.raises(ValidationError):
        params.model_validate({"no_such_thing": 1})
    for field, schema in params.model_json_schema()["properties"].items():
        if "maximum" in schema:
            with pytest.raises(ValidationError):
                params.model_validate({field: schema["maximum"] + 1})
