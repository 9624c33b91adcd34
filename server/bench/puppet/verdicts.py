"""Verdicts: what was promised of puppets, held against the figures."""

from collections.abc import Iterator, Sequence

from omote.server.bench.bars import Bar, at_least, at_most
from omote.server.bench.puppet.reenactment import Figures
from omote.server.bench.puppet.tracking import Tracking

TRACKING_MS = 13
WHOLE_MS = {"mesh": 25, "bank": 25, "wear": 25, "network": 33}
"Of a frame with its tracking, by method."


def bars(followed: Sequence[Tracking], shown: Sequence[Figures]) -> Iterator[Bar]:
    """Every bar there is a figure for."""
    for each in followed:
        yield from _of_tracking(each)
    spent = max((max(each.cpu_p50_ms.values()) for each in followed), default=None)
    by_case: dict[str, dict[str, Figures]] = {}
    for figures in shown:
        by_case.setdefault(figures.case, {})[figures.method] = figures
    for methods in by_case.values():
        yield from _of_case(methods, spent)


def _of_tracking(each: Tracking) -> Iterator[Bar]:
    for size, spent in each.cpu_p50_ms.items():
        yield at_most(f"{each.clip}: cpu p50 ms a frame at {size}", spent, TRACKING_MS)
    yield at_least(f"{each.clip}: tracked share", each.tracked_share, 0.98)
    yield at_most(f"{each.clip}: jitter, % of the eyes' distance", each.jitter_percent, 0.3)
    for name, frames in (("head", each.head_lag_frames), ("mouth", each.mouth_lag_frames)):
        if frames is not None:
            yield at_most(f"{each.clip}: lag of the {name}, frames", frames, 1)


def _of_case(methods: dict[str, Figures], tracking_ms: float | None) -> Iterator[Bar]:
    for method, limit in WHOLE_MS.items():
        if method in methods and tracking_ms is not None:
            each = methods[method]
            name = f"{each.case}: cpu p50 ms of tracking and {method}"
            yield at_most(name, round(tracking_ms + each.cpu_p50_ms, 2), limit)
    mesh, still = methods.get("mesh"), methods.get("still")
    if mesh is None:
        return
    if mesh.same and still is not None and mesh.psnr_face and still.psnr_face:
        gain = round(mesh.psnr_face - still.psnr_face, 2)
        yield at_least(f"{mesh.case}: dB of mesh over still, face", gain, 5)
    yield from _of_learning(methods)
    yield from _of_judges(mesh)


def _of_learning(methods: dict[str, Figures]) -> Iterator[Bar]:
    """What a clip is worth beyond one photograph, and a net beyond the clip's keyframes."""
    for name, before, least in (("bank", "mesh", 1.5), ("network", "bank", 0.2)):
        if name not in methods or before not in methods or not methods[name].same:
            continue
        one, other = methods[name], methods[before]
        if one.psnr_face and other.psnr_face:
            gain = round(one.psnr_face - other.psnr_face, 2)
            yield at_least(f"{one.case}: dB of {name} over {before}, face", gain, least)
        if name == "network" and one.unlike_mouth and one.unlike_eyes:
            told = f"{one.case}: unlikeness of network"
            yield at_most(f"{told}, mouth", one.unlike_mouth, other.unlike_mouth or 0)
            yield at_most(f"{told}, eyes", one.unlike_eyes, other.unlike_eyes or 0)


def _of_judges(each: Figures) -> Iterator[Bar]:
    name = f"{each.case}: {each.method}"
    if each.jitter_percent is not None:
        yield at_most(f"{name}: jitter, % of the eyes' distance", each.jitter_percent, 0.3)
    if each.identity is not None and not each.same:
        yield at_least(f"{name}: cosine to the reference", each.identity, 0.6)
        for move, agrees in each.agreement.items():
            if agrees is not None:
                yield at_least(f"{name}: {move} agrees with the driver's", agrees, 0.8)
