"""Face report: what a tracker elsewhere says of a face, as JSON or as bytes, read with suspicion.

JSON is the message that a stage with `share_faces` publishes, of which everything may be left out but
one of `blendshapes`, `pose` and `landmarks`. The bytes are laid out as `LAYOUT` says.
"""

import struct
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from omote.engines.faces.driven import Report, shape_and_pose
from omote.engines.faces.expressions import shape_of
from omote.engines.faces.pose import Angles, posed
from omote.engines.faces.topology import BLENDSHAPES
from omote.engines.kernels import Floats
from omote.server.face import NeutralOrigin
from omote.server.orders import Invalid, reasons
from omote.server.payload import NotAnOrder, json_object
from omote.streams.frame import FaceStatus

LAYOUT = (
    "little-endian; 1 byte: 1, the version; 1 byte: what follows, 1 coefficients + 2 pose + 4"
    " landmarks; 2 bytes: 0; then float32s: 52 coefficients by ARKit's names in alphabetical order,"
    " the last is tongueOut; yaw_deg, pitch_deg, roll_deg, x_cm, y_cm, z_cm; width and height of the"
    " picture and 468 or 478 times x, y, z of MediaPipe's face mesh, pixels."
)
VERSION = 1
COEFFICIENTS, POSE, LANDMARKS = 1, 2, 4
ARKIT = (*BLENDSHAPES[1:], "tongueOut")
"The 52 names; the last moves nothing that is tracked."
PLACES = ("yaw_deg", "pitch_deg", "roll_deg", "x_cm", "y_cm", "z_cm")
AFAR = 16_384
"Pixels and landmarks farther off than this are no picture's."
MESHES = (468, 478)

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Pixel = Annotated[float, Field(ge=-AFAR, le=AFAR, allow_inf_nan=False)]
Side = Annotated[float, Field(ge=16, le=AFAR, allow_inf_nan=False)]


