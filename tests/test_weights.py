import hashlib
import os
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
import pytest

from omote.engines import weights
from omote.engines.model import Array, Floats
from omote.engines.onnx import load
from omote.engines.portrait import people

FOLDER = Path(str(files(weights).joinpath("README.md"))).parent
DATA = Path(__file__).parent / "data"
HEIGHTS = {"selfie_landscape": 144, "selfie_square": 256}


def astronaut(height: int) -> Array:
    """Every second pixel of the upper part, RGB: no resampling, as the reference was taken."""
    whole = cv2.imread(str(DATA / "astronaut.jpg"))
    assert whole is not None
    return np.ascontiguousarray(whole[::2, ::2, ::-1][:height])


def alpha(name: str, picture: Array) -> Floats:
    result: Floats = load(name)({"picture": picture[None]})["alpha"]
    assert result.shape == (1, *picture.shape[:2], 1)
    return result[0, :, :, 0]


def test_every_shipped_file_has_its_hash_in_the_manifest() -> None:
    hashes = {p.stem: hashlib.sha256(p.read_bytes()).hexdigest() for p in FOLDER.glob("*.onnx")}
    assert hashes == weights.HASHES


@pytest.mark.parametrize("name", weights.HASHES)
def test_the_provenance_page_has_a_row_for_each_shipped_file(name: str) -> None:
    rows = (FOLDER / "README.md").read_text().splitlines()
    row = next(row for row in rows if row.startswith(f"| `{name}.onnx`"))
    assert weights.HASHES[name] in row
    assert "Apache-2.0" in row


@pytest.mark.parametrize("name", HEIGHTS)
def test_alpha_is_a_share_at_every_pixel(name: str) -> None:
    noise = np.random.default_rng(7).integers(0, 256, (HEIGHTS[name], 256, 3), np.uint8)
    for picture in (noise, np.zeros_like(noise), np.full_like(noise, 255)):
        result = alpha(name, picture)
        assert result.dtype == np.float32
        assert result.min() >= 0
        assert result.max() <= 1


@pytest.mark.parametrize("name", HEIGHTS)
def test_the_person_is_where_she_is(name: str) -> None:
    result = alpha(name, astronaut(HEIGHTS[name]))
    assert result[30:70, 95:125].min() > 0.95  # the face
    assert result[120:140, 60:140].mean() > 0.95  # the suit
    assert result[:100, :40].mean() < 0.01  # the flag
    assert result[:60, 150:].mean() < 0.01  # wall and rocket


@pytest.mark.parametrize("name", HEIGHTS)
def test_alpha_is_that_of_the_original_net(name: str) -> None:
    with np.load(DATA / "selfie_alpha.npz") as references:
        reference = references[name] / 65535  # each second pixel, by LiteRT
    result = alpha(name, astronaut(HEIGHTS[name]))
    assert np.abs(result[::2, ::2] - reference).max() < 1e-3


@pytest.mark.parametrize("name", HEIGHTS)
def test_the_same_picture_gives_the_same_alpha_to_the_bit(name: str) -> None:
    model, picture = load(name), astronaut(HEIGHTS[name])[None]
    first = model({"picture": picture})["alpha"]
    model({"picture": picture[:, ::-1].copy()})
    assert np.array_equal(model({"picture": picture})["alpha"], first)
    assert np.array_equal(load(name)({"picture": picture})["alpha"], first)


@pytest.mark.slow
def test_the_build_gives_the_shipped_bytes(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    extra, built = tmp_path / "extra", tmp_path / "built"
    built.mkdir()
    subprocess.run([*pip, str(extra), "ai-edge-litert==2.3.0"], check=True)
    environment = os.environ | {"PYTHONPATH": str(extra)}
    build = [sys.executable, "-m", "omote.engines.weights.build", str(built)]
    subprocess.run(build, check=True, env=environment)
    # Deglare's is not converted but trained: `omote train export`.
    for name in weights.HASHES.keys() - {"deglare"}:
        assert (built / f"{name}.onnx").read_bytes() == (FOLDER / f"{name}.onnx").read_bytes()


def test_the_classes_tell_hair_face_and_wall_apart() -> None:
    classes = load("selfie_multiclass")({"picture": astronaut(256)[None]})["classes"][0]
    assert np.abs(classes.sum(-1) - 1).max() < 1e-4
    assert classes[20:30, 105:120, 1].min() > 0.8  # hair
    assert classes[45:70, 100:125, 3].mean() > 0.9  # face
    assert classes[20:60, 60:70, 0].min() > 0.8  # wall


def test_the_matting_net_finds_her() -> None:
    found = load("modnet")({"picture": astronaut(256)[None]})["alpha"][0, :, :, 0]
    assert found[30:70, 95:125].min() > 0.95
    assert found[:100, :40].mean() < 0.01


def test_her_one_face_is_found() -> None:
    small = np.asarray(cv2.resize(astronaut(256), (people.SIDE, people.SIDE)))
    answer = load("face_full_range")({"picture": small[None]})
    (box,) = people.faces(answer["boxes"][0], answer["scores"][0, :, 0])
    middle = (box[:2] + box[2:]) / 2
    assert np.abs(middle - (0.44, 0.21)).max() < 0.05
