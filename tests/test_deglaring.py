"""Deglaring: what a layer does to a picture, over time, and where; nets that are made up here."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from omote.engines import interference, pyramid
from omote.engines.chain import Chain
from omote.engines.effect import Rung
from omote.engines.effects.deglare import Deglare
from omote.engines.faces.tracker import Tracker
from omote.engines.i420 import Bytes
from omote.engines.interference import Interference, believed, shown_size
from omote.engines.kernels import Floats
from omote.engines.model import Array, Models
from omote.engines.onnx import load
from omote.engines.pixels import CpuPixels
from omote.engines.shine import shine
from omote.engines.targets import Target, region, skin
from omote.engines.training.scores import psnr
from omote.streams.frame import Face, Frame, Picture
from tests.portraits import frame

PIXELS = CpuPixels()
ASTRONAUT = Path(__file__).parent / "data" / "astronaut.jpg"


def photograph(width: int = 1280, height: int = 720) -> Bytes:
    read = cv2.imread(str(ASTRONAUT))
    assert read is not None
    rgb = cv2.cvtColor(read, cv2.COLOR_BGR2RGB)
    return np.asarray(cv2.resize(rgb, (width, height)), np.uint8)


def glazed(clean: Bytes, sigma: float) -> tuple[Bytes, Floats]:
    """A window's reflection on it, and the layer that it is, small."""
    height, width = clean.shape[:2]
    shape = np.zeros((height, width), np.float32)
    cv2.rectangle(shape, (width // 2, height // 4), (3 * width // 4, 2 * height // 3), (1.0,), -1)
    light = cv2.GaussianBlur(shape, (0, 0), sigma)[..., None] * np.array(
        [0.3, 0.33, 0.36], np.float32
    )
    shown = np.minimum((clean / 255.0) ** 2.2 + light, 1) ** (1 / 2.2) * 255
    excess = (shown - clean).astype(np.float32)
    layer = cv2.resize(excess, (256, 144), interpolation=cv2.INTER_AREA)
    return shown.astype(np.uint8), np.asarray(layer, np.float32)


class Oracle:
    """Says what it was told, and counts."""

    name = "oracle"

    def __init__(self, layer: Floats) -> None:
        self.layer, self.asked, self.noise = layer, 0, 0.0
        self._rng = np.random.default_rng(0)

    def __call__(self, inputs: Mapping[str, Array], /) -> dict[str, Array]:
        self.asked += 1
        assert inputs["picture"].shape[1:3] == self.layer.shape[:2]
        noise = self._rng.standard_normal(self.layer.shape, np.float32) * np.float32(self.noise)
        certain = np.ones((*self.layer.shape[:2], 1), np.float32)
        return {"excess": (self.layer + noise)[None], "certainty": certain[None]}


def effect(oracle: Oracle) -> Deglare:
    return Deglare(Models(lambda name: oracle), PIXELS)


def shown(rgb: Bytes, index: int = 0) -> Frame:
    return frame(PIXELS.from_rgb(rgb), index)


@pytest.mark.parametrize("sigma", [2, 6, 12, 25])
def test_the_live_way_equals_the_pyramid(sigma: float) -> None:
    picture, layer = glazed(photograph(), sigma)
    opened = PIXELS.from_rgb(picture)
    live = PIXELS.rgb(PIXELS.without(opened, layer))
    assert psnr(live, pyramid.without(PIXELS.rgb(opened), layer)) > 45


@pytest.mark.parametrize("sigma", [2, 12])
def test_a_layer_that_is_known_is_taken_off_without_a_ghost(sigma: float) -> None:
    clean = photograph()
    picture, layer = glazed(clean, sigma)
    result = PIXELS.rgb(PIXELS.without(PIXELS.from_rgb(picture), layer))
    assert psnr(picture, clean) < 24
    assert psnr(result, clean) > 40


def test_where_nothing_is_taken_the_picture_is_the_same_to_the_bit() -> None:
    picture = PIXELS.from_rgb(photograph())
    result = PIXELS.without(picture, np.zeros((144, 256, 3), np.float32))
    given, made = PIXELS.to_video(picture), PIXELS.to_video(result)
    assert (given.to_ndarray() == made.to_ndarray()).all()


def test_doubt_and_faint_differences_leave_the_picture_alone() -> None:
    excess = np.full((4, 4, 3), 50, np.float32)
    sure, unsure = np.ones((4, 4, 1), np.float32), np.full((4, 4, 1), 0.05, np.float32)
    assert np.allclose(believed(excess, sure), 50, atol=0.1)
    assert (believed(excess, unsure) == 0).all()
    assert (believed(excess * 0 + interference.FAINT, sure) == 0).all()
    assert (believed(-excess, sure) == 0).all()


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (640, 480), (500, 500), (64, 48)])
def test_the_net_is_shown_the_proportions_it_can_take(size: tuple[int, int]) -> None:
    width, height = shown_size(PIXELS.from_rgb(np.zeros((size[1], size[0], 3), np.uint8)))
    assert width % 16 == height % 16 == 0
    assert abs(width / height - size[0] / size[1]) < 0.1
    assert abs(width * height - 256 * 144) < 0.1 * 256 * 144


