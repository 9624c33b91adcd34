"""Reference: a photograph of a face, set into a frame's size and studied once."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.detector import Detector
from omote.engines.faces.mesh import MeshNet
from omote.engines.faces.pose import Likeness, fitted
from omote.engines.faces.region import around
from omote.engines.kernels import Bytes, Floats
from omote.engines.model import Models
from omote.engines.pixels import Pixels, Size
from omote.streams.frame import Picture

HEAD = 0.42
"Height of the face over the frame's, where the photograph is large enough."
FACE_POINTS = 468
"Landmarks without the irises."
FILL = 192
"Long side of the picture in which what is behind the head is filled in, pixels."


class NoFace(ValueError):
    """There is nobody in the photograph whose face could be moved."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """Everything in the pixels of the frame it was set into."""

    rgb: Bytes
    "(H, W, 3)."
    behind: Bytes
    "(H, W, 3), the same without the person."
    front: Bytes
    "(H, W, 4), the person alone: alpha, and colours multiplied by it; over `behind` it is `rgb`."
    landmarks: Floats
    "(478, 3)."
    likeness: Likeness
    shape: Floats
    "(478, 3), centimetres, as `Face.shape`."


def studied(photo: Bytes, size: Size, models: Models, pixels: Pixels) -> Reference:
    """Set a photograph (h, w, 3) into a frame of `size`; raises `NoFace`."""
    rgb = _set_in(photo, landmarks_of(photo, models, pixels), size)
    landmarks = landmarks_of(rgb, models, pixels)
    likeness = fitted(landmarks, canonical_face())
    front, behind = layers(rgb, models)
    return Reference(rgb, behind, front, landmarks, likeness, likeness.undone(landmarks))


def layers(rgb: Bytes, models: Models) -> tuple[Bytes, Bytes]:
    """`Reference.front` and `behind` of a picture (h, w, 3)."""
    alpha = person(rgb, models)
    behind = _filled(rgb, alpha)
    return _taken_from(rgb, alpha, behind), behind


def landmarks_of(rgb: Bytes, models: Models, pixels: Pixels) -> Floats:
    """(478, 3) of the face in a photograph (h, w, 3), its pixels; raises `NoFace`."""
    picture: Picture = pixels.from_rgb(rgb)
    region = Detector(models, pixels)(picture)
    if region is None:
        raise NoFace("there is no face in the photograph")
    mesh = MeshNet(models, pixels)
    landmarks, presence = mesh(picture, region)
    if presence < 0.5:
        raise NoFace("the face in the photograph cannot be made out")
    # Looked at again where it was found, as every later frame is.
    return mesh(picture, around(landmarks))[0]


def _set_in(photo: Bytes, landmarks: Floats, size: Size) -> Bytes:
    """The photograph so large that the face has its height, or that it fills the frame."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    rows, columns = photo.shape[:2]
    covering = max(size[0] / columns, size[1] / rows)
    wanted = HEAD * size[1] / float(high[1] - low[1])
    scale = max(wanted, covering) if covering < 1.5 * wanted else wanted
    middle = (low + high) / 2 * scale
    place = (
        _begin(middle[0], columns * scale, size[0], 0.5),
        _begin(middle[1], rows * scale, size[1], 0.48),
    )
    affine = np.array([[scale, 0, place[0]], [0, scale, place[1]]])
    way = cv2.INTER_AREA if scale < 0.6 else cv2.INTER_CUBIC
    small = photo
    if scale < 0.6:
        small = np.asarray(cv2.resize(photo, None, fx=scale, fy=scale, interpolation=way), np.uint8)
        affine[:, :2] = np.eye(2)
    made = cv2.warpAffine(
        small, affine, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )
    return _softly_continued(np.asarray(made, np.uint8), small.shape[:2], affine, size)


def _begin(middle: float, length: float, room: int, share: float) -> float:
    """Where the photograph begins, so that `middle` comes to its share of the room if it can."""
    begin = room * share - middle
    return float(np.clip(begin, room - length, 0)) if length >= room else (room - length) / 2


def _softly_continued(rgb: Bytes, shape: tuple[int, ...], affine: Floats, size: Size) -> Bytes:
    """What lies beyond the photograph is out of focus."""
    inside = cv2.warpAffine(np.full(shape[:2], 255, np.uint8), affine, size)
    if inside.min() == 255:
        return rgb
    soft = cv2.GaussianBlur(rgb, (0, 0), size[1] / 24)
    edge = (
        cv2.GaussianBlur(cv2.erode(inside, np.ones((9, 9), np.uint8)), (0, 0), 4)[..., None] / 255
    )
    return np.asarray(rgb * edge + soft * (1 - edge), np.uint8)


def person(rgb: Bytes, models: Models) -> Bytes:
    """(h, w): where the person is, 0..255, its edge where colours change."""
    small = np.asarray(cv2.resize(rgb, (256, 256), interpolation=cv2.INTER_AREA), np.uint8)
    classes = models["selfie_multiclass"]({"picture": small[None]})["classes"][0]
    alpha = np.clip((1 - classes[..., 0] - 0.3) / 0.4, 0, 1)
    full = cv2.resize(alpha, rgb.shape[1::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)
    radius = max(4, rgb.shape[0] // 80)
    guided = cv2.ximgproc.guidedFilter(rgb, full, radius, 40.0)
    return np.asarray(np.clip(guided * 1.1 - 0.05, 0, 1) * 255, np.uint8)


def _taken_from(rgb: Bytes, alpha: Bytes, behind: Bytes) -> Bytes:
    """The person without what shines through its edge: nothing is lost where nothing moves."""
    colours, wall = rgb.astype(np.float32), behind.astype(np.float32)
    # A pixel darker or lighter than any mixture with the wall is more of a person than it seemed.
    least = np.maximum(1 - (colours + 0.5) / (wall + 0.5), (colours - wall) / (255.5 - wall))
    share = np.maximum(alpha.astype(np.float32) / 255, least.max(2))[..., None]
    share = np.round(np.clip(share, 0, 1) * 255)
    own = np.clip(np.round(colours - (255 - share) / 255 * wall), 0, share)
    return np.dstack([own, share]).astype(np.uint8)


def _filled(rgb: Bytes, alpha: Bytes) -> Bytes:
    """The picture without the person: from what is around, farther in ever softer."""
    scale = FILL / max(rgb.shape[:2])
    wide = np.asarray(cv2.dilate(alpha, np.ones((7, 7), np.uint8)), np.uint8)
    few = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    hole = cv2.resize(wide, few.shape[1::-1], interpolation=cv2.INTER_AREA)
    gone = cv2.dilate((hole > 6).astype(np.uint8), np.ones((3, 3), np.uint8))
    patched = cv2.inpaint(few, gone, 5, cv2.INPAINT_TELEA)
    soft = cv2.GaussianBlur(patched, (0, 0), 2.5)
    full = cv2.resize(soft, rgb.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    radius = math.ceil(1.5 / scale)
    edge = cv2.GaussianBlur(
        cv2.dilate(wide, np.ones((radius, radius), np.uint8)), (0, 0), radius / 2
    )
    share = edge[..., None].astype(np.float32) / 255
    return np.asarray(rgb * (1 - share) + full * share, np.uint8)
