"""Presence: how a face that goes out of sight is let go, calmly, and taken up again."""

from dataclasses import replace

import numpy as np

from omote.streams.frame import Face, FaceStatus

HOLD_S = 0.4
"A face that is away for less than this only stands still, seconds."
EASE_S = 0.6
"Then its expression takes so long to become neutral."
RETURN_S = 0.25
"And so long to come back."


class Presence:
    """Status and strength of one face."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Nobody was ever there."""
        self.strength = 0.0
        self._away = float("inf")

    @property
    def status(self) -> FaceStatus:
        """Of the latest frame."""
        if self._away == 0:
            return "tracked"
        return "held" if self._away <= HOLD_S else "lost"

    def seen(self, seconds: float) -> None:
        """It is there, `seconds` after the last frame; the first ever is there at once."""
        first = self._away == float("inf")
        self.strength = 1.0 if first else min(1.0, self.strength + seconds / RETURN_S)
        self._away = 0.0

    def missed(self, seconds: float) -> None:
        """It is not."""
        self._away += seconds
        if self._away > HOLD_S:
            self.strength = max(0.0, self.strength - seconds / EASE_S)


def eased(face: Face, status: FaceStatus, strength: float) -> Face:
    """A face as it is to be used now: towards neutral as it is lost."""
    face = replace(face, status=status, strength=strength)
    if strength == 1 or face.neutral is None or face.shape is None:
        return face
    rest = face.neutral.blendshapes
    return replace(
        face,
        blendshapes={
            name: rest[name] + strength * (value - rest[name])
            for name, value in face.blendshapes.items()
        },
        shape=face.neutral.shape + np.float32(strength) * (face.shape - face.neutral.shape),
    )
