"""Outside: any clip, with its alpha in another film, in a folder of pictures, or in its own fourth
channel."""

from collections.abc import Iterator
from itertools import islice, repeat
from pathlib import Path

import av
import cv2
import numpy as np
from av.container import InputContainer

from omote.server.bench.matte.shots import Bytes, Clip, Shot, top_of

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp")
BESIDE = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"Decoders that see alpha, by those that do not."
OPENED = (av.error.FFmpegError, OSError)


class Unfit(Exception):
    """The clip or its alpha cannot be used; the message says why."""


def clip(film: Path, alpha: Path | None, most: int) -> Clip:
    """The first `most` frames, as far as both go. Raises `Unfit`."""
    shots = list(_shots(film, alpha, most))
    if not shots:
        raise Unfit(f"{film if alpha is None else f'{film} or {alpha}'} holds no picture")
    what = f"{len(shots)} frames of {film.name} with {alpha.name if alpha else 'its own alpha'}"
    fps = _rate(film)
    return Clip(film.name, what, "other", "given", fps, len(shots), shots.__getitem__)


def check(film: Path, alpha: Path | None) -> None:
    """Whether the first frames of both can be used. Raises `Unfit`."""
    clip(film, alpha, 1)


def _shots(film: Path, alpha: Path | None, most: int) -> Iterator[Shot]:
    pictures = _pictures(film, "rgba" if alpha is None else "rgb24")
    truths = repeat(None) if alpha is None else _pictures(alpha, "gray")
    for picture, truth in islice(zip(pictures, truths, strict=False), most):
        yield _shot(picture, truth, film, alpha)


def _shot(picture: Bytes, truth: Bytes | None, film: Path, alpha: Path | None) -> Shot:
    if truth is None:
        picture, truth = picture[..., :3], picture[..., 3]
    height, width = picture.shape[0] & ~1, picture.shape[1] & ~1
    if width < 64 or height < 64:
        raise Unfit(f"{film} is {width}x{height}: at least 64x64 pixels are needed")
    ratio = truth.shape[1] / truth.shape[0] * picture.shape[0] / picture.shape[1]
    if abs(ratio - 1) > 0.02:
        sizes = f"{picture.shape[1]}x{picture.shape[0]} and {truth.shape[1]}x{truth.shape[0]}"
        raise Unfit(f"{film} and {alpha} have different proportions: {sizes}")
    if truth.shape != picture.shape[:2]:
        truth = np.asarray(cv2.resize(truth, picture.shape[1::-1]), np.uint8)
    cut = np.s_[:height, :width]
    whole = np.ascontiguousarray(truth[cut])
    return Shot(np.ascontiguousarray(picture[cut]), whole, top_of(whole))


def _pictures(path: Path, kind: str) -> Iterator[Bytes]:
    """Of a film, a picture or a folder of pictures in the order of their names."""
    if path.is_dir():
        names = sorted(each for each in path.iterdir() if each.suffix.lower() in PICTURES)
        if not names:
            raise Unfit(f"{path} holds no pictures ({', '.join(PICTURES)})")
        for name in names:
            yield from _pictures(name, kind)
        return
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise Unfit(f"{path} holds no pictures")
            for frame in _frames(container):
                yield _converted(frame, kind, path)
    except OPENED as exc:
        raise Unfit(f"{path} cannot be read: {exc}") from exc


def _frames(container: InputContainer) -> Iterator[av.VideoFrame]:
    """Alpha of a WebM lies beside its pictures, where FFmpeg's own decoders do not look."""
    stream = container.streams.video[0]
    decoder = BESIDE.get(stream.codec_context.name)
    if stream.metadata.get("alpha_mode") != "1" or decoder is None:
        yield from container.decode(stream)
        return
    context = av.VideoCodecContext.create(decoder, "r")
    assert isinstance(context, av.VideoCodecContext)
    for packet in container.demux(stream):
        yield from context.decode(packet)


def _converted(frame: av.VideoFrame, kind: str, path: Path) -> Bytes:
    has_alpha = any(component.is_alpha for component in frame.format.components)
    if kind == "rgba" and not has_alpha:
        raise Unfit(f"{path} has no alpha channel ({frame.format.name}): give one with --alpha")
    if kind == "gray" and has_alpha:
        return _own_or_grey(np.asarray(frame.to_ndarray(format="rgba"), np.uint8))
    if kind == "gray":  # through RGB, which knows of the limited range
        return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)[..., 1]
    return np.asarray(frame.to_ndarray(format=kind), np.uint8)


def _own_or_grey(picture: Bytes) -> Bytes:
    """Alpha where the fourth channel says anything, else how bright it is."""
    own = picture[..., 3]
    return own if own.min() < 255 else picture[..., 1]


def _rate(film: Path) -> float:
    if film.is_dir():
        return 30.0
    with av.open(str(film)) as container:
        return float(container.streams.video[0].average_rate or 30)
