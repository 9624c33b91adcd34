"""Who moves a puppet: another stage's face, or messages, by data channel and MQTT, good and bad."""

import asyncio
import json
import shutil
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import jsonschema
import numpy as np
import pytest

from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.driven import DrivenFace, Report, ReportedFace
from omote.engines.faces.expressions import expressions, plain_face, shape_of
from omote.engines.faces.mesh import ExpressionNet
from omote.engines.faces.pose import Angles, angles, posed, projected
from omote.engines.faces.presence import eased
from omote.engines.faces.topology import BLENDSHAPES, LIPS_INNER
from omote.engines.kernels import Floats
from omote.server.bench.mosquitto import Mosquitto, mosquitto
from omote.server.control import Control
from omote.server.driver import MessageDriver
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
BY_MESSAGES = {**PUPPET, "stage": {"driver": "messages", "budget_ms": 1000}}
"With time enough not to step down the ladder on a busy machine."
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
    assert max(a - b for a, b in pairwise(openings) if b > 0) < 0.3


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


def test_a_face_that_was_let_go_where_it_was_seen_does_not_come_back() -> None:
    report = read_report(json.dumps({**JAW, "pose": {"yaw_deg": 20}}))
    assert report is not None
    whole = ReportedFace()(report, 1 / 30)
    held, strengths = DrivenFace(), []
    for strength in (1.0, 0.5, 0.05, None, None, None):
        found = None if strength is None else eased(whole, "lost", strength)
        [face] = held(found, 1 / 30)
        strengths.append(face.strength)
    assert strengths == sorted(strengths, reverse=True)
    assert strengths[-1] <= 0.05


def test_nobody_is_there_before_the_first_message() -> None:
    held = DrivenFace()
    assert (held(None, 1 / 30), held.status) == ((), "lost")


def test_the_canonical_face_is_a_mesh_that_is_taken() -> None:
    report = read_report(json.dumps(mesh(canonical_face().vertices)))
    assert isinstance(report, Report)
    assert FaceReport.model_json_schema()["properties"].keys() >= {"landmarks", "blendshapes"}


# In a whole server.


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with mosquitto(tmp_path / "broker") as made:
        yield made


@asynccontextmanager
async def theatre(data: Path, mqtt: str = "off", **settings: Any) -> AsyncIterator[House]:
    """A house with her face among the uploads."""
    (data / "faces").mkdir(parents=True, exist_ok=True)
    shutil.copy(PORTRAIT, data / "faces" / "her.jpg")
    async with house(data, mqtt, **settings) as made:
        yield made


@pytest.fixture(autouse=True)
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMOTE_DATA", str(tmp_path))


def face_of(made: House, stage: str = "desk") -> dict[str, Any]:
    told: dict[str, Any] = made.stages[stage].state()["face"]
    return told


