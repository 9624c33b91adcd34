"""Drivers: the faces of stages, for the stages whose puppets they move."""

import time
from dataclasses import dataclass

from omote.streams.frame import Face, FaceStatus

LEASE_S = 2.0
"Seconds for which a face is followed after somebody last wanted it."


@dataclass(frozen=True, slots=True, eq=False)
class Sighting:
    """What the latest frame showed of the face that is followed."""

    status: FaceStatus
    face: Face | None
    second: float
    "When that frame arrived, seconds since 1970."
    since: float
    "The same by `time.monotonic()`."


class Drivers:
    """Shared by the stages of a process. Nobody registers: who wants a face goes on asking for it."""

    def __init__(self) -> None:
        self._wanted: dict[str, float] = {}
        self._seen: dict[str, Sighting] = {}
        self._asked: dict[str, bool] = {}

    def want(self, stage: str) -> Sighting | None:
        """The newest face of a stage, which goes on to be followed for a while."""
        self._wanted[stage] = time.monotonic()
        return self._seen.get(stage)

    def wants(self, stage: str) -> bool:
        """Whether anybody is driven by the face of this stage."""
        return time.monotonic() - self._wanted.get(stage, -LEASE_S) < LEASE_S

    def see(self, stage: str, sighting: Sighting) -> None:
        """The stage's face is this now."""
        self._seen[stage] = sighting

    def forget(self, stage: str) -> None:
        """The stage has gone."""
        for kept in (self._wanted, self._seen, self._asked):
            kept.pop(stage, None)

    def calibrate(self, stage: str, wanted: bool) -> None:
        """Have the stage take its face's next moment as neutral, or the calmest one."""
        self._asked[stage] = wanted

    def take_calibration(self, stage: str) -> bool | None:
        """What was asked for since the last call."""
        return self._asked.pop(stage, None)
