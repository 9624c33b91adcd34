"""Chain: the ordered effects of a stage, as one callable. Used live and for files alike."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, TypeVar

from omote.engines.effect import AnyEffect, Params, Rung, UnknownEffect, kinds
from omote.engines.faces import overlay
from omote.engines.faces.driven import in_picture
from omote.engines.faces.tracker import Tracker
from omote.engines.model import Models, Taken
from omote.engines.pixels import Pixels
from omote.streams.frame import FaceStatus, Frame, LabelPlace

logger = logging.getLogger(__name__)

T = TypeVar("T")

FACES = "faces"
"What the tracker is called among the steps, models and errors."
LANDMARKS: Final = "landmarks"
"The view that shows what it sees."
SYNTHETIC: Final = "synthetic"
"Written into every picture of somebody who is not there, so that nobody takes it for a film of him."


@dataclass(frozen=True, slots=True)
class Turn:
    """What one frame's way through the chain gave."""

    frame: Frame
    steps_ms: Mapping[str, float]
    "Wall milliseconds per effect."
    failed: Mapping[str, str] = field(default_factory=dict)
    "Effects that raised, with the error's words; the frame passed them unchanged."


class Chain:
    """Effects, left to right; one that raises is skipped for that frame, and counted.

    Where the one that raised was to hide something, the picture is veiled instead of shown bare.
    A face is followed, once per frame and before any effect, when one of them says `needs_faces`,
    or when somebody outside has asked for it. A synthetic picture is labelled when all is done.
    """

    def __init__(self, models: Models, pixels: Pixels, label: LabelPlace = "top-left") -> None:
        self._models = models
        self._pixels = pixels
        self._label = label
        self._effects: dict[str, AnyEffect] = {}
        self._tracker: Tracker | None = None
        self._follow = self._driven = False
        self._taken: dict[str, Taken] = {}
        self._params: Mapping[str, Params] = {}
        self._logged: dict[str, float] = {}
        self._size = (0, 0)
        self.errors: Counter[str] = Counter()

    def build(self, names: Sequence[str]) -> dict[str, AnyEffect]:
        """Instances for `names`, new ones made (and their weights loaded) outside any frame."""
        known = kinds()
        if unknown := [name for name in names if name not in known]:
            raise UnknownEffect(f"no effect {unknown[0]!r}; there are {', '.join(known)}")
        if any(needs_faces(known[name]) for name in names):
            self.load_tracker()
        return {name: self._effects.get(name) or self._new(known[name]) for name in names}

    def load_tracker(self) -> None:
        """Make what `follow_faces` needs, weights too, outside any frame."""
        if self._tracker is None:
            self._taken[FACES] = taken = Taken(self._models)
            self._tracker = Tracker(taken, self._pixels)

    def follow_faces(self, wanted: bool) -> None:
        """Whether faces are followed though no effect needs them; `load_tracker` comes first."""
        self._follow = wanted

    def take_driver(self, wanted: bool) -> None:
        """Whether `Frame.driver` moves puppets, so that no face need be followed for them."""
        self._driven = wanted

    def calibrate(self, wanted: bool) -> None:
        """Take the face of the next moment as the neutral one; or the calmest one again."""
        if self._tracker is not None:
            self._tracker.calibrate(wanted)

    def _new(self, kind: type[AnyEffect]) -> AnyEffect:
        self._taken[kind.name] = taken = Taken(self._models)
        return kind(taken, self._pixels)

    def use(self, built: dict[str, AnyEffect], params: Mapping[str, Params]) -> None:
        """Put what `build` made to work, between two frames; what fell out is closed."""
        for name, effect in self._effects.items():
            if built.get(name) is not effect:
                self._attempt(name, effect.close)
        self._effects = built
        self._params = params

    def tune(self, params: Mapping[str, Params]) -> None:
        """Other parameters for the same effects, between two frames."""
        self._params = params

    def __call__(self, frame: Frame, rung: Rung) -> Turn:
        """Send one frame through; called in order, one at a time, in a worker thread."""
        size = (frame.picture.width, frame.picture.height)
        if size != self._size:
            self._size = size
            self.reset()
        steps: dict[str, float] = {}
        failed: dict[str, str] = {}
        if self._tracker is not None and self.follows_faces:
            frame = self._with_faces(self._tracker, frame, rung, steps, failed)
        if frame.view == LANDMARKS:
            frame = self._with_landmarks(frame)
        for name, effect in self._effects.items():
            began = time.perf_counter()
            made = self._attempt(name, partial(_apply, effect, frame, self._params[name], rung))
            if isinstance(made, Frame):
                frame = made
            else:
                failed[name] = f"{type(made).__name__}: {made}"
                if conceals(effect):
                    frame = replace(frame, picture=self._pixels.veiled(frame.picture))
            steps[name] = (time.perf_counter() - began) * 1e3
        return Turn(self._labelled(frame), steps, failed)

    def faces_only(self, frame: Frame, rung: Rung) -> Turn:
        """One frame for whoever wants its face and not its picture."""
        steps: dict[str, float] = {}
        failed: dict[str, str] = {}
        if self._tracker is not None and self.follows_faces:
            frame = self._with_faces(self._tracker, frame, rung, steps, failed)
        return Turn(frame, steps, failed)

    def _labelled(self, frame: Frame) -> Frame:
        if not frame.synthetic or self._label == "off":
            return frame
        marked = self._pixels.labelled(frame.picture, SYNTHETIC, self._label)
        return replace(frame, picture=marked)

    def _with_faces(
        self,
        tracker: Tracker,
        frame: Frame,
        rung: Rung,
        steps: dict[str, float],
        failed: dict[str, str],
    ) -> Frame:
        began = time.perf_counter()
        made = self._attempt(FACES, partial(tracker, frame, rung))
        if isinstance(made, Exception):
            failed[FACES] = f"{type(made).__name__}: {made}"
            return frame
        steps[FACES] = (time.perf_counter() - began) * 1e3
        return made

    def _with_landmarks(self, frame: Frame) -> Frame:
        """What the tracker sees, or the driver, whose face is then drawn in the middle."""
        faces = frame.faces
        if frame.driver is not None:
            size = (frame.picture.width, frame.picture.height)
            faces = tuple(in_picture(face, size) for face in frame.driver)
        rgb = overlay.drawn(self._pixels.rgb(frame.picture), faces)
        shown = self._pixels.from_rgb(rgb, frame.picture)
        return replace(frame, views={**frame.views, LANDMARKS: shown})

    @property
    def face_status(self) -> FaceStatus | None:
        """Of the latest frame's face; None while none is followed."""
        return self._tracker.status if self._tracker and self.follows_faces else None

    @property
    def follows_faces(self) -> bool:
        """Whether the next frame will be searched for one."""
        return self._follow or any(
            needs_faces(effect, self._params.get(name)) and not (self._driven and driven(effect))
            for name, effect in self._effects.items()
        )

    def _attempt(self, name: str, work: Callable[[], T]) -> T | Exception:
        """The plugin boundary: what an effect raises is counted, logged and given back."""
        try:
            return work()
        except Exception as exc:  # noqa: BLE001
            self._count(name)
            return exc

    def _count(self, name: str) -> None:
        self.errors[name] += 1
        now = time.monotonic()
        if now - self._logged.get(name, -1.0) >= 1.0:
            self._logged[name] = now
            logger.exception("effect %s failed, frame passed on without it", name)

    def models(self) -> dict[str, list[str]]:
        """What each effect has taken so far, and where it runs."""
        used = [FACES, *self._effects] if self.follows_faces else list(self._effects)
        return {name: self._taken[name].names() for name in used if name in self._taken}

    @property
    def synthetic(self) -> bool:
        """Whether it shows somebody who is not in front of the camera."""
        return any(getattr(effect, "synthetic", False) for effect in self._effects.values())

    @property
    def conceals(self) -> bool:
        """Whether people rely on it to hide something, so that it must not simply be left out."""
        return any(conceals(effect) for effect in self._effects.values())

    def reset(self) -> None:
        """Every effect forgets its past, and whose face it was is forgotten too."""
        if self._tracker is not None:
            self._tracker.reset()
        for name, effect in self._effects.items():
            self._attempt(name, effect.reset)

    def close(self) -> None:
        """Close every effect."""
        for name, effect in self._effects.items():
            self._attempt(name, effect.close)
        self._effects = {}


def _apply(effect: AnyEffect, frame: Frame, params: Params, rung: Rung) -> Frame:
    made: object = effect(frame, params, rung)
    if not isinstance(made, Frame):
        raise TypeError(f"it returned {type(made).__name__}, not a frame")
    return made


def needs_faces(effect: AnyEffect | type[AnyEffect], params: Params | None = None) -> bool:
    """Whether an effect works on `Frame.faces`; its parameters may say that it does not now."""
    return bool(getattr(effect, "needs_faces", False) and getattr(params, "uses_faces", True))


def driven(effect: AnyEffect) -> bool:
    """Whether `Frame.driver` takes the place of the faces it needs."""
    return bool(getattr(effect, "driven", False))


def conceals(effect: AnyEffect) -> bool:
    """Whether an effect hides something that must not be seen when it fails; few do."""
    return bool(getattr(effect, "conceals", False))
