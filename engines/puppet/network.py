"""Network: a face drawn by a net, trained for one person or anybody's own.

The contract, so that a net of your own can be used: an ONNX file with fixed shapes. It draws the face
beside which it lies (`{data}/faces/.NAME/`), or, named by `puppet_network` in the configuration, every
face that has none of its own. Of these inputs those it has are given to it by name, S being the side
of its pictures:

    blend      uint8 (1, S, S, 3)   RGB, the likest keyframes warped to the wanted pose and mixed
    nearest    uint8 (1, S, S, 3)   the likest one, warped
    reference  uint8 (1, S, S, 3)   the likest one as it is
    mask       uint8 (1, S, S, 3)   the face mask of the wanted pose, see `contours`
    before     uint8 (1, S, S, 3)   the face mask of the likest keyframe as it is
    wanted     float32 (1, 478, 3)  landmarks of the wanted pose, 0..1 of the picture
    was        float32 (1, 478, 3)  landmarks of the likest keyframe

and of whose outputs these are used:

    generated  float32 (1, S, S, 3) RGB, 0..255
    keep       float32 (1, S, S, 1) 0..1, how much of the blend is laid over it; optional

Without `keep` the result is what was generated, enlarged. With it, the blend is corrected by what is
generated otherwise, within the face, and so has the detail of the keyframes, which the net's size has
no room for, and their contour.

All pictures are closeups (see `closeup`): the head upright, 22 cm across, looking its own way.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np

from omote.engines import backdrops
from omote.engines.faces.topology import LANDMARKS, OVAL
from omote.engines.kernels import Bytes, Floats
from omote.engines.model import Array, Model
from omote.engines.puppet import album
from omote.engines.puppet.bank import Bank, Keyframe
from omote.engines.puppet.closeup import SIDE, Closeup
from omote.engines.puppet.contours import drawn
from omote.engines.puppet.enrolment import enrol
from omote.engines.puppet.mesh_puppet import Animated
from omote.engines.puppet.performance import Casting
from omote.engines.puppet.remembered import Remembered

WITHIN = (0.93, 0.03)
"How far from the middle to the contour a face is corrected, and over how much of the closeup that fades."
SHARE = 0.6
"""Of what a net would correct: it has learnt to correct what it was shown, and overdoes it in frames it
was not (0.05 dB, and structure 0.002 worse, with all of it)."""
OUTPUTS = {"generated": 3, "keep": 1}
"Those that are used, and how many channels they have."


@runtime_checkable
class Telling(Model, Protocol):
    """A model that says what it takes."""

    def zeros(self) -> dict[str, Array]:
        """Inputs of the shapes it takes."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What a net keeps to."""

    inputs: tuple[str, ...]
    size: int
    "Of its pictures, pixels."


def contract(model: Model) -> Contract:
    """What it keeps to; raises `ValueError` if that is not what is promised above."""
    if not isinstance(model, Telling):
        raise TypeError(f"{model.name} does not say what it takes")
    zeros = model.zeros()
    if unknown := set(zeros) - set(INPUTS):
        raise ValueError(f"{model.name} wants {', '.join(sorted(unknown))}, which nobody has")
    size = next((each.shape[1] for each in zeros.values() if each.ndim == 4), SIDE)
    for name, each in zeros.items():
        kind, shape = INPUT_KINDS[name](size)
        if each.shape != shape or each.dtype != kind:
            raise ValueError(
                f"{model.name}: `{name}` is {each.dtype} {each.shape}, not {kind} {shape}"
            )
    found = model(zeros)
    if "generated" not in found:
        raise ValueError(f"{model.name} gives {', '.join(sorted(found))}, but not `generated`")
    for name in OUTPUTS.keys() & found.keys():
        shape = (1, size, size, OUTPUTS[name])
        if found[name].shape != shape:
            raise ValueError(f"{model.name}: `{name}` is {found[name].shape}, not {shape}")
    return Contract(tuple(zeros), size)


