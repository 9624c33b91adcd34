"""Lead: whose face counts on a stage, the one before its camera or its driver's."""

import time
from collections.abc import Mapping
from dataclasses import replace

from omote.engines.chain import FACES, LANDMARKS, Chain, Turn
from omote.engines.effect import Params
from omote.server.driver import Driver, driver_of
from omote.server.drivers import Drivers, Sighting
from omote.server.orders import Invalid, Settings
from omote.streams.frame import Face, FaceStatus, Frame


class Lead:
    """One stage's. Belongs to the loop's thread but for `onto`."""

    def __init__(self, stage: str, drivers: Drivers, chain: Chain) -> None:
        self.driver: Driver | None = None
        self.sighting: Sighting | None = None
        "What the latest frame showed of the face that counts."
        self._stage, self._drivers, self._chain = stage, drivers, chain
        self._name: str | None = None

    def check(self, settings: Settings, params: Mapping[str, Params]) -> None:
        """Raise `Invalid` for a driver that cannot drive what is ordered."""
        driver = settings.stage.driver
        if driver == self._stage:
            raise _unfit("a stage cannot drive itself; null is the face before its own camera")
        for name in settings.effects if driver is not None else ():
            if not getattr(params[name], "takes_driver", True):
                raise _unfit(f"in this mode {name} is worn by who is before this camera")

    def use(self, name: str | None) -> None:
        """Take the driver that `stage.driver` names, between two frames."""
        if name != self._name:
            self._name, self.driver = name, driver_of(name, self._drivers)
            self.sighting = None
        self._chain.take_driver(self.driver is not None)

    @property
    def is_wanted(self) -> bool:
        """Whether another stage is driven from here."""
        return self._drivers.wants(self._stage)

    def looks(self, settings: Settings) -> bool:
        """Whether a face is to be followed, needed by an effect or not."""
        ordered = settings.stage
        told = ordered.share_faces or ordered.view == LANDMARKS
        return self.is_wanted or (told and self.driver is None)

    def begin(self) -> None:
        """A frame is taken: ask for the driver's newest face, and do what others have asked."""
        if self.driver is not None:
            self.driver.look()
        asked = self._drivers.take_calibration(self._stage)
        if asked is not None:
            self._chain.calibrate(asked)

    def onto(self, frame: Frame) -> Frame:
        """The frame with its driver; in the stage's worker."""
        return frame if self.driver is None else replace(frame, driver=self.driver(frame))

    def calibrate(self, wanted: bool) -> None:
        """Take the next moment as neutral, or forget it; raises `Invalid` where nobody is followed."""
        if self.driver is not None:
            self.driver.calibrate(wanted)
        elif self._chain.follows_faces:
            self._chain.calibrate(wanted)
        else:
            words = "no face is followed: use an effect that needs one, or stage.share_faces"
            raise Invalid([{"at": "calibrate", "message": words}])

    def note(self, turn: Turn) -> Sighting | None:
        """See what a frame showed, of the camera's face for others, and of the one that counts."""
        frame = turn.frame
        second = time.time() - (time.monotonic() - frame.arrived)

        def seen(status: FaceStatus, faces: tuple[Face, ...]) -> Sighting:
            return Sighting(status, faces[0] if faces else None, second, frame.arrived)

        own = self._chain.face_status
        if own is not None:
            looked = FACES in turn.steps_ms  # not while effects are paused
            self.sighting = seen(own, frame.faces) if looked else seen("lost", ())
            self._drivers.see(self._stage, self.sighting)
        if self.driver is not None:
            self.sighting = seen(self.driver.status, frame.driver or ())
        return self.sighting

    def forget(self) -> None:
        """Nobody is followed any more, or there are no pictures."""
        self.sighting = None

    def close(self) -> None:
        """The stage goes."""
        self._drivers.forget(self._stage)


def _unfit(words: str) -> Invalid:
    return Invalid([{"at": "stage.driver", "message": words}])
