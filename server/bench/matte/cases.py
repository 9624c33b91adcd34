"""Cases: which clips the bench shows to which methods."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from omote.server.bench.matte import drawn, keyed, methods, webcam
from omote.server.bench.matte.methods import Method
from omote.server.bench.matte.shots import Clip, Stratum
from omote.streams.frame import Scene

MAIN = methods.ALL
FEW = (methods.CHEAP, methods.BALANCED, methods.EVERY)
PLAIN = (methods.CHEAP, methods.BALANCED)
FUSED = (methods.CHEAP, methods.FAST, methods.BALANCED)
ISOS = (100, 800, 3200)
MORE_ISOS = (100, 200, 400, 800, 1600, 3200, 6400)
WEBCAMS = ("cap12_edit", "cap13_edit2", "franck")
LONGER = 7
"The clips without truth, cheap to judge, are so many times as long as the others."


@dataclass(frozen=True, slots=True)
class Case:
    """One clip, not yet made, and the methods it is shown to; goes to other processes."""

    group: str
    clip: Callable[[], Clip]
    methods: Sequence[Method]
    sheet: bool = True


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured."""

    seconds: float = 1.0
    pairs: int = 4
    "Clips of each stratum."
    thorough: bool = False
    "Every ISO instead of three."
    tuning: bool = False
    "Other people, stretches and backgrounds than those that are judged by."


def all_of(extent: Extent) -> list[Case]:
    """In an order that puts the long ones first."""
    return [
        *_keyed(extent),
        *_webcams(extent),
        *_drawn(extent),
        *_dark(extent),
        *_moving(extent),
        *_people(extent),
    ]


def _drawn(extent: Extent) -> Iterator[Case]:
    for number in range(extent.pairs):
        for stratum in _strata():
            seed = number + (drawn.TUNING if extent.tuning else 0)
            make = partial(drawn.talking, seed, stratum, _frames(extent, drawn.FPS))
            yield Case(f"strands {stratum}", make, MAIN)


def _keyed(extent: Extent) -> Iterator[Case]:
    count = _frames(extent, keyed.FPS)
    for number in range(extent.pairs):
        for stratum in _strata():
            stretch = keyed.TUNING if extent.tuning else number
            make = partial(keyed.talking, stretch, number, stratum, count)
            yield Case(f"keyed {stratum}", make, MAIN)
    stretch = keyed.TUNING if extent.tuning else 1
    yield Case("keyed skin", partial(keyed.skin_coloured, stretch, count), PLAIN)


def _webcams(extent: Extent) -> Iterator[Case]:
    for name in WEBCAMS[: max(1, extent.pairs - 1)]:
        make = partial(webcam.talking, name, LONGER * _frames(extent, keyed.FPS))
        yield Case("webcam", make, PLAIN)


def _dark(extent: Extent) -> Iterator[Case]:
    isos = MORE_ISOS if extent.thorough else ISOS
    seed, stretch = (drawn.TUNING, keyed.TUNING) if extent.tuning else (1, 0)
    count = _frames(extent, keyed.FPS)
    for iso in isos:
        told = Scene(iso=iso, low_light=iso >= 800, origin="message", since=1000)
        for words, scene in (("", None), (" told", told)):
            strands = partial(drawn.talking, seed, "plain", count, iso, scene)
            yield Case(f"strands ISO {iso}{words}", strands, PLAIN, sheet=iso >= 3200)
            footage = partial(keyed.talking, stretch, 0, "plain", count, iso, scene)
            yield Case(f"keyed ISO {iso}{words}", footage, PLAIN, sheet=iso >= 3200)


def _moving(extent: Extent) -> Iterator[Case]:
    seed = drawn.TUNING if extent.tuning else 2
    count = _frames(extent, drawn.FPS)
    for kind in (drawn.walking, drawn.waving, drawn.occluded, drawn.cut):
        yield Case(kind.__name__, partial(kind, seed, count), FEW)
    still = partial(drawn.still, seed, max(count, round(2 * drawn.FPS)))
    yield Case("still", still, PLAIN, sheet=False)


def _people(extent: Extent) -> Iterator[Case]:
    seed = drawn.TUNING if extent.tuning else 3
    count = _frames(extent, keyed.FPS)
    for stratum in _strata():
        yield Case("two people", partial(drawn.pair, seed, stratum, count), FUSED)
        yield Case("two people, keyed", partial(keyed.pair, stratum, count), FUSED)


def _strata() -> tuple[Stratum, ...]:
    return ("plain", "busy")


def _frames(extent: Extent, fps: float) -> int:
    return max(3, round(extent.seconds * fps))
