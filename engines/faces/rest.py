"""Rest: what a face looks like when it does nothing, learnt from its calmest moment, or when asked."""

from dataclasses import dataclass

import numpy as np

from omote.engines.faces.mesh import named
from omote.engines.faces.pose import angles
from omote.engines.faces.steady import share
from omote.engines.faces.topology import BLENDSHAPES
from omote.engines.kernels import Floats
from omote.streams.frame import Neutral

MOMENT_HZ = 0.35
"Cutoff of the averages: a moment is about half a second."
SETTLED_S = 0.8
"Seconds of a face before anything is taken from it."
TURN_HZ = 0.6
"Cutoff at which one neutral face becomes another, so that nobody sees it."
AGEING = 0.02
"How much worse the calmest moment looks each second, so that a later one may replace it."
BUSY = ("jawOpen", "mouthSmileLeft", "mouthSmileRight", "mouthPucker", "mouthFunnel", "browInnerUp")
"Coefficients that a resting face has little of."
_BUSY = [BLENDSHAPES.index(name) for name in BUSY]
_BLINK = [BLENDSHAPES.index(f"eyeBlink{side}") for side in ("Left", "Right")]


@dataclass(frozen=True, slots=True, eq=False)
class Moment:
    """A face, averaged over about half a second."""

    coefficients: Floats
    shape: Floats
    pose: Floats
    "(4, 4); averaged turns are set upright again when it is used."
    complexion: Floats | None = None
    "As `Face.complexion`."

    def towards(self, other: "Moment", follow: float) -> "Moment":
        """A part of the way to another, 0..1."""
        return Moment(
            self.coefficients + follow * (other.coefficients - self.coefficients),
            self.shape + follow * (other.shape - self.shape),
            self.pose + follow * (other.pose - self.pose),
            towards(self.complexion, other.complexion, follow),
        )


def towards(one: Floats | None, other: Floats | None, follow: float) -> Floats | None:
    """A part of the way from one complexion to another, of which either may not be known."""
    if one is None or other is None:
        return other
    return one + np.float32(follow) * (other - one)


class Rest:
    """Watches one face."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another face may come."""
        self._mean: Moment | None = None
        self._target: Moment | None = None
        self._shown: Moment | None = None
        self._unrest = self._best = 0.0
        self._seen = 0.0
        self._asked = self._wanted = False

    def ask(self) -> None:
        """Take the next moment, and keep it."""
        self._wanted, self._asked, self._seen, self._mean = True, False, 0.0, None

    def release(self) -> None:
        """Take the calmest moment again, as if nobody had asked."""
        self._asked = self._wanted = False
        self._best = float("inf")

    def __call__(self, now: Moment, seconds: float) -> Neutral | None:
        """What rest is by now, `seconds` after the last face."""
        self._watch(now, seconds)
        if self._target is None:
            return None
        self._shown = self._shown or self._target
        self._shown = self._shown.towards(self._target, float(share(TURN_HZ, seconds)))
        shown = self._shown
        return Neutral(
            named(shown.coefficients),
            shown.shape,
            upright(shown.pose),
            self._asked,
            complexion=shown.complexion,
        )

    def _watch(self, now: Moment, seconds: float) -> None:
        follow = float(share(MOMENT_HZ, seconds))
        before = self._mean or now
        moved = float(np.abs(now.shape - before.shape).mean())
        self._mean = before.towards(now, follow)
        self._seen += seconds
        self._unrest += follow * (_unrest(now, moved) - self._unrest)
        self._best += AGEING * seconds
        if self._seen < SETTLED_S:
            return
        if self._wanted:
            self._target, self._asked, self._wanted = self._mean, True, False
        elif not self._asked and (self._target is None or self._unrest < self._best):
            self._target, self._best = self._mean, self._unrest


def _unrest(now: Moment, moved: float) -> float:
    """How little a face looks as if it rested: expression, turn of the head, motion, blinking."""
    turned = angles(now.pose)
    return (
        float(now.coefficients[_BUSY].max())
        + float(now.coefficients[_BLINK].max() > 0.5)
        + (abs(turned.yaw) + abs(turned.pitch)) / 30
        + 10 * moved
    )


def upright(pose: Floats) -> Floats:
    """The turn closest to an averaged one."""
    made = pose.copy()
    left, _, right = np.linalg.svd(pose[:3, :3])
    made[:3, :3] = left @ right
    return made