@asynccontextmanager
async def telling(tell: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Say it thirty times a second, as a phone does, for as long as the block runs."""

    over = asyncio.Event()

    async def on_and_on() -> None:
        while not over.is_set():
            await tell()
            await asyncio.sleep(1 / 30)

    task = asyncio.create_task(on_and_on())
    try:
        yield
    finally:
        over.set()  # not cancelled: before Python 3.12 a client of MQTT may swallow that
        await task


async def channel_of(peer: Client, label: str) -> tuple[Any, "asyncio.Queue[str]"]:
    """A data channel of a viewer, open, and what comes back."""
    channel = peer.connection.createDataChannel(label)
    opened_, heard = asyncio.Event(), asyncio.Queue[str]()
    channel.on("open", opened_.set)
    channel.on("message", heard.put_nowait)
    assert (await peer.watch()).status_code == 201
    async with asyncio.timeout(PATIENCE_S):
        await opened_.wait()
    return channel, heard


async def test_a_phone_drives_a_puppet_without_sending_video(tmp_path: Path) -> None:
    async with theatre(tmp_path) as made, client(made.http) as phone:
        await made.desk.order(BY_MESSAGES)
        channel, heard = await channel_of(phone, "face/1")
        track = phone.connection.getTransceivers()[0].receiver.track
        pictures: list[Floats] = []

        async def watch() -> None:
            while True:
                video = await track.recv()
                assert isinstance(video, av.VideoFrame)
                pictures.append(np.asarray(video.to_ndarray(format="gray"), np.float32))

        async def looks(amount: float) -> Floats:
            """The picture once a jaw has been open so far for a while."""
            message = json.dumps({"blendshapes": {"jawOpen": amount}})

            async def tell() -> None:
                channel.send(message)

            async with telling(tell):
                await until(lambda: face_of(made)["status"] == "tracked")
                since = len(pictures)
                await until(lambda: len(pictures) > since + 8)
            return pictures[-1]

        watching = asyncio.create_task(watch())
        while not (made.desk.stats()["tracked_share"] and len(pictures) > 10):
            await looks(0.0)  # until the slate has gone
        shut, again, wide = [await looks(amount) for amount in (0.0, 0.0, 1.0)]
        stats, state = made.desk.stats(), made.desk.state()
        channel.send('{"blendshapes": {"jawOpen": 2}}')
        answer = json.loads(await asyncio.wait_for(heard.get(), PATIENCE_S))
        await until(lambda: face_of(made)["status"] == "lost")
        since = len(pictures)
        await until(lambda: len(pictures) > since + 5)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        assert shut.shape == (540, 960)
        rest, moved = (np.abs(shut - other) for other in (again, wide))
        assert moved.max() > 60
        assert moved.mean() > 3 * rest.mean()
        assert moved[:, :220].mean() < 2
        assert (state["publisher"], state["synthetic"]) == ("waiting", True)
        assert state["face"] == {"status": "tracked", "neutral": "told", "origin": "messages"}
        assert stats["driver_fps"] > 3
        assert stats["driver_age_ms"] < 5_000
        assert answer["ok"] is False
        assert answer["errors"][0]["at"] == "blendshapes.jawOpen"


async def test_another_stages_face_drives_without_viewers_there(tmp_path: Path) -> None:
    clip = astronaut(640, 480, 25, 4)
    async with theatre(tmp_path, sources={"booth": str(clip)}) as made, client(made.http) as viewer:
        await made.stages["booth"].order(
            {"effects": [], "stage": {"budget_ms": 1000, "bypass": True}}
        )
        await made.desk.order({**PUPPET, "stage": {"driver": "booth", "budget_ms": 1000}})
        assert face_of(made, "booth") is None
        assert (await viewer.watch()).status_code == 201
        await until(lambda: (face_of(made) or {}).get("status") == "tracked")
        assert face_of(made)["origin"] == "stage"
        assert face_of(made, "booth")["origin"] == "camera"
        await until(lambda: face_of(made)["neutral"] == "calmest")
        await made.desk.order({"calibrate": True})
        await until(lambda: face_of(made, "booth")["neutral"] == "asked")
        await until(lambda: face_of(made)["neutral"] == "asked")
        await viewer.connection.close()
        await until(lambda: face_of(made, "booth") is None)
        await made.stages.remove("booth")
        async with client(made.http) as again:
            assert (await again.watch()).status_code == 201
            await until(lambda: face_of(made)["status"] == "lost")
            await until(lambda: (made.desk.stats()["fps_out"] or 0) > 3)


async def test_one_omote_drives_another_over_mqtt(tmp_path: Path, broker: Mosquitto) -> None:
    clip = astronaut(640, 480, 25, 4)
    here, there = tmp_path, tmp_path / "there"
    async with (
        theatre(here, broker.url) as made,
        house(there, broker.url, mqtt_prefix="other", sources={"desk": str(clip)}) as other,
        listener(broker.port, "other/desk/face", "omote/desk/error") as heard,
        client(made.http) as viewer,
    ):
        await other.desk.order({"stage": {"share_faces": True}})
        await made.desk.order(BY_MESSAGES)
        assert (await viewer.watch()).status_code == 201
        told = await heard.json("other/desk/face")
        FaceMessage.model_validate(told)
        schemas = (await made.http.get("/asyncapi.json")).json()["components"]["schemas"]
        for name in ("face", "faceReport"):  # what is published may be sent as it is
            jsonschema.validate(told, schemas[name], cls=jsonschema.Draft202012Validator)

        async def pass_on() -> None:
            newest = heard.last("other/desk/face")
            await heard.client.publish("omote/desk/face/set", newest)

        async with telling(pass_on):
            await until(lambda: (face_of(made) or {}).get("status") == "tracked")
            await until(lambda: face_of(made)["neutral"] != "none")
            assert made.desk.stats()["driver_fps"] > 3
        assert heard.last("omote/desk/error") is None


async def test_a_refused_face_is_told_on_the_error_topic_and_changes_nothing(
    tmp_path: Path, broker: Mosquitto
) -> None:
    async with theatre(tmp_path, broker.url) as made, listener(broker.port) as heard:
        await until(lambda: made.mqtt is not None and made.mqtt.status == "connected")
        publish = heard.client.publish
        await publish("omote/desk/face/set", json.dumps(JAW), qos=1)
        error = await heard.json("omote/desk/error")
        assert "driver" in error["errors"][0]["message"]
        await made.desk.order({"stage": {"driver": "messages"}})
        since = len(heard.heard)
        await publish("omote/desk/face/set", '{"pose": {"yaw_deg": 400}}', qos=1)
        error = await heard.json("omote/desk/error", since)
        assert error["errors"][0]["at"] == "pose.yaw_deg"
        assert made.desk.stats()["driver_fps"] == 0
        since = len(heard.heard)
        await publish("omote/desk/face/set", json.dumps(JAW), qos=1, retain=True)
        await publish("omote/desk/face/set", b"", qos=1, retain=True)
        await publish("omote/desk/face/set", packed(1, *[0.5] * 52), qos=1)
        await until(lambda: made.desk.stats()["driver_fps"] > 0)


async def test_who_may_only_watch_does_not_drive(tmp_path: Path) -> None:
    view, publish = "0123456789abcdef", "fedcba9876543210"
    tokens = parse(f"{view}:view {publish}:view,publish")
    async with theatre(tmp_path, tokens=tokens) as made:
        await made.desk.order(BY_MESSAGES)
        for secret, drives in ((view, False), (publish, True)):
            made.http.headers["Authorization"] = f"Bearer {secret}"
            async with client(made.http) as phone:
                channel, heard = await channel_of(phone, "face/1")
                channel.send(json.dumps(JAW))
                if drives:
                    await until(lambda: made.desk.stats()["driver_fps"] > 0)
                else:
                    answer = json.loads(await asyncio.wait_for(heard.get(), PATIENCE_S))
                    assert "publish" in answer["errors"][0]["message"]
                    assert made.desk.stats()["driver_fps"] == 0


async def test_drivers_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    async with theatre(tmp_path) as made:
        with pytest.raises(Invalid, match="cannot drive itself"):
            await made.desk.order({"stage": {"driver": "desk"}})
        with pytest.raises(Invalid, match="pattern"):
            await made.desk.order({"stage": {"driver": "../desk"}})
        worn = {"effects": ["puppet"], "params": {"puppet": {"source": "her.jpg", "mode": "wear"}}}
        await made.desk.order(worn)
        with pytest.raises(Invalid, match="worn by who"):
            await made.desk.order({"stage": {"driver": "booth"}})
        with pytest.raises(Invalid, match="drive nothing here"):
            made.desk.tell_face(None)
        assert made.desk.state()["stage"]["driver"] is None
