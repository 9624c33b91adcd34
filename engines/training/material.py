"""Material: pictures with glare made from the recipe's photographs, the same for the same numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.training.crops import crops
from omote.engines.training.glare import KINDS, Sample, sample
from omote.engines.training.recipe import Split, photographs
from omote.engines.training.scenes import staged

KEPT = (256, 160)
"Size of the crops that are kept for training; a part of each is used at a time."

LAYER = (256, 144)
"Size of the layer that the net sees of a picture, where it is judged."

EACH = {"train": 24, "validation": 6, "test": 10}
"Crops of every photograph."

COMMON, OFTEN = "opencv-doc", 2
"Photographs of other packages are cut as often again, and again."


@dataclass(frozen=True, slots=True)
class Material:
    """Small pictures to put glare on, and to reflect."""

    train: Bytes
    "(N, 160, 256, 3), a map of a file."
    validation: Bytes
    "(N, 144, 256, 3), of other packages."

    def batch(
        self, size: int, shape: tuple[int, int], ease: float, numbers: tuple[int, int]
    ) -> list[Sample]:
        """`size` samples of `shape` (height, width); `numbers` are the seed and the step.

        Each background comes twice, under different glare: the difference is what is to be seen.
        """
        return [self._one(shape, ease, [*numbers, n // 2], [*numbers, n, 1]) for n in range(size)]

    def _one(
        self, shape: tuple[int, int], ease: float, place: list[int], numbers: list[int]
    ) -> Sample:
        there, rng = np.random.default_rng(place), np.random.default_rng(numbers)
        whole = _turned(self.train[there.integers(len(self.train))], there)
        y, x = (
            there.integers(0, most - side + 1) for most, side in zip(KEPT[::-1], shape, strict=True)
        )
        part = np.ascontiguousarray(whole[y : y + shape[0], x : x + shape[1]])
        clean = staged(part, self.train[there.integers(len(self.train))], there)
        other = _turned(self.train[rng.integers(len(self.train))], rng)
        return sample(clean, other, rng, ease=ease)


def material(cache: Path) -> Material:
    """Fetched and cut on first use."""
    found, folder = photographs(cache), cache / "crops"
    # Two thirds of them are of one package.
    rare = [path for path in found["train"] if COMMON not in path.parts]
    train = crops(found["train"] + OFTEN * rare, KEPT, EACH["train"], 0, folder)
    return Material(train, crops(found["validation"], LAYER, EACH["validation"], 0, folder))


def held_out(cache: Path, split: Split, count: int, seed: int = 0) -> list[Sample]:
    """Composites of one split, as many of each kind as of any other, and clean ones."""
    pool = crops(photographs(cache)[split], LAYER, EACH[split], 0, cache / "crops")
    return composites(pool, count, seed)


def composites(pool: Bytes, count: int, seed: int, kinds: Sequence[str] = ()) -> list[Sample]:
    """`count` samples, the kinds taking turns, clean ones among them."""
    turns = list(kinds or (*KINDS, "clean"))
    made = []
    for number in range(count):
        rng = np.random.default_rng([seed, number, 1])
        clean, other = pool[rng.choice(len(pool), 2, replace=False)]
        made.append(sample(clean, other, rng, turns[number % len(turns)]))
    return made


def _turned(picture: Bytes, rng: np.random.Generator) -> Bytes:
    mirrored = picture[:, ::-1] if rng.random() < 0.5 else picture
    return np.ascontiguousarray(mirrored)
