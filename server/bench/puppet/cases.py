"""Cases: a photographed face and the driver that moves it, all taken from clips of talking heads."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from omote.engines.effect import Rung
from omote.engines.faces.topology import OVAL
from omote.engines.faces.tracker import Tracker
from omote.engines.kernels import Bytes, Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.server.bench.puppet.reel import Unusable, reel
from omote.streams.frame import Face, Frame, Neutral

SIDE = 512
"Of the results, pixels."
FACE = 256
"Of the box around the face, pixels."
LEARNING = 0.75
"Share of a clip that may be learnt from, and that the reference is taken from."
GAP = 0.1
"Share between that and what is judged: neighbours are all but the same picture. 2 s of 20."
LEAST = 10
"Frames with a face, of both."
DECODED = (1024, 768)
"Size of the frames that squares are cut from."


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """Frames are squares of `SIDE` in which a face is followed."""

    name: str
    reference: Frame
    "The photograph, and the face in it."
    learning: Sequence[Frame]
    "More of the same person, in order."
    driver: Sequence[Frame]
    "Their faces move from `neutral`."
    neutral: Neutral
    "Of the driver, what goes with the reference."
    same: bool
    "Whether the driver is the person in the photograph, so that its frames are the truth."


def cases(clips: Sequence[Path], models: Models, pixels: Pixels, count: int) -> Iterator[Case]:
    """Each clip's person moved by itself, and then each by the next clip's."""
    found = [reenacted(clip, models, pixels, count) for clip in clips]
    yield from found
    for case, other in zip(found, found[1:] + found[:1], strict=True):
        if other is not case:
            yield replace(
                case,
                name=f"{case.name} by {other.name}",
                driver=other.driver,
                neutral=other.neutral,
                same=False,
            )


def reenacted(clip: Path, models: Models, pixels: Pixels, count: int) -> Case:
    """A person moved by itself: the last quarter of up to `count` frames, after a gap."""
    frames = followed(clip, models, pixels, count)
    end, begin = (round(share * len(frames)) for share in (LEARNING, LEARNING + GAP))
    learning, driver = (
        [each for each in part if each.faces] for part in (frames[:end], frames[begin:])
    )
    if len(learning) < LEAST or len(driver) < LEAST:
        raise Unusable(
            f"{clip.name} shows a face in {len(learning)} frames to learn from and in {len(driver)}"
            f" at its end to judge by; at least {LEAST} of each are wanted, after the first second"
        )
    reference = learning[middlemost([frame.faces[0] for frame in learning])]
    neutral = _neutral(reference.faces[0])
    judged = [measured_from(neutral, frame) for frame in driver]
    return Case(clip.stem, reference, learning, judged, neutral, same=True)


def followed(clip: Path, models: Models, pixels: Pixels, count: int) -> list[Frame]:
    """Squares around the face in a clip, the face in each."""
    seen = list(_seen(reel(clip, pixels, DECODED, count), models, pixels))
    if not seen:
        raise Unusable(f"nobody's face is found in {clip.name}")
    box = _square(seen)
    tracker, found = Tracker(models, pixels), []
    for frame in reel(clip, pixels, DECODED, count):
        square = pixels.from_rgb(pixels.crop(frame.picture, box, (SIDE, SIDE)))
        found.append(tracker(replace(frame, picture=square), Rung.FULL))
    return found


def _seen(frames: Iterable[Frame], models: Models, pixels: Pixels) -> Iterator[Floats]:
    tracker = Tracker(models, pixels)
    for frame in islice(frames, 0, None, 4):
        for face in tracker(frame, Rung.FULL).faces:
            yield face.landmarks


def _square(landmarks: Sequence[Floats]) -> tuple[int, int, int, int]:
    """Where the faces are and how large, as one square in which they are half as high."""
    oval = np.array(landmarks)[:, OVAL, :2]
    middle = np.median((oval.min(1) + oval.max(1)) / 2, axis=0)
    height = float(np.median(np.ptp(oval[..., 1], axis=1)))
    side = min(round(height * SIDE / FACE), *DECODED)
    room = np.array(DECODED) - side
    left, top = np.clip(np.round(middle - side / 2), 0, room).astype(int)
    return int(left), int(top), int(left) + side, int(top) + side


def middlemost(faces: Sequence[Face]) -> int:
    """The face that is nearest to all others: nobody has chosen it."""
    points = np.array([face.landmarks[:, :2] for face in faces])
    points = points.reshape(len(faces), -1)
    return int(np.argmin(((points - np.median(points, axis=0)) ** 2).sum(1)))


def _neutral(face: Face) -> Neutral:
    assert face.shape is not None and face.pose is not None
    return Neutral(face.blendshapes, face.shape, face.pose, asked=True, complexion=face.complexion)


def measured_from(neutral: Neutral, frame: Frame) -> Frame:
    """The same with another neutral face."""
    return replace(frame, faces=tuple(replace(face, neutral=neutral) for face in frame.faces))


def face_box(landmarks: Floats) -> tuple[int, int]:
    """Left and top of the box of `FACE` around a face, within the square."""
    oval = landmarks[list(OVAL), :2]
    middle = (oval.min(0) + oval.max(0)) / 2
    left, top = np.clip(np.round(middle - FACE / 2), 0, SIDE - FACE).astype(int)
    return int(left), int(top)


def photograph(frame: Frame, pixels: Pixels, path: Path) -> Path:
    """A frame as the file that somebody would upload."""
    rgb: Bytes = pixels.rgb(frame.picture)
    cv2.imwrite(str(path), cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return path
