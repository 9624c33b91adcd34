"""Depth devices: adapters of `omote.streams.depth_camera` for what can be bought.

Each needs its maker's package, which is imported when such a camera is asked for: `pyrealsense2`,
`pyk4a` (with the Azure Kinect SDK), `record3d` (an iPhone or iPad on a cable).
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from omote.streams.depth import Hello, steps_of
from omote.streams.depth_camera import PATIENCE_S, DepthCamera, Exposure
from omote.streams.medium import SourceError

PATIENCE_MS = round(PATIENCE_S * 1e3)
MILLIMETRE = 0.001


def open_device(name: str) -> DepthCamera:
    """`realsense`, `kinect` or `record3d`; raises `SourceError` with what to do."""
    package, open_it = DEVICES[name]
    try:
        return open_it()
    except ImportError as exc:
        raise SourceError(
            f"{name} needs the package {package}: pip install {package} ({exc})"
        ) from exc


class RealSense:
    """Depth and colour of an Intel RealSense (D400, L500), as the device times them."""

    def __init__(self) -> None:
        import pyrealsense2

        self._pipeline = pyrealsense2.pipeline()
        wanted = pyrealsense2.config()
        wanted.enable_stream(pyrealsense2.stream.depth, 640, 480, pyrealsense2.format.z16, 30)
        wanted.enable_stream(pyrealsense2.stream.color, 1280, 720, pyrealsense2.format.rgb8, 30)
        try:
            profile = self._pipeline.start(wanted)
        except RuntimeError as exc:
            raise SourceError(f"realsense: {exc}; is it plugged in, and not in use?") from exc
        self._step_m = float(profile.get_device().first_depth_sensor().get_depth_scale())
        depth, colour = (
            profile.get_stream(kind).as_video_stream_profile()
            for kind in (pyrealsense2.stream.depth, pyrealsense2.stream.color)
        )
        straight = pyrealsense2.distortion.brown_conrady
        way = depth.get_extrinsics_to(colour)
        rotation = np.array(way.rotation).reshape(3, 3).T  # librealsense has it column by column
        calibration = {
            "version": 1,
            "depth": _realsense_lens(depth.get_intrinsics(), straight),
            "colour": _realsense_lens(colour.get_intrinsics(), straight)
            | {"rotation": rotation.tolist(), "translation": list(way.translation)},
        }
        self.hello = Hello("video", calibration, (0.001, 0.003), "realsense")

    def read(self) -> Exposure:
        """See `DepthCamera`."""
        try:
            frames = self._pipeline.wait_for_frames(PATIENCE_MS)
        except RuntimeError as exc:
            raise SourceError(f"realsense: {exc}") from exc
        depth, colour = frames.get_depth_frame(), frames.get_color_frame()
        return Exposure(
            steps=np.array(depth.get_data(), np.uint16),  # a copy: the memory is the driver's
            step_m=self._step_m,
            second=depth.get_timestamp() / 1e3,
            arrived=time.monotonic(),
            rgb=np.array(colour.get_data(), np.uint8),
        )

    def close(self) -> None:
        """See `DepthCamera`."""
        self._pipeline.stop()


class Kinect:
    """An Azure Kinect, or a camera that speaks its SDK: 320x288 binned depth, 720p colour."""

    def __init__(self) -> None:
        import pyk4a

        self._gone: type[Exception] = pyk4a.K4AException
        self._camera = pyk4a.PyK4A(
            pyk4a.Config(
                color_resolution=pyk4a.ColorResolution.RES_720P,
                color_format=pyk4a.ImageFormat.COLOR_BGRA32,
                depth_mode=pyk4a.DepthMode.NFOV_2X2BINNED,
                synchronized_images_only=True,
            )
        )
        try:
            self._camera.start()
        except self._gone as exc:
            raise SourceError(f"kinect: {exc}; is it plugged in, and not in use?") from exc
        kinds, known = pyk4a.CalibrationType, self._camera.calibration
        rotation, translation = known.get_extrinsic_parameters(kinds.DEPTH, kinds.COLOR)
        place = {"rotation": rotation.tolist(), "translation": translation.reshape(3).tolist()}
        calibration = {
            "version": 1,
            "depth": _kinect_lens(known, kinds.DEPTH, (320, 288)),
            "colour": _kinect_lens(known, kinds.COLOR, (1280, 720)) | place,
        }
        self.hello = Hello("video", calibration, (0.001, 0.0012), "kinect")

    def read(self) -> Exposure:
        """See `DepthCamera`."""
        try:
            capture = self._camera.get_capture(timeout=PATIENCE_MS)
        except self._gone as exc:
            raise SourceError(f"kinect: no frame for {PATIENCE_S:g} s ({exc})") from exc
        return Exposure(
            steps=np.array(capture.depth, np.uint16),
            step_m=MILLIMETRE,
            second=capture.depth_timestamp_usec / 1e6,
            arrived=time.monotonic(),
            rgb=np.ascontiguousarray(capture.color[:, :, 2::-1]),
        )

    def close(self) -> None:
        """See `DepthCamera`."""
        self._camera.stop()


class Record3D:
    """The LiDAR or TrueDepth camera of an iPhone with the app Record3D, over USB."""

    def __init__(self) -> None:
        import record3d

        self.hello = Hello("video", {"version": 1, "aligned": True}, (0.003, 0.003), "record3d")
        devices = record3d.Record3DStream.get_connected_devices()
        if not devices:
            raise SourceError("record3d: no phone; plug one in and start USB streaming in the app")
        self._new, self._over = threading.Event(), threading.Event()
        self._stream = record3d.Record3DStream()
        self._stream.on_new_frame = self._new.set
        self._stream.on_stream_stopped = self._over.set
        if self._stream.connect(devices[0]) is False:
            raise SourceError("record3d: the phone does not stream; start it in the app")

    def read(self) -> Exposure:
        """See `DepthCamera`."""
        if not self._new.wait(PATIENCE_S) or self._over.is_set():
            raise SourceError("record3d: the phone has stopped")
        self._new.clear()
        now = time.monotonic()
        sure = np.array(self._stream.get_confidence_frame(), np.uint8)  # 0, 1 or 2; or empty
        steps = steps_of(np.array(self._stream.get_depth_frame(), np.float32), MILLIMETRE)
        return Exposure(
            steps=steps,
            step_m=MILLIMETRE,
            second=now,
            arrived=now,
            rgb=np.array(self._stream.get_rgb_frame(), np.uint8),
            confidence=np.minimum(sure, 2) * np.uint8(127) if sure.shape == steps.shape else None,
        )

    def close(self) -> None:
        """See `DepthCamera`."""
        self._stream.disconnect()


def _realsense_lens(seen: Any, straight: object) -> dict[str, Any]:
    """Other models than Brown and Conrady's are of lenses all but free of distortion."""
    return {
        "width": seen.width,
        "height": seen.height,
        "fx": seen.fx,
        "fy": seen.fy,
        "cx": seen.ppx,
        "cy": seen.ppy,
        "distortion": list(seen.coeffs) if seen.model == straight else [],
    }


def _kinect_lens(known: Any, kind: object, size: tuple[int, int]) -> dict[str, Any]:
    matrix = known.get_camera_matrix(kind)
    return {
        "width": size[0],
        "height": size[1],
        "fx": float(matrix[0, 0]),
        "fy": float(matrix[1, 1]),
        "cx": float(matrix[0, 2]),
        "cy": float(matrix[1, 2]),
        "distortion": known.get_distortion_coefficients(kind).tolist(),
    }


DEVICES: Mapping[str, tuple[str, Callable[[], DepthCamera]]] = {
    "realsense": ("pyrealsense2", RealSense),
    "kinect": ("pyk4a", Kinect),
    "record3d": ("record3d", Record3D),
}
"What can be asked for: the package it needs, and how it is opened."
