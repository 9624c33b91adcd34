import av
import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from omote.engines import softness
from omote.engines.composition import Edge
from omote.engines.edges import Alpha, drawn
from omote.engines.i420 import I420, Colours, halved, opened
from omote.engines.kernels import Floats
from omote.engines.redraw import Redraw
from omote.streams.frame import Picture, VideoPicture
from tests import portraits
from tests.portraits import Rgb, oval, pixels, portrait

EVEN = st.integers(8, 200).map(lambda half: 2 * half)
COLOUR = st.tuples(*[st.integers(0, 255)] * 3)


def flat(colour: tuple[int, int, int], width: int = 64, height: int = 48) -> Rgb:
    return np.full((height, width, 3), colour, np.uint8)


def planes(picture: Picture) -> tuple[Rgb, ...]:
    assert isinstance(picture, I420)
    return picture.planes


def far_from(picture: Picture, rgb: Rgb) -> float:
    return float(np.abs(pixels().rgb(picture).astype(int) - rgb).mean())


def test_a_decoders_planes_are_read_in_place() -> None:
    video = portraits.video(portrait())
    picture = pixels().from_video(VideoPicture(video))
    for plane, source in zip(planes(picture), planes(opened(video)), strict=True):
        assert np.shares_memory(plane, source)
        assert not plane.flags.writeable


def test_what_is_untouched_goes_to_the_encoder_as_it_came() -> None:
    video = portraits.video(portrait())
    assert pixels().to_video(pixels().from_video(VideoPicture(video))) is video


