"""Runs: a clip through a method, frame by frame, with what it took."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from typing import Any

from omote.engines import weights
from omote.engines.model import Model, Models
from omote.engines.onnx import load
from omote.engines.pixels import CpuPixels
from omote.server.bench.matte.methods import Alone, Effect, Method, open_method
from omote.server.bench.matte.nets import ANSWERS, LATE, Counted, Ledger, Simulated
from omote.server.bench.matte.shots import Bytes, Clip, Shot
from omote.server.bench.matte.watched import Watched
from omote.streams.frame import Frame, Picture

CLOCK = 90_000


@dataclass(slots=True)
class Run:
    """What a method made of a clip."""

    alphas: list[Bytes] = field(default_factory=list)
    "(H, W), 0..255 each."
    cpu_ms: list[float] = field(default_factory=list)
    "Processor time of the frame's own thread."
    wall_ms: list[float] = field(default_factory=list)
    steps_ms: dict[str, list[float]] = field(default_factory=dict)
    "Processor time by step and frame: nets (any thread) and functions of pixels."
    process_ms: float = 0.0
    "Processor time of all threads for the method's work, summed over the frames."
    ledger: Ledger = field(default_factory=Ledger)


class Bench:
    """Runs methods on clips; loads each net once."""

    def __init__(self) -> None:
        self._pixels = CpuPixels()
        self._real = Models(load)
        for name in weights.HASHES:
            self._real[name]  # loading belongs to nobody's time

    def run(self, clip: Clip, method: Method) -> Run:
        """In order, every frame; what works beside the stream is done `LATE` frames after."""
        made = Run()
        models = Models(self._loader(clip, made.ledger))
        watched = Watched(self._pixels, made.ledger)
        way = open_method(method, models, watched, self._pixels)
        beside = _Beside(way, made.ledger)
        process, aside = time.process_time(), 0.0
        for index, shot in enumerate(clip.shots):
            began = time.thread_time()
            beside.before(index)
            aside += time.thread_time() - began
            began = time.process_time()  # the bench's own conversion has threads of its own
            frame = _frame(watched.opened(shot.picture, index), shot, index, clip.fps)
            aside += time.process_time() - began
            found = self._timed(made, partial(way, frame))
            began = time.thread_time()
            beside.after(index)
            made.alphas.append(way.alpha(found))
            aside += time.thread_time() - began
        beside.end()
        made.process_ms = (time.process_time() - process - aside) * 1e3
        return made

    def _loader(self, clip: Clip, ledger: Ledger) -> Callable[[str], Model]:
        def shots(index: int) -> Shot:
            return clip.shots[index]

        def loaded(name: str) -> Model:
            if clip.simulated and name in ANSWERS:
                return Counted(name, Simulated(name, shots, ledger), ledger)
            return Counted(name, self._real[name], ledger)

        return loaded

    def _timed(self, made: Run, look: Callable[[], Any]) -> Any:
        with made.ledger.lock:
            before = dict(made.ledger.spent)
        wall, cpu = time.perf_counter(), time.thread_time()
        found = look()
        made.cpu_ms.append((time.thread_time() - cpu) * 1e3)
        made.wall_ms.append((time.perf_counter() - wall) * 1e3)
        frames = len(made.cpu_ms)
        with made.ledger.lock:
            spent = {
                step: so_far - before.get(step, 0) for step, so_far in made.ledger.spent.items()
            }
        for step, seconds in spent.items():
            earlier = made.steps_ms.setdefault(step, [])
            earlier += [0.0] * (frames - 1 - len(earlier))
            earlier.append(seconds * 1e3)
        return found


class _Beside:
    """Holds back what works beside the stream, until the frame at which it is done in every run."""

    def __init__(self, way: Effect | Alone, ledger: Ledger) -> None:
        self._way, self._ledger = way, ledger
        self._began: int | None = None

    def before(self, index: int) -> None:
        """A frame comes."""
        self._ledger.frame = index
        if self._began is not None and index >= self._began + LATE:
            self._ledger.gate.set()
            self._way.settle()
            self._ledger.gate.clear()
            self._began = None

    def after(self, index: int) -> None:
        """A frame is done."""
        if self._began is None and self._way.busy:
            self._began = index

    def end(self) -> None:
        """No frame comes any more."""
        self._ledger.gate.set()
        self._way.close()


def _frame(picture: Picture, shot: Shot, index: int, fps: float) -> Frame:
    second = Fraction(index) / Fraction(fps).limit_denominator(1001)
    pts = round(second * CLOCK)
    arrived = 1000 + float(second)
    return Frame(
        picture,
        pts,
        Fraction(1, CLOCK),
        arrived,
        index,
        scene=shot.scene,
        faces=shot.faces,
    )
