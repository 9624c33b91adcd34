"""Network: a face drawn by a net, trained for one person or anybody's own.

The contract, so that a net of your own can be used: an ONNX file with fixed shapes, of whose inputs
those it has are given to it by name, S being the side of its pictures:

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
generated otherwise, and so has the detail of the keyframes, which the net's size has no room for.

All pictures are closeups (see `closeup`): the head upright, 22 cm across, looking its own way.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, runtime_checkable

import cv2
import numpy as np

from omote.engines.kernels import Bytes, Floats
from omote.engines.model import Array, Model
from omote.engines.puppet import album
from omote.engines.puppet.bank import Bank, Keyframe
from omote.engines.puppet.closeup import SIDE, Closeup
from omote.engines.puppet.contours import drawn
from omote.engines.puppet.mesh_puppet import Animated
from omote.engines.puppet.performance import Casting
from omote.engines.puppet.remembered import Remembered


@runtime_checkable
class Telling(Model, Protocol):
    """A model that says what it takes."""

    def zeros(self) -> dict[str, Array]:
        """Inputs of the shapes it takes."""


class Drawing:
    """What a net draws of a bank's person; frames in order."""

    def __init__(self, bank: Bank, model: Model) -> None:
        """Raises `ValueError` if the model does not keep to the contract."""
        if not isinstance(model, Telling):
            raise TypeError(f"{model.name} does not say what it takes")
        taken = model.zeros()
        if unknown := set(taken) - set(INPUTS):
            raise ValueError(f"{model.name} wants {', '.join(sorted(unknown))}, which nobody has")
        self._bank, self._model, self._inputs = bank, model, list(taken)
        self._size = next((each.shape[1] for each in taken.values() if each.ndim == 4), SIDE)
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
            made = corrected(blend[..., :3], seen.small(blend), generated, found["keep"][0])
        else:
            made = _large(np.clip(generated + np.float32(0.5), 0, 255)).astype(np.uint8)
        return np.dstack([made, blend[..., 3]])


def networked(of: Casting) -> Animated:
    """The photograph moved, its face drawn by the net that lies beside it.

    Raises `ValueError` if none does, or it was trained for another file of this name.
    """
    path, bank = album.network(of.source), album.bank(of.source)
    if path is None or bank is None:
        raise ValueError(f"no net was trained for {of.source.name}: omote train puppet")
    return Animated(of, partial(Drawing, model=of.models[str(path)]))


def corrected(blend: Bytes, few: Bytes, generated: Floats, keep: Floats) -> Bytes:
    """`generated * (1 - keep) + blend * keep`, with the detail that only the blend has.

    `few` is the blend at the net's size, which `generated` and `keep` have.
    """
    wanted = (generated - few.astype(np.float32)) * (np.float32(1) - keep)
    return np.asarray(cv2.add(blend, _large(wanted), dtype=cv2.CV_8U), np.uint8)


def _large(picture: Floats) -> Floats:
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.float32)


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


INPUTS: Mapping[str, Callable[[_Seen], Array]] = {
    "blend": lambda seen: seen.small(seen.blend),
    "nearest": lambda seen: seen.small(seen.nearest),
    "reference": lambda seen: seen.small(seen.likest.picture),
    "mask": lambda seen: drawn(seen.face.landmarks, SIDE, seen.size),
    "before": lambda seen: seen.before,
    "wanted": lambda seen: seen.face.landmarks / np.float32(SIDE),
    "was": lambda seen: seen.likest.landmarks / np.float32(SIDE),
}
