"""Material: the closeups of a clip or a photograph, and the samples that are drawn of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from omote.engines.faces.topology import LEFT_EYE, LIPS_OUTER, OVAL, RIGHT_EYE
from omote.engines.kernels import Bytes, Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.engines.puppet.bank import AT_ONCE, Bank, mixed, shares, warped
from omote.engines.puppet.closeup import SIDE as CLOSE
from omote.engines.puppet.closeup import Closeup
from omote.engines.puppet.contours import drawn
from omote.engines.puppet.enrolment import LOOKED_AT, Shot, enrolled, evened, shots
from omote.engines.puppet.reference import person
from omote.engines.training.puppet.network import SIDE
from omote.engines.training.puppet.others import moved
from omote.engines.training.puppet.perturbation import perturbed

MOST = 1500
"Frames of a clip that are learnt from."
LEARNT, HELD = 0.72, 0.25
"Shares of a clip, from its beginning and from its end; between them is a gap."
APART = 25
"Frames by which a keyframe and a sample of the same clip differ at least: neighbours tell nothing."
Kind = Literal["same", "perturbed", "other"]
"""Where the pose comes from: another frame of the same clip, whose picture is the truth; the same
picture, its landmarks moved at random and back; somebody else, and then there is no truth."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One of each, (SIDE, SIDE, 3); for what they are see `Given` of the network."""

    kind: Kind
    blend: Bytes
    nearest: Bytes
    mask: Bytes
    before: Bytes
    truth: Bytes
    "Of the kind `other`, the blend."
    alpha: Bytes
    "(SIDE, SIDE): 255 where the truth shows the person."
    weight: Floats
    "(SIDE, SIDE): how much a mistake counts at each place; mouth and eyes most."


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """Of one person."""

    bank: Bank
    "Of what is learnt from alone."
    numbers: tuple[int, ...]
    "Of the bank's frames."
    learnt: tuple[Shot, ...]
    held: tuple[Shot, ...]
    "Of a photograph, the same."
    others: tuple[Closeup, ...] = ()
    "Poses of somebody else, moved into this one's face."

    @property
    def is_photograph(self) -> bool:
        """One picture, of which every sample is a perturbed one."""
        return len(self.learnt) == 1

    def batch(self, size: int, numbers: tuple[int, int]) -> list[Sample]:
        """As many samples, the same for the same numbers."""
        chance = np.random.default_rng(numbers)
        return [self._drawn(chance) for _ in range(size)]

    def judged(self, most: int) -> list[Sample]:
        """Samples nothing was learnt from, evenly apart."""
        if self.is_photograph:
            chance = np.random.default_rng(1)
            return [self.perturbed(self.learnt[0], chance) for _ in range(min(most, 12))]
        chosen = np.linspace(0, len(self.held) - 1, min(most, len(self.held))).round().astype(int)
        return [self.sample(self.held[k], self.bank.shares(self.held[k].face)) for k in chosen]

    def _drawn(self, chance: np.random.Generator) -> Sample:
        kind = chance.random()
        shot = self.learnt[chance.integers(len(self.learnt))]
        if self.is_photograph or kind < 0.1:
            return self.perturbed(shot, chance)
        if self.others and kind < 0.3:
            face = self.others[chance.integers(len(self.others))]
            return self._sample("other", face, self.bank.shares(face), None, None)
        return self.sample(shot, self._varied(shot, chance))

    def _varied(self, shot: Shot, chance: np.random.Generator) -> Floats:
        """Of frames far enough away, and now and then not of the likest of them."""
        apart = self.bank.apart(shot.face) * np.exp(chance.normal(0, 0.3, len(self.numbers)))
        near = np.abs(np.array(self.numbers) - shot.number) < APART
        apart[near if not near.all() else []] = 1e9
        if chance.random() < 0.25 and len(apart) > AT_ONCE:
            apart[int(apart.argmin())] = 1e9
        return shares(np.asarray(apart, np.float32))

    def sample(self, shot: Shot, share: Floats) -> Sample:
        """A frame to be drawn of keyframes by their shares."""
        return self._sample("same", shot.face, share, shot.picture, shot.alpha)

    def _sample(
        self, kind: Kind, face: Closeup, share: Floats, truth: Bytes | None, alpha: Bytes | None
    ) -> Sample:
        blend, nearest = self.bank.blended(face, share, SIDE)
        before = self.bank.keyframes[int(share.argmax())].landmarks
        wanted = blend[..., :3] if truth is None else _small(truth)
        return Sample(
            kind,
            blend[..., :3],
            nearest[..., :3],
            drawn(face.landmarks, CLOSE, SIDE),
            drawn(before, CLOSE, SIDE),
            wanted,
            blend[..., 3] if alpha is None else _small(alpha),
            weight(face.landmarks),
        )

    def perturbed(self, shot: Shot, chance: np.random.Generator) -> Sample:
        """A frame whose keyframes are itself with its landmarks moved, and moved back."""
        key, pictures = shot.keyframe(), []
        for _ in range(2):
            moved = perturbed(key, chance)
            pictures.append(warped([moved], shot.face, SIDE)[0][..., :3])
        blend = mixed(pictures, np.array([0.6, 0.4], np.float32))
        masks = (drawn(each, CLOSE, SIDE) for each in (shot.face.landmarks, moved.landmarks))
        mask, before = masks
        truth = _small(shot.picture)
        of = weight(shot.face.landmarks)
        alpha = np.full((SIDE, SIDE), 255, np.uint8) if shot.alpha is None else _small(shot.alpha)
        return Sample("perturbed", blend, pictures[0], mask, before, truth, alpha, of)


