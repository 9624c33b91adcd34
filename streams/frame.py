"""Frame: one picture and what is known about it. Values only; nothing here opens pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, Protocol

import av
import numpy as np
from numpy.typing import NDArray

Origin = Literal["message", "estimate", "none"]
FaceStatus = Literal["tracked", "held", "lost"]
"`held`: as it was last seen, a moment ago; `lost`: not seen for longer."

View = Literal["result", "landmarks", "matte", "outline", "complexity", "weights", "hair", "depth"]
"What is to be seen of a frame: the result, the face that is followed, what the effect `matte` worked with, or its depth."

LabelPlace = Literal["top-left", "top-right", "bottom-left", "bottom-right", "off"]
"Where a picture says that it is synthetic."


class Picture(Protocol):
    """Full-size pixels, opaque: only `omote.engines.pixels` opens them."""

    @property
    def width(self) -> int:
        """Columns, pixels."""

    @property
    def height(self) -> int:
        """Rows, pixels."""


class Plane(Protocol):
    """One value per pixel of a picture, opaque like it; a matte is a plane of alpha 0..1."""

    @property
    def width(self) -> int:
        """Columns, pixels."""

    @property
    def height(self) -> int:
        """Rows, pixels."""

    @property
    def age_s(self) -> float:
        """Seconds since the picture it was computed on; 0 when that is the frame's own."""


@dataclass(frozen=True, slots=True, eq=False)
class VideoPicture:
    """A picture exactly as a decoder or a camera gave it, any pixel format, not yet opened."""

    video: av.VideoFrame
    rotation: int = 0
    "Degrees, clockwise, by which it must be turned to stand upright: 0, 90, 180 or 270."

    @property
    def width(self) -> int:
        """Columns before rotation, pixels."""
        return self.video.width

    @property
    def height(self) -> int:
        """Rows before rotation, pixels."""
        return self.video.height


@dataclass(frozen=True, slots=True)
class Scene:
    """What the camera says of the light; every value is optional."""

    iso: float | None = None
    "Sensor sensitivity, ISO 12232."
    exposure_s: float | None = None
    "Exposure time, seconds."
    lux: float | None = None
    "Illuminance at the camera, lux."
    low_light: bool | None = None
    origin: Origin = "none"
    since: float = 0.0
    "`time.monotonic()` when it was learnt, seconds."


@dataclass(frozen=True, slots=True)
class Fusing:
    """What is ordered of depth and matte together."""

    mode: Literal["gate", "product", "depth", "off"] = "gate"
    "Depth decides near or far, the picture the edge; the product of both; depth alone; the picture alone."
    near_m: float = 0.2
    "What is nearer is not the person, metres."
    far_m: float | None = None
    "What is farther is not the person, metres; None: it follows the person."
    threshold: float = 0.1
    "Second threshold, of `product`: less is not the person, 0..1."
    normalise: bool = True
    "`product` is divided by its largest value in the frame."
    percentile: float = 100.0
    "Which percentile of a frame's depths counts as the largest, in `product`."


@dataclass(frozen=True, slots=True, eq=False)
class Depth:
    """A depth map joined to the picture, in its view, upright like it, at most 320 pixels long."""

    metres: NDArray[np.float32]
    "(h, w), along the optical axis, NaN where unknown."
    confidence: NDArray[np.float32] | None
    "(h, w), 0..1."
    skew_s: float
    "Capture time of the depth minus that of the picture, seconds."
    origin: str
    "Where it came from, as shown in the stage's state."
    weight: float = 1.0
    "How far it may be trusted, 0..1: less the longer it is held for want of a newer one."
    fusing: Fusing = Fusing()
    probability: NDArray[np.float32] | None = None
    "(h, w), 0..1: the person's, where a depth network gives one."


@dataclass(frozen=True, slots=True, eq=False)
class Neutral:
    """A face at rest: what its motion is measured from."""

    blendshapes: Mapping[str, float]
    "ARKit names, 0..1."
    shape: NDArray[np.float32]
    "(478, 3), as `Face.shape`."
    pose: NDArray[np.float32]
    "(4, 4), as `Face.pose`."
    asked: bool = False
    "Whether somebody asked for it; otherwise it is of the calmest moment so far, or told."
    told: bool = False
    "Whether whoever tells of the face told of this one, too."
    complexion: NDArray[np.float32] | None = None
    "(3,), as `Face.complexion`."


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One tracked face, in the picture's pixels."""

    box: tuple[float, float, float, float]
    "Left, top, right, bottom, pixels."
    landmarks: NDArray[np.float32]
    "(478, 3): x and y in pixels, z in the same scale, nearer is smaller."
    blendshapes: Mapping[str, float] = field(default_factory=dict)
    "ARKit names, 0..1."
    pose: NDArray[np.float32] | None = None
    "(4, 4), canonical face to camera, centimetres; x right, y up, z towards the viewer."
    shape: NDArray[np.float32] | None = None
    "(478, 3): the landmarks without the head's pose, in the canonical face's centimetres."
    neutral: Neutral | None = None
    "None until the face was seen for long enough."
    status: FaceStatus = "tracked"
    strength: float = 1.0
    "0..1: below 1 the expression is being eased to neutral, or back from there."
    complexion: NDArray[np.float32] | None = None
    "(3,): mean colour of its skin in the picture, RGB levels, 0..255; None of a face that is only told of."


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture and what is known about it.

    Effects never change a frame, they return another (`dataclasses.replace`).
    """

    picture: Picture
    pts: int
    "Presentation time in `time_base` units, exactly as the source gave it."
    time_base: Fraction
    "Seconds per unit of `pts`."
    arrived: float
    "`time.monotonic()` when the first RTP packet came (file, camera: when it was read), seconds."
    index: int
    "Counts the frames of the source; a gap is a dropped frame."
    scene: Scene = Scene()
    depth: Depth | None = None
    matte: Plane | None = None
    "Alpha of the portrait, 0..1, the picture's size; set by the effect `matte`."
    skin: NDArray[np.float32] | None = None
    "Skin of the portrait, a small map (h, w), 0..1; set by the effect `matte` once it is known."
    faces: tuple[Face, ...] = ()
    "Set by the tracker, once per frame, whoever needs it."
    driver: tuple[Face, ...] | None = None
    "Who moves a puppet instead of who is in the picture; empty while he is silent."
    synthetic: bool = False
    "Whether somebody is shown who is not in front of the camera; set by the effect that does."
    view: View = "result"
    "The inspection picture that is asked for; `result`: none."
    views: Mapping[str, Plane | Picture] = field(default_factory=dict)
    "Inspection pictures, filled only when asked for."
    alone: bool = False
    "Whether it is a photograph: no frame comes after it, and there is time for it."
