"""Enrolment: a clip of somebody, looked through once: the closeups in it, and a bank of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from omote.engines import backdrops
from omote.engines.faces.detector import Detector
from omote.engines.faces.mesh import MeshNet
from omote.engines.faces.region import Region, around
from omote.engines.faces.topology import SKIN
from omote.engines.kernels import Bytes, Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.engines.puppet import album
from omote.engines.puppet.bank import Bank, Keyframe, farthest, save
from omote.engines.puppet.closeup import SIDE, Closeup, closeup
from omote.engines.puppet.reference import NoFace, layers
from omote.streams.frame import Picture

KEYFRAMES = 16
LOOKED_AT = 300
"Frames of a clip that are looked at to choose keyframes of."
SURE = 0.5
"Presence from which on there is a face."


@dataclass(frozen=True, slots=True, eq=False)
class Shot:
    """One frame of a clip, seen closely."""

    number: int
    "Of the frame."
    picture: Bytes
    "(SIDE, SIDE, 3)."
    face: Closeup
    alpha: Bytes | None = None
    "(SIDE, SIDE): 255 where the person is, if that was looked at."

    def keyframe(self, front: Bytes | None = None) -> Keyframe:
        """With the person alone, (SIDE, SIDE, 4) as `Reference.front`, or as if it were all."""
        if front is None:
            opaque = np.full((SIDE, SIDE), 255, np.uint8)
            return Keyframe(np.dstack([self.picture, opaque]), self.face.landmarks)
        share = front[..., 3:].astype(np.float32) / 255
        own = np.clip(front[..., :3] / np.maximum(share, 0.02), 0, 255)
        shown = np.where(share > 0.02, own, self.picture).astype(np.uint8)
        return Keyframe(np.dstack([shown, front[..., 3]]), self.face.landmarks)


def shots(clip: Path, models: Models, pixels: Pixels, most: int) -> Iterator[Shot]:
    """At most so many frames of a clip or a photograph, evenly apart, in which there is a face.

    Raises `ValueError` if it cannot be decoded.
    """
    every = -(-backdrops.length(clip) // most)
    detector, mesh, region = Detector(models, pixels), MeshNet(models, pixels), None
    for number, video in enumerate(backdrops.pictures(clip)):
        if number % every:
            continue
        picture = pixels.from_video(video)
        landmarks, region = _seen(picture, region, detector, mesh)
        if landmarks is not None:
            yield shot(number, picture, landmarks, pixels)


def shot(number: int, picture: Picture, landmarks: Floats, pixels: Pixels) -> Shot:
    """Of a picture in which the face is known."""
    face = closeup(landmarks)
    return Shot(number, pixels.straightened(picture, face.affine, (SIDE, SIDE)), face)


def _seen(
    picture: Picture, region: Region | None, detector: Detector, mesh: MeshNet
) -> tuple[Floats | None, Region | None]:
    """Landmarks where the face was, or else wherever one is, and where to look next."""
    landmarks = None if region is None else _made_out(picture, region, mesh)
    if landmarks is None and (found := detector(picture)) is not None:
        landmarks = _made_out(picture, found, mesh)
    return landmarks, None if landmarks is None else around(landmarks)


def _made_out(picture: Picture, region: Region, mesh: MeshNet) -> Floats | None:
    landmarks, presence = mesh(picture, region)
    # Looked at again where it was found: the first look may have been from afar.
    return mesh(picture, around(landmarks))[0] if presence >= SURE else None


def enrolled(
    seen: Sequence[Shot], models: Models, count: int = KEYFRAMES
) -> tuple[Bank, list[Shot]]:
    """A bank of what was seen, and which shots are in it; raises `NoFace` if nothing was seen."""
    if not seen:
        raise NoFace("there is no face in the clip")
    places = farthest([shot.face.landmarks for shot in seen], count)
    chosen = [seen[place] for place in places]
    lit = evened(chosen)
    return Bank(tuple(each.keyframe(layers(each.picture, models)[0]) for each in lit)), chosen


def evened(seen: Sequence[Shot], like: Shot | None = None) -> list[Shot]:
    """All with the skin's mean colour of the first, or of `like`: cameras change their minds."""
    wanted = _skin(like or seen[0])
    return [_lit(shot, (wanted / np.maximum(_skin(shot), 1)).astype(np.float32)) for shot in seen]


def _lit(shot: Shot, gain: Floats) -> Shot:
    lit = np.clip(shot.picture * np.clip(gain, 0.5, 2.0) + 0.5, 0, 255)
    return replace(shot, picture=lit.astype(np.uint8))


def _skin(shot: Shot) -> Floats:
    where = np.zeros((SIDE, SIDE), np.uint8)
    for x, y in shot.face.landmarks[list(SKIN), :2].round().astype(int).tolist():
        cv2.circle(where, (x, y), SIDE // 50, (255,), -1)
    return np.asarray(cv2.mean(shot.picture, where)[:3], np.float32)


def enrol(clip: Path, models: Models, pixels: Pixels) -> Bank:
    """Look a clip through and keep what it shows beside it; raises `NoFace` or `ValueError`."""
    bank, chosen = enrolled(list(shots(clip, models, pixels, LOOKED_AT)), models)
    keep(bank, clip)
    keep_photo(chosen[0].number, clip, pixels)
    return bank


def keep(bank: Bank, clip: Path) -> None:
    """Write a bank beside what it is of."""
    save(replace(bank, of=album.stamp(clip)), album.beside(clip) / album.BANK)


def keep_photo(number: int, clip: Path, pixels: Pixels) -> None:
    """Write the frame of that number beside a clip, as the photograph that stands for it."""
    video = next(islice(backdrops.pictures(clip), number, None))
    rgb = pixels.rgb(pixels.from_video(video))
    _, coded = cv2.imencode(".png", cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    (album.beside(clip) / album.PHOTO).write_bytes(coded.tobytes())