def material(
    source: Path, models: Models, pixels: Pixels, drivers: Sequence[Path] = ()
) -> Material:
    """Look through a clip or a photograph; raises `NoFace` or `ValueError`."""
    others = [face for driver in drivers for face in shots(driver, models, pixels, LOOKED_AT)]
    return material_of(list(shots(source, models, pixels, MOST)), models, others)


def material_of(
    seen: Sequence[Shot],
    models: Models,
    drivers: Sequence[Shot] = (),
    parts: tuple[float, float] = (LEARNT, HELD),
) -> Material:
    """Of what was seen of a person; `drivers` of one other. `parts` are learnt from, and held out."""
    learnt = seen[: max(1, round(parts[0] * len(seen)))]
    held = seen[-max(1, round(parts[1] * len(seen))) :]
    bank, chosen = enrolled(learnt, models)
    return Material(
        bank,
        tuple(shot.number for shot in chosen),
        tuple(_alone(shot, models) for shot in evened(learnt, chosen[0])),
        tuple(_alone(shot, models) for shot in evened(held, chosen[0])),
        tuple(moved(drivers, learnt)) if drivers else (),
    )


def _alone(shot: Shot, models: Models) -> Shot:
    return replace(shot, alpha=person(shot.picture, models))


def weight(landmarks: Floats) -> Floats:
    """(SIDE, SIDE), softly from little outside of the head to 1 in the face and more inside of it."""
    at = landmarks[:, :2] * (SIDE / CLOSE)
    made = np.full((SIDE, SIDE), 0.15, np.float32)
    for contour, grown, much in (
        (OVAL, 1.25, 0.5),
        (OVAL, 1.08, 1.0),
        (LIPS_OUTER, 1.3, 2.5),
        (RIGHT_EYE, 1.5, 2.5),
        (LEFT_EYE, 1.5, 2.5),
    ):
        points = at[list(contour)]
        points = points.mean(0) + grown * (points - points.mean(0))
        hull = cv2.convexHull(points.round().astype(np.int32))
        cv2.fillConvexPoly(made, hull, (much,))
    return np.asarray(cv2.GaussianBlur(made, (0, 0), 2.0), np.float32)


def _small(picture: Bytes) -> Bytes:
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)
