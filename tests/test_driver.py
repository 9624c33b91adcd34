"""Who moves a puppet: another stage's face, or messages, by data channel and MQTT, good and bad."""

import asyncio
import json
import shutil
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.driven import DrivenFace, Report, ReportedFace
from omote.engines.faces.expressions import expressions, plain_face, shape_of
from omote.engines.faces.mesh import ExpressionNet
from omote.engines.faces.pose import Angles, angles, posed, projected
from omote.engines.faces.topology import BLENDSHAPES, LIPS_INNER
from omote.engines.kernels import Floats
from omote.server.bench.mosquitto import Mosquitto, mosquitto
from omote.server.control import Control
from omote.server.driver import SILENCE_S, MessageDriver
from omote.server.face import FaceMessage
from omote.server.face_report import ARKIT, FaceReport, read_report
from omote.server.orders import Invalid
from omote.server.payload import NotAnOrder
from omote.server.tokens import parse
from omote.streams.frame import Frame
from tests.clips import PORTRAIT, astronaut
from tests.fakes import FakeStage
from tests.house import PATIENCE_S, House, house, listener, until
from tests.peers import Client, client
from tests.portraits import frame, models, opened, portrait

PUPPET: dict[str, Any] = {
    "effects": ["puppet"],
    "params": {"puppet": {"source": "her.jpg"}},
}
BY_MESSAGES = {**PUPPET, "stage": {"driver": "messages"}}
JAW = {"blendshapes": {"jawOpen": 0.7}}


def coefficients(**named: float) -> Floats:
    return np.array([named.get(name, 0.0) for name in BLENDSHAPES], np.float32)


def mesh(shape: Floats, yaw: float = 0.0) -> dict[str, Any]:
    """A message with the landmarks of a shape."""
    points = projected(shape, posed(Angles(yaw, 0, 0), (2, 1, -50)), (1280, 720))
    return {"landmarks": points.round(2).tolist(), "size": [1280, 720]}


# Coefficients as shapes.


@pytest.mark.parametrize(
    "name",
    [
        *("jawLeft", "jawRight", "browInnerUp", "browDownLeft", "browDownRight"),
        *("browOuterUpLeft", "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft"),
        *("mouthSmileRight", "mouthPucker", "mouthStretchLeft", "mouthUpperUpRight"),
        *("eyeLookInLeft", "eyeLookOutLeft", "eyeLookInRight", "eyeLookOutRight"),
    ],
)
def test_a_coefficient_is_read_again_from_the_shape_it_makes(name: str) -> None:
    net = ExpressionNet(models())

    def read(shape: Floats) -> Floats:
        return net(projected(shape, posed(Angles(0, 0, 0), (0, 0, -50)), (640, 480)))

    rest = read(plain_face())
    raised = read(shape_of(coefficients(**{name: 1.0}))) - rest
    assert BLENDSHAPES[int(raised.argmax())] == name
    assert raised.max() > 0.3


def test_a_jaw_opens_and_lids_meet() -> None:
    opened_jaw = shape_of(coefficients(jawOpen=1))
    upper, lower = LIPS_INNER[5], LIPS_INNER[15]
    assert opened_jaw[upper, 1] - opened_jaw[lower, 1] > 2.5
    assert np.abs(opened_jaw[10] - plain_face()[10]).max() < 0.01
    closed = shape_of(coefficients(eyeBlinkRight=1))
    assert abs(closed[159, 1] - closed[145, 1]) < 0.15
    assert closed[386, 1] - closed[374, 1] > 0.4


def test_the_two_sides_move_alike() -> None:
    left, right = (BLENDSHAPES.index(f"mouthSmile{side}") for side in ("Left", "Right"))
    assert expressions()[left, 291] == pytest.approx(
        expressions()[right, 61] * (-1, 1, 1), abs=0.05
    )


def test_a_pose_is_its_angles() -> None:
    for yaw, pitch, roll in ((20, 10, -15), (-40, 5, 30), (0, -30, 0)):
        found = angles(posed(Angles(yaw, pitch, roll), (1, 2, -40)))
        assert (found.yaw, found.pitch, found.roll) == pytest.approx((yaw, pitch, roll), abs=1e-3)


# What messages may say.


