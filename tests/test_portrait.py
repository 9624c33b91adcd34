"""The portrait's steps, each on a small picture whose answer is known."""

import threading
from typing import Literal

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from omote.engines.beside import Beside
from omote.engines.portrait import complexity, matting, people, segmentation, transition
from omote.engines.portrait.arrival import FRAMES, Arrival
from omote.engines.portrait.fusion import corrected, fused, of_several
from omote.engines.portrait.guided import guided
from omote.engines.portrait.light import Light, Limits, is_dark
from omote.engines.portrait.outline import outline, without_specks
from omote.engines.portrait.region import Region, around
from omote.engines.portrait.shapes import blurred, dilated, eroded
from omote.engines.portrait.trail import Trail
from omote.engines.portrait.transition import Softening
from omote.streams.frame import Scene

Floats = NDArray[np.float32]
LIMITS = Limits(iso=1600, luma=0.15, noise=6)


def empty(height: int = 90, width: int = 160) -> Floats:
    return np.zeros((height, width), np.float32)


def box(top: int, left: int, bottom: int, right: int) -> Floats:
    values = empty()
    values[top:bottom, left:right] = 1
    return values


def test_dilation_and_erosion_move_an_edge_by_their_radius() -> None:
    square = box(30, 40, 60, 80)
    assert dilated(square, 5)[:, 60].sum() == 40
    assert eroded(square, 5)[:, 60].sum() == 20
    assert np.array_equal(dilated(square, 0), square)
    assert blurred(square, 3)[45, 60] == pytest.approx(1)
    assert 0.3 < blurred(square, 3)[30, 60] < 0.7


def test_the_outline_is_dilated_hair_without_the_eroded_person() -> None:
    person, hair = box(20, 40, 90, 80), box(20, 40, 40, 80)
    line = outline(hair, person, 4, 3)
    assert line[17, 60] == 1  # beyond the rim
    assert line[21, 60] == 1  # within the eroded rim
    assert line[30, 60] == 0  # deep in the hair
    assert line[70, 60] == 0  # the body is no hair
    assert line.min() >= 0


def test_specks_of_the_outline_are_dropped() -> None:
    line = np.maximum(box(20, 40, 40, 80), box(80, 150, 82, 152))
    kept = without_specks(line, 0.001)
    assert kept[30, 60] == 1
    assert kept[80, 150] == 0


def test_the_region_is_the_outlines_box_grown_and_holds_the_head() -> None:
    region = around(box(30, 60, 50, 100), box(30, 60, 70, 100), 1.5)
    assert region is not None
    assert region.left * 160 == pytest.approx(50)
    assert region.right * 160 == pytest.approx(110)
    assert region.top * 90 == pytest.approx(25)
    assert region.bottom * 90 == pytest.approx(70)  # the chin
    assert around(empty(), empty(), 1.5) is None


def test_the_region_ends_at_the_frame() -> None:
    region = around(box(0, 0, 20, 160), empty(), 2)
    assert region is not None
    assert (region.left, region.top, region.right) == (0, 0, 1)


def test_a_region_of_a_map_is_cut_out() -> None:
    half = Region(0.5, 0, 1, 1).cut(box(0, 80, 90, 160), (8, 8))
    assert half.shape == (8, 8)
    assert half.min() == 1


@pytest.mark.parametrize("operator", ["sobel", "scharr", "laplacian"])
def test_every_operator_sees_an_edge_and_nothing_on_a_wall(
    operator: Literal["sobel", "scharr", "laplacian"],
) -> None:
    luma = np.full((90, 160), 60, np.uint8)
    assert complexity.gradient(luma, operator).max() == 0
    luma[:, 80:] = 160
    slopes = complexity.gradient(luma, operator)
    assert slopes[45, 79] > 0.1
    assert slopes[45, 40] == 0


def test_a_slope_of_one_level_a_pixel_is_one_level() -> None:
    luma = np.tile(np.arange(160, dtype=np.uint8), (90, 1))
    operators: tuple[Literal["sobel", "scharr"], ...] = ("sobel", "scharr")
    for operator in operators:
        slopes = complexity.gradient(luma, operator)
        assert slopes[45, 80] == pytest.approx(1 / 255, rel=1e-4)


