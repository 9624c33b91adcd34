"""Pixels: the one place that opens full-size pixels. CPU version: OpenCV on I420 planes."""

from typing import Literal, Protocol

import av
import cv2
import numpy as np

from omote.engines import (
    composition,
    crops,
    edges,
    layers,
    lightness,
    retouching,
    softness,
    steadiness,
    subtraction,
)
from omote.engines.composition import Edge, Soft
from omote.engines.edges import Alpha
from omote.engines.i420 import I420, Colours, blank, cut, opened, paste, scaled, turned
from omote.engines.kernels import Bytes, Floats, seal
from omote.engines.redraw import Redraw
from omote.engines.retouching import Touch
from omote.streams.frame import Picture, Plane, VideoPicture

Size = tuple[int, int]
"Width, height, pixels."
Corner = Literal["top-left", "top-right", "bottom-left", "bottom-right"]
Rgb = tuple[int, int, int]
"Red, green, blue, 0..255."
Box = tuple[int, int, int, int]
"Left, top, right, bottom, pixels."


class Pixels(Protocol):
    """What effects may do with full-size pixels; another device implements the same functions."""

    def from_video(self, picture: VideoPicture) -> Picture:
        """Open a decoder's picture upright, its size cropped to even numbers."""

    def to_video(self, picture: Picture) -> av.VideoFrame:
        """The picture as yuv420p; not to be written to, it may be the decoder's own."""

    def rgb(self, picture: Picture) -> Bytes:
        """(H, W, 3), for thumbnails and tests; too slow for the way of a frame."""

    def from_rgb(self, rgb: Bytes, like: Picture | None = None) -> Picture:
        """A picture of (H, W, 3), cropped to even size, in the colours (matrix, range) of `like`."""

    def small(self, picture: Picture, size: Size) -> Bytes:
        """The whole picture at `size`, RGB (h, w, 3), without opening the full size as RGB."""

    def crop(self, picture: Picture, box: Box, size: Size) -> Bytes:
        """A part of the picture at `size`, RGB (h, w, 3); beyond the frame it is black."""

    def luma(self, picture: Picture, size: Size) -> Bytes:
        """The whole picture's light at `size`, (h, w), as its video says it."""

    def straightened(self, picture: Picture, affine: Floats, size: Size) -> Bytes:
        """A turned part of the picture at `size`, RGB (h, w, 3), grey where there is none.

        `affine` (2, 3) leads from its positions to the picture's, both counted from the corner.
        """

    def light(self, picture: Picture) -> tuple[float, float]:
        """Mean luma, 0..1, and the standard deviation of the noise, levels of 255; roughly."""

    def guided_upsample(
        self,
        alpha: Floats,
        picture: Picture,
        feather: float = 0.0,
        coarser: int = 0,
        age_s: float = 0.0,
        redraw: Redraw | None = None,
        before: Plane | None = None,
        steady: float = 0.0,
    ) -> Plane:
        """A small alpha (h, w), 0..1, as a plane of the picture, its edge where colours change.

        `feather` is added softness in pixels. Each `coarser` quarters the work on colours. `age_s`
        is told in the plane: seconds since the picture the alpha was inferred from. `redraw` is a
        part that is drawn anew along the colours. `steady`, 0..1, tells how much is kept of
        `before`, the plane of the frame before, where the picture keeps still.
        """

    def grey(self, values: Floats | Plane, like: Picture) -> Picture:
        """A map of any size, or a plane, as a picture: 0 is black and 1 is white."""

    def alpha(self, plane: Plane) -> Floats:
        """(H, W), 0..1; too slow for the way of a frame."""

    def blur(self, picture: Picture, sigma: float, without: Plane, coarser: int = 0) -> Picture:
        """Gaussian blur of what is not under `without`, as if that were not there.

        `sigma` in pixels. The result is for `composite` alone: it may be kept small. Each
        `coarser` quarters the work.
        """

    def bokeh(self, picture: Picture, radius: float, without: Plane, coarser: int = 0) -> Picture:
        """As `blur`, but as a lens blurs: every bright point becomes a disc."""

    def fitted(self, picture: VideoPicture, like: Picture, cover: bool, rest: Rgb) -> Picture:
        """A picture at the size and in the colours of `like`, its proportions kept.

        It covers the whole, and what sticks out is cut off; or it is all there, and the `rest`
        has one colour.
        """

    def plain(self, colour: Rgb, like: Picture) -> Picture:
        """A picture of one colour, of the size of `like`."""

    def composite(self, picture: Picture, matte: Plane, behind: Picture, edge: Edge) -> Picture:
        """What is under `matte` over `behind`, a picture of the same size and colours."""

    def patched(self, picture: Picture, rgb: Bytes, left: int, top: int) -> Picture:
        """A copy with a part (h, w, 3) put in at even `left` and `top`; its sides are even, too."""

    def low(self, plane: Plane, size: Size) -> Floats:
        """A plane at a small size, (h, w), 0..1, without its detail."""

    def layered(self, picture: Picture, amount: Floats, near: Picture, far: Picture) -> Picture:
        """The picture where `amount` (h, w) is 0, `near` at a half, `far` at 1; both of `blur`.

        As theirs, the result is for `composite` alone.
        """

    def retouched(self, picture: Picture, skin: Floats, touch: Touch) -> Picture:
        """The picture with its skin, a small map (h, w), 0..1, smoothed and evened."""

    def without(self, picture: Picture, layer: Floats) -> Picture:
        """The picture less a `layer` (h, w, 3) of RGB levels known at a small size."""

    def mixed(self, picture: Picture, other: Picture, share: float) -> Picture:
        """One picture with so much, 0..1, of another of the same size over it."""

    def mirrored(self, picture: Picture) -> Picture:
        """The picture with left and right swapped."""

    def stamped(self, picture: Picture, words: str) -> Picture:
        """A copy with words in its top left corner, white on a dark ground."""

    def labelled(self, picture: Picture, words: str, corner: Corner) -> Picture:
        """The same smaller, in any corner."""

    def veiled(self, picture: Picture) -> Picture:
        """A copy in which nobody and nothing can be made out, for little work."""


