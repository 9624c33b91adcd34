"""`omote publish --depth` and its sources: what a camera, a file or a recording gives arrives in time."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from omote.clients.depth_publisher import DepthPublisher
from omote.clients.depth_recording import DepthRecorder, DepthRecording, is_recording
from omote.clients.depth_scene import draw
from omote.clients.depth_show import Wanted, played
from omote.clients.depth_take import take
from omote.clients.place import Place
from omote.clients.projector import Show
from omote.clients.terminal import GivenUp
from omote.clients.transmission import Transmission
from omote.streams import depth_devices
from omote.streams.depth import CLOCK_HZ, DepthFrame, Hello
from omote.streams.depth_camera import DepthCameraSource, Exposure
from omote.streams.depth_codec import DepthCodec
from omote.streams.depth_files import depth_file
from omote.streams.depth_message import RVL_ZSTD
from omote.streams.depth_playback import DepthPlayback
from omote.streams.medium import SourceError
from tests.house import PATIENCE_S, House, house, until

CALIBRATION = {"version": 1, "aligned": True}


def maps(count: int = 8) -> NDArray[np.uint16]:
    """(count, 48, 64), each with its number in its first pixel."""
    made = np.random.default_rng(1).integers(0, 65536, (count, 48, 64)).astype(np.uint16)
    made[:, 0, 0] = np.arange(count)
    return made


def film(path: Path, given: NDArray[np.uint16]) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gray16le"
        for each in given:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(each, "gray16le")))
        container.mux(stream.encode(None))


def folder(path: Path, given: NDArray[np.uint16]) -> None:
    path.mkdir()
    for number, each in enumerate(given):
        cv2.imwrite(str(path / f"{number:04}.png"), each)
    (path / "times.csv").write_text("".join(f"{7 + n / 30}\n" for n in range(len(given))))
    (path / "calibration.json").write_text(json.dumps(CALIBRATION))


WRITE: dict[str, Callable[[Path, NDArray[np.uint16]], None]] = {
    "folder": folder,
    "film.mkv": film,
    "archive.npz": lambda path, given: np.savez(path, depth=given),
}


@pytest.mark.parametrize("name", WRITE)
def test_a_file_gives_its_maps_bit_by_bit(tmp_path: Path, name: str) -> None:
    WRITE[name](tmp_path / name, maps())
    file = depth_file(tmp_path / name)
    stills = list(file.read())
    assert all((still.steps == each).all() for still, each in zip(stills, maps(), strict=True))
    assert [still.second for still in stills] == pytest.approx(
        [n / 30 for n in range(8)], abs=0.001
    )
    assert file.calibration == (CALIBRATION if name == "folder" else None)


def test_an_archive_in_metres_is_rounded_to_its_steps(tmp_path: Path) -> None:
    metres = np.array([[[1.0004, np.nan, 0.5]]], np.float32)
    np.savez(tmp_path / "a.npz", depth=metres, step_m=0.0005, times=[3.0])
    [still] = depth_file(tmp_path / "a.npz").read()
    assert still.steps.tolist() == [[2001, 0, 1000]]


def test_what_is_no_depth_is_refused_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.npz").write_bytes(b"PK")
    (tmp_path / "broken.mkv").write_bytes(b"EBML")
    (tmp_path / "a.txt").write_text("")
    np.savez(tmp_path / "flat.npz", depth=np.zeros((3, 3)))
    np.savez(tmp_path / "code.npz", depth=np.array([object()]), allow_pickle=True)
    for name in ("none", "empty", "broken.npz", "broken.mkv", "a.txt", "flat.npz", "code.npz"):
        with pytest.raises(SourceError, match=name.partition(".")[0]):
            list(depth_file(tmp_path / name).read())
    film(tmp_path / "grey.mkv", maps())
    (tmp_path / "grey.calibration.json").write_text("[]")
    with pytest.raises(SourceError, match="calibration"):
        depth_file(tmp_path / "grey.mkv")


def recorded(path: Path) -> tuple[list[av.VideoFrame], NDArray[np.uint16]]:
    """Eight pictures and maps of noise; times that no millisecond fits."""
    rng, given = np.random.default_rng(2), maps()
    pictures = [
        av.VideoFrame.from_ndarray(rng.integers(16, 235, (72, 64)).astype(np.uint8), "yuv420p")
        for _ in given
    ]
    recorder = DepthRecorder(path, Hello("video", CALIBRATION, (0.001, 0.002), "a camera"))
    for number, (picture, each) in enumerate(zip(pictures, given, strict=True)):
        recorder.picture(picture, 3001 * number)
        sure = (each >> 8).astype(np.uint8)
        frame = DepthFrame(each, 0.00025, 0, "own", number, 0.0, sure)
        recorder.depth(frame, 3001 * number + 17)
    recorder.close()
    return pictures, given


def test_a_recording_comes_back_bit_by_bit(tmp_path: Path) -> None:
    pictures, given = recorded(tmp_path / "take")
    assert is_recording(tmp_path / "take")
    recording = DepthRecording(tmp_path / "take")
    assert recording.hello == Hello("video", CALIBRATION, (0.001, 0.002), "a camera")
    assert recording.step_m == 0.00025
    stills = list(recording.depths())
    for number, (still, each) in enumerate(zip(stills, given, strict=True)):
        assert (still.steps == each).all()
        assert still.confidence is not None and (still.confidence == each >> 8).all()
        assert round(still.second * CLOCK_HZ) == 3001 * number + 17
    with av.open(str(recording.colour)) as container:
        shown = list(container.decode(video=0))
    for before, after in zip(pictures, shown, strict=True):
        assert (before.to_ndarray() == after.to_ndarray()).all()


def test_a_recording_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recording.json").write_text('{"version": 1}')
    with pytest.raises(SourceError, match="no recording of depth"):
        DepthRecording(tmp_path)


class FakeCamera:
    """A device of ours: numbered maps and pictures as fast as it is read, then unplugged."""

    def __init__(self, count: int = 1000) -> None:
        self.hello = Hello("video", CALIBRATION, (0.001, 0.001), "fake")
        self.closed = False
        self._left = iter(range(count))

    def read(self) -> Exposure:
        time.sleep(1 / 60)
        number = next(self._left, None)
        if number is None:
            raise SourceError("fake: unplugged")
        steps = np.full((48, 64), number + 1, np.uint16)
        rgb = np.full((48, 64, 3), number % 256, np.uint8)
        return Exposure(steps, 0.001, 500 + number / 60, time.monotonic(), rgb)

    def close(self) -> None:
        self.closed = True


async def test_a_camera_is_read_until_it_is_unplugged() -> None:
    camera = FakeCamera(5)
    source = DepthCameraSource(camera, camera.hello, "video")
    seen: list[DepthFrame] = []
    with pytest.raises(SourceError, match="unplugged"):
        async for frame in source.frames():
            seen.append(frame)
    assert camera.closed and seen[-1].origin == "fake"
    for frame in seen:
        assert frame.steps[0, 0] == frame.index + 1
        assert frame.captured == round(frame.index * CLOCK_HZ / 60)


async def test_a_file_is_played_in_its_time_and_again(tmp_path: Path) -> None:
    folder(tmp_path / "depth", maps(3))
    source = DepthPlayback(depth_file(tmp_path / "depth"), Hello(), again=True)
    seen: list[DepthFrame] = []
    async for frame in source.frames():
        seen.append(frame)
        if len(seen) == 7:
            source.close()
    assert [frame.steps[0, 0] for frame in seen] == [0, 1, 2, 0, 1, 2, 0]
    steps = np.diff([frame.captured for frame in seen])
    assert np.abs(steps - CLOCK_HZ / 30).max() < 3
    assert abs(seen[-1].captured_s - time.monotonic()) < 5


def test_a_device_whose_package_is_missing_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (package, _) in depth_devices.DEVICES.items():
        monkeypatch.setitem(__import__("sys").modules, package, None)
        with pytest.raises(SourceError, match=f"pip install {package}"):
            depth_devices.open_device(name)


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[House]:
    async with house(tmp_path) as made:
        yield made


async def published(made: House, wanted: Wanted, enough: Callable[[], bool]) -> dict[str, int]:
    """Publish to the stage until it is enough; what the publisher says of its depth."""
    stop = asyncio.Event()
    async with played(wanted, lambda medium: Show(medium, again=True)) as pair:
        assert pair.depth is not None
        beside = DepthPublisher(pair.depth)
        place = Place.read("desk", made.url)
        sent = Transmission(place, None, "VP8", 500_000, takeover=False, depth=beside)
        running = asyncio.create_task(sent.run(pair.projector, stop, None))
        try:
            await until(enough)
        finally:
            stop.set()
            async with asyncio.timeout(PATIENCE_S):
                await running
            await beside.close()
    said: dict[str, int] = sent.told(1.0)["depth"]
    return said


async def arrived(made: House, monkeypatch: pytest.MonkeyPatch) -> list[DepthFrame]:
    found: list[DepthFrame] = []
    monkeypatch.setattr(made.desk._depth._sink, "put", found.append)
    return found


async def test_a_recording_is_published_bit_by_bit_and_by_the_pictures_clock(
    made: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, given = recorded(tmp_path / "take")
    found = await arrived(made, monkeypatch)

    # A busy machine is a narrow link to the sender: what it has thinned is not looked at.
    def whole() -> list[DepthFrame]:
        return [each for each in found if each.step_m == 0.00025 and each.size == (64, 48)]

    said = await published(made, Wanted(str(tmp_path / "take")), lambda: len(whole()) >= 20)
    assert said["whole"] >= 20
    for frame in whole():
        assert (frame.steps == given[frame.steps[0, 0]]).all() and frame.clock == "video"
    begins = [frame.captured - 3001 * int(frame.steps[0, 0]) - 17 for frame in whole()]
    apart = np.diff(np.unique(begins))
    assert ((apart <= 1) | (apart > 20_000)).all()


async def test_the_depth_and_colour_of_one_device_are_published(
    made: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = FakeCamera()
    devices = {"realsense": ("pyrealsense2", lambda: camera)}
    monkeypatch.setattr("omote.clients.depth_show.DEVICES", devices)
    monkeypatch.setattr("omote.streams.depth_devices.DEVICES", devices)
    found = await arrived(made, monkeypatch)
    wanted = Wanted("realsense")
    await published(made, wanted, lambda: len(found) >= 10 and made.desk.stats()["fps_in"] > 0)
    assert made.desk.state()["depth"]["name"] in ("fake", "")
    async with asyncio.timeout(PATIENCE_S):
        await until(lambda: camera.closed)
    newest = found[-1]
    assert newest.steps[0, 0] == newest.index + 1


async def test_depth_of_another_device_is_stamped_by_the_pictures_clock(
    made: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera = FakeCamera()
    devices = {"realsense": ("pyrealsense2", lambda: camera)}
    monkeypatch.setattr("omote.clients.depth_show.DEVICES", devices)
    monkeypatch.setattr("omote.streams.depth_devices.DEVICES", devices)
    found = await arrived(made, monkeypatch)
    apart: list[float] = []

    def enough() -> bool:
        publisher = made.desk._publisher
        if publisher is not None and publisher.newest is not None and found:
            apart.append((found[-1].captured - publisher.newest) / CLOCK_HZ)
        return len(found) >= 10

    wanted = Wanted("test:chart?size=320x240&fps=30", "realsense")
    await published(made, wanted, enough)
    assert found[0].clock == "video"
    assert min(abs(each) for each in apart) < 1.0


async def test_what_a_device_saw_is_recorded_and_played_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    devices = {"realsense": ("pyrealsense2", lambda: FakeCamera(30))}
    monkeypatch.setattr("omote.clients.depth_show.DEVICES", devices)
    monkeypatch.setattr("omote.streams.depth_devices.DEVICES", devices)
    into = tmp_path / "take"
    async with played(Wanted("realsense", "realsense"), Show) as pair:
        written = await take(pair, into, asyncio.Event(), None)
        assert written["failure"] == "fake: unplugged"
        assert written["pictures"] > 2 and written["depths"] > 2 and not written["left_out"]
    recording = DepthRecording(into)
    assert recording.hello.name == "fake" and recording.hello.calibration == CALIBRATION
    with av.open(str(recording.colour)) as container:
        shown = [(video.time, video.to_ndarray()) for video in container.decode(video=0)]
    assert len(shown) == written["pictures"]
    stills = list(recording.depths())
    assert len(stills) == written["depths"]
    for still in stills:
        # Numbered by the fake: pictures and maps of one moment have one time.
        assert (still.steps == still.steps[0, 0]).all()
        same = [second for second, _ in shown if abs((second or 0) - still.second) < 0.001]
        assert len(same) <= 1


async def test_nothing_is_recorded_over_or_without_depth(tmp_path: Path) -> None:
    wanted = Wanted("test:chart?size=320x240&fps=30")
    async with played(wanted, Show) as pair:
        with pytest.raises(GivenUp, match="--depth"):
            await take(pair, tmp_path / "new", asyncio.Event(), 1.0)
    folder(tmp_path / "depth", maps())
    async with played(Wanted(wanted.source, str(tmp_path / "depth")), Show) as pair:
        with pytest.raises(GivenUp, match="is there already"):
            await take(pair, tmp_path, asyncio.Event(), 1.0)


def test_the_drawn_scene_is_a_recording_with_a_calibration(tmp_path: Path) -> None:
    draw(tmp_path / "scene", seconds=0.1)
    recording = DepthRecording(tmp_path / "scene")
    assert recording.hello.calibration is not None
    still, *rest = recording.depths()
    assert len(rest) == 2 and still.steps.shape == (240, 320)
    payload = DepthCodec().encode(still.steps, None, RVL_ZSTD)
    assert len(payload) < still.steps.nbytes