def test_what_a_stage_tells_of_a_face_is_understood_by_another() -> None:
    pose = {"yaw_deg": 5.0, "pitch_deg": 0.0, "roll_deg": 0.0, "x_cm": 1.0, "y_cm": 0.0}
    said = FaceMessage.model_validate(
        {
            "status": "tracked",
            "strength": 1.0,
            "time": 1.5,
            "neutral": "calmest",
            "blendshapes": {"jawOpen": 0.5},
            "rest": {"jawOpen": 0.1},
            "pose": {**pose, "z_cm": -40.0},
            "rest_pose": None,
        }
    ).model_dump_json()
    report = read_report(said)
    assert report is not None
    assert report.coefficients[BLENDSHAPES.index("jawOpen")] == pytest.approx(0.5)
    assert report.rest[BLENDSHAPES.index("jawOpen")] == pytest.approx(0.1)
    assert angles(report.pose).yaw == pytest.approx(5, abs=1e-3)


def packed(kind: int, *numbers: float) -> bytes:
    return bytes([1, kind, 0, 0]) + struct.pack(f"<{len(numbers)}f", *numbers)


def test_bytes_say_the_same_as_json() -> None:
    values = [round(0.01 * index, 2) for index in range(52)]
    landmarks = mesh(shape_of(coefficients(jawOpen=0.5)))
    flat = [value for point in landmarks["landmarks"] for value in point]
    pose = (10.0, -5.0, 3.0, 1.0, 2.0, -45.0)
    places = ("yaw_deg", "pitch_deg", "roll_deg", "x_cm", "y_cm", "z_cm")
    both = (
        (packed(1, *values), {"blendshapes": dict(zip(ARKIT, values, strict=True))}),
        (packed(2, *pose), {"pose": dict(zip(places, pose, strict=True))}),
        (packed(4, 1280, 720, *flat), landmarks),
        (
            packed(4, 1280, 720, *flat[: 3 * 468]),
            {**landmarks, "landmarks": landmarks["landmarks"][:468]},
        ),
    )
    for binary, told in both:
        one, other = read_report(binary), read_report(json.dumps(told))
        assert one is not None
        assert other is not None
        for key in ("coefficients", "shape", "pose"):
            assert np.abs(getattr(one, key) - getattr(other, key)).max() < 1e-3, key
    assert {*ARKIT} == {*BLENDSHAPES[1:], "tongueOut"}
    assert list(ARKIT) == sorted(ARKIT)


def test_landmarks_give_the_shape_and_the_pose_they_were_made_of() -> None:
    shape = shape_of(coefficients(mouthSmileLeft=0.8, jawOpen=0.3))
    report = read_report(json.dumps(mesh(shape, yaw=20)))
    assert report is not None
    assert report.is_measured
    assert angles(report.pose).yaw == pytest.approx(20, abs=1.5)
    assert np.abs(report.shape - shape).mean() < 0.15


BAD: dict[str, Any] = {
    "nothing": {},
    "a shape nobody has": {"blendshapes": {"jawOpn": 0.5}},
    "more than all of it": {"blendshapes": {"jawOpen": 1.01}},
    "less than nothing": {"blendshapes": {"jawOpen": -0.1}},
    "a word": {"blendshapes": {"jawOpen": "wide"}},
    "an unknown key": {**JAW, "jaw": 1},
    "a head turned round": {"pose": {"yaw_deg": 120}},
    "a head behind the camera": {"pose": {"z_cm": 30}},
    "landmarks without a size": {"landmarks": [[1, 2, 3]] * 468},
    "too few": {"landmarks": [[1, 2, 3]] * 20, "size": [640, 480]},
    "too many": {"landmarks": [[1, 2, 3]] * 479, "size": [640, 480]},
    "one spot": {"landmarks": [[1, 2, 3]] * 468, "size": [640, 480]},
    "a cloud": {
        "landmarks": np.random.default_rng(1).uniform(0, 480, (468, 3)).tolist(),
        "size": [640, 480],
    },
    "far away": {"landmarks": [[1e6, 2, 3]] * 468, "size": [640, 480]},
    "a size of nothing": {"landmarks": [[1, 2, 3]] * 468, "size": [0, 0]},
    "a list": [1, 2],
}


@pytest.mark.parametrize("name", BAD)
def test_what_no_face_says_is_refused(name: str) -> None:
    with pytest.raises((Invalid, NotAnOrder)) as caught:
        read_report(json.dumps(BAD[name]))
    assert str(caught.value)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x01",
        packed(0),
        packed(1, *[0.5] * 51),
        packed(1, *[float("nan")] * 52),
        packed(2, *[float("inf")] * 6),
        packed(8, *[0.5] * 52),
        packed(4, 640, 480, *[5.0] * 3 * 400),
        b"\x02" + packed(1, *[0.5] * 52)[1:],
        b"\x01\x01\x07\x00" + bytes(208),
        b"{" * 70_000,
        b"\xff\xfe",
        '{"blendshapes": {"jawOpen": NaN}}',
        '{"blendshapes": {"jawOpen": 1e999}}',
    ],
)
def test_bytes_that_are_no_face_are_refused(payload: bytes | str) -> None:
    with pytest.raises((Invalid, NotAnOrder)):
        read_report(payload)