def test_the_net_looks_at_every_nth_picture_and_more_seldom_on_lower_rungs() -> None:
    picture, layer = glazed(photograph(), 12)
    for rung, looks in ((Rung.FULL, 4), (Rung.REUSE, 3), (Rung.SIZE, 2)):
        oracle = Oracle(layer)
        deglare = effect(oracle)
        for index in range(10):
            deglare(shown(picture, index), Deglare.Params(every=3), rung)
        assert oracle.asked == looks
        deglare.close()


def test_the_layer_is_calmer_than_the_net() -> None:
    picture, layer = glazed(photograph(), 12)
    oracle = Oracle(layer + 10)
    oracle.noise = 4.0
    opened, seen = PIXELS.from_rgb(picture), Interference(oracle, PIXELS)
    layers = np.stack([seen.layer(opened, 3) for _ in range(30)])
    single = np.stack([Interference(oracle, PIXELS).layer(opened, 1) for _ in range(10)])
    flicker, alone = (np.abs(np.diff(each, axis=0)).mean() for each in (layers, single))
    assert flicker < alone / 3


def test_the_layer_follows_what_moves_and_leaves_no_trail() -> None:
    clean = np.asarray(cv2.GaussianBlur(photograph(), (0, 0), 2), np.uint8)
    picture, layer = glazed(clean, 6)
    oracle = Oracle(layer)
    seen = Interference(oracle, PIXELS)
    seen.layer(PIXELS.from_rgb(picture), 100)
    moved = np.roll(picture, 25, axis=1)
    found = seen.layer(PIXELS.from_rgb(moved), 100)
    assert oracle.asked == 1
    wanted = np.roll(layer, 5, axis=1)
    assert np.abs(found - wanted).mean() < 0.4 * np.abs(layer - wanted).mean()


def test_a_cut_is_looked_at_at_once_and_forgets_the_old_layer() -> None:
    picture, layer = glazed(photograph(), 12)
    oracle = Oracle(layer)
    seen = Interference(oracle, PIXELS)
    seen.layer(PIXELS.from_rgb(picture), 100)
    oracle.layer = np.zeros_like(layer)
    found = seen.layer(PIXELS.from_rgb(255 - picture[::-1]), 100)
    assert oracle.asked == 2
    assert (found == 0).all()


def test_strength_0_changes_nothing_and_more_takes_more() -> None:
    clean = photograph()
    picture, layer = glazed(clean, 12)
    gained = []
    for strength in (0, 0.5, 1):
        made = effect(Oracle(layer))(shown(picture), Deglare.Params(strength=strength), Rung.FULL)
        gained.append(psnr(PIXELS.rgb(made.picture), clean))
    assert gained[0] < gained[1] < gained[2]
    assert gained[0] == pytest.approx(psnr(picture, clean), abs=0.2)


