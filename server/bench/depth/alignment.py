"""Alignment: how far depth lands from where it belongs, and what it costs."""

import math
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from omote.engines.depth.registration import Registration
from omote.server.bench.bars import at_most
from omote.server.bench.depth.result import Result, Task, cpu_ms
from omote.streams.calibration import Calibration, Lens
from omote.streams.depth import DepthFrame
from omote.streams.synthetic import COLOUR, Room

Metres = NDArray[np.float32]

SIZE = (640, 480)
TARGET = (1280, 720)
DISTANCES_M = (1.0, 1.5, 2.0, 3.0, 4.0)
TURN_RAD = 0.04
DEPTH = Lens(
    width=SIZE[0],
    height=SIZE[1],
    fx=500,
    fy=500,
    cx=319.5,
    cy=239.5,
    distortion=(0.08, -0.05, 0.001, -0.001, 0.0),
    rotation=(
        (math.cos(TURN_RAD), 0.0, math.sin(TURN_RAD)),
        (0.0, 1.0, 0.0),
        (-math.sin(TURN_RAD), 0.0, math.cos(TURN_RAD)),
    ),
    translation=(-0.05, 0.01, 0.0),
)
"Five centimetres beside the picture's camera, two degrees askew, its lens bent."
CAMERAS = Calibration(depth=DEPTH, colour=COLOUR)
TILE = 120
"Side of the parts of the picture whose shift is measured, pixels."


def alignment(task: Task) -> Result:
    """640x480 into 1280x720, other place, other lens: waves of known shape, and a scene's edges."""
    task.tell("aligning waves at 1 to 4 m")
    register = Registration(CAMERAS, SIZE, TARGET)
    shifts = np.concatenate([_shifts(register, distance) for distance in DISTANCES_M])
    far = np.hypot(shifts[:, 0], shifts[:, 1])
    edge, smeared = _edges(register)
    given = _frame(_waves(DEPTH, 2.0))
    cost = cpu_ms(partial(register, given))
    small = cpu_ms(partial(Registration(CAMERAS, SIZE, (320, 180)), given))
    late = round(float(np.percentile(far, 95)), 3)
    figures = {
        "error_mean_px": round(float(far.mean()), 3),
        "error_p95_px": late,
        "error_max_px": round(float(far.max()), 3),
        "tiles": len(far),
        "edge_offset_px": round(edge, 2),
        "holes_filled": smeared,
        **cost,
        "into_320x180": small,
    }
    bars = (
        at_most("alignment: error, 95th percentile, px", late, 0.5),
        at_most("alignment: hole pixels filled", float(smeared), 0),
        at_most("alignment: 640x480 into 1280x720, least cpu ms", cost["cpu_least_ms"], 3),
    )
    return Result("alignment", alignment.__doc__ or "", figures, bars)


def _frame(metres: Metres) -> DepthFrame:
    steps = np.round(np.nan_to_num(metres, nan=0) * 10_000).astype(np.uint16)
    return DepthFrame(steps, 0.0001, 0, "own", 0, 0.0)


def _waves(lens: Lens, distance: float) -> Metres:
    """A slanted wall with waves in both directions, as a camera sees it, by going back and forth."""
    columns, rows = np.meshgrid(np.arange(lens.width), np.arange(lens.height))
    pixels = np.stack([columns, rows], -1).reshape(-1, 1, 2).astype(np.float64)
    bend = np.array(lens.distortion or (0.0,) * 4)
    flat = cv2.undistortPoints(pixels, lens.matrix, bend).reshape(-1, 2)
    turn = np.array(lens.rotation)
    rays = np.c_[flat, np.ones(len(flat))] @ turn
    eye = -turn.T @ np.array(lens.translation)
    z = np.full(len(flat), distance)
    for _ in range(40):
        x, y, at = (eye[i] + rays[:, i] * z for i in range(3))
        wave = 0.03 * distance * (np.sin(11 * x / distance) + np.sin(13 * y / distance))
        z = z + (distance + 0.1 * x + wave - at)
    return np.asarray(z.reshape(rows.shape), np.float32)


def _shifts(register: Registration, distance: float) -> NDArray[np.float64]:
    """(n, 2): by how many pixels each tile would have to be moved to lie where it belongs."""
    found, true = register(_frame(_waves(DEPTH, distance))).metres, _waves(COLOUR, distance)
    down, across = (np.asarray(np.gradient(true, axis=axis)) for axis in (0, 1))
    moved = []
    for top in range(0, TARGET[1] - TILE + 1, TILE):
        for left in range(0, TARGET[0] - TILE + 1, TILE):
            at = slice(top, top + TILE), slice(left, left + TILE)
            known = np.isfinite(found[at])
            if known.mean() < 0.9:
                continue
            slopes = np.stack([across[at][known], down[at][known], np.ones(known.sum())], 1)
            error = (true[at] - found[at])[known]
            moved.append(np.linalg.lstsq(slopes, error, rcond=None)[0][:2])
    return np.array(moved)


def _edges(register: Registration) -> tuple[float, int]:
    """How far the person's outline lies outside of where it is, pixels; hole pixels that were filled."""
    room = Room()
    seen = room.view(DEPTH).metres
    true = room.view(COLOUR).metres
    hole = np.zeros(seen.shape, bool)
    hole[200:230, 300:340] = hole[40:60, 100:140] = True
    found = register(_frame(np.where(hole, np.nan, seen).astype(np.float32))).metres
    person, outline = true < 2, cv2.Canny((true < 2).astype(np.uint8) * 255, 50, 150) > 0
    grown = int(((found < 2) & ~person).sum()) - int(
        (np.isfinite(found) & (found >= 2) & person).sum()
    )
    whole = register(_frame(seen)).metres
    again = register(_frame(np.where(hole, seen, np.nan).astype(np.float32))).metres
    inner = cv2.erode(np.isfinite(again).astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    filled = int((inner & np.isfinite(found) & np.isfinite(whole)).sum())
    return grown / max(int(outline.sum()), 1), filled
