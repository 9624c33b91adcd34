"""Parameters of the portrait's steps: every threshold, settable live.

Radii are in pixels of maps whose long side is 256, whatever the frame's size.
"""

from typing import Any, Literal

from pydantic import Field

from omote.engines import effect


def _advanced(group: str, unit: str = "") -> dict[str, Any]:
    """For a form: which fold-out it belongs to, and its unit."""
    return {"group": group, **({"unit": unit} if unit else {})}


class Basics(effect.Params):
    """What most people set."""

    quality: Literal["fast", "balanced", "best"] = Field(
        "balanced",
        description="Fast has no hair; balanced looks for it in the background of the computation;"
        " best waits for it, for films and pictures.",
    )
    model: Literal["auto", "square", "landscape"] = Field(
        "auto", description="The net; auto takes the one shaped like the picture."
    )
    orientation: Literal[0, 90, 180, 270] = Field(
        0, description="Clockwise turn, in degrees, that puts the person upright for the net."
    )
    smoothing: float = Field(
        0.6, ge=0, le=1, description="How much alpha is steadied where nothing moves, 0 to 1."
    )
    reuse: int = Field(
        3, ge=1, le=10, description="Frames from one inference to the next while all goes well."
    )
    threshold: float = Field(
        0.5, ge=0.1, le=0.9, description="The net's certainty at which the edge lies, 0 to 1."
    )
    contrast: float = Field(
        0.2, ge=0, le=1, description="How much narrower the edge becomes, 0 to 1."
    )
    feather: float = Field(
        0.0, ge=0, le=2, description="Added softness of the edge, in percent of the height."
    )


