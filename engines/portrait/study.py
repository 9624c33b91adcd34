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
from omote.engines.portrait.fusion import corrected
from omote.engines.portrait.matting import hair_only
from omote.engines.portrait.outline import outline, without_specks
from omote.engines.portrait.parameters import Portrait
from omote.engines.portrait.region import WHOLE, Region, around, box_of, of_box
from omote.engines.portrait.shapes import ramp, resized
from omote.engines.upright import Upright
from omote.streams.frame import Picture

SIDE = 256
"Side of the multiclass net's and of MODNet's pictures, pixels."
ROOM = 1.1
"How many times as large as the person's box the matting net's picture is."
BACKGROUND, HAIR, BODY_SKIN, FACE_SKIN = 0, 1, 2, 3
"Classes of the multiclass net."


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """Maps of the whole frame have the frame's shape and `LONG` pixels on the long side."""

    small: Bytes
    "The picture, RGB."
    person: Floats
    "P."
    whole: Floats
    "The person as the slow networks see him, or everybody as one of them does."
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
    matting: Floats
    "(SIDE, SIDE) of `part`: M, hair only."
    part: Region
    "Where the matting net looked: the region, and all that may be of the person."


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
        part = _part(sure, region)
        box = part.pixels(picture.width, picture.height)
        matting = self._matting(self._pixels.crop(picture, box, (SIDE, SIDE)), upright)
        small = self._pixels.small(picture, size)
        count = self._people(picture, upright)
        everybody = resized(1 - classes[..., BACKGROUND], size)
        everybody = corrected(sure, everybody, part.placed(matting, size))
        near = part.cut(hair, (SIDE, SIDE))
        strands = hair_only(matting, near, params.hair_reach)
        return Study(small, sure, everybody, hair, face, skin, count, line, region, strands, part)

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


def _part(person: Floats, region: Region | None) -> Region:
    """One look for hair and outline both: the net is what costs the most."""
    box = box_of(person > 0.05)
    whole = WHOLE if box is None else of_box(box, *person.shape[::-1]).grown(ROOM).clipped()
    return whole if region is None else whole.joined(region)