def test_split_leaves_the_left_half_as_it_was_and_layer_shows_what_was_found() -> None:
    picture, layer = glazed(photograph(), 12)
    given = shown(picture)
    split = effect(Oracle(layer))(given, Deglare.Params(view="split"), Rung.FULL).picture
    before, after = PIXELS.rgb(given.picture), PIXELS.rgb(split)
    assert (before[:, :600] == after[:, :600]).all()
    assert (before != after).any()
    alone = effect(Oracle(layer))(given, Deglare.Params(view="layer"), Rung.FULL).picture
    seen = PIXELS.rgb(alone)
    assert seen[350, 800].min() > 60 and seen[50, 50].max() < 12


def test_only_the_spectacles_or_the_face_are_touched_when_asked() -> None:
    picture: Picture = PIXELS.from_rgb(photograph())
    landmarks = np.zeros((478, 3), np.float32)
    landmarks[:, :2] = np.random.default_rng(0).uniform((500, 200), (800, 600), (478, 2))
    for index, x in ((33, 560), (133, 610), (362, 690), (263, 740)):
        landmarks[index, :2] = x, 350
    faces = [Face((500, 200, 800, 600), landmarks)]
    areas = {}
    targets: tuple[Target, ...] = ("frame", "face", "spectacles")
    for target in targets:
        areas[target] = region(faces, target, picture, (144, 256))[..., 0]
    assert areas["frame"].min() == 1
    assert 0 < areas["spectacles"].mean() < areas["face"].mean() < 0.3
    assert areas["spectacles"][70, 117] > 0.9 and areas["spectacles"][70, 20] == 0
    assert region([], "face", picture, (144, 256)).max() == 0


def test_faces_are_followed_only_where_it_matters() -> None:
    made = Chain(Models(lambda name: Oracle(np.zeros((144, 256, 3), np.float32))), PIXELS)
    effects: dict[str, Any] = {"deglare": effect(Oracle(np.zeros((144, 256, 3), np.float32)))}
    followed = []
    for params in (
        Deglare.Params(),
        Deglare.Params(target="spectacles"),
        Deglare.Params(shine=0.5),
    ):
        made.use(effects, {"deglare": params})
        followed.append(made.follows_faces)
    assert followed == [False, True, True]


def test_a_photograph_is_done_by_the_pyramid() -> None:
    picture, layer = glazed(photograph(), 6)
    given = replace(shown(picture), alone=True)
    made = effect(Oracle(layer))(given, Deglare.Params(), Rung.FULL)
    found = Interference(Oracle(layer), PIXELS).layer(given.picture, 1)
    wanted = pyramid.without(PIXELS.rgb(given.picture), found)
    assert np.abs(PIXELS.rgb(made.picture).astype(int) - wanted).mean() < 1.5


def test_a_highlight_on_skin_is_weakened_and_its_colour_is_the_skins() -> None:
    skin_light = np.array([0.45, 0.25, 0.17], np.float32)
    y, x = np.mgrid[0:90, 0:80].astype(np.float32)
    shade = (0.8 + 0.004 * x)[..., None]
    spot = 0.35 * np.exp(-((x - 40) ** 2 + (y - 30) ** 2) / 60)[..., None]
    dull = (skin_light * shade) ** (1 / 2.2) * 255
    shiny = ((skin_light * shade + spot) ** (1 / 2.2) * 255).astype(np.uint8)
    taken = shine(shiny, np.ones((90, 80, 1), np.float32))
    left = shiny - taken
    before = np.abs(shiny[30, 40] - dull[30, 40]).mean()
    assert before > 30
    assert np.abs(left[30, 40] - dull[30, 40]).mean() < 0.4 * before
    assert taken[80, 10].max() < 3


def test_skin_is_the_face_without_eyes_and_lips() -> None:
    (face,) = Tracker(Models(load), PIXELS)(shown(photograph(512, 512)), Rung.FULL).faces
    picture = PIXELS.from_rgb(photograph(512, 512))
    area = skin([face], picture, (512, 512))[..., 0]
    cheek, eye, lips, outside = (
        area[int(face.landmarks[index, 1]), int(face.landmarks[index, 0])]
        for index in (50, 468, 13, 10)
    )
    assert cheek > 0.95 and eye < 0.1 and lips < 0.1
    assert area[:20].max() == 0
    assert outside < 0.9