class Portrait(Basics):
    """How hair is found and drawn."""

    hair_interval: float = Field(
        1.6,
        ge=0.2,
        le=30,
        description="Seconds from one look of the slow networks to the next while something moves.",
        json_schema_extra=_advanced("networks", "s"),
    )
    outline_grow: float = Field(
        5,
        ge=0,
        le=20,
        description="How far the hair is dilated for its outline, small pixels.",
        json_schema_extra=_advanced("outline", "px/256"),
    )
    outline_shrink: float = Field(
        3,
        ge=0,
        le=20,
        description="How far the person is eroded for the outline, small pixels.",
        json_schema_extra=_advanced("outline", "px/256"),
    )
    least_area: float = Field(
        0.1,
        ge=0,
        le=5,
        description="Parts of the outline smaller than this are dropped, percent of the frame.",
        json_schema_extra=_advanced("outline", "%"),
    )
    region_growth: float = Field(
        1.3,
        ge=1,
        le=3,
        description="How many times as large as the outline's box the region around the hair is.",
        json_schema_extra=_advanced("outline"),
    )
    operator: Literal["sobel", "scharr", "laplacian"] = Field(
        "sobel",
        description="What finds the gradients of the background.",
        json_schema_extra=_advanced("complexity"),
    )
    complexity_by: Literal["mean", "mode", "likeness"] = Field(
        "mean",
        description="Mean gradient, its most frequent value, or how alike hair and background are.",
        json_schema_extra=_advanced("complexity"),
    )
    path: Literal["auto", "matting", "segmentation"] = Field(
        "auto",
        description="How hair is drawn; auto follows the complexity of the background.",
        json_schema_extra=_advanced("complexity"),
    )
    busy: float = Field(
        0.25,
        ge=0.005,
        le=1,
        description="Complexity above which the background is busy (T1), share of light a pixel.",
        json_schema_extra=_advanced("complexity"),
    )
    busy_part: float = Field(
        0.08,
        ge=0.0,
        le=1,
        description="Complexity above which a part of a plain background is busy (T2).",
        json_schema_extra=_advanced("complexity"),
    )
    habit: float = Field(
        0.2,
        ge=0,
        le=0.9,
        description="How far beyond its limit the complexity must go to change the path, a share.",
        json_schema_extra=_advanced("complexity"),
    )
    spread: float = Field(
        3,
        ge=0,
        le=20,
        description="How far the complexity of a place reaches, small pixels.",
        json_schema_extra=_advanced("complexity", "px/256"),
    )
    hair_reach: float = Field(
        24,
        ge=0,
        le=60,
        description="How far from hair the matting network is believed, pixels of its own map.",
        json_schema_extra=_advanced("matting", "px/256"),
    )
    follow_picture: bool = Field(
        True,
        description="Draw the matting network's hair along the picture's edges (guided filter).",
        json_schema_extra=_advanced("matting"),
    )
    follow_radius: float = Field(
        1,
        ge=0,
        le=40,
        description="Radius of that filter, pixels of the matting network's map.",
        json_schema_extra=_advanced("matting", "px"),
    )
    calm_busy: bool = Field(
        True,
        description="Erode and blur hair before busy parts of a plain background.",
        json_schema_extra=_advanced("matting"),
    )
    calm_dark: bool = Field(
        False,
        description="Erode and blur hair in low light; measured, it costs more hair than it saves.",
        json_schema_extra=_advanced("matting"),
    )
    calm_shrink: float = Field(
        2,
        ge=0,
        le=10,
        description="How far hair is eroded there, pixels of the map.",
        json_schema_extra=_advanced("matting", "px"),
    )
    calm_blur: float = Field(
        2,
        ge=0,
        le=10,
        description="How far hair is blurred there, pixels of the map.",
        json_schema_extra=_advanced("matting", "px"),
    )
    dark_shrink: float = Field(
        0,
        ge=0,
        le=10,
        description="How far hair is eroded in low light, pixels of the map.",
        json_schema_extra=_advanced("scene", "px"),
    )
    dark_blur: float = Field(
        1,
        ge=0,
        le=10,
        description="How far hair is blurred in low light, pixels of the map.",
        json_schema_extra=_advanced("scene", "px"),
    )
    strands: float = Field(
        0.3,
        ge=0,
        le=1,
        description="How much half transparent hair is strengthened before plain parts.",
        json_schema_extra=_advanced("matting"),
    )
    hair_shrink: float = Field(
        1,
        ge=0,
        le=10,
        description="How far the hair class is eroded before a busy background, small pixels.",
        json_schema_extra=_advanced("segmentation", "px/256"),
    )
    hair_blur: float = Field(
        1,
        ge=0,
        le=10,
        description="How far it is then blurred, small pixels.",
        json_schema_extra=_advanced("segmentation", "px/256"),
    )
    guide_radius: float = Field(
        6,
        ge=0,
        le=40,
        description="Radius of the guided filter, small pixels.",
        json_schema_extra=_advanced("segmentation", "px/256"),
    )
    guide_contrast: float = Field(
        0.02,
        ge=0.002,
        le=0.5,
        description="Changes of light below this are no edge to either guided filter, 0 to 1.",
        json_schema_extra=_advanced("segmentation"),
    )
    small_hair: float = Field(
        1,
        ge=0,
        le=20,
        description="Hair below this share of the frame is blurred once more, percent.",
        json_schema_extra=_advanced("segmentation", "%"),
    )
    pull: float = Field(
        1,
        ge=0,
        le=5,
        description="How fast the edge goes inward with growing complexity (gamma).",
        json_schema_extra=_advanced("segmentation"),
    )
    transition: bool = Field(
        True,
        description="Soften the mask's edge in the hair from within.",
        json_schema_extra=_advanced("transition"),
    )
    transition_busy: float = Field(
        0,
        ge=0,
        le=1,
        description="How much of that is done before a busy background, where no strands follow.",
        json_schema_extra=_advanced("transition"),
    )
    transition_least: float = Field(
        1,
        ge=0,
        le=50,
        description="The hair's region must be at least this share of the frame, percent.",
        json_schema_extra=_advanced("transition", "%"),
    )
    transition_narrow: float = Field(
        1,
        ge=0,
        le=10,
        description="Radius of the softening for a small region, small pixels.",
        json_schema_extra=_advanced("transition", "px/256"),
    )
    transition_wide: float = Field(
        3,
        ge=0,
        le=20,
        description="The same for a region of a quarter of the frame, small pixels.",
        json_schema_extra=_advanced("transition", "px/256"),
    )
    transition_shrink: float = Field(
        4,
        ge=0,
        le=20,
        description="How far the mask is eroded in the hair, small pixels.",
        json_schema_extra=_advanced("transition", "px/256"),
    )
    transition_grow: float = Field(
        3,
        ge=0,
        le=20,
        description="How far around the outline the softening reaches, small pixels.",
        json_schema_extra=_advanced("transition", "px/256"),
    )
    face_guard: float = Field(
        2,
        ge=0,
        le=20,
        description="How far around the face nothing is softened, small pixels.",
        json_schema_extra=_advanced("transition", "px/256"),
    )
    dark_iso: float = Field(
        1600,
        ge=0,
        le=20_000,
        description="Sensitivity of a scene message above which it is low light, ISO.",
        json_schema_extra=_advanced("scene", "ISO"),
    )
    dark_luma: float = Field(
        0.15,
        ge=0,
        le=1,
        description="Mean luma of the picture below which it is low light, 0 to 1.",
        json_schema_extra=_advanced("scene"),
    )
    dark_noise: float = Field(
        6,
        ge=0.5,
        le=60,
        description="Noise of the picture above which it is low light, levels of 255.",
        json_schema_extra=_advanced("scene", "levels"),
    )
