"""Depth show: what `omote publish --depth` and `omote record --depth` play: pictures and their depth."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import av
import typer

from omote.clients.depth_publisher import FilmedDepth
from omote.clients.depth_recording import COLOUR, DepthRecording, is_recording
from omote.clients.depth_scene import draw
from omote.clients.projector import Projector, Shot, Show, fitted
from omote.clients.terminal import say
from omote.streams.depth import DepthSource, Hello
from omote.streams.depth_camera import DepthCameraSource, Exposure
from omote.streams.depth_devices import DEVICES, open_device
from omote.streams.depth_files import DepthFile, depth_file, read_calibration
from omote.streams.depth_playback import DepthPlayback
from omote.streams.frame import VideoPicture
from omote.streams.medium import Medium
from omote.streams.source import medium_of

SYNTHETIC = "synthetic"
DepthOption = Annotated[
    str | None,
    typer.Option(
        metavar="PATH|DEVICE|synthetic",
        help="Depth to go with it: .npz, .mkv, a folder of .png, a recording, realsense, kinect, record3d.",
    ),
]
CalibrationOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Of the two cameras, instead of what depth says."),
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    source: str
    "Of the pictures."
    depth: str | None = None
    "A path, a device or `synthetic`; None: what the source has."
    calibration: Path | None = None


@dataclass(frozen=True, slots=True)
class Played:
    """Pictures, and their depth where there is one."""

    projector: Projector
    depth: DepthSource | None


@asynccontextmanager
async def played(wanted: Wanted, show: Callable[[Medium], Show]) -> AsyncIterator[Played]:
    """Ready to be started; ended with the block. Raises `SourceError`."""
    with tempfile.TemporaryDirectory(prefix="omote-") as scratch:
        pair = await _pair(await _drawn(wanted, Path(scratch)), show)
        try:
            yield pair
        finally:
            if pair.depth is not None:
                pair.depth.close()
            await pair.projector.close()


def is_depth_source(source: str) -> bool:
    """Whether a source of pictures brings its own depth."""
    return source == SYNTHETIC or source in DEVICES or is_recording(Path(source))


async def _drawn(wanted: Wanted, scratch: Path) -> Wanted:
    """The synthetic scene is drawn first, and is then a recording like any other."""
    if SYNTHETIC not in (wanted.source, wanted.depth):
        return wanted
    say("drawing the synthetic scene")
    folder = str(scratch / "scene")
    await asyncio.to_thread(draw, Path(folder))
    source = folder if wanted.source == SYNTHETIC else wanted.source
    return replace(wanted, source=source, depth=folder if wanted.depth else None)


async def _pair(wanted: Wanted, show: Callable[[Medium], Show]) -> Played:
    depth = wanted.depth or (wanted.source if is_depth_source(wanted.source) else None)
    if depth is None:
        return Played(Projector(show(medium_of(wanted.source))), None)
    if depth in DEVICES:
        return await _device(wanted, depth, show)
    projector = Projector(show(_medium(wanted.source)))
    file, hello = _file(depth, wanted.calibration)
    if not _medium(wanted.source).recorded:
        return Played(projector, DepthPlayback(file, hello, again=True))
    filmed = FilmedDepth(file, hello, lambda: projector.second)
    projector.on_lap = filmed.lap
    return Played(projector, filmed)


async def _device(wanted: Wanted, depth: str, show: Callable[[Medium], Show]) -> Played:
    camera = await asyncio.to_thread(open_device, depth)
    hello = _calibrated(camera.hello, wanted.calibration)
    if wanted.source != depth:
        source = DepthCameraSource(camera, hello, "own")
        return Played(Projector(show(medium_of(wanted.source))), source)
    source = DepthCameraSource(camera, hello, "video")
    medium = Medium(depth, depth, "is it plugged in?", recorded=False)
    return Played(DeviceProjector(show(medium), source), source)


def _medium(source: str) -> Medium:
    folder = Path(source)
    return medium_of(str(folder / COLOUR) if is_recording(folder) else source)


def _file(depth: str, calibration: Path | None) -> tuple[DepthFile, Hello]:
    path = Path(depth)
    if is_recording(path):
        recording = DepthRecording(path)
        file = DepthFile(recording.depths, recording.step_m)
        return file, _calibrated(recording.hello, calibration)
    file = depth_file(path)
    return file, _calibrated(Hello("own", file.calibration, name=path.name), calibration)


def _calibrated(hello: Hello, calibration: Path | None) -> Hello:
    return replace(hello, calibration=read_calibration(calibration)) if calibration else hello


class DeviceProjector(Projector):
    """The colour of a depth camera; its thread is the camera's."""

    def __init__(self, show: Show, camera: DepthCameraSource) -> None:
        super().__init__(show)
        self._box = show.box
        self._camera = camera
        camera.on_exposure = self._expose
        camera.on_ended = self._end

    def start(self) -> None:
        """Begin, unless it has begun."""
        self._camera.start()

    async def close(self) -> None:
        """End it."""
        self._camera.close()
        self.pictures.close()

    def _end(self) -> None:
        self.failure = self._camera.failure
        self.ended.set()

    def _expose(self, exposure: Exposure, ticks: int) -> None:
        if exposure.rgb is not None:
            video = av.VideoFrame.from_ndarray(exposure.rgb, "rgb24")
            shot = Shot(fitted(VideoPicture(video), self._box, Fraction(1)), ticks)
            self._tell(self.pictures.put, shot)
