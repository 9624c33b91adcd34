"""Calibration: a documented file, refused with reasons a person understands."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from omote.streams import calibration
from omote.streams.calibration import BadCalibration, Lens, calibration_file, read_calibration

DEPTH = {"width": 640, "height": 480, "fx": 460, "fy": 460, "cx": 319.5, "cy": 239.5}
COLOUR = {"width": 1280, "height": 720, "fx": 930, "fy": 930, "cx": 639.5, "cy": 359.5}


def both(**depth: Any) -> dict[str, Any]:
    return {"version": 1, "depth": DEPTH | depth, "colour": COLOUR}


def test_the_example_in_the_documentation_is_read(tmp_path: Path) -> None:
    words = calibration.__doc__ or ""
    file = tmp_path / "cameras.json"
    file.write_text(words[words.index("{") : words.index("}}") + 2])
    read = calibration_file(file)
    assert read.depth is not None and read.depth.distortion[1] == -0.21
    assert read.colour is not None and read.colour.translation[0] == 0.025


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    read = read_calibration(both(distortion=[0.1, -0.2, 0, 0, 0.05]))
    file = tmp_path / "cameras.json"
    file.write_text(read.model_dump_json())
    assert calibration_file(file) == read
    assert read_calibration(json.loads(file.read_text())) == read


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"version": 1}, "give depth and colour"),
        (both(fx=0), "depth.fx"),
        (both(distortion=[1, 2, 3]), "give 0, 4, 5 or 8 coefficients"),
        (both(translation=[25, 0, 0]), "translations are in metres"),
        (both(rotation=[[1, 0, 0], [0, 1, 0], [0, 0, -1]]), "this is no rotation"),
        (both(focal=3), "depth.focal"),
        (both(cx=float("nan")), "depth.cx"),
        ({"version": 2, "aligned": True}, "version"),
        ({"left": DEPTH}, "give depth and colour"),
    ],
)
def test_what_is_wrong_is_refused_and_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(BadCalibration, match=said.replace(".", r"\.")):
        read_calibration(given)


def test_a_missing_file_and_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadCalibration, match="No such file"):
        calibration_file(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("fx = 3")
    with pytest.raises(BadCalibration, match="JSON"):
        calibration_file(tmp_path / "bad.json")


def test_at_another_size_the_same_ray_meets_the_same_place() -> None:
    lens = Lens(**COLOUR)
    half = lens.at(640, 360)
    across = (100.5 - half.cx) / half.fx
    assert np.isclose((2 * 100.5 + 0.5 - lens.cx) / lens.fx, across)


def test_points_go_through_the_world_from_camera_to_camera() -> None:
    turned = [[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    read = read_calibration(both(rotation=turned, translation=[0.1, 0, 0.2]))
    assert read.depth is not None and read.colour is not None
    world = np.array([0.3, -0.2, 1.5])
    there = np.array(turned) @ world + [0.1, 0, 0.2]
    turn, shift = read.depth.to(read.colour)
    assert np.allclose(turn @ there + shift, world)