@pytest.mark.parametrize("size", [(323, 241), (322, 241), (323, 242)])
def test_odd_sizes_are_cropped_to_even_ones(size: tuple[int, int]) -> None:
    video = av.VideoFrame.from_ndarray(portrait(324, 242), "rgb24").reformat(*size, "yuv420p")
    picture = pixels().from_video(VideoPicture(video))
    assert (picture.width, picture.height) == (322, 240 if size[1] == 241 else 242)
    result = pixels().to_video(picture)
    assert (result.width, result.height) == (picture.width, picture.height)
    assert np.array_equal(planes(picture)[1], planes(opened(result))[1])


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_turned_picture_stands_upright(degrees: int) -> None:
    rgb = portrait(322, 242)
    picture = pixels().from_video(VideoPicture(portraits.video(rgb), degrees))
    assert far_from(picture, np.rot90(rgb, -degrees // 90)) < 2


@pytest.mark.parametrize("layout", ["nv12", "yuvj420p", "yuv444p", "rgb24", "bgra", "gray"])
def test_other_layouts_are_converted(layout: str) -> None:
    rgb = portrait()
    video = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format=layout)
    expected = rgb if layout != "gray" else np.asarray(video.to_ndarray(format="rgb24"), np.uint8)
    picture = pixels().from_video(VideoPicture(video))
    assert far_from(picture, expected) < 2.5
    assert pixels().to_video(picture).format.name == "yuv420p"


@given(COLOUR, st.sampled_from([1, 2, 5, 6]), st.sampled_from([0, 1, 2]))
def test_colours_come_back(colour: tuple[int, int, int], matrix: int, span: int) -> None:
    like = I420(2, 2, planes3(), Colours(matrix, span))
    picture = pixels().from_rgb(flat(colour), like)
    assert np.abs(pixels().rgb(picture).astype(int) - np.array(colour)).max() <= 3
    assert pixels().to_video(picture).colorspace == matrix


def planes3() -> tuple[Rgb, Rgb, Rgb]:
    one = np.zeros((1, 1), np.uint8)
    return np.zeros((2, 2), np.uint8), one, one


def test_ffmpeg_reads_the_same_colours() -> None:
    rgb = portrait()
    seen = pixels().to_video(pixels().from_rgb(rgb)).to_ndarray(format="rgb24")
    assert np.abs(seen.astype(int) - rgb).mean() < 2.5


@given(EVEN, EVEN, st.integers(16, 256), st.integers(16, 256))
@settings(max_examples=30)
def test_a_small_picture_has_the_whole_pictures_mean(w: int, h: int, sw: int, sh: int) -> None:
    rgb = cv2.GaussianBlur(portrait(w, h), (0, 0), 3)
    small = pixels().small(pixels().from_rgb(np.asarray(rgb, np.uint8)), (sw, sh))
    assert small.shape == (sh, sw, 3)
    assert np.abs(small.mean((0, 1)) - rgb.mean((0, 1))).max() < 6


def test_a_fine_pattern_does_not_alias_in_a_small_picture() -> None:
    stripes = np.zeros((720, 1280, 3), np.uint8)
    stripes[:, ::2] = 255
    small = pixels().small(pixels().from_rgb(stripes), (256, 144))
    assert np.ptp(small) <= 4


def test_a_mirrored_picture_is_mirrored() -> None:
    rgb = portrait(right=60)
    assert far_from(pixels().mirrored(pixels().from_rgb(rgb)), rgb[:, ::-1]) < 2


@given(EVEN, EVEN)
@example(2, 2)
@example(4, 2)
@example(2, 600)
@settings(max_examples=30)
def test_nothing_is_compiled_for_any_size(width: int, height: int) -> None:
    # Kernels are sealed: another type of array would raise.
    picture = portraits.opened(portrait(width, height))
    matte = pixels().guided_upsample(oval(), picture, feather=2, coarser=height // 2 % 2)
    for behind in (
        pixels().bokeh(picture, height / 12, matte, coarser=1),
        pixels().blur(picture, height / 40, matte),
        pixels().bokeh(picture, height / 30, matte),
        pixels().plain((20, 30, 40), picture),
    ):
        shown = pixels().composite(picture, matte, behind, Edge(light_wrap=0.3))
        again = pixels().composite(shown, matte, shown, Edge())
        assert (again.width, again.height) == (width, height)


def step(alpha_at: int, edge_at: int = 640, noise: float = 0) -> tuple[Alpha, Rgb]:
    """A dark half, a light half, and an alpha whose edge is soft and elsewhere."""
    rng = np.random.default_rng(1)
    rgb = np.full((720, 1280, 3), (60, 70, 80), np.float32)
    rgb[:, edge_at:] = (190, 180, 160)
    rgb[:, edge_at:] += cv2.resize(rng.normal(0, noise, (72, (1280 - edge_at) // 10, 1)),
                                   (1280 - edge_at, 720))[..., None]  # fmt: skip
    shown = np.clip(rgb, 0, 255).astype(np.uint8)
    alpha = np.zeros((144, 256), np.float32)
    alpha[:, : alpha_at // 5] = 1
    soft = np.asarray(cv2.blur(alpha, (5, 5)), np.float32)
    picture = pixels().from_rgb(shown)
    assert isinstance(picture, I420)
    return drawn(soft, picture), shown


@pytest.mark.parametrize("off", [-10, -5, 0, 5, 10])
def test_the_edge_of_a_matte_lies_where_the_picture_changes(off: int) -> None:
    alpha = pixels().alpha(step(640 + off)[0])[360]
    assert abs(float(alpha.sum()) - 640) < 1.5 + abs(off) / 5
    assert ((alpha > 0.1) & (alpha < 0.9)).sum() <= 4 + abs(off) / 2


def test_beside_a_busy_background_the_matte_does_not_smear() -> None:
    # Where a guided filter fails: texture of the background must not appear in alpha.
    busy = pixels().alpha(step(640, noise=60)[0])
    assert busy[:, :600].min() > 0.97
    assert busy[:, 690:].max() < 0.03


def strands() -> tuple[Rgb, Floats]:
    """Dark hair that sticks out of a dark head before a light wall, and its alpha."""
    truth = np.zeros((720, 1280), np.uint8)
    truth[:, :600] = 255
    for top in range(20, 720, 40):
        cv2.line(truth, (590, top), (660, top + 12), (255,), 5, cv2.LINE_AA)
    alpha = truth.astype(np.float32) / np.float32(255)
    dark, light = np.array((40, 30, 25), np.float32), np.array((200, 190, 180), np.float32)
    return (light + alpha[..., None] * (dark - light)).astype(np.uint8), np.asarray(
        alpha, np.float32
    )


def test_hair_is_redrawn_along_the_colours_of_the_picture() -> None:
    rgb, truth = strands()
    picture = pixels().from_rgb(rgb)
    vague = np.asarray(cv2.blur(cv2.resize(truth, (256, 144)), (5, 5)), np.float32)
    everywhere = np.ones((8, 8), np.float32)
    place = Redraw(0.4, 0, 0.6, 1, radius=0.017, contrast=0.01, where=everywhere)
    without, redrawn = (
        np.abs(pixels().alpha(pixels().guided_upsample(vague, picture, redraw=redraw)) - truth)
        for redraw in (None, place)
    )
    assert redrawn[:, 600:670].mean() < 0.8 * without[:, 600:670].mean()
    assert redrawn[:, :480].max() == 0
    assert redrawn[:, 800:].max() == 0


def test_an_edge_keeps_still_where_the_picture_does_and_follows_where_it_moves() -> None:
    earlier, shown = step(640)
    picture = pixels().from_rgb(shown)
    trembling = np.zeros((144, 256), np.float32)
    trembling[:, :129] = 1
    trembling = np.asarray(cv2.blur(trembling, (5, 5)), np.float32)
    free = pixels().alpha(pixels().guided_upsample(trembling, picture))
    held = pixels().alpha(pixels().guided_upsample(trembling, picture, before=earlier, steady=0.6))
    before = pixels().alpha(earlier)
    assert np.abs(held - before).mean() < 0.5 * np.abs(free - before).mean()
    moved, rgb = step(720, edge_at=720)
    lit = pixels().from_rgb(rgb)
    soft = np.asarray(cv2.resize(pixels().alpha(moved), (256, 144)), np.float32)
    followed = pixels().alpha(pixels().guided_upsample(soft, lit, before=earlier, steady=0.6))
    assert followed[:, 650:700].min() > 0.98


def test_a_full_matte_keeps_every_pixel_and_an_empty_one_none() -> None:
    picture = portraits.opened(portrait())
    behind = pixels().plain((10, 200, 30), picture)
    for value, expected in ((1, picture), (0, behind)):
        alpha = np.full((144, 256), value, np.float32)
        matte = pixels().guided_upsample(alpha, picture)
        shown = pixels().composite(picture, matte, behind, Edge(light_wrap=0.5))
        for one, other in zip(planes(shown), planes(expected), strict=True):
            assert np.array_equal(one, other)


def cut_out(edge: Edge) -> float:
    """How far a person, cut out of red and put before blue, is from being there, at the edge."""
    alpha = np.asarray(cv2.GaussianBlur(oval(1280, 720), (0, 0), 3), np.float32)[..., None]
    person = np.array((200, 170, 140), np.float32)
    red, blue = np.array((220, 20, 30), np.float32), np.array((20, 40, 200), np.float32)
    before, after = (alpha * person + (1 - alpha) * wall for wall in (red, blue))
    picture = pixels().from_rgb(before.astype(np.uint8))
    matte = pixels().guided_upsample(alpha[..., 0], picture)
    shown = pixels().composite(picture, matte, pixels().plain((20, 40, 200), picture), edge)
    band = (alpha[..., 0] > 0.05) & (alpha[..., 0] < 0.95)
    return float(np.abs(pixels().rgb(shown).astype(float) - after)[band].mean())


def test_no_halo_of_the_old_background_remains() -> None:
    plain, clean = cut_out(Edge(decontaminate=0)), cut_out(Edge(decontaminate=1))
    assert plain > 10
    assert clean < plain / 3


def test_the_blur_shows_nothing_of_the_person() -> None:
    grey, person = (128, 128, 128), (250, 10, 10)
    rgb = flat(grey, 640, 360)
    rgb[cv2.resize(oval(), (640, 360)) > 0.5] = person
    picture = pixels().from_rgb(rgb)
    assert isinstance(picture, I420)
    matte = drawn(oval(), picture)
    for blurred in (softness.gaussian(picture, matte, 14), softness.disc(picture, matte, 14)):
        shown = halved(matte.half) < 255
        y, u, v = (plane.astype(int)[shown] for plane in blurred.planes)
        grey_y = planes(picture)[0][0, 0]
        assert np.abs(y - grey_y).max() <= 3
        assert np.abs(np.stack([u, v]) - 128).max() <= 6


def test_a_lens_makes_discs_of_bright_points() -> None:
    night = np.full((720, 1280, 3), 20, np.uint8)
    night[356:364, 636:644] = 255
    picture = pixels().from_rgb(night)
    nobody = pixels().guided_upsample(np.zeros((144, 256), np.float32), picture)
    edge = Edge()
    lens = pixels().rgb(
        pixels().composite(picture, nobody, pixels().bokeh(picture, 24, nobody), edge)
    )
    glass = pixels().rgb(
        pixels().composite(picture, nobody, pixels().blur(picture, 24, nobody), edge)
    )
    inside, beyond = lens[360, 640:656, 1].astype(int), lens[360, 676:, 1]
    assert np.ptp(inside) < 12  # flat, then an edge, then nothing
    assert inside.min() > 60
    assert beyond.max() < 30
    assert lens.max() > 1.5 * glass.max()


@pytest.mark.parametrize("cover", [True, False])
def test_an_upload_keeps_its_proportions(cover: bool) -> None:
    square = np.zeros((300, 300, 3), np.uint8)
    cv2.circle(square, (150, 150), 75, (255, 255, 255), -1)
    like = pixels().from_rgb(flat((0, 0, 0), 640, 360))
    shown = pixels().fitted(VideoPicture(portraits.video(square)), like, cover, (200, 0, 0))
    white = (pixels().rgb(shown).min(2) > 128).nonzero()
    assert np.ptp(white[0]) == pytest.approx(320 if cover else 180, abs=3)
    assert np.ptp(white[1]) == pytest.approx(320 if cover else 180, abs=3)
    corner = pixels().rgb(shown)[0, 0]
    assert np.abs(corner.astype(int) - ((0, 0, 0) if cover else (200, 0, 0))).max() < 4


@pytest.mark.parametrize("matrix", [1, 5])
def test_an_upload_takes_the_colours_of_the_stream(matrix: int) -> None:
    like = I420(64, 48, planes3(), Colours(matrix, 1))
    orange = (230, 120, 20)
    hd = av.VideoFrame.from_ndarray(flat(orange), "rgb24").reformat(
        format="yuv420p", dst_colorspace=av.video.reformatter.Colorspace.ITU709
    )
    hd.colorspace = 1
    shown = pixels().fitted(VideoPicture(hd), like, True, (0, 0, 0))
    assert np.abs(pixels().rgb(shown).astype(int) - orange).max() <= 4


def test_words_are_stamped_on_a_copy() -> None:
    picture = portraits.opened(portrait())
    before = planes(picture)[0].copy()
    stamped = pixels().stamped(picture, "effects paused")
    assert not np.array_equal(planes(stamped)[0], before)
    assert np.array_equal(planes(picture)[0], before)