def test_a_misspelt_shape_is_told_the_right_one() -> None:
    with pytest.raises(Invalid, match="did you mean jawOpen"):
        read_report('{"blendshapes": {"jawOpn": 0.5}}')


def test_a_client_that_tells_too_many_faces_is_slowed_and_told_so_now_and_then() -> None:
    control, stage = Control(50, 100), FakeStage("desk")
    answers = [control.take_face(stage, json.dumps(JAW), "phone") for _ in range(200)]
    refused = [answer for answer in answers if answer is not None]
    assert len(stage.reports) + len(refused) == 200
    assert 60 <= len(stage.reports) < 100
    assert {answer.status for answer in refused} == {429}
    assert sum(control.may_complain("phone") for _ in refused) < 20
    assert control.take_face(stage, json.dumps(JAW), "another") is None


# What becomes of them in frames.


def frames(count: int, start: int = 0) -> list[Frame]:
    picture = opened(portrait(64, 48))
    return [frame(picture, start + index) for index in range(count)]


def test_a_face_that_is_no_longer_told_is_held_then_eased_to_neutral() -> None:
    driver, held = MessageDriver(clock=lambda: 0.0), []
    driver.take(read_report(json.dumps(JAW)))
    [face] = driver(frames(1)[0])
    assert driver.status == "tracked"
    upper, lower = LIPS_INNER[5], LIPS_INNER[15]
    driver.take(None)
    for given in frames(40, 1):
        faces = driver(given)
        held.append((driver.status, _opening(faces[0].shape, upper, lower) if faces else 0.0))
    statuses = [status for status, _ in held]
    assert statuses[0] == "held"
    assert statuses[-1] == "lost"
    openings = [opening for _, opening in held]
    assert face.shape is not None
    assert openings[5] == pytest.approx(_opening(face.shape, upper, lower), abs=1e-3)
    assert openings[-1] == 0
    assert max(a - b for a, b in zip(openings, openings[1:], strict=False) if b > 0) < 0.3
    assert SILENCE_S < 0.5


def _opening(shape: Floats | None, upper: int, lower: int) -> float:
    assert shape is not None
    return float(shape[upper, 1] - shape[lower, 1])


def test_the_neutral_face_is_what_was_told_or_what_was_asked_for() -> None:
    reported, report = ReportedFace(), read_report(json.dumps({**JAW, "rest": {"jawOpen": 0.2}}))
    assert report is not None
    neutral = reported(report, 1 / 30).neutral
    assert neutral is not None
    assert neutral.blendshapes["jawOpen"] == pytest.approx(0.2)
    reported.calibrate(True)
    for _ in range(60):
        neutral = reported(report, 1 / 30).neutral
    assert neutral is not None
    assert neutral.asked
    assert neutral.blendshapes["jawOpen"] == pytest.approx(0.7, abs=0.02)
    reported.calibrate(False)
    for _ in range(60):
        neutral = reported(report, 1 / 30).neutral
    assert neutral is not None
    assert neutral.blendshapes["jawOpen"] == pytest.approx(0.2)


def test_the_shape_behind_landmarks_is_learnt() -> None:
    reported = ReportedFace()
    own = plain_face() * np.array([1.1, 1.0, 1.0], np.float32)
    report = read_report(json.dumps(mesh(own)))
    assert report is not None
    assert reported(report, 1 / 30).neutral is None
    for _ in range(40):
        face = reported(report, 1 / 30)
    assert face.neutral is not None
    assert np.abs(face.neutral.shape - report.shape).max() < 0.05


def test_nobody_is_there_before_the_first_message() -> None:
    held = DrivenFace()
    assert held(None, 1 / 30) == ()
    assert held.status == "lost"


def test_the_canonical_face_is_a_mesh_that_is_taken() -> None:
    report = read_report(json.dumps(mesh(canonical_face().vertices)))
    assert isinstance(report, Report)
    assert FaceReport.model_json_schema()["properties"].keys() >= {"landmarks", "blendshapes"}
