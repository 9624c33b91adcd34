"""Training of a puppet's net: what is drawn of a photograph, exactness, and the file it becomes."""

import json
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from omote.engines.onnx import OnnxModel
from omote.engines.puppet import album
from omote.engines.puppet.unrolled import warm_up
from tests.portraits import models, pixels

PHOTO = Path(__file__).parent / "data" / "astronaut.jpg"
WITHOUT = "training needs PyTorch: pip install 'omote[train]'"
torch = pytest.importorskip("torch", reason=WITHOUT)

from omote.engines.training.losses import FilterBank
from omote.engines.training.puppet import checkpoint, command
from omote.engines.training.puppet.checkpoint import Run, Settings
from omote.engines.training.puppet.export import INPUTS, export
from omote.engines.training.puppet.material import Material, material
from omote.engines.training.puppet.network import Keep, Puppeteer, Shape
from omote.engines.training.puppet.training import advance, given_of

TINY = Shape((8, 8, 8, 8))


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@cache
def given() -> Material:
    warm_up()
    return material(PHOTO, models(), pixels())


def test_samples_are_the_same_for_the_same_numbers() -> None:
    one, other, another = (given().batch(2, (0, step))[1] for step in (1, 1, 2))
    assert (one.blend == other.blend).all() and (one.blend != another.blend).any()
    assert one.kind == "perturbed"
    assert one.mask.shape == one.truth.shape == (128, 128, 3)


def test_a_face_moved_and_moved_back_is_nearly_the_face() -> None:
    sample = given().batch(1, (0, 5))[0]
    inside = sample.weight > 0.8
    apart = np.abs(sample.blend.astype(int) - sample.truth)[inside].mean()
    assert 0.5 < apart < 15


@pytest.mark.parametrize("keep", ["learnt", "masks", "none"])
def test_the_fourth_mask_says_how_much_of_the_reference_is_kept(keep: Keep) -> None:
    net = Puppeteer(Shape((8, 8, 8, 8), keep)).eval()
    put_in = given_of(given().batch(2, (0, 0)))
    of = net(put_in)
    wanted = of.generated * (1 - of.keep) + put_in.blend * of.keep
    assert torch.allclose(of.picture, wanted, atol=1e-6)
    assert ((of.keep >= 0) & (of.keep <= 1)).all()
    assert bool((of.keep == 0).all()) == (keep == "none")


def test_a_stopped_training_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    runs: list[Run] = []
    for stops in (False, True):
        run = checkpoint.begun(Settings(3, steps=6, batch=2, shape=TINY))
        for step in range(5):
            if stops and step == 3:
                checkpoint.save(run, tmp_path / "run.pt")
                run = checkpoint.load(tmp_path / "run.pt")
            advance(run, given(), FilterBank())
        runs.append(run)
    through, stopped = (checkpoint.parts(run) for run in runs)
    for name, weights in through.items():
        assert all(torch.equal(value, stopped[name][key]) for key, value in weights.items())


def test_a_few_steps_teach_something() -> None:
    run = checkpoint.begun(Settings(steps=60, batch=2, rate=5e-3, shape=TINY))
    told = [advance(run, given(), FilterBank()) for _ in range(24)]
    assert np.mean([each["pixel"] for each in told[-4:]]) < 0.8 * told[0]["pixel"]
    assert told[-1]["rebuilt"] < told[0]["rebuilt"]


def test_an_exported_net_says_what_the_trained_one_says(tmp_path: Path) -> None:
    net = Puppeteer(TINY).eval()
    sample = given().batch(1, (0, 7))[0]
    model = OnnxModel(export(net, tmp_path / "net.onnx"))
    found = model({name: getattr(sample, name)[None] for name in INPUTS})
    with torch.no_grad():
        of = net(given_of([sample]))
    generated = (255 * of.generated[0]).permute(1, 2, 0).numpy()
    assert np.abs(found["generated"][0] - generated).max() < 1e-2
    assert np.abs(found["keep"][0, ..., 0] - of.keep[0, 0].numpy()).max() < 1e-4


def test_the_command_leaves_a_net_beside_the_face(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMOTE_DATA", str(tmp_path))
    figures = command.trained(PHOTO, "her.jpg", 5, 2, (), 0)
    assert json.dumps(figures) and figures["step"] == 2
    path = album.find("her.jpg")
    net = album.network(path)
    assert net is not None and net.name == "network-0-2.onnx"
    assert album.bank(path) is not None
    [sheet] = (album.beside(path) / "sheets").iterdir()
    assert cv2.imread(str(sheet)) is not None
    with pytest.raises(ValueError, match="not a path"):
        command.trained(PHOTO, "../her.jpg", 5, 2, (), 0)
