"""Tracker: follows one face, the largest when it was found, and puts it into each frame.

The detector runs only while none is followed; the landmark net looks where the face was a frame ago.
"""

from dataclasses import replace

import numpy as np

from omote.engines.effect import Rung
from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.complexion import complexion
from omote.engines.faces.detector import Detector
from omote.engines.faces.mesh import ExpressionNet, MeshNet, named
from omote.engines.faces.pose import fitted
from omote.engines.faces.presence import Presence, eased
from omote.engines.faces.region import Region, around
from omote.engines.faces.rest import Moment, Rest, towards
from omote.engines.faces.steady import OneEuro, share
from omote.engines.faces.topology import LEFT_IRIS, RIGHT_IRIS
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.streams.frame import Face, FaceStatus, Frame, Picture

SURE = 0.5
"Presence from which on there is a face."
SEARCH_EVERY = 3
"Frames from one look of the detector to the next while nobody is there."
LEAST_EYES = 6.0
"Distance of the eyes, pixels, below which landmarks are guesses."
STEP_S = (1 / 240, 0.25)
"Seconds between two frames that filters believe."
LIGHT_HZ = 2.0
"Cutoff at which the light on a face is followed."


class Tracker:
    """One stage's. Frames in order, one at a time."""

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._detector = Detector(models, pixels)
        self._pixels, self._mesh = pixels, MeshNet(models, pixels)
        self._expression = ExpressionNet(models)
        self._points = OneEuro(rest_hz=0.3, rise=20.0, speed_hz=3.0)
        self._coefficients = OneEuro(rest_hz=1.5, rise=6.0, speed_hz=3.0)
        self._rest = Rest()
        self._presence = Presence()
        self.reset()

    def reset(self) -> None:
        """The source was cut: whoever comes now is somebody else."""
        self._region: Region | None = None
        self._face: Face | None = None
        self._now: Moment | None = None
        self._second: float | None = None
        self._count = self._blind = 0
        self._rest.reset()
        self._presence.reset()
        self._forget()

    def calibrate(self, wanted: bool) -> None:
        """Take the next moment as the neutral face; or the calmest one again."""
        (self._rest.ask if wanted else self._rest.release)()

    @property
    def status(self) -> FaceStatus:
        """Of the latest frame's face."""
        return self._presence.status

    def __call__(self, frame: Frame, rung: Rung) -> Frame:
        """The frame with its face; without one when nobody was there for a second."""
        seconds = self._elapsed(frame)
        found = self._found(frame.picture)
        if found is None:
            self._presence.missed(seconds)
            self._forget()
        else:
            self._presence.seen(seconds)
            self._face = self._followed(found, frame.picture, seconds, rung)
        if self._face is None or self._presence.strength == 0:
            return replace(frame, faces=())
        return replace(frame, faces=(eased(self._face, self.status, self._presence.strength),))

    def _elapsed(self, frame: Frame) -> float:
        second = float(frame.pts * frame.time_base)
        before, self._second = self._second, second
        self._count += 1
        return float(np.clip(second - before, *STEP_S)) if before is not None else 1 / 30

    def _found(self, picture: Picture) -> Floats | None:
        """Landmarks, not yet steadied: where the face was, or else wherever one is."""
        if self._region is not None:
            if (landmarks := self._seen(picture, self._region)) is not None:
                return landmarks
            self._region, self._blind = None, 0
        self._blind += 1
        if self._blind % SEARCH_EVERY != 1:
            return None
        region = self._detector(picture)
        return None if region is None else self._seen(picture, region)

    def _seen(self, picture: Picture, region: Region) -> Floats | None:
        landmarks, presence = self._mesh(picture, region)
        middle = landmarks[:, :2].mean(0)
        inside = (middle >= 0).all() and (middle < (picture.width, picture.height)).all()
        return landmarks if presence >= SURE and inside and _eyes(landmarks) > LEAST_EYES else None

    def _followed(self, found: Floats, picture: Picture, seconds: float, rung: Rung) -> Face:
        landmarks = self._points(found, seconds, unit=_eyes(found))
        self._region = around(landmarks)
        likeness = fitted(landmarks, canonical_face())
        shape = likeness.undone(landmarks)
        pose = likeness.matrix((picture.width, picture.height))
        before = None if self._now is None else self._now.complexion
        skin = complexion(picture, landmarks, self._region, self._pixels)
        lit = towards(before, skin, float(share(LIGHT_HZ, seconds)))
        coefficients = self._coefficients_of(landmarks, seconds, rung)
        self._now = now = Moment(coefficients, shape, pose, lit)
        low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
        return Face(
            (float(low[0]), float(low[1]), float(high[0]), float(high[1])),
            landmarks,
            named(now.coefficients),
            pose,
            shape,
            self._rest(now, seconds),
            complexion=lit,
        )

    def _coefficients_of(self, landmarks: Floats, seconds: float, rung: Rung) -> Floats:
        """Under load, of every second frame."""
        if rung >= Rung.REUSE and self._now is not None and self._count % 2:
            return self._now.coefficients
        assert self._region is not None
        upright = self._region.upright(landmarks)
        return self._coefficients(self._expression(upright)[:, None], seconds)[:, 0]

    def _forget(self) -> None:
        """What comes next is not where this was."""
        self._points.reset()
        self._coefficients.reset()


def _eyes(landmarks: Floats) -> float:
    """Distance of the pupils, pixels."""
    return float(np.linalg.norm(landmarks[RIGHT_IRIS] - landmarks[LEFT_IRIS]))
