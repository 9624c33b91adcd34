"""Driven: a face from elsewhere that moves a puppet, held and let go calmly when nothing comes."""

from dataclasses import dataclass, field, replace

import numpy as np

from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.expressions import plain_face, shape_of
from omote.engines.faces.mesh import named
from omote.engines.faces.pose import Angles, fitted, posed, projected
from omote.engines.faces.presence import Presence, eased
from omote.engines.faces.rest import Moment, Rest, upright
from omote.engines.faces.steady import share
from omote.engines.faces.topology import BLENDSHAPES
from omote.engines.kernels import Floats
from omote.streams.frame import Face, FaceStatus, Neutral

FOLLOW_HZ = 8.0
"Cutoff between reports and frames, whose rates differ."
LEAST_SCALE = 0.5
"Pixels a centimetre below which landmarks are one spot."
UNLIKE_CM = 3.0
"Mean distance from the average face beyond which it is none."
SIZE = (640, 480)
"Of the picture that a reported face is put into, pixels."


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What somebody else saw of a face."""

    coefficients: Floats
    "(52,), 0..1, in the order of `BLENDSHAPES`."
    shape: Floats
    "(478, 3), as `Face.shape`."
    pose: Floats
    "(4, 4), as `Face.pose`."
    is_measured: bool = False
    "The shape is somebody's own, so that his neutral one must be learnt."
    rest: Floats = field(default_factory=lambda: np.zeros(len(BLENDSHAPES), np.float32))
    "(52,), of the neutral face, where the shape is not measured."
    rest_pose: Floats | None = None
    "None: it looks straight ahead."


class ReportedFace:
    """Reports of one face as the face itself, with a neutral one to measure from."""

    def __init__(self) -> None:
        self._rest = Rest()
        self._now: Moment | None = None

    def calibrate(self, wanted: bool) -> None:
        """Take the next moment as neutral, whatever is reported; or what is reported again."""
        (self._rest.ask if wanted else self._rest.release)()

    def reset(self) -> None:
        """The next report does not go on from the last."""
        self._now = None

    def __call__(self, report: Report, seconds: float) -> Face:
        """The face now, `seconds` after the last."""
        moment = Moment(report.coefficients, report.shape, report.pose)
        if self._now is not None:
            moment = self._now.towards(moment, float(share(FOLLOW_HZ, seconds)))
        self._now = moment = replace(moment, pose=upright(moment.pose))
        landmarks = projected(moment.shape, moment.pose, SIZE)
        low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
        return Face(
            (float(low[0]), float(low[1]), float(high[0]), float(high[1])),
            landmarks,
            named(moment.coefficients),
            moment.pose,
            moment.shape,
            self._neutral(report, moment, seconds),
        )

    def _neutral(self, report: Report, moment: Moment, seconds: float) -> Neutral | None:
        """Coefficients mean the same of every face; the shape behind landmarks must be learnt."""
        learnt = self._rest(moment, seconds)
        if report.is_measured or (learnt is not None and learnt.asked):
            return learnt
        pose = report.rest_pose
        if pose is None:
            pose = posed(Angles(0, 0, 0), (0, 0, float(moment.pose[2, 3])))
        return Neutral(named(report.rest), shape_of(report.rest), pose, told=True)


class DrivenFace:
    """What a puppet is moved by, also while its driver is silent."""

    def __init__(self) -> None:
        self._presence = Presence()
        self._face: Face | None = None

    @property
    def status(self) -> FaceStatus:
        """Of the latest frame's."""
        return self._presence.status

    def __call__(self, found: Face | None, seconds: float) -> tuple[Face, ...]:
        """The face that was found, or the last one: held, then eased to neutral."""
        if found is None:
            self._presence.missed(seconds)
        else:
            self._presence.seen(seconds)
            self._face = found
        if self._face is None or self._presence.strength == 0:
            return ()
        made = eased(self._face, self.status, self._presence.strength)
        # It may have been let go where it was seen, before it was gone from here.
        return (replace(made, strength=made.strength * self._face.strength),)


def shape_and_pose(landmarks: Floats, size: tuple[int, int]) -> tuple[Floats, Floats] | None:
    """Of landmarks (468, 3) or (478, 3) in a picture of `size`, pixels; None if they are no face."""
    likeness = fitted(landmarks, canonical_face())
    if not likeness.scale > LEAST_SCALE:
        return None
    shape = plain_face().copy()  # whose irises look straight ahead
    shape[: len(landmarks)] = likeness.undone(landmarks)
    pose = likeness.matrix(size)
    if not (np.isfinite(shape).all() and np.isfinite(pose).all()):
        return None
    apart = np.linalg.norm(shape - plain_face(), axis=1).mean()
    return (shape, pose) if apart < UNLIKE_CM else None


def in_picture(face: Face, size: tuple[int, int]) -> Face:
    """A driver's face with landmarks where it would be in a picture of `size`, pixels."""
    if face.shape is None or face.pose is None:
        return face
    return replace(face, landmarks=projected(face.shape, face.pose, size))
