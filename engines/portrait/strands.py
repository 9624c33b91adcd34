"""Strands: what is drawn of the hair, made of a study by either path."""

from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines.kernels import Floats
from omote.engines.portrait import complexity, matting, segmentation, transition
from omote.engines.portrait.fusion import fused, of_several
from omote.engines.portrait.parameters import Portrait
from omote.engines.portrait.region import Region
from omote.engines.portrait.study import SIDE, Study
from omote.engines.portrait.transition import Softening


@dataclass(frozen=True, slots=True, eq=False)
class Strands:
    """Maps are of the frame the study was made on; the caller carries them along."""

    busy: bool
    "Whether the background is, so that the segmentation path was taken."
    complexity: float
    image: Floats
    "The complexity image, (h, w)."
    weights: Floats
    "(h, w): how much the person's edge is softened."
    softening: Softening
    hair: Floats
    "(h, w): hair that is the person's whatever the first mask says, H' or M' and H of several."


def strands(study: Study, params: Portrait, is_dark: bool, before: bool | None) -> Strands:
    """Take a study through the path its background asks for; `before`: whether the last was busy."""
    image, value = _complexity(study, params)
    busy = complexity.is_busy(before, value, params.busy, params.habit)
    if params.path != "auto":
        busy = params.path == "segmentation"
    softening = _softening(study, params)
    weights = transition.weights(study.hair, study.person, study.face, softening)
    if busy:
        hair = _segmented(study, params, value)
    else:
        hair = of_several(_matted(study, params, image, is_dark), study.hair, study.people)
    return Strands(busy, value, image, weights, softening, hair)


def _complexity(study: Study, params: Portrait) -> tuple[Floats, float]:
    luma = np.asarray(cv2.cvtColor(study.small, cv2.COLOR_RGB2GRAY), np.uint8)
    portrait = fused(study.person, study.hair)
    slopes = complexity.gradient(luma, params.operator)
    image = complexity.complexity_image(slopes, portrait, params.outline_grow, params.spread)
    behind = portrait < 0.1
    if study.region is not None:
        left, top, right, bottom = study.region.pixels(luma.shape[1], luma.shape[0])
        inside = np.zeros_like(behind)
        inside[top:bottom, left:right] = True
        behind &= inside
    if params.complexity_by == "likeness":
        return image, complexity.likeness(study.small, study.hair, behind)
    return image, complexity.overall(image, behind, params.complexity_by)


def _softening(study: Study, params: Portrait) -> Softening:
    least = params.transition_least / 100 if params.transition else 2.0
    width = transition.width(
        study.region, study.people, params.transition_narrow, params.transition_wide, least
    )
    return Softening(width, params.transition_reach, params.transition_reach, params.face_guard)


def _matted(study: Study, params: Portrait, image: Floats, is_dark: bool) -> Floats:
    """M'."""
    made = study.matting
    busy = study.part.cut(image, (SIDE, SIDE))
    doubtful = matting.busy_parts(busy, params.busy_part, params.calm_shrink)
    if params.calm_busy:
        made = matting.withdrawn(made, doubtful, params.calm_shrink, params.calm_blur)
    if is_dark and params.calm_dark:
        made = matting.withdrawn(made, 1.0, params.calm_shrink, params.calm_blur)
    elif not is_dark:  # what is faint in the dark may be noise
        made = matting.strengthened(made, 1 - doubtful, params.strands)
    return study.part.placed(made * _window(study.part), study.hair.shape[::-1])


def _segmented(study: Study, params: Portrait, value: float) -> Floats:
    """H'."""
    drawn = segmentation.drawn_in(
        study.hair,
        study.small,
        params.hair_shrink,
        params.hair_blur,
        params.guide_radius,
        params.guide_contrast,
    )
    drawn = segmentation.without_grid(drawn, study.hair, params.small_hair / 100, params.hair_blur)
    exponent = segmentation.gamma(value, params.busy, params.pull)
    return segmentation.pulled_in(drawn, exponent)


def _window(region: Region) -> Floats:
    """1 inside, falling to 0 at sides of the region that are not the frame's."""
    side = np.minimum(np.arange(SIDE) + 1, 12).astype(np.float32) / 12
    ends = ((region.left > 0, region.right < 1), (region.top > 0, region.bottom < 1))
    across, down = (
        (side if low else 1) * (side[::-1] if high else 1) * np.ones(SIDE, np.float32)
        for low, high in ends
    )
    return np.asarray(np.outer(down, across), np.float32)
