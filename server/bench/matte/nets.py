"""Nets: the models as the bench hands them to the matte: counted, timed, and simulated if need be.

A simulated net knows the truth of the frame it is shown and answers as coarsely as a net sees: the
drawn people of the bench are none to a real net. It recognises its picture among those that were
lately taken from frames (`Watched`), whatever part of the frame that is.
"""

import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.model import Array, Model
from omote.server.bench.matte.shots import Bytes, Shot

Floats = NDArray[np.float32]
View = Callable[[Bytes], Bytes]
"Takes the same part of another picture of the frame's size."

CHEAP = ("selfie_landscape", "selfie_square")
SLOW = ("selfie_multiclass", "modnet")
LATE = 6
"Frames from when slow nets beside the stream begin until they are done, the same in every run."
PATIENCE = 30.0
"Seconds a slow net waits for that frame to come."
REMEMBERED = 64
"Pictures lately taken from frames."
WOBBLE = 0.45
"How far a simulated outline strays from look to look, in the net's pixels."
HALLUCINATION = 0.5
"How much of the background's texture a simulated matting net takes for hair."


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """A picture that was taken from a frame for a net."""

    picture: Bytes
    index: int
    view: View


@dataclass
class Ledger:
    """What nets were asked and what it cost, written by any thread."""

    frame: int = 0
    "The one being worked on."
    asked: dict[str, list[int]] = field(default_factory=dict)
    "By net: the frame at whose time it was asked, each time."
    spent: dict[str, float] = field(default_factory=dict)
    "Processor time by step, seconds, all threads."
    taken: deque[Taken] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    lock: threading.Lock = field(default_factory=threading.Lock)
    last: dict[int, int] = field(default_factory=dict)
    "By thread: the frame from which it took a picture last."
    gate: threading.Event = field(default_factory=threading.Event)
    "Opened when what works beside the stream may go on."
    stream: int = field(default_factory=threading.get_ident)
    "The thread of the frames."

    def remember(self, taken: Taken) -> None:
        """A picture was taken from a frame, in this thread."""
        with self.lock:
            self.taken.append(taken)
            self.last[threading.get_ident()] = taken.index

    def enter(self) -> None:
        """Beside the stream: wait for the frame at which the work would be done live."""
        if threading.get_ident() != self.stream:
            self.gate.wait(PATIENCE)

    def note(self, step: str, seconds: float) -> None:
        """That long in that step."""
        with self.lock:
            self.spent[step] = self.spent.get(step, 0.0) + seconds

    def count(self, net: str) -> None:
        """One question to a net; beside the stream, at the frame that was taken for it."""
        with self.lock:
            at = self.last.get(threading.get_ident(), self.frame)
            self.asked.setdefault(net, []).append(at)

    def frames_with(self, *nets: str) -> int:
        """How many frames had one of these asked."""
        return len({frame for net in nets for frame in self.asked.get(net, [])})


class Counted:
    """A net, its questions counted and timed."""

    def __init__(self, stem: str, net: Model, ledger: Ledger) -> None:
        self.name = net.name
        self._stem, self._net, self._ledger = stem, net, ledger

    def __call__(self, inputs: Mapping[str, Array], /) -> dict[str, Array]:
        """What the net answers."""
        self._ledger.count(self._stem)
        self._ledger.enter()
        before = time.thread_time()
        answer = self._net(inputs)
        self._ledger.note(self._stem, time.thread_time() - before)
        return answer


class Simulated:
    """Answers from the truth."""

    def __init__(self, stem: str, shots: Callable[[int], Shot], ledger: Ledger) -> None:
        self.name = f"{stem}@simulated"
        self._answer = ANSWERS[stem]
        self._shots, self._ledger = shots, ledger

    def __call__(self, inputs: Mapping[str, Array], /) -> dict[str, Array]:
        """Shapes as the real net's."""
        picture = np.asarray(inputs["picture"][0], np.uint8)
        taken = self._recognised(picture)
        return self._answer(picture, self._shots(taken.index), taken)

    def _recognised(self, picture: Bytes) -> Taken:
        with self._ledger.lock:
            known = [each for each in self._ledger.taken if each.picture.shape == picture.shape]
        if not known:
            raise LookupError(f"{self.name} is shown a picture {picture.shape} of unknown origin")
        return min(reversed(known), key=lambda each: _difference(each.picture, picture))


