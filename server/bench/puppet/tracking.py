"""Tracking: what it costs to follow a face, how still it stands at rest and how far it is behind."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from omote.engines.effect import Rung
from omote.engines.faces.detector import Detector
from omote.engines.faces.mesh import MeshNet
from omote.engines.faces.region import around
from omote.engines.faces.topology import LEFT_IRIS, LIPS_INNER, RIGHT_IRIS
from omote.engines.faces.tracker import Tracker
from omote.engines.kernels import Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.server.bench.puppet.reel import Size, Unusable, reel, still
from omote.streams.frame import Frame

SIZES: tuple[Size, ...] = ((640, 480), (1280, 720))
NOISE = 4.0
"Of the picture that is looked at at rest, standard deviation, levels of 255: a dim webcam's."
SETTLED = 30
"Frames until a filter has forgotten how it began."
NOBODY = np.full((478, 2), np.nan, np.float32)
"Landmarks of a frame without a face."
UPPER, LOWER = LIPS_INNER[5], LIPS_INNER[15]
LAGS = np.arange(-0.5, 4.0, 0.05)
"Frames by which the steadied face may be behind, as tried."


@dataclass(frozen=True, slots=True)
class Tracking:
    """Figures of one clip."""

    clip: str
    frames: int
    tracked_share: float
    "Of the frames with a face."
    cpu_p50_ms: dict[str, float]
    "Processor time of a frame by size of the picture, median."
    cpu_p95_ms: dict[str, float]
    jitter_percent: float
    "Standard deviation of the landmarks of a still, noisy picture, of the eyes' distance."
    jitter_raw_percent: float
    "The same before the filter."
    head_lag_frames: float | None
    "Of the nose's tip behind the net's own landmarks; None if the face never stays for long enough."
    mouth_lag_frames: float | None
    "Of the opening of the lips."
    without_face: int = 0
    "Frames in which there is nobody: neither tracker nor detector sees anybody."


def tracking(
    clip: Path, models: Models, pixels: Pixels, count: int, tell: Callable[[str], None]
) -> Tracking:
    """Follow the face in a clip, twice at each size, and once in a still."""
    tell(f"{clip.name}: what it costs")
    timed = {_name(size): _timed(reel(clip, pixels, size, count), models, pixels) for size in SIZES}
    share = min(shared for shared, _, _ in timed.values())
    if not share:
        raise Unusable(f"nobody's face is found in {clip.name}")
    tell(f"{clip.name}: how far it is behind, how still it stands")
    frames = list(islice(reel(clip, pixels, SIZES[0], count), min(count, 300)))
    steadied, raw = _steadied(frames, models, pixels), _raw(frames, models, pixels)
    both = longest(~np.isnan(raw[:, 0, 0]) & ~np.isnan(steadied[:, 0, 0]))
    seen = frames[next(iter(np.flatnonzero(~np.isnan(raw[:, 0, 0]))), 0)]
    resting = list(still(seen, pixels, 3 * SETTLED, NOISE))
    return Tracking(
        clip.stem,
        len(next(iter(timed.values()))[1]),
        round(share, 4),
        {name: _quantile(spent, 50) for name, (_, spent, _) in timed.items()},
        {name: _quantile(spent, 95) for name, (_, spent, _) in timed.items()},
        jitter(_steadied(resting, models, pixels)),
        jitter(_raw(resting, models, pixels)),
        lag(_nose(raw[both]), _nose(steadied[both])),
        lag(_mouth(raw[both]), _mouth(steadied[both])),
        max(empty for _, _, empty in timed.values()),
    )


def _timed(
    frames: Iterable[Frame], models: Models, pixels: Pixels
) -> tuple[float, list[float], int]:
    """Of frames with a face the share in which it was seen, milliseconds of each, those without.

    Somebody's own clip may show an empty chair: where there is no face none can be tracked.
    """
    tracker, detector, spent, seen, empty = (
        Tracker(models, pixels),
        Detector(models, pixels),
        [],
        0,
        0,
    )
    for frame in frames:
        before = time.thread_time()
        tracker(frame, Rung.FULL)
        spent.append((time.thread_time() - before) * 1e3)
        if tracker.status == "tracked":
            seen += 1
        elif detector(frame.picture) is None:
            empty += 1
    return seen / max(len(spent) - empty, 1), spent, empty


def _steadied(frames: Iterable[Frame], models: Models, pixels: Pixels) -> Floats:
    """(n, 478, 2), NaN in frames without a face."""
    tracker = Tracker(models, pixels)
    found = (tracker(frame, Rung.FULL).faces for frame in frames)
    return np.array([faces[0].landmarks[:, :2] if faces else NOBODY for faces in found])


def _raw(frames: Iterable[Frame], models: Models, pixels: Pixels) -> Floats:
    """The same from the net alone."""
    detector, mesh, region, found = Detector(models, pixels), MeshNet(models, pixels), None, []
    for frame in frames:
        region = region or detector(frame.picture)
        landmarks, presence = (NOBODY, 0.0) if region is None else mesh(frame.picture, region)
        there = presence > 0.5
        region = around(landmarks) if there else None
        found.append(landmarks[:, :2] if there else NOBODY)
    return np.array(found)


def longest(there: NDArray[np.bool_]) -> slice:
    """The longest run of frames in which there is a face."""
    best, begin = slice(0, 0), 0
    for at, seen in enumerate([*there.tolist(), False]):
        if not seen:
            if at - begin > best.stop - best.start:
                best = slice(begin, at)
            begin = at + 1
    return best


def jitter(points: Floats) -> float:
    """Mean standard deviation from where a point is on average, % of the eyes' distance."""
    settled = points[SETTLED:]
    eyes = float(np.linalg.norm(settled[:, RIGHT_IRIS] - settled[:, LEFT_IRIS], axis=1).mean())
    apart = np.sqrt(((settled - settled.mean(0)) ** 2).sum(2).mean(0)).mean()
    return round(100 * float(apart) / eyes, 4)


def _nose(points: Floats) -> Floats:
    return points[:, 1]


def _mouth(points: Floats) -> Floats:
    opening: Floats = np.linalg.norm(points[:, UPPER] - points[:, LOWER], axis=1, keepdims=True)
    return opening


def lag(raw: Floats, steadied: Floats) -> float | None:
    """Frames by which `raw` (n, k) must be delayed to fit best; None of too few."""
    if len(raw) <= 3 * SETTLED:
        return None
    at, inner = np.arange(len(raw)), slice(SETTLED, -SETTLED)

    def error(behind: float) -> float:
        late = np.column_stack([np.interp(at - behind, at, column) for column in raw.T])
        return float(((late - steadied)[inner] ** 2).mean())

    return round(float(min(LAGS, key=error)), 2)


def _quantile(spent: list[float], percent: float) -> float:
    # The first frames search for the face.
    return round(float(np.percentile(spent[5:] or spent, percent)), 2)


def _name(size: Size) -> str:
    return f"{size[0]}x{size[1]}"
