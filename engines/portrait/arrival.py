"""Arrival: what a study adds to the mask comes within some frames, for the eye sees every jump."""

import numpy as np

from omote.engines import motion
from omote.engines.kernels import Floats

FRAMES = 5
"Until the new study counts in full."


class Arrival:
    """Goes over from what the last study added to what the new one adds."""

    def __init__(self) -> None:
        self._added: Floats | None = None
        self._before: Floats | None = None
        self._frames = 0

    def begin(self) -> None:
        """A study has come."""
        self._before, self._frames = self._added, 0

    def shown(self, person: Floats, made: Floats, moved: motion.Motion | None) -> Floats:
        """P with a part of what was made of it; `moved`: since the frame before."""
        added = made - person
        if self._before is not None:
            self._frames += 1
            if moved is not None:
                self._before = motion.carried(self._before, moved.flow)
            share = np.float32(self._frames / FRAMES)
            added = self._before + share * (added - self._before)
            made = np.clip(person + added, 0, 1)
            if self._frames == FRAMES:
                self._before = None
        self._added = added
        return made

    def forget(self) -> None:
        """Another scene: nothing was shown."""
        self._added = self._before = None