class Drawing:
    """What a net draws of a bank's person; frames in order."""

    def __init__(self, bank: Bank, model: Model) -> None:
        """Raises `ValueError` if the model does not keep to the contract."""
        kept = contract(model)
        self._bank, self._model, self._inputs = bank, model, kept.inputs
        self._size = kept.size
        self._remembered = Remembered(bank)
        self._masks = [drawn(each.landmarks, SIDE, self._size) for each in bank.keyframes]

    def __call__(self, face: Closeup) -> Bytes:
        """The net's face with the detail of the keyframes where it keeps them, (SIDE, SIDE, 4)."""
        share = self._remembered.shares(face)
        blend, nearest = self._bank.blended(face, share)
        likest = int(share.argmax())
        seen = _Seen(face, blend, nearest, self._bank.keyframes[likest], self._masks[likest])
        found = self._model({name: INPUTS[name](seen)[None] for name in self._inputs})
        generated = np.asarray(found["generated"][0], np.float32)
        if "keep" in found:
            share = np.float32(SHARE) * _within(face.landmarks, self._size)
            keep = 1 - (1 - found["keep"][0]) * share
            made = corrected(blend[..., :3], seen.small(blend), generated, keep)
        else:
            made = _large(np.clip(generated + np.float32(0.5), 0, 255)).astype(np.uint8)
        return np.dstack([made, blend[..., 3]])


def networked(of: Casting) -> Animated:
    """The photograph moved, its face drawn by the net that lies beside it, or by everybody's.

    Raises `ValueError` if there is none, or it was trained for another file of this name.
    """
    path, bank = album.network(of.source), album.bank(of.source)
    if path is None or (bank is None and path != album.everybodys_network()):
        raise ValueError(f"no net was trained for {of.source.name}: omote train puppet")
    if bank is None and backdrops.length(of.source) == 1:
        enrol(of.source, of.models, of.pixels)
    return Animated(of, partial(Drawing, model=of.models[str(path)]))


def corrected(blend: Bytes, few: Bytes, generated: Floats, keep: Floats) -> Bytes:
    """`generated * (1 - keep) + blend * keep`, with the detail that only the blend has.

    `few` is the blend at the net's size, which `generated` and `keep` have.
    """
    wanted = (generated - few.astype(np.float32)) * (np.float32(1) - keep)
    return np.asarray(cv2.add(blend, _large(wanted), dtype=cv2.CV_8U), np.uint8)


def _within(landmarks: Floats, size: int) -> Floats:
    """(size, size, 1): 1 in the face, 0 from its contour on."""
    contour = landmarks[list(OVAL), :2] * np.float32(size / SIDE)
    middle, flat = contour.mean(0), np.zeros((size, size), np.float32)
    inner = middle + np.float32(WITHIN[0]) * (contour - middle)
    cv2.fillPoly(flat, [inner.round().astype(np.int32)], (1.0,))
    return np.asarray(cv2.GaussianBlur(flat, (0, 0), WITHIN[1] * size), np.float32)[..., None]


def _large(picture: Floats) -> Floats:
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.float32)


def _pictures(size: int) -> tuple[np.dtype[Any], tuple[int, ...]]:
    return np.dtype(np.uint8), (1, size, size, 3)


def _points(size: int) -> tuple[np.dtype[Any], tuple[int, ...]]:
    return np.dtype(np.float32), (1, LANDMARKS, 3)


class _Seen:
    """What may be shown to a net, made when it asks."""

    def __init__(
        self, face: Closeup, blend: Bytes, nearest: Bytes, likest: Keyframe, before: Bytes
    ) -> None:
        self.face, self.likest, self.before = face, likest, before
        self.blend, self.nearest, self.size = blend, nearest, len(before)

    def small(self, picture: Bytes) -> Bytes:
        size = (self.size, self.size)
        few = cv2.resize(picture[..., :3], size, interpolation=cv2.INTER_AREA)
        return np.asarray(few, np.uint8)


INPUT_KINDS: Mapping[str, Callable[[int], tuple[np.dtype[Any], tuple[int, ...]]]] = {
    **dict.fromkeys(("blend", "nearest", "reference", "mask", "before"), _pictures),
    **dict.fromkeys(("wanted", "was"), _points),
}
INPUTS: Mapping[str, Callable[[_Seen], Array]] = {
    "blend": lambda seen: seen.small(seen.blend),
    "nearest": lambda seen: seen.small(seen.nearest),
    "reference": lambda seen: seen.small(seen.likest.picture),
    "mask": lambda seen: drawn(seen.face.landmarks, SIDE, seen.size),
    "before": lambda seen: seen.before,
    "wanted": lambda seen: seen.face.landmarks / np.float32(SIDE),
    "was": lambda seen: seen.likest.landmarks / np.float32(SIDE),
}