def test_the_portraits_own_edges_are_no_complexity() -> None:
    person = box(20, 40, 90, 80)
    luma = (100 + 100 * person).astype(np.uint8)
    image = complexity.complexity_image(complexity.gradient(luma, "sobel"), person, 3, 3)
    assert image.max() == 0
    luma[10:12, 120:140] = 255
    image = complexity.complexity_image(complexity.gradient(luma, "sobel"), person, 3, 3)
    assert image[11, 130] > 0.1
    assert image[60, 60] == 0


def test_overall_is_the_mean_of_the_background_or_its_fullest_bin() -> None:
    image = empty() + np.float32(0.11)
    image[:10] = 0.5
    behind = np.ones(image.shape, bool)
    behind[:10] = False
    assert complexity.overall(image, behind, "mean") == pytest.approx(0.11)
    everything = np.ones(image.shape, bool)
    assert complexity.overall(image, everything, "mode") == pytest.approx(0.1125)
    assert complexity.overall(image, ~everything, "mean") == 0


def test_hair_and_background_of_one_colour_are_alike() -> None:
    picture = np.full((90, 160, 3), (90, 60, 40), np.uint8)
    hair = box(20, 40, 40, 80)
    assert complexity.likeness(picture, hair, hair == 0) > 0.9
    picture[hair == 0] = (20, 200, 220)
    assert complexity.likeness(picture, hair, hair == 0) < 0.1


def test_a_background_changes_its_kind_only_when_it_plainly_does() -> None:
    assert not complexity.is_busy(None, 0.09, 0.1, 0.2)
    assert not complexity.is_busy(False, 0.11, 0.1, 0.2)
    assert complexity.is_busy(False, 0.13, 0.1, 0.2)
    assert complexity.is_busy(True, 0.09, 0.1, 0.2)
    assert not complexity.is_busy(True, 0.07, 0.1, 0.2)


def test_the_guided_filter_keeps_a_step_that_the_guide_has() -> None:
    """With a float guide OpenCV's colour filter blurs it away at this contrast."""
    guide = np.full((64, 64, 3), 40, np.uint8)
    guide[:, 32:] = (200, 180, 160)
    step = np.zeros((64, 64), np.float32)
    step[:, 32:] = 1
    drawn = guided(guide, blurred(step, 3), 8, 0.02)
    assert drawn[:, 30].max() < 0.15
    assert drawn[:, 33].min() > 0.85
    with pytest.raises(TypeError, match="bytes"):
        guided(guide.astype(np.float32), step, 8, 0.02)


def test_what_the_matting_net_finds_far_from_hair_is_not_hair() -> None:
    everywhere = np.ones((90, 160), np.float32)
    kept = matting.hair_only(everywhere, box(20, 40, 40, 80), 6)
    assert kept[30, 60] == 1
    assert kept[80, 140] == 0


def test_doubtful_hair_withdraws_and_sure_hair_grows_stronger() -> None:
    hair = np.minimum(blurred(box(20, 40, 60, 80), 4), 1)
    back = matting.withdrawn(hair, 1.0, 2, 2)
    assert (back <= hair + 1e-6).all()
    assert back.sum() < 0.95 * hair.sum()
    assert np.array_equal(matting.withdrawn(hair, 0.0, 2, 2), hair)
    more = matting.strengthened(hair, 1.0, 0.5)
    assert (more >= hair).all()
    assert more.max() <= 1
    assert more[hair == 0].max() == 0


def test_busy_parts_are_found_in_the_complexity_image() -> None:
    parts = matting.busy_parts(0.2 * box(0, 100, 90, 160), 0.1, 3)
    assert parts[45, 140] == 1
    assert parts[45, 50] == 0


def test_the_segmentation_path_pulls_the_edge_in_the_more_the_busier() -> None:
    assert segmentation.gamma(0.1, 0.1, 1) == 1
    assert segmentation.gamma(0.05, 0.1, 1) == 1
    assert segmentation.gamma(0.3, 0.1, 1) == pytest.approx(3)
    ramp = np.linspace(0, 1, 11, dtype=np.float32)[None]
    pulled = segmentation.pulled_in(ramp, 2)
    assert pulled[0, 5] == pytest.approx(0.25)
    assert (pulled[0, 0], pulled[0, -1]) == (0, 1)


