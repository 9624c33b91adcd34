"""Calibration: where the cameras stand and how they see, in metres, as a file or as sent once in-band.

A file is one JSON object:

    {"version": 1,
     "depth":  {"width": 640, "height": 480, "fx": 460.1, "fy": 460.3, "cx": 319.2, "cy": 241.7,
                "distortion": [0.11, -0.21, 0.0, 0.001, 0.08],
                "rotation": [[1, 0, 0], [0, 1, 0], [0, 0, 1]], "translation": [0, 0, 0]},
     "colour": {"width": 1280, "height": 720, "fx": 930, "fy": 930, "cx": 639.5, "cy": 359.5,
                "translation": [0.025, 0, 0]}}

or `{"version": 1, "aligned": true}` when depth and picture already lie pixel over pixel. A stereo pair
has `left` (the picture's own camera) and `right` instead. `rotation` and `translation` take a point of
the world to the camera: camera = rotation x world + translation, x to the right, y down, z ahead.
The centre of the top left pixel is (0, 0), as in OpenCV, whose distortion models these are.
"""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

Matrix = NDArray[np.float64]
Vector3 = tuple[float, float, float]

IDENTITY: tuple[Vector3, Vector3, Vector3] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
DISTORTIONS = (0, 4, 5, 8)
"Coefficients of OpenCV's model: none, k1 k2 p1 p2, then k3, then k4 k5 k6."
FARTHEST_M = 10.0
"From one camera to another; more means that somebody wrote millimetres."
AT_MOST = 64 * 1024
"Bytes of a calibration file."


class BadCalibration(ValueError):
    """The calibration cannot be used; the message says where it is wrong and what to write."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Lens(_Part):
    """One camera: its picture, its lens and its place."""

    width: int = Field(ge=16, le=8192, description="Columns of the picture it was calibrated on.")
    height: int = Field(ge=16, le=8192, description="Rows of that picture.")
    fx: float = Field(gt=0, le=100_000, description="Focal length, pixels across.")
    fy: float = Field(gt=0, le=100_000, description="Focal length, pixels down.")
    cx: float = Field(ge=-8192, le=16384, description="Column of the optical axis, pixels.")
    cy: float = Field(ge=-8192, le=16384, description="Row of the optical axis, pixels.")
    distortion: tuple[float, ...] = Field((), description="OpenCV's k1 k2 p1 p2 [k3 [k4 k5 k6]].")
    rotation: tuple[Vector3, Vector3, Vector3] = Field(IDENTITY, description="World to camera.")
    translation: Vector3 = Field((0, 0, 0), description="World to camera, metres.")

    @field_validator("distortion")
    @classmethod
    def _known_model(cls, given: tuple[float, ...]) -> tuple[float, ...]:
        if len(given) not in DISTORTIONS:
            raise ValueError("give 0, 4, 5 or 8 coefficients: k1 k2 p1 p2 [k3 [k4 k5 k6]]")
        return given

    @field_validator("rotation")
    @classmethod
    def _turns_only(cls, given: tuple[Vector3, Vector3, Vector3]) -> Any:
        turn = np.array(given)
        if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-3 or np.linalg.det(turn) < 0:
            raise ValueError("this is no rotation: its rows must be at right angles, of length 1")
        return given

    @field_validator("translation")
    @classmethod
    def _metres(cls, given: Vector3) -> Vector3:
        if math.hypot(*given) > FARTHEST_M:
            raise ValueError(f"more than {FARTHEST_M:g} m away: translations are in metres")
        return given

    def at(self, width: int, height: int) -> "Lens":
        """The same camera where its whole picture is brought to another size."""
        across, down = width / self.width, height / self.height
        changed = {
            "width": width,
            "height": height,
            "fx": self.fx * across,
            "fy": self.fy * down,
            "cx": (self.cx + 0.5) * across - 0.5,
            "cy": (self.cy + 0.5) * down - 0.5,
        }
        return self.model_copy(update=changed)

    @property
    def matrix(self) -> Matrix:
        """(3, 3): from rays to pixels."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]])

    def to(self, other: "Lens") -> tuple[Matrix, Matrix]:
        """(3, 3) and (3,): takes points of this camera to those of another, metres."""
        turn = np.array(other.rotation) @ np.array(self.rotation).T
        return turn, np.array(other.translation) - turn @ np.array(self.translation)


class Calibration(_Part):
    """What is known of a depth camera, or of a stereo pair, and the picture's camera."""

    version: int = Field(1, ge=1, le=1, description="Of this format.")
    aligned: bool = Field(False, description="Whether depth lies pixel over pixel on the picture.")
    depth: Lens | None = None
    colour: Lens | None = None
    left: Lens | None = Field(None, description="Of a stereo pair; the picture's own camera.")
    right: Lens | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.aligned and not self.pair and (self.depth is None or self.colour is None):
            raise ValueError('give depth and colour, or left and right, or "aligned": true')
        if (self.left is None) != (self.right is None):
            raise ValueError("a stereo pair has left and right")
        return self

    @property
    def pair(self) -> bool:
        """Whether it tells of a stereo pair."""
        return self.left is not None and self.right is not None


ALIGNED = Calibration(aligned=True)
"Of depth that lies pixel over pixel on the picture."


def read_calibration(given: Mapping[str, Any]) -> Calibration:
    """What a sender told; raises `BadCalibration` with every reason."""
    try:
        return Calibration.model_validate(given)
    except ValidationError as exc:
        raise BadCalibration("; ".join(_reason(error) for error in exc.errors())) from exc


def calibration_file(path: Path) -> Calibration:
    """The calibration in a file; raises `BadCalibration` with every reason."""
    try:
        if path.stat().st_size > AT_MOST:
            raise BadCalibration(f"{path}: larger than {AT_MOST} bytes, this is no calibration")
        return Calibration.model_validate_json(path.read_bytes())
    except OSError as exc:
        raise BadCalibration(f"{path}: {exc.strerror}") from exc
    except ValidationError as exc:
        reasons = "; ".join(_reason(error) for error in exc.errors())
        raise BadCalibration(f"{path}: {reasons}") from exc


def _reason(error: Mapping[str, Any]) -> str:
    where = ".".join(map(str, error["loc"]))
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{where}: {said}" if where else said