class CpuPixels:
    """Full-size pixels on the CPU; stateless, any thread."""

    def __init__(self) -> None:
        """Compile what must be compiled: seconds on the first start of an installation.

        OpenCV is held to the caller's thread, for the whole process: stages share the cores already.
        """
        cv2.setNumThreads(1)
        self._warm_up()
        kernels = (edges, steadiness, composition, softness, subtraction)
        seal(*(kernel for each in kernels for kernel in each.KERNELS))

    def _warm_up(self) -> None:
        picture = self.from_video(VideoPicture(av.VideoFrame(64, 48, "yuv420p")))
        eye = np.eye(64, dtype=np.float32)
        matte = self.guided_upsample(eye, picture)
        matte = self.guided_upsample(eye, picture, before=matte, steady=0.5)
        behind = self.bokeh(picture, 8, matte)
        self.composite(picture, matte, behind, Edge())
        layered = self.layered(picture, np.ones((6, 8), np.float32), behind, behind)
        self.composite(picture, matte, layered, Edge())
        self.without(picture, np.zeros((12, 16, 3), np.float32))

    def from_video(self, picture: VideoPicture) -> Picture:
        """See `Pixels`; planes of yuv420p are read in place, other formats are converted once."""
        video = picture.video
        if video.format.name != "yuv420p":
            video = scaled(video, (video.width, video.height), Colours())
        return turned(opened(video), picture.rotation)

    def to_video(self, picture: Picture) -> av.VideoFrame:
        """See `Pixels`; copies only what was cropped."""
        of = _cpu(picture)
        if of.video is not None:
            return of.video
        copy = blank(of.width, of.height, of.colours)
        for there, here in zip(copy.planes, of.planes, strict=True):
            np.copyto(there, here)
        return self.to_video(copy)

    def rgb(self, picture: Picture) -> Bytes:
        """See `Pixels`."""
        return self.small(picture, (picture.width, picture.height))

    def from_rgb(self, rgb: Bytes, like: Picture | None = None) -> Picture:
        """See `Pixels`."""
        height, width = rgb.shape[0] & ~1, rgb.shape[1] & ~1
        made = blank(width, height, _cpu(like).colours if like is not None else Colours())
        y, u, v = cv2.split(cv2.transform(rgb[:height, :width], made.colours.from_rgb()))
        np.copyto(made.planes[0], y)
        for there, here in zip(made.planes[1:], (u, v), strict=True):
            cv2.resize(here, (width // 2, height // 2), there, interpolation=cv2.INTER_AREA)
        return made

    def small(self, picture: Picture, size: Size) -> Bytes:
        """See `Pixels`."""
        of = _cpu(picture)
        planes = [cv2.resize(plane, size) for plane in of.near(size)]
        return np.asarray(cv2.transform(cv2.merge(planes), of.colours.to_rgb()), np.uint8)

    def guided_upsample(
        self,
        alpha: Floats,
        picture: Picture,
        feather: float = 0.0,
        coarser: int = 0,
        age_s: float = 0.0,
        redraw: Redraw | None = None,
        before: Plane | None = None,
        steady: float = 0.0,
    ) -> Plane:
        """See `Pixels`."""
        last = None if before is None else _alpha(before)
        return edges.drawn(alpha, _cpu(picture), feather, coarser, age_s, redraw, last, steady)

    def crop(self, picture: Picture, box: Box, size: Size) -> Bytes:
        """See `Pixels`."""
        of = _cpu(picture)
        left, top, right, bottom = box
        inner = max(left, 0), max(top, 0), min(right, of.width), min(bottom, of.height)
        across, down = size[0] / (right - left), size[1] / (bottom - top)
        x, y = round((inner[0] - left) * across), round((inner[1] - top) * down)
        width, height = round((inner[2] - inner[0]) * across), round((inner[3] - inner[1]) * down)
        planes = cv2.merge(cut(of, inner, (width, height)))
        rgb = cv2.transform(planes, of.colours.to_rgb())
        rims = y, size[1] - height - y, x, size[0] - width - x
        return np.asarray(cv2.copyMakeBorder(rgb, *rims, cv2.BORDER_CONSTANT), np.uint8)

    def luma(self, picture: Picture, size: Size) -> Bytes:
        """See `Pixels`."""
        return np.asarray(cv2.resize(_cpu(picture).near(size)[0], size), np.uint8)

    def straightened(self, picture: Picture, affine: Floats, size: Size) -> Bytes:
        """See `Pixels`."""
        return crops.straightened(_cpu(picture), affine, size)

    def light(self, picture: Picture) -> tuple[float, float]:
        """See `Pixels`; from a few tiles of the luma plane."""
        return lightness.measured(_cpu(picture))

    def grey(self, values: Floats | Plane, like: Picture) -> Picture:
        """See `Pixels`."""
        bytes_ = (
            _alpha(values).half
            if isinstance(values, Alpha)
            else cv2.convertScaleAbs(np.asarray(values), alpha=255)
        )
        made = self.plain((0, 0, 0), like)
        full = cv2.resize(bytes_, (like.width, like.height))
        rows = _cpu(made).colours.from_rgb()[0]
        white, black = float(rows[:3].sum()), float(rows[3])
        cv2.convertScaleAbs(full, _cpu(made).planes[0], white, black)
        return made

    def alpha(self, plane: Plane) -> Floats:
        """See `Pixels`."""
        full = cv2.resize(_alpha(plane).half, (plane.width, plane.height))
        return np.asarray(full, np.float32) / np.float32(255)

    def blur(self, picture: Picture, sigma: float, without: Plane, coarser: int = 0) -> Picture:
        """See `Pixels`."""
        return softness.gaussian(_cpu(picture), _alpha(without), sigma, coarser)

    def bokeh(self, picture: Picture, radius: float, without: Plane, coarser: int = 0) -> Picture:
        """See `Pixels`."""
        return softness.disc(_cpu(picture), _alpha(without), radius, coarser)

    def fitted(self, picture: VideoPicture, like: Picture, cover: bool, rest: Rgb) -> Picture:
        """See `Pixels`."""
        across = picture.rotation in (90, 270)
        sides = (picture.height, picture.width) if across else (picture.width, picture.height)
        ratios = like.width / sides[0], like.height / sides[1]
        factor = max(ratios) if cover else min(ratios)
        width, height = (max(2 * round(side * factor / 2), 2) for side in sides)
        size = (height, width) if across else (width, height)
        video = scaled(picture.video, size, _cpu(like).colours)
        made = self.plain(rest, like)
        paste(turned(opened(video), picture.rotation), _cpu(made))
        return made

    def plain(self, colour: Rgb, like: Picture) -> Picture:
        """See `Pixels`."""
        made = blank(like.width, like.height, _cpu(like).colours)
        values = made.colours.from_rgb() @ np.array([*colour, 1], np.float32)
        for plane, value in zip(made.planes, values, strict=True):
            plane[:] = np.uint8(value + 0.5)
        return made

    def composite(self, picture: Picture, matte: Plane, behind: Picture, edge: Edge) -> Picture:
        """See `Pixels`."""
        return composition.composed(_cpu(picture), _alpha(matte), _behind(behind), edge)

    def patched(self, picture: Picture, rgb: Bytes, left: int, top: int) -> Picture:
        """See `Pixels`."""
        return crops.patched(_cpu(picture), rgb, left, top)

    def low(self, plane: Plane, size: Size) -> Floats:
        """See `Pixels`."""
        return np.asarray(cv2.resize(_alpha(plane).low, size), np.float32)

    def layered(self, picture: Picture, amount: Floats, near: Picture, far: Picture) -> Picture:
        """See `Pixels`."""
        return layers.layered(_cpu(picture), amount, _soft(near), _soft(far))

    def retouched(self, picture: Picture, skin: Floats, touch: Touch) -> Picture:
        """See `Pixels`."""
        return retouching.retouched(_cpu(picture), skin, touch)

    def without(self, picture: Picture, layer: Floats) -> Picture:
        """See `Pixels`."""
        return subtraction.subtracted(_cpu(picture), layer)

    def mixed(self, picture: Picture, other: Picture, share: float) -> Picture:
        """See `Pixels`."""
        return crops.mixed(_cpu(picture), _cpu(other), share)

    def mirrored(self, picture: Picture) -> Picture:
        """See `Pixels`."""
        of = _cpu(picture)
        made = blank(of.width, of.height, of.colours)
        for there, here in zip(made.planes, of.planes, strict=True):
            cv2.flip(here, 1, dst=there)
        return made

    def stamped(self, picture: Picture, words: str) -> Picture:
        """See `Pixels`; drawn on the luma plane alone."""
        return _written(_cpu(picture), words, "top-left", picture.height / 720)

    def labelled(self, picture: Picture, words: str, corner: Corner) -> Picture:
        """See `Pixels`; drawn on the luma plane alone."""
        return _written(_cpu(picture), words, corner, max(0.3, 0.55 * picture.height / 720))

    def veiled(self, picture: Picture) -> Picture:
        """See `Pixels`; a score of cells across."""
        of = _cpu(picture)
        made = blank(of.width, of.height, of.colours)
        cells = (20, max(1, 20 * of.height // of.width))
        for there, here in zip(made.planes, of.planes, strict=True):
            few = cv2.resize(here, cells, interpolation=cv2.INTER_AREA)
            cv2.resize(few, there.shape[::-1], dst=there, interpolation=cv2.INTER_LINEAR)
        return made


def _written(of: I420, words: str, corner: Corner, scale: float) -> I420:
    made = blank(of.width, of.height, of.colours)
    for there, here in zip(made.planes, of.planes, strict=True):
        np.copyto(there, here)
    luma, font = made.planes[0], cv2.FONT_HERSHEY_DUPLEX
    (across, up), below = cv2.getTextSize(words, font, scale, 1)
    room = round(16 * scale)
    left = room if corner.endswith("left") else max(0, of.width - across - 3 * room)
    top = room if corner.startswith("top") else max(0, of.height - up - below - 3 * room)
    luma[top : top + 2 * room + up + below, left : left + 2 * room + across] //= 4
    at = (left + room, top + room + up)
    cv2.putText(luma, words, at, font, scale, (235,), 1, cv2.LINE_AA)
    return made


def _cpu(picture: Picture) -> I420:
    if not isinstance(picture, I420):
        raise TypeError(f"not a picture of CpuPixels: {type(picture).__name__}")
    return picture


def _alpha(plane: Plane) -> Alpha:
    if not isinstance(plane, Alpha):
        raise TypeError(f"not a plane of CpuPixels: {type(plane).__name__}")
    return plane


def _soft(picture: Picture) -> Soft:
    if not isinstance(picture, Soft):
        raise TypeError(f"not what CpuPixels blurs: {type(picture).__name__}")
    return picture


def _behind(picture: Picture) -> I420 | Soft:
    return picture if isinstance(picture, Soft) else _cpu(picture)