def _difference(one: Bytes, other: Bytes) -> float:
    few = (32, 32)
    return float(cv2.norm(cv2.resize(one, few), cv2.resize(other, few), cv2.NORM_L1))


def _portrait(picture: Bytes, shot: Shot, taken: Taken) -> dict[str, Array]:
    return {"alpha": _seen(shot.alpha, taken, 1.0)[None, :, :, None]}


def _classes(picture: Bytes, shot: Shot, taken: Taken) -> dict[str, Array]:
    """Background, hair, body-skin, face-skin, clothes, others."""
    person, hair = _seen(shot.alpha, taken, 0.8), _seen(shot.hair, taken, 0.8)
    hair = np.minimum(hair, person)
    rest = person - hair
    nothing = np.zeros_like(person)
    shares = (1 - person, hair, nothing, rest / 2, rest / 2, nothing)
    return {"classes": np.stack(shares, axis=-1)[None]}


def _matting(picture: Bytes, shot: Shot, taken: Taken) -> dict[str, Array]:
    """One person's strands, and texture of the background between them taken for more."""
    whom = shot.people[0] if shot.people else shot.alpha
    exact = _alpha_in(whom, taken)
    soft = cv2.GaussianBlur(exact, (0, 0), 0.6)
    around = cv2.GaussianBlur(exact, (0, 0), 4)
    unsure = np.clip(4 * around * (1 - around), 0, 1)
    luma = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(255)
    texture = luma - cv2.GaussianBlur(luma, (0, 0), 3)
    behind = texture * (1 - exact)
    alpha = np.clip(soft + HALLUCINATION * 4 * unsure * np.abs(behind), 0, 1)
    return {"alpha": alpha.astype(np.float32)[None, :, :, None]}


def _faces(picture: Bytes, shot: Shot, taken: Taken) -> dict[str, Array]:
    """Boxes and scores (logits) on the detector's grid."""
    side, grid = picture.shape[0], 48
    boxes = np.zeros((1, grid * grid, 16), np.float32)
    scores = np.full((1, grid * grid, 1), -20, np.float32)
    height, width = shot.picture.shape[:2]
    for face in shot.faces:
        corners = np.array(face.box).reshape(2, 2) / (width, height)
        middle, size = corners.mean(axis=0), corners[1] - corners[0]
        column, row = np.clip(middle * grid, 0, grid - 1).astype(int)
        at = np.array([column + 0.5, row + 0.5]) / grid
        boxes[0, row * grid + column, :4] = np.concatenate([middle - at, size]) * side
        scores[0, row * grid + column] = 5
    return {"boxes": boxes, "scores": scores}


ANSWERS: Mapping[str, Callable[[Bytes, Shot, Taken], dict[str, Array]]] = {
    "selfie_landscape": _portrait,
    "selfie_square": _portrait,
    "selfie_multiclass": _classes,
    "modnet": _matting,
    "face_full_range": _faces,
}
"What can be simulated."


def _seen(layer: Bytes | None, taken: Taken, sigma: float) -> Floats:
    """A layer of the truth as a segmentation net sees it: single hairs are too fine for it."""
    soft = cv2.GaussianBlur(_strayed(_alpha_in(layer, taken), taken.picture), (0, 0), sigma)
    bent = np.clip((soft - 0.12) / 0.76, 0, 1)
    return np.asarray(bent * bent * (3 - 2 * bent), np.float32)


def _alpha_in(layer: Bytes | None, taken: Taken) -> Floats:
    """(h, w), 0..1: the part of the layer that the picture shows."""
    if layer is None:
        raise LookupError("no net can be simulated without the truth")
    view = taken.view(np.repeat(layer[..., None], 3, axis=2))
    return view[..., 1].astype(np.float32) / np.float32(255)


def _strayed(alpha: Floats, picture: Bytes) -> Floats:
    """Moved to and fro a little, each part differently, as nets do from look to look."""
    height, width = alpha.shape
    rng = np.random.default_rng(zlib.crc32(picture.tobytes()))  # the same picture, the same answer
    cells = (height // 12 + 2, width // 12 + 2, 2)
    few = rng.normal(0, WOBBLE, cells).astype(np.float32)
    astray = cv2.resize(few, (width, height), interpolation=cv2.INTER_CUBIC)
    here = np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)
    together: Any = None
    moved: Any = cv2.remap(
        alpha, here + astray, together, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(moved, np.float32)
