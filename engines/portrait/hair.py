"""Hair: the studies of the slow networks, from when they are due until they are drawn."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines import motion
from omote.engines.beside import Beside
from omote.engines.effect import Rung
from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.engines.portrait import fusion, transition
from omote.engines.portrait.arrival import Arrival
from omote.engines.portrait.islands import shaped
from omote.engines.portrait.mask import Seen
from omote.engines.portrait.parameters import Portrait
from omote.engines.portrait.region import box_of
from omote.engines.portrait.shapes import blurred, dilated, ramp, resized
from omote.engines.portrait.strands import Strands, strands
from omote.engines.portrait.study import Student, Study, working_size
from omote.engines.portrait.trail import Trail
from omote.engines.redraw import Redraw
from omote.streams.frame import Frame, Picture

WAY = 160
"Long side of the pictures in which the way is looked for, pixels."
SOONER = 8
"How many times more often the networks look when they are waited for."
ASTRAY = (0.2, 0.45)
"Difference of two masks, a mean over some pixels, at which they begin to disagree, and wholly do."
LOST = 0.5
"Agreement along the hair below which the networks look again sooner."
AROUND, STEP = 8, 8
"""How far around hair it is drawn anew, and the grid on which the box lies, small pixels: one that
moved with every hair would itself be seen."""
NEAR = 4
"How far from hair its drawing counts, small pixels: a cheek before a wall is no hair."
HEAD = 0.45
"Share of the person's height that is taken for the head before anything is known."
NOBODY = 0.005
"Share of the frame below which P is nobody."


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """A picture that was studied, or is being."""

    luma: Bytes
    second: float
    "Its presentation time."
    trail: Trail


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """What is drawn of the hair."""

    study: Study
    strands: Strands
    maps: Floats
    "(h, w, 4): hair to draw, what else to add to P or take away, weights, shaped P."
    skin: Floats
    "Half as large."


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """T: the person with hair."""

    alpha: Floats
    redraw: Redraw | None
    "Where hair is, to be drawn anew along the colours of this very frame."


class Hair:
    """Decides when the slow networks look, and carries along what they saw."""

    def __init__(self, models: Models, pixels: Pixels, asked: Callable[[str], None]) -> None:
        self._pixels = pixels
        self._student = Student(models, pixels, asked)
        self._beside: Beside[_Found] = Beside("portrait", "looking at the hair")
        self._under_way: _Looked | None = None
        self._looked: _Looked | None = None
        self._found: _Found | None = None
        self._arrival = Arrival()
        self._agreed = 1.0
        self._made_with: tuple[Portrait, bool] | None = None

    def follow(self, seen: Seen, picture: Picture) -> None:
        """Take in where things moved, and what the networks have found meanwhile."""
        if seen.is_new:
            self.forget()
        came = False
        if self._under_way is not None and (found := self._beside.taken()) is not None:
            self._use(found)
            self._arrival.begin()
            came = True
        if self._looked is not None and (came or seen.moved is not None):
            luma = self._pixels.luma(picture, working_size(picture, WAY))
            self._looked.trail.look(luma, None if came else seen.moved)

    def look(
        self,
        frame: Frame,
        seen: Seen,
        params: Portrait,
        rung: Rung,
        is_dark: bool,
        waits: bool,
    ) -> None:
        """Have the networks look at a frame if it is time; returns at once unless it `waits`."""
        waits = waits and rung < Rung.REUSE
        interval = params.hair_interval / (SOONER if waits else 1)
        interval *= 2 if rung >= Rung.REUSE else 1
        if not self._due(frame, seen, interval) or rung >= Rung.MODEL:
            return
        luma = self._pixels.luma(frame.picture, working_size(frame.picture, WAY))
        self._under_way = _Looked(seen.luma, _second(frame), Trail(luma))
        self._made_with = (params, is_dark)
        work = partial(self._studied, frame.picture, seen.alpha, params, is_dark, self._busy)
        if waits:
            self._use(work())
        else:
            self._beside.start(work)

    def tune(self, params: Portrait, is_dark: bool) -> None:
        """Other parameters or another light: draw what is known anew."""
        now = (params, is_dark)
        if self._found is None or self._made_with is None or self._made_with == now:
            return
        self._made_with = now
        made = strands(self._found.study, params, is_dark, self._busy)
        self._found = _found(self._found.study, made, params)

    def drawn(self, seen: Seen, person: Floats, params: Portrait) -> Drawn:
        """T of a frame whose shaped mask is `person`."""
        found, looked = self._found, self._looked
        if found is None or looked is None or person.shape != found.maps.shape[:2]:
            self._arrival.shown(person, person, seen.moved)
            return Drawn(person, _redraw(_head(person), params))
        maps = cv2.split(looked.trail.carried(found.maps))
        extra, more, weights, before = (np.asarray(each, np.float32) for each in maps)
        agreed = _agreement(before, person) * looked.trail.sure(person.shape[::-1])
        edge = weights > 0.3
        self._agreed = float(agreed[edge].mean()) if edge.any() else 1.0
        made = np.clip(person + more * agreed, 0, 1)
        if found.strands.softening.width:
            made = transition.softened(made, weights * agreed, found.strands.softening)
        made = fusion.fused(made, extra * agreed)
        made = self._arrival.shown(person, made, seen.moved)
        return Drawn(made, _redraw(extra > 0.1, params))

    def view(self, name: str) -> Floats | None:
        """A small map to look at: `outline`, `complexity`, `weights` or `hair`; None so far."""
        if self._found is None or self._looked is None:
            return None
        study, made = self._found.study, self._found.strands
        maps = {
            "outline": study.outline,
            "complexity": np.minimum(made.image * 4, 1),
            "weights": made.weights,
            "hair": study.hair,
        }
        return self._looked.trail.carried(maps[name])

    def skin(self) -> Floats | None:
        """(h, w): skin of the person, 0..1; None before anything was studied."""
        if self._found is None or self._looked is None:
            return None
        return self._looked.trail.carried(self._found.skin)

    @property
    def people(self) -> int:
        """How many were seen last; 1 before."""
        return 1 if self._found is None else self._found.study.people

    @property
    def busy(self) -> bool:
        """Whether the networks are at something, or have found what was not taken in yet."""
        return self._beside.busy

    def settle(self) -> None:
        """Wait for what the networks are at."""
        self._beside.settle()

    def forget(self) -> None:
        """Another scene: what is known, or is being found out, is of the past."""
        self._beside.forget()
        self._under_way = self._looked = self._found = None
        self._arrival.forget()

    def close(self) -> None:
        """End the thread."""
        self._beside.close()

    @property
    def _busy(self) -> bool | None:
        return None if self._found is None else self._found.strands.busy

    def _due(self, frame: Frame, seen: Seen, interval: float) -> bool:
        if self._beside.busy or seen.area < NOBODY:
            return False
        if self._looked is None:
            return True
        if self._agreed < LOST:
            interval /= 2
        since = _second(frame) - self._looked.second
        return not 0 <= since < interval and not motion.still(self._looked.luma, seen.luma)

    def _studied(
        self, picture: Picture, person: Floats, params: Portrait, is_dark: bool, busy: bool | None
    ) -> _Found:
        """In the slow thread."""
        study = self._student(picture, person, params.orientation, params)
        return _found(study, strands(study, params, is_dark, busy), params)

    def _use(self, found: _Found) -> None:
        self._found, self._looked, self._under_way = found, self._under_way, None
        self._agreed = 1.0


def _found(study: Study, made: Strands, params: Portrait) -> _Found:
    person = shaped(study.person, params.threshold, params.contrast)
    height, width = study.skin.shape
    skin = resized(study.skin, (width // 2, height // 2))
    more = study.whole - person
    if study.people > 1:  # fusion lowers nobody
        more = np.maximum(more, 0)
    return _Found(study, made, np.dstack([made.hair, more, made.weights, person]), skin)


def _agreement(before: Floats, person: Floats) -> Floats:
    """1 where the mask that was studied, carried along, is as the mask now; 0 where it went astray.

    Hair that lost its way would stand beside the head.
    """
    half = person.shape[1] // 2, person.shape[0] // 2
    astray = cv2.resize(cv2.absdiff(before, person), half, interpolation=cv2.INTER_AREA)
    lost = dilated(ramp(blurred(np.asarray(astray, np.float32), 1), *ASTRAY), 2)
    return np.asarray(1 - resized(lost, person.shape[::-1]), np.float32)


def _head(person: Floats) -> NDArray[np.bool_]:
    """The upper part of the person, for want of a label that says what is hair."""
    sure = person > 0.5
    if (box := box_of(sure)) is not None:
        sure[box[1] + round(HEAD * (box[3] - box[1])) :] = False
    return sure


def _redraw(hair: NDArray[np.bool_], params: Portrait) -> Redraw | None:
    box = box_of(hair)
    if box is None or not params.follow_picture:
        return None
    height, width = hair.shape
    left, top = (max(side - AROUND, 0) // STEP * STEP for side in box[:2])
    right, bottom = (-(-(side + AROUND) // STEP) * STEP for side in box[2:])
    right, bottom = min(right, width), min(bottom, height)
    there = hair[top:bottom, left:right].astype(np.float32)
    return Redraw(
        left / width,
        top / height,
        right / width,
        bottom / height,
        params.follow_radius / 100,
        params.guide_contrast,
        blurred(dilated(there, NEAR), NEAR / 2),
    )


def _second(frame: Frame) -> float:
    return float(frame.pts * frame.time_base)
