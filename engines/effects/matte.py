"""Matte: which pixels are the person. Computes, draws nothing.

A cheap net finds the person, every few frames; slow ones find the hair, beside the stream, but for
its first frame. Both are carried along by motion, and the picture's colours draw the edge anew.
"""

from collections import Counter
from dataclasses import replace
from typing import ClassVar

from omote.engines.depth.fusion import Fusion
from omote.engines.effect import Rung
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.engines.portrait import parameters
from omote.engines.portrait.hair import Drawn, Hair
from omote.engines.portrait.islands import shaped
from omote.engines.portrait.light import Light, Limits, is_dark
from omote.engines.portrait.mask import Mask, Seen
from omote.engines.portrait.shapes import resized
from omote.engines.portrait.study import working_size
from omote.streams.frame import Frame, Picture, Plane, Scene

VIEWS = ("matte", "outline", "complexity", "weights", "hair")
"What can be looked at."
LIGHT_EVERY = 10
"Frames from one measurement of the light to the next."


class Matte:
    """Finds the person, for the effects that come after it."""

    name: ClassVar[str] = "matte"

    class Params(parameters.Portrait):
        """Which nets, how often, and how alpha is made of what they say."""

    def __init__(self, models: Models, pixels: Pixels) -> None:
        self._pixels = pixels
        self.inferred: Counter[str] = Counter()
        "How often each net has run."
        self._mask = Mask(models, pixels, self._asked)
        self._hair = Hair(models, pixels, self._asked)
        self._light = Light()
        self._last: Plane | None = None
        self._count = 0
        self._fusion = Fusion()

    def __call__(self, frame: Frame, params: Params, rung: Rung) -> Frame:
        """The frame with its matte, and the scene as far as it is known."""
        limits = Limits(params.dark_iso, params.dark_luma, params.dark_noise)
        scene = self._scene(frame, limits)
        dark = is_dark(scene, limits)
        # Noise makes the net's answers tremble.
        smoothing = params.smoothing + dark * (1 - params.smoothing) / 4
        seen = self._mask(frame, params, rung)
        self._hair.follow(seen, frame.picture)
        matte = self._drawn(frame, seen, params, rung, dark, smoothing)
        result = replace(frame, matte=matte, scene=scene, skin=self._hair.skin())
        if frame.view in VIEWS:
            result = replace(result, views={**frame.views, frame.view: self._view(result)})
        return result

    def _drawn(
        self, frame: Frame, seen: Seen, params: Params, rung: Rung, dark: bool, smoothing: float
    ) -> Plane:
        picture = frame.picture
        thinks = params.quality != "fast" and rung < Rung.MODEL
        # Before the first frame there is nothing that could be kept waiting, and a still picture
        # has no other.
        waits = thinks and (params.quality == "best" or self._last is None)
        if waits:
            self._hair.look(frame, seen, params, rung, dark, waits=True)
        person = shaped(seen.alpha, params.threshold, params.contrast)
        drawn = Drawn(person, None)
        if thinks:
            self._hair.tune(params, dark)
            person = resized(person, working_size(picture))
            drawn = self._hair.drawn(seen, person, params)
        raw = resized(seen.alpha, drawn.alpha.shape[::-1])
        alpha = self._fusion(drawn.alpha, raw, frame.depth, frame.arrived)
        matte = self._pixels.guided_upsample(
            alpha,
            picture,
            feather=picture.height * params.feather / 100,
            coarser=int(rung >= Rung.SIZE),
            age_s=frame.arrived - seen.arrived,
            redraw=drawn.redraw,
            before=None if seen.is_new else self._last,
            steady=smoothing,
        )
        self._last = matte
        if thinks and not waits:
            # Afterwards: what the drawing made smaller of the picture is there for the slow thread.
            self._hair.look(frame, seen, params, rung, dark, waits=False)
        return matte

    def _scene(self, frame: Frame, limits: Limits) -> Scene:
        if self._count % LIGHT_EVERY == 0:
            self._light.measure(*self._pixels.light(frame.picture), limits)
        self._count += 1
        return self._light.scene(frame.scene, limits, frame.arrived)

    def _view(self, frame: Frame) -> Picture:
        assert frame.matte is not None
        values: Floats | Plane | None = frame.matte
        if frame.view != "matte":
            values = self._hair.view(frame.view)
        if values is None:
            return self._pixels.plain((0, 0, 0), frame.picture)
        return self._pixels.grey(values, frame.picture)

    def _asked(self, name: str) -> None:
        self.inferred[name] += 1

    @property
    def busy(self) -> bool:
        """Whether slow networks are at something, for whoever compares frames."""
        return self._hair.busy

    def settle(self) -> None:
        """Wait for the slow networks, for whoever compares frames."""
        self._hair.settle()

    def reset(self) -> None:
        """Forget the past."""
        self._mask.forget()
        self._hair.forget()
        self._light.forget()
        self._last = None
        self._count = 0
        self._fusion.reset()

    def close(self) -> None:
        """End the slow networks' thread."""
        self._hair.close()
