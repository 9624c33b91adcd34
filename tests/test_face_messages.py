"""What other programs hear of a face: over MQTT, in state and in stats."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from omote.engines.faces.topology import BLENDSHAPES
from omote.server.bench.mosquitto import Mosquitto, mosquitto
from omote.server.face import FACES_A_SECOND, FaceMessage
from omote.server.orders import Invalid
from tests.clips import astronaut
from tests.house import House, Listener, house, listener, until

SHARE = {"stage": {"share_faces": True}}


@pytest.fixture
async def broker(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    async with mosquitto(tmp_path / "broker") as made:
        yield made


@pytest.fixture
async def heard(broker: Mosquitto) -> AsyncIterator[Listener]:
    async with listener(broker.port) as made:
        yield made


@pytest.fixture
async def filmed(tmp_path: Path, broker: Mosquitto) -> AsyncIterator[House]:
    """A house whose desk has a camera with a face before it, and no viewer."""
    clip = astronaut(640, 480, 25, 4)
    async with house(tmp_path, broker.url, sources={"desk": str(clip)}) as made:
        yield made


def tracked(topic: str, payload: bytes) -> bool:
    return topic == "omote/desk/face" and json.loads(payload)["status"] == "tracked"


async def test_the_face_is_told_though_nobody_watches(filmed: House, heard: Listener) -> None:
    await filmed.desk.order(SHARE)
    _, payload = await heard.until(tracked)
    told = json.loads(payload)
    FaceMessage.model_validate(told)
    assert set(told["blendshapes"]) == set(BLENDSHAPES[1:])
    assert told["blendshapes"]["mouthSmileLeft"] > 0.4
    assert abs(told["pose"]["yaw_deg"]) < 20
    assert -100 < told["pose"]["z_cm"] < -10
    state = filmed.desk.state()
    assert state["face"]["status"] == "tracked"
    assert filmed.desk.stats()["tracked_share"] > 0.9


async def test_nothing_is_told_of_a_face_unless_it_was_ordered(
    filmed: House, heard: Listener
) -> None:
    await heard.json("omote/desk/stats")
    assert not [topic for topic, _, _ in heard.heard if topic.endswith("/face")]
    assert filmed.desk.state()["face"] is None
    assert filmed.desk.stats()["tracked_share"] is None


async def test_without_a_camera_the_face_is_said_to_be_lost_once(
    tmp_path: Path, broker: Mosquitto, heard: Listener
) -> None:
    async with house(tmp_path, broker.url) as made:
        await made.desk.order(SHARE)
        told = await heard.json("omote/desk/face")
        assert (told["status"], told["pose"], told["blendshapes"]) == ("lost", None, {})
        await heard.json("omote/desk/stats")
        assert len([1 for topic, _, _ in heard.heard if topic == "omote/desk/face"]) == 1


async def test_messages_are_no_more_often_than_promised(filmed: House, heard: Listener) -> None:
    await filmed.desk.order(SHARE)
    await heard.until(tracked)
    before = len(heard.heard)
    for _ in range(2):
        await heard.json("omote/desk/stats", since=len(heard.heard))
    faces = [1 for topic, _, _ in heard.heard[before:] if topic == "omote/desk/face"]
    assert 3 < len(faces) <= 3 * FACES_A_SECOND


async def test_whoever_calibrates_is_told_so(filmed: House, heard: Listener) -> None:
    await filmed.desk.order(SHARE)
    await heard.until(tracked)
    await filmed.desk.order({"calibrate": True})
    await until(lambda: filmed.desk.state()["face"]["neutral"] == "asked")
    await filmed.desk.order({"calibrate": None})
    await until(lambda: filmed.desk.state()["face"]["neutral"] == "calmest")


async def test_there_is_nothing_to_calibrate_while_no_face_is_followed(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        with pytest.raises(Invalid, match="no face is followed"):
            await made.desk.order({"calibrate": True})
        with pytest.raises(Invalid, match="true, false or null"):
            await made.desk.order({**SHARE, "calibrate": "now"})
        assert made.desk.state()["stage"]["share_faces"] is False
