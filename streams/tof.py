"""TOF: what a time-of-flight camera makes of a scene whose depth is known.

Noise that grows with distance, mixed pixels at edges, echoes from elsewhere, none on loose hair, and
drop-outs. The figures are of the order of what is published of phase-measuring cameras.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from omote.streams.depth import Steps, steps_of
from omote.streams.synthetic import Floats, View


@dataclass(frozen=True, slots=True)
class Sensor:
    """How a camera errs."""

    near_m: float = 0.002
    "Standard deviation close by: sigma = near + far z^2, metres."
    far_m: float = 0.0015
    flying: float = 0.6
    "Share of pixels on an edge that are a mixture of both sides."
    hair: float = 0.12
    "Share of a pixel that hair may cover before nothing comes back."
    dropped: float = 0.01
    "Share of all pixels that are missing."
    echo: float = 0.05
    "By how much of the way echoes push dark edges of a room away."


def measured(view: View, rng: np.random.Generator, sensor: Sensor = Sensor()) -> Steps:
    """(H, W) millimetres, 0 where unknown."""
    exact = view.metres
    sigma = sensor.near_m + sensor.far_m * exact**2
    metres = exact + sigma * rng.standard_normal(exact.shape, np.float32)
    metres += sensor.echo * _echoes(exact)
    near, far = cv2.erode(exact, CROSS), cv2.dilate(exact, CROSS)
    edge = (far - near > 0.1) & (rng.random(exact.shape, np.float32) < sensor.flying)
    share = rng.random(exact.shape, np.float32)
    metres = np.where(edge, near + share * (far - near), metres)
    gone = rng.random(exact.shape, np.float32) < sensor.dropped
    metres[gone | (_around_hair(view) > sensor.hair)] = np.nan
    return steps_of(metres)


CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)


def _around_hair(view: View) -> Floats:
    """A depth camera's pixels are coarse: hair counts around where it is."""
    return np.asarray(cv2.blur(view.hair, (3, 3)), np.float32)


def _echoes(exact: Floats) -> Floats:
    """0..1: near the bottom corners of a room light goes two ways."""
    rows = np.linspace(0, 1, exact.shape[0], dtype=np.float32)[:, None]
    return np.asarray(np.maximum(rows - 0.8, 0) * 5 * (exact > 2) * 0.5, np.float32)
