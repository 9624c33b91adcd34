"""Study: what the slow networks make of one picture."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from omote.engines.i420 import Bytes
from omote.engines.kernels import Floats
from omote.engines.model import Array, Models
from omote.engines.pixels import Pixels, Size
from omote.engines.portrait import people
from omote.engines.portrait.complexity import LONG
from omote.engines.portrait.matting import hair_only
from omote.engines.portrait.outline import outline, without_specks
from omote.engines.portrait.parameters import Portrait
from omote.engines.portrait.region import Region, around
from omote.engines.portrait.shapes import ramp, resized
from omote.engines.upright import Upright
from omote.streams.frame import Picture

SIDE = 256
"Side of the multiclass net's and of MODNet's pictures, pixels."
HAIR, BODY_SKIN, FACE_SKIN = 1, 2, 3
"Classes of the multiclass net."


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Maps of the whole frame have the frame's shape and `LONG` pixels on the long side."""

    small: Bytes
    "The picture, RGB."
    person: Floats
    "P."
    hair: Floats
    "H, of the person."
    face: Floats
    "Skin of faces."
    skin: Floats
    "All skin."
    people: int
    outline: Floats
    region: Region | None
    "Around the outline; None when there is no hair."
    matting: Floats | None
    "(SIDE, SIDE) of the region: M, hair only."
    guide: Bytes | None
    "(SIDE, SIDE, 3): the region, RGB."


def working_size(picture: Picture, long: int = LONG) -> Size:
    """Width and height of a small map of a picture, by its long side."""
    scale = long / max(picture.width, picture.height)
    return round(picture.width * scale), round(picture.height * scale)


class Student:
    """Runs the slow networks, in whatever thread it is called."""

    def __init__(self, models: Models, pixels: Pixels, asked: Callable[[str], None]) -> None:
        """`asked` is told the name of each net that runs."""
        self._models, self._pixels, self._asked = models, pixels, asked

    def __call__(self, picture: Picture, person: Floats, degrees: int, params: Portrait) -> Study:
        """Study a picture whose mask is `person` (any size)."""
        size, upright = working_size(picture), Upright(degrees)
        whole = self._pixels.small(picture, (SIDE, SIDE))
        classes = self._classes(whole, upright)
        sure = resized(person, size)
        hair, face, skin = (
            np.minimum(ramp(resized(each, size), 0.3, 0.7), sure)
            for each in (
                classes[..., HAIR],
                classes[..., FACE_SKIN],
                classes[..., FACE_SKIN] + classes[..., BODY_SKIN],
            )
        )
        line = outline(hair, sure, params.outline_grow, params.outline_shrink)
        line = without_specks(line, params.least_area / 100)
        region = around(line, np.maximum(hair, face), params.region_growth)
        matting = guide = None
        if region is not None:
            guide = self._pixels.crop(
                picture, region.pixels(picture.width, picture.height), (SIDE, SIDE)
            )
            matting = hair_only(
                self._matting(guide, upright), region.cut(hair, (SIDE, SIDE)), params.hair_reach
            )
        small = self._pixels.small(picture, size)
        count = self._people(picture, upright)
        return Study(small, sure, hair, face, skin, count, line, region, matting, guide)

    def _classes(self, whole: Bytes, upright: Upright) -> Floats:
        answer = self._ask("selfie_multiclass", upright.picture(whole))["classes"]
        return upright.back(np.asarray(answer[0], np.float32))

    def _matting(self, guide: Bytes, upright: Upright) -> Floats:
        answer = self._ask("modnet", upright.picture(guide))["alpha"]
        return upright.back(np.asarray(answer[0, :, :, 0], np.float32))

    def _people(self, picture: Picture, upright: Upright) -> int:
        # Faces must not be squeezed: the picture lies in the middle of a square.
        long = max(picture.width, picture.height)
        left, top = (picture.width - long) // 2, (picture.height - long) // 2
        box = left, top, left + long, top + long
        small = self._pixels.crop(picture, box, (people.SIDE, people.SIDE))
        answer = self._ask("face_full_range", upright.picture(small))
        return max(len(people.faces(answer["boxes"][0], answer["scores"][0, :, 0])), 1)

    def _ask(self, name: str, picture: Bytes) -> dict[str, Array]:
        self._asked(name)
        return self._models[name]({"picture": picture[None]})