class Said(BaseModel):
    """Part of a message from outside: nothing unknown is taken."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ReportedPose(Said):
    """How a head is turned and where it is, seen from its camera; left out, it is before it."""

    yaw_deg: float = Field(0, ge=-90, le=90, description="To the picture's right is positive.")
    pitch_deg: float = Field(0, ge=-90, le=90, description="Up is positive.")
    roll_deg: float = Field(0, ge=-180, le=180, description="Clockwise is positive.")
    x_cm: float = Field(0, ge=-500, le=500, description="To the picture's right.")
    y_cm: float = Field(0, ge=-500, le=500, description="Up.")
    z_cm: float = Field(-50, ge=-1000, le=-5, description="Away from the camera is negative.")

    def matrix(self) -> Floats:
        """(4, 4), as `Face.pose`."""
        turned = Angles(self.yaw_deg, self.pitch_deg, self.roll_deg)
        return posed(turned, (self.x_cm, self.y_cm, self.z_cm))


class FaceReport(Said):
    """A face as a tracker elsewhere sees it now."""

    status: FaceStatus = Field("tracked", description="`lost`: nobody is there, all else is void.")
    blendshapes: dict[str, Share] = Field(
        default_factory=dict,
        description="How far each shape is made, by ARKit's 52 names, 0 to 1; what is left out is 0.",
    )
    rest: dict[str, Share] = Field(
        default_factory=dict, description="The same of the neutral face, if it is not all 0."
    )
    pose: ReportedPose | None = Field(None, description="Left out, it looks into the camera.")
    rest_pose: ReportedPose | None = Field(
        None, description="The same of the neutral face; left out, it looks straight ahead."
    )
    landmarks: list[tuple[Pixel, Pixel, Pixel]] | None = Field(
        None,
        max_length=MESHES[-1],
        description="x, y, z of MediaPipe's face mesh in pixels, 468 or 478; they outrank the rest.",
    )
    size: tuple[Side, Side] | None = Field(
        None, description="Width and height of the picture they are in; goes with landmarks."
    )
    strength: Share = Field(1, description="Not used: whoever is silent is eased here.")
    time: float | None = Field(None, description="Not used: clocks differ.")
    neutral: NeutralOrigin = Field("none", description="Not used.")

    @field_validator("blendshapes", "rest")
    @classmethod
    def _names_are_arkits(cls, value: Mapping[str, float]) -> Mapping[str, float]:
        for name in value.keys() - set(ARKIT):
            near = get_close_matches(name, ARKIT, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"ARKit has no shape {name[:40]!r}{hint}")
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if (self.landmarks is None) != (self.size is None):
            raise ValueError("landmarks and size, width and height in pixels, go together")
        if self.landmarks is not None and len(self.landmarks) not in MESHES:
            raise ValueError("468 or 478 landmarks are a face mesh")
        if self.status != "lost" and not (self.blendshapes or self.pose or self.landmarks):
            raise ValueError("blendshapes, pose or landmarks are wanted")
        return self


def read_report(payload: bytes | str) -> Report | None:
    """What a message says, None: nobody is there; raises `Invalid` or `NotAnOrder`."""
    binary = isinstance(payload, bytes) and payload[:1] == bytes([VERSION])
    told = _unpacked(payload) if binary else json_object(payload)
    try:
        said = FaceReport.model_validate(told)
    except ValidationError as exc:
        raise Invalid(reasons(exc, model=FaceReport)) from exc
    if said.status == "lost":
        return None
    if said.landmarks is not None and said.size is not None:
        return _of_mesh(said, said.landmarks, said.size)
    coefficients = _in_order(said.blendshapes)
    return Report(
        coefficients,
        shape_of(coefficients),
        (said.pose or ReportedPose()).matrix(),
        rest=_in_order(said.rest),
        rest_pose=said.rest_pose.matrix() if said.rest_pose else None,
    )


def _of_mesh(
    said: FaceReport, landmarks: list[tuple[float, float, float]], size: tuple[float, float]
) -> Report:
    found = shape_and_pose(np.array(landmarks, np.float32), (round(size[0]), round(size[1])))
    if found is None:
        words = "they are not arranged as a face's are"
        raise Invalid([{"at": "landmarks", "message": words}])
    return Report(_in_order(said.blendshapes), *found, is_measured=True)


def _in_order(named: Mapping[str, float]) -> Floats:
    return np.array([named.get(name, 0.0) for name in BLENDSHAPES], np.float32)


def _unpacked(payload: bytes | str) -> dict[str, Any]:
    """Bytes as the object they stand for; raises `NotAnOrder`."""
    assert isinstance(payload, bytes)
    if len(payload) < 4 or payload[2:4] != b"\0\0" or payload[1] & ~7:
        raise NotAnOrder(400, "a face in bytes begins with 1, what follows (1 to 7), 0 and 0")
    if len(payload) not in _lengths(payload[1]):
        raise NotAnOrder(400, f"a face of kind {payload[1]} does not have {len(payload)} bytes")
    numbers = iter(struct.unpack(f"<{len(payload) // 4 - 1}f", payload[4:]))
    told: dict[str, Any] = {}
    if payload[1] & COEFFICIENTS:
        told["blendshapes"] = dict(zip(ARKIT, _next(numbers, len(ARKIT)), strict=True))
    if payload[1] & POSE:
        told["pose"] = dict(zip(PLACES, _next(numbers, len(PLACES)), strict=True))
    if payload[1] & LANDMARKS:
        told["size"] = _next(numbers, 2)
        told["landmarks"] = list(zip(numbers, numbers, numbers, strict=True))
    return told


def _lengths(kind: int) -> tuple[int, ...]:
    """How many bytes a message of that kind may have."""
    fixed = 4 + 4 * (len(ARKIT) * bool(kind & COEFFICIENTS) + len(PLACES) * bool(kind & POSE))
    if not kind & LANDMARKS:
        return (fixed,)
    return tuple(fixed + 4 * (2 + 3 * count) for count in MESHES)


def _next(numbers: Iterator[float], count: int) -> list[float]:
    return [next(numbers) for _ in range(count)]
