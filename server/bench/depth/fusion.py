"""Fusion: mattes with and without depth, on scenes whose alpha is known."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.depth.alignment import Alignment
from omote.engines.effect import Rung, kinds
from omote.engines.model import Models
from omote.engines.onnx import load
from omote.engines.pixels import CpuPixels
from omote.server.bench.bars import Bar, at_least, at_most
from omote.server.bench.depth.result import Result, Task
from omote.streams.depth import DepthFrame
from omote.streams.frame import Depth, Frame, Fusing, VideoPicture
from omote.streams.synthetic import CAMERAS, COLOUR, DEPTH, Room, View
from omote.streams.tof import measured

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

SIZE = (1280, 720)
FPS = 30
MODES: Mapping[str, Fusing] = {
    "picture": Fusing("off"),
    "gate": Fusing("gate"),
    "product": Fusing("product"),
    "depth": Fusing("depth"),
}
"Picture only, and what depth makes of it."
BEHIND = {"one behind": (3.0,), "two behind": (3.0, 2.6), "nobody behind": ()}
MOMENTS_S = (0.0, 0.7, 1.4, 2.1, 2.8, 3.5)
EACH = 4
"Frames at each moment; the last is judged, when nothing is new any more."
KEPT, LEFT = 15, 25
"Frames with depth and without, for what happens when it is lost."
EDGE, AROUND_HAIR, BESIDE = 25, 15, 13
"Sides of what widens outline and hair for their bands, and the person for who is not; pixels."


@dataclass(frozen=True, slots=True)
class _Errors:
    """Of one matte."""

    false_px: float
    "Pixels taken for the person that are not, away from the edge."
    boundary: float
    "Mean absolute difference in the band of the edge, thousandths."
    hair: float
    "The same around the person's loose hair."
    mad: float
    "The same everywhere."
    iou: float


def fusion(task: Task) -> Result:
    """A drawn person at 1 m, their like behind, TOF noise, holes on hair, cameras apart, 720p."""
    rng = np.random.default_rng(task.seed)
    bench = _Stand()
    found: dict[str, dict[str, list[_Errors]]] = {}
    rows = []
    for scene, behind in BEHIND.items():
        task.tell(f"fusing: {scene}")
        rows.append(_scene(Room(behind=behind), bench, rng, found.setdefault(scene, {})))
    figures = {
        f"{scene}, {mode}": _means(errors)
        for scene, modes in found.items()
        for mode, errors in modes.items()
    }
    task.tell("losing depth")
    figures["depth lost"] = _lost(bench, rng)
    return Result("fusion", fusion.__doc__ or "", figures, tuple(_bars(figures)), np.vstack(rows))


def _bars(figures: Mapping[str, Mapping[str, float]]) -> Iterator[Bar]:
    for scene in ("one behind", "two behind"):
        alone, gate = figures[f"{scene}, picture"], figures[f"{scene}, gate"]
        less = 1 - gate["false_px"] / max(alone["false_px"], 1)
        yield at_least(f"fusion: {scene}, false area less by", round(less, 3), 0.9)
    for scene in BEHIND:
        alone, gate = figures[f"{scene}, picture"], figures[f"{scene}, gate"]
        for band in ("hair", "boundary"):
            ratio = round(gate[band] / alone[band], 3)
            yield at_most(f"fusion: {scene}, {band} MAD of picture only's", ratio, 1.05)
    step = figures["depth lost"]["share_in_one_frame"]
    yield at_most("fusion: depth lost, share of the change in one frame", step, 0.25)


class _Stand:
    """Where the effect `matte` is shown scenes."""

    def __init__(self) -> None:
        self.models, self.pixels = Models(load), CpuPixels()
        self.align = Alignment()
        self.align.calibrate(CAMERAS.model_dump(mode="json"))

    def frame(self, rgb: Bytes, index: int, depth: Depth | None) -> Frame:
        video = av.VideoFrame.from_ndarray(rgb, "rgb24").reformat(format="yuv420p")
        opened = self.pixels.from_video(VideoPicture(video))
        return Frame(opened, index, Fraction(1, FPS), index / FPS, index, depth=depth)

    def depth(self, seen: View, rng: np.random.Generator, fusing: Fusing) -> Depth:
        steps = measured(seen, rng)
        made = self.align(DepthFrame(steps, 0.001, 0, "own", 0, 0.0), SIZE, "linear", 0)
        return Depth(made.metres, None, 0.0, "synthetic", fusing=fusing)


def _scene(
    room: Room, stand: _Stand, rng: np.random.Generator, found: dict[str, list[_Errors]]
) -> Bytes:
    """Judge every mode at every moment; a row of pictures of the last."""
    kind = kinds()["matte"]
    effects = {mode: kind(stand.models, stand.pixels) for mode in MODES}
    for number, moment in enumerate(MOMENTS_S):
        view, seen = room.view(COLOUR, moment, 2), room.view(DEPTH, moment)
        shown: dict[str, Floats] = {}
        for index in range(number * EACH, (number + 1) * EACH):
            for mode, effect in effects.items():
                depth = stand.depth(seen, rng, MODES[mode])
                made = effect(stand.frame(view.rgb, index, depth), kind.Params(), Rung.FULL)
                assert made.matte is not None
                shown[mode] = stand.pixels.alpha(made.matte)
        for mode, alpha in shown.items():
            found.setdefault(mode, []).append(_judged(alpha, view))
    return np.hstack([_tile(view.rgb), _tile(view.alpha), *map(_tile, shown.values())])


def _judged(alpha: Floats, view: View) -> _Errors:
    true = view.alpha
    error = np.abs(alpha - true) * 1000
    edge = (_widened(true, EDGE) > 0.02) & (_widened(1 - true, EDGE) > 0.02)
    theirs = (view.hair > 0.05) & (_widened(true, EDGE) > 0.02)
    hair = _widened(theirs.astype(np.float32), AROUND_HAIR) > 0
    elsewhere = _widened(true, BESIDE) < 0.02
    here, there = alpha > 0.5, true > 0.5
    return _Errors(
        float((here & elsewhere).sum()),
        float(error[edge].mean()),
        float(error[hair].mean()),
        float(error.mean()),
        float((here & there).sum() / (here | there).sum()),
    )


def _widened(values: Floats, side: int) -> Floats:
    return np.asarray(cv2.dilate(values, np.ones((side, side), np.uint8)), np.float32)


def _means(errors: list[_Errors]) -> dict[str, float]:
    names = _Errors.__slots__
    means = {name: np.mean([getattr(each, name) for each in errors]) for name in names}
    return {name: round(float(value), 4 if name == "iou" else 1) for name, value in means.items()}


def _lost(stand: _Stand, rng: np.random.Generator) -> dict[str, float]:
    """How smoothly the matte lets go when depth ends, while nothing else moves."""
    room, kind = Room(behind=(3.0,)), kinds()["matte"]
    effect = kind(stand.models, stand.pixels)
    view, seen = room.view(COLOUR), room.view(DEPTH)
    depth = stand.depth(seen, rng, Fusing())
    alphas = []
    for index in range(KEPT + LEFT):
        given = depth if index < KEPT else None
        made = effect(stand.frame(view.rgb, index, given), kind.Params(), Rung.FULL)
        assert made.matte is not None
        alphas.append(stand.pixels.alpha(made.matte)[::8, ::8])
    moved = np.array([np.abs(b - a).sum() for a, b in pairwise(alphas[KEPT - 1 :])])
    largest = max(float(np.abs(b - a).max()) for a, b in pairwise(alphas[KEPT - 1 :]))
    return {
        "share_in_one_frame": round(float(moved.max() / max(moved.sum(), 1e-6)), 3),
        "frames": int((moved > 0.01 * moved.sum()).sum()),
        "largest_step_of_a_pixel": round(largest, 3),
    }


def _tile(picture: Bytes | Floats) -> Bytes:
    shown = np.asarray(picture * 255 if picture.ndim == 2 else picture, np.uint8)
    if shown.ndim == 2:
        shown = np.repeat(shown[..., None], 3, axis=2)
    return np.asarray(cv2.resize(shown, (426, 240), interpolation=cv2.INTER_AREA), np.uint8)
