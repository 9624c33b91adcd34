"""Reenactment: one method on one case, and every figure that can be had of what it shows."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from omote.engines.effect import Rung
from omote.engines.faces.mesh import ExpressionNet, MeshNet
from omote.engines.faces.region import around
from omote.engines.faces.tracker import Tracker
from omote.engines.kernels import Bytes, Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels
from omote.server.bench.puppet.cases import Case, measured_from
from omote.server.bench.puppet.methods import Shown
from omote.server.bench.puppet.reel import still
from omote.server.bench.puppet.scores import (
    Nearness,
    agreement,
    boxes_of,
    cut,
    eyes_apart,
    landmark_distance,
    nearness,
)
from omote.server.bench.puppet.tracking import NOISE, SETTLED
from omote.streams.frame import Picture

if TYPE_CHECKING:
    from omote.server.bench.puppet.judges import Judges

RARELY = 5
"Every how many frames the slow judges look."
WARM = 3
"First frames whose time is not counted."


@dataclass(frozen=True, slots=True)
class Instruments:
    """What methods work with and what judges them."""

    models: Models
    pixels: Pixels
    judges: "Judges | None"


@dataclass(slots=True)
class Figures:
    """Means over the driver's frames. None is what cannot be said of this case."""

    case: str
    method: str
    same: bool
    psnr: float | None = None
    psnr_face: float | None = None
    "Of the 256 x 256 box around the face, dB; the other boxes lie within it."
    ssim_face: float | None = None
    psnr_mouth: float | None = None
    psnr_eyes: float | None = None
    unlike_face: float | None = None
    "What VGG16 sees of the difference; smaller is nearer."
    unlike_mouth: float | None = None
    unlike_eyes: float | None = None
    landmarks_percent: float | None = None
    "Distance of another net's landmarks from the truth's, % of the eyes' distance."
    expression_error: float | None = None
    "Mean difference of the 52 coefficients from the truth's."
    identity: float | None = None
    "Cosine to the reference."
    agreement: dict[str, float | None] = field(default_factory=dict)
    "Correlation with the driver; None where it does not move so."
    jitter_percent: float | None = None
    "At rest, before a camera with noise, % of the eyes' distance."
    cpu_p50_ms: float = 0.0
    cpu_p95_ms: float = 0.0
    "Of a frame, without the tracker."


def judged(case: Case, name: str, shown: Shown, by: Instruments) -> tuple[Figures, list[Bytes]]:
    """How good it is what one method shows of a case, and what it shows."""
    models, pixels, judges = by.models, by.pixels, by.judges
    made, spent = _performed(shown, case, pixels)
    figures = Figures(case.name, name, case.same)
    figures.cpu_p50_ms, figures.cpu_p95_ms = (
        round(float(np.percentile(spent[WARM:], share)), 2) for share in (50, 95)
    )
    if case.same:
        _compare(figures, case, made, pixels)
        figures.expression_error = _expression_error(case, made, models, pixels)
    if judges is not None:
        _ask(figures, case, made, pixels, judges)
        figures.jitter_percent = _jitter(case, shown, models, pixels, judges)
    return figures, made


def _performed(shown: Shown, case: Case, pixels: Pixels) -> tuple[list[Bytes], list[float]]:
    made, spent = [], []
    for frame in case.driver:
        before = time.thread_time()
        picture = shown(frame)
        spent.append((time.thread_time() - before) * 1e3)
        made.append(pixels.rgb(picture))
    return made, spent


def _compare(figures: Figures, case: Case, made: Sequence[Bytes], pixels: Pixels) -> None:
    near = [
        nearness(rgb, pixels.rgb(frame.picture), frame.faces[0].landmarks)
        for rgb, frame in zip(made, case.driver, strict=True)
    ]
    for each in fields(Nearness):
        mean = float(np.mean([getattr(one, each.name) for one in near]))
        setattr(figures, each.name, round(mean, 4 if "ssim" in each.name else 2))


def _ask(
    figures: Figures, case: Case, made: Sequence[Bytes], pixels: Pixels, judges: "Judges"
) -> None:
    near = [frame.faces[0].landmarks for frame in case.driver]
    truth = [pixels.rgb(frame.picture) for frame in case.driver]
    # A puppet of somebody else need not be where the driver is.
    start = near if case.same else [case.reference.faces[0].landmarks] * len(near)
    here = [judges.points(*each) for each in zip(made, start, strict=True)]
    there = [judges.points(*each) for each in zip(truth, near, strict=True)]
    figures.agreement = agreement(here, there)
    if case.same:
        apart = [landmark_distance(*each) for each in zip(here, there, strict=True)]
        figures.landmarks_percent = round(float(np.mean(apart)), 3)
        figures.unlike_face, figures.unlike_mouth, figures.unlike_eyes = _unlike(
            made, truth, near, judges
        )
    reference = judges.identity(
        pixels.rgb(case.reference.picture), case.reference.faces[0].landmarks
    )
    faces = islice(zip(made, here, strict=True), 0, None, RARELY)
    alike = [float(judges.identity(*each) @ reference) for each in faces]
    figures.identity = round(float(np.mean(alike)), 3)


def _unlike(
    made: Sequence[Bytes], truth: Sequence[Bytes], near: Sequence[Floats], judges: "Judges"
) -> list[float]:
    """Of face, mouth and eyes."""
    found = []
    for one, other, landmarks in islice(zip(made, truth, near, strict=True), 0, None, 2 * RARELY):
        boxes = boxes_of(landmarks).values()
        found.append([judges.difference(cut(one, box), cut(other, box)) for box in boxes])
    return [round(float(mean), 4) for mean in np.mean(found, axis=0)]


def _expression_error(case: Case, made: Sequence[Bytes], models: Models, pixels: Pixels) -> float:
    """By the tracker's own nets, each picture by itself."""
    mesh, expression = MeshNet(models, pixels), ExpressionNet(models)

    def coefficients(picture: Picture, near: Floats) -> Floats:
        landmarks, _ = mesh(picture, around(near))
        return expression(around(landmarks).upright(landmarks))

    apart = []
    for rgb, frame in islice(zip(made, case.driver, strict=True), 0, None, RARELY):
        near = frame.faces[0].landmarks
        found = coefficients(pixels.from_rgb(rgb), near), coefficients(frame.picture, near)
        apart.append(np.abs(found[0] - found[1]).mean())
    return round(float(np.mean(apart)), 4)


def _jitter(case: Case, shown: Shown, models: Models, pixels: Pixels, judges: "Judges") -> float:
    """How much the shown face moves while the driver does not, but for the camera's noise."""
    tracker, found = Tracker(models, pixels), []
    near = (case.driver[0] if case.same else case.reference).faces[0].landmarks
    for frame in still(case.driver[0], pixels, 2 * SETTLED, NOISE):
        seen = measured_from(case.neutral, tracker(frame, Rung.FULL))
        found.append(judges.points(pixels.rgb(shown(seen)), near)[:, :2])
    settled = np.array(found[SETTLED:])
    apart = np.sqrt(((settled - settled.mean(0)) ** 2).sum(2).mean(0)).mean()
    return round(100 * float(apart) / eyes_apart(settled[0]), 4)