def test_hair_is_eroded_and_follows_the_picture() -> None:
    guide = np.full((90, 160, 3), 200, np.uint8)
    guide[20:40, 40:80] = 30
    coarse = blurred(box(17, 37, 43, 83), 2)
    drawn = segmentation.drawn_in(coarse, guide, 2, 1, 6, 0.02)
    assert drawn[30, 60] > 0.9
    assert drawn[16, 60] < 0.3


def test_small_hair_is_blurred_once_more_against_the_filters_grid() -> None:
    little, much = box(20, 40, 24, 44), box(10, 10, 80, 150)
    assert segmentation.without_grid(little, little, 0.01, 2).max() < 1
    assert np.array_equal(segmentation.without_grid(much, much, 0.01, 2), much)


def test_the_inner_transition_softens_the_hair_and_spares_face_and_body() -> None:
    person, hair, face = box(20, 40, 90, 80), box(20, 40, 40, 80), box(40, 45, 60, 75)
    softening = Softening(width=3, shrink=4, grow=3, guard=2)
    weight = transition.weights(hair, person, face, softening)
    soft = transition.softened(person, weight, softening)
    assert soft[21, 60] < 0.9
    assert soft[50, 60] == 1  # the face
    assert soft[80, 42] == 1  # the body
    assert 0 <= soft.min() and soft.max() <= 1


def test_the_transition_grows_with_the_hair_and_shrinks_with_the_people() -> None:
    small, large = Region(0.4, 0.4, 0.6, 0.6), Region(0.2, 0.2, 0.7, 0.7)
    widths = [transition.width(region, 1, 1, 3, 0.01) for region in (small, large)]
    assert 1 < widths[0] < widths[1] <= 3
    assert transition.width(large, 3, 1, 3, 0.01) < widths[1]
    assert transition.width(small, 1, 1, 3, 0.1) == 0
    assert transition.width(None, 1, 1, 3, 0) == 0


def test_fusion_never_lowers_alpha_and_second_people_keep_their_hair() -> None:
    rng = np.random.default_rng(0)
    person, hair = (rng.random((9, 16), np.float32) for _ in range(2))
    assert (fused(person, hair) >= np.maximum(person, hair)).all()
    assert np.array_equal(of_several(person, hair, 1), person)
    assert np.array_equal(of_several(person, hair, 2), np.maximum(person, hair))


def test_faces_are_counted_once_each() -> None:
    boxes, scores = np.zeros((2304, 16), np.float32), np.full(2304, -9, np.float32)
    for cell in (10 * 48 + 10, 10 * 48 + 11, 30 * 48 + 40):
        boxes[cell, 2:4] = 40
        scores[cell] = 3
    found = people.faces(boxes, scores)
    assert len(found) == 2
    assert found[0].tolist() == pytest.approx([0.1146, 0.1146, 0.3229, 0.3229], abs=1e-3)
    assert len(people.faces(boxes, np.full(2304, -9, np.float32))) == 0


def test_a_told_scene_goes_before_an_estimate() -> None:
    light = Light()
    light.measure(0.05, 1, LIMITS)
    told = Scene(iso=200, origin="message", since=1)
    assert light.scene(told, LIMITS, 2) is told
    assert not is_dark(told, LIMITS)
    assert is_dark(Scene(iso=3200, origin="message"), LIMITS)
    assert not is_dark(Scene(iso=3200, low_light=False, origin="message"), LIMITS)
    estimate = light.scene(Scene(), LIMITS, 2)
    assert (estimate.origin, estimate.low_light) == ("estimate", True)


def test_the_estimate_has_hysteresis_and_knows_noise() -> None:
    light = Light()
    light.measure(0.14, 1, LIMITS)
    for _ in range(100):
        light.measure(0.17, 1, LIMITS)
    assert light.scene(Scene(), LIMITS, 0).low_light
    for _ in range(100):
        light.measure(0.25, 1, LIMITS)
    assert light.scene(Scene(), LIMITS, 0).low_light is False
    for _ in range(100):
        light.measure(0.25, 12, LIMITS)
    assert light.scene(Scene(), LIMITS, 0).low_light
    light.forget()
    assert light.scene(Scene(), LIMITS, 0).origin == "none"


