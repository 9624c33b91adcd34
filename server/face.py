"""Face: what a stage tells other programs of the face it follows, so that they can be driven, too."""

from typing import Any, Literal

from pydantic import Field

from omote.engines.faces.pose import angles
from omote.engines.kernels import Floats
from omote.server.driver import FaceOrigin
from omote.server.message import Message
from omote.server.orders import Invalid
from omote.streams.frame import Face, FaceStatus

FACES_A_SECOND = 30
"At most so many messages, of each stage."
NeutralOrigin = Literal["none", "calmest", "asked", "told"]
"`calmest`: of the calmest moment so far; `asked`: of the one it was ordered in; `told`: as messages say."


class FacePose(Message):
    """How a head is turned and where it is, seen from the camera."""

    yaw_deg: float = Field(description="To the picture's right is positive.")
    pitch_deg: float = Field(description="Up is positive.")
    roll_deg: float = Field(description="Clockwise in the picture is positive.")
    x_cm: float = Field(description="To the picture's right.")
    y_cm: float = Field(description="Up.")
    z_cm: float = Field(description="Towards the camera; negative. A guess: no lens is measured.")


class FaceMessage(Message):
    """The face as it is now; without coefficients and pose when nobody is there."""

    status: FaceStatus = Field(description="`held`: as last seen, a moment ago.")
    strength: float = Field(ge=0, le=1, description="Below 1 it is being eased to neutral.")
    time: float = Field(description="When its picture arrived, seconds since 1970 (UTC); 0: none.")
    neutral: NeutralOrigin = Field(description="Where the neutral face comes from.")
    blendshapes: dict[str, float] = Field(
        description="How far each shape is made, by ARKit's names (all but tongueOut), 0 to 1; or none."
    )
    rest: dict[str, float] = Field(description="The same of the neutral face; or none.")
    pose: FacePose | None
    rest_pose: FacePose | None = Field(description="The same of the neutral face.")


class FaceState(Message):
    """Of the face a stage follows."""

    status: FaceStatus
    neutral: NeutralOrigin
    origin: FaceOrigin = Field(description="Where it is seen: `stage.driver`, or the own camera.")


def told(face: Face | None, status: FaceStatus, second: float) -> dict[str, Any]:
    """A message about a face in a picture that arrived then, seconds since 1970; fit for JSON."""
    rest = face.neutral.blendshapes if face and face.neutral else {}
    return FaceMessage(
        status=status,
        strength=round(face.strength, 3) if face else 0.0,
        time=round(second, 3),
        neutral=origin(face),
        blendshapes=_rounded(face.blendshapes) if face else {},
        rest=_rounded(rest),
        pose=_pose(face.pose) if face else None,
        rest_pose=_pose(face.neutral.pose) if face and face.neutral else None,
    ).model_dump(mode="json")


def origin(face: Face | None) -> NeutralOrigin:
    """Where its neutral face comes from."""
    if face is None or face.neutral is None:
        return "none"
    if face.neutral.told:
        return "told"
    return "asked" if face.neutral.asked else "calmest"


def read_calibrate(value: Any) -> bool:
    """What an order says of the neutral face; raises `Invalid`."""
    if value is not None and not isinstance(value, bool):
        raise Invalid([{"at": "calibrate", "message": "true, false or null"}])
    return bool(value)


def _pose(pose: Floats | None) -> FacePose | None:
    if pose is None:
        return None
    turned = angles(pose)
    turns = (round(angle, 2) for angle in (turned.yaw, turned.pitch, turned.roll))
    places = (round(float(value), 2) for value in pose[:3, 3])
    names = FacePose.model_fields
    return FacePose(**dict(zip(names, (*turns, *places), strict=True)))


def _rounded(values: Any) -> dict[str, float]:
    return {name: round(value, 4) for name, value in values.items()}