def scenery(right: int = 0) -> NDArray[np.uint8]:
    """Blobs of light, moved; the same noise-free picture every time."""
    few = np.random.default_rng(3).integers(0, 256, (24, 40), np.uint8)
    large = cv2.resize(few, (320, 144), interpolation=cv2.INTER_CUBIC)
    return np.ascontiguousarray(large[:, 32 - right : 288 - right])


def test_a_trail_finds_the_way_from_a_picture_to_each_later_one() -> None:
    trail = Trail(scenery())
    start = np.zeros((144, 256), np.float32)
    start[40:100, 100:150] = 1
    assert trail.carried(start) is start
    for right in (4, 8, 12, 16):
        trail.look(scenery(right))
    moved = trail.carried(start)
    assert moved[70, 125] > 0.95
    assert moved[70, 160] > 0.9
    assert moved[70, 108] < 0.1


def test_where_nothing_moves_a_trail_leaves_everything_as_it_is() -> None:
    rng = np.random.default_rng(0)
    trail = Trail(scenery())
    trail.look(np.clip(scenery() + rng.normal(0, 1.5, (144, 256)), 0, 255).astype(np.uint8))
    values = rng.random((144, 256), np.float32)
    assert np.abs(trail.carried(values) - values).max() < 0.01


def test_what_came_to_hide_something_is_told() -> None:
    grey = np.full((144, 256), 90, np.uint8)
    trail, hidden = Trail(grey), grey.copy()
    hidden[:, 128:] = 240
    trail.look(hidden)
    sure = np.asarray(trail.sure((64, 36)))
    assert sure[18, 10] == 1
    assert sure[18, 50] == 0


def test_what_a_study_adds_comes_within_some_frames() -> None:
    person, made = np.zeros((9, 16), np.float32), np.ones((9, 16), np.float32)
    arrival = Arrival()
    assert np.array_equal(arrival.shown(person, person, None), person)
    arrival.begin()
    shares = [float(arrival.shown(person, made, None).mean()) for _ in range(FRAMES + 1)]
    assert shares == sorted(shares)
    assert 0 < shares[0] < 0.5
    assert shares[FRAMES - 1] == shares[FRAMES] == 1


def test_two_nets_outvote_the_mask_and_one_does_not() -> None:
    none, some = np.zeros((2, 2), np.float32), np.ones((2, 2), np.float32)
    assert np.array_equal(corrected(none, some, some), some)
    assert np.array_equal(corrected(some, none, none), none)
    assert np.array_equal(corrected(none, some, none), none)
    assert np.array_equal(corrected(some, some, none), some)


def test_a_map_of_a_region_is_put_into_one_of_the_whole() -> None:
    whole = Region(0.25, 0.5, 0.75, 1).placed(np.ones((64, 64), np.float32), (16, 8))
    assert whole[4:, 4:12].min() == 1
    assert whole.sum() == 32


def test_slow_work_is_done_beside_and_handed_over_once() -> None:
    beside: Beside[str] = Beside("portrait", "looking at the hair")
    go = threading.Event()
    beside.start(lambda: "done" if go.wait(10) else "late")
    assert beside.busy
    assert beside.taken() is None
    go.set()
    beside.settle()
    assert beside.taken() == "done"
    assert beside.taken() is None
    beside.close()


def test_what_is_forgotten_is_not_handed_over() -> None:
    beside: Beside[str] = Beside("portrait", "looking at the hair")
    beside.start(lambda: "old")
    beside.settle()
    beside.forget()
    assert beside.taken() is None
    assert not beside.busy
    beside.close()


def test_slow_work_that_fails_is_logged_and_the_next_is_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    beside: Beside[float] = Beside("portrait", "looking at the hair")
    beside.start(lambda: 1 / 0)
    beside.settle()
    assert beside.taken() is None
    assert "division" in caplog.text
    beside.start(lambda: 2.0)
    beside.settle()
    assert beside.taken() == 2
    beside.close()


def test_closing_ends_the_thread() -> None:
    beside: Beside[int] = Beside("portrait", "looking at the hair")
    beside.start(lambda: 1)
    beside.close()
    assert not [each for each in threading.enumerate() if each.name.startswith("portrait")]
