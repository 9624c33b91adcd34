"""Worn: the photographed face on the driver's own head, in the driver's own picture and light."""

import math

import cv2
import numpy as np

from omote.engines.faces.canonical import canonical_face
from omote.engines.kernels import Bytes, Floats
from omote.engines.puppet import album
from omote.engines.puppet.light import Light
from omote.engines.puppet.mask import Skin, facing, height_of, inwards, taken_off
from omote.engines.puppet.performance import Casting
from omote.engines.puppet.pose_transfer import Amounts
from omote.engines.puppet.reference import FACE_POINTS
from omote.engines.puppet.stencil import stencil
from omote.engines.puppet.surround import HOLES
from omote.engines.puppet.unrolled import lay_over, unroll
from omote.streams.frame import Face, Frame, Picture

COARSE = 320
"Long side of the map from the result to the photograph, before it is enlarged."
FAR = 1e9
"Depth of what nothing was drawn on yet."
EDGE = 0.9
"Softness of the holes for eyes and mouth, pixels."
Box = tuple[int, int, int, int]


class Worn:
    """Of one photograph. Where nobody's face is found, a bare one may be: all is veiled."""

    def __init__(self, of: Casting) -> None:
        """Study the photograph; raises `NoFace`, or `ValueError` if it cannot be decoded."""
        self._pixels = of.pixels
        self._mask = taken_off(album.photo(of.source, of.pixels), of.models, of.pixels)
        self._triangles = canonical_face().triangles.astype(np.int32)
        self._light = Light()

    def __call__(self, frame: Frame, amounts: Amounts) -> Picture:
        """See `Performance`; as the face is lost the picture is veiled, as it comes back it clears."""
        face = frame.faces[0] if frame.faces else None
        if face is None or face.strength == 0:
            self._light.reset()
            return self._pixels.veiled(frame.picture)
        worn = self._put_on(frame, face)
        if face.strength == 1:
            return worn
        return self._pixels.mixed(self._pixels.veiled(frame.picture), worn, face.strength)

    def reset(self) -> None:
        """Forget the light."""
        self._light.reset()

    def close(self) -> None:
        """Nothing is under way."""

    def _put_on(self, frame: Frame, face: Face) -> Picture:
        picture = frame.picture
        box = _box(face.landmarks, (picture.width, picture.height))
        if box is None:
            return picture
        left, top, right, bottom = box
        bare = self._pixels.crop(picture, box, (right - left, bottom - top))
        skin = self._mask.near(height_of(face.landmarks))
        shown = inwards() if face.pose is None else inwards() * facing(face.pose)
        maps, alpha = self._maps(skin, face.landmarks, shown, box)
        x, y = cv2.split(maps)
        rgba = cv2.remap(skin.rgba, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        made, known = np.ascontiguousarray(rgba[..., :3], np.uint8), rgba[..., 3]
        alpha = np.asarray(cv2.multiply(alpha, known, scale=1 / 255), np.uint8)
        if frame.skin is not None:
            _let_through(alpha, frame.skin, box, (picture.width, picture.height))
        _cut_holes(alpha, face.landmarks[:, :2] - np.array([left, top], np.float32))
        lit = self._light(made, bare, alpha)
        out = np.empty_like(bare)
        lay_over(lit, alpha, bare, out)
        return self._pixels.patched(picture, out, left, top)

    def _maps(self, skin: Skin, landmarks: Floats, shown: Floats, box: Box) -> tuple[Floats, Bytes]:
        """(h, w, 2): where in the photograph each pixel comes from; (h, w): whether any does."""
        left, top, right, bottom = box
        few = min(1.0, COARSE / max(right - left, bottom - top))
        rows, columns = round((bottom - top) * few), round((right - left) * few)
        scale = np.array([columns / (right - left), rows / (bottom - top)], np.float32)
        has = np.column_stack([skin.landmarks[:FACE_POINTS, :2] - 0.5, shown * 255])
        after = (landmarks[:FACE_POINTS, :2] - np.array([left, top], np.float32)) * scale - 0.5
        near = np.full((rows, columns), FAR, np.float32)
        out = _roughly(has, after, (rows, columns))
        has, after = (np.ascontiguousarray(each, np.float32) for each in (has, after))
        depth = np.ascontiguousarray(landmarks[:FACE_POINTS, 2], np.float32)
        unroll(has, after, depth, self._triangles, 0, near, out)
        soft = cv2.GaussianBlur(out[..., 2], (0, 0), 1.2) * (near < FAR)
        size = (right - left, bottom - top)
        full = np.asarray(cv2.resize(out[..., :2], size), np.float32)
        alpha = np.asarray(cv2.resize(soft, size), np.float32)
        return full, alpha.astype(np.uint8)


def _let_through(alpha: Bytes, skin: Floats, box: Box, size: tuple[int, int]) -> None:
    """What the matte knows to be no skin, such as hair over a forehead, stays in front."""
    scale = np.array(skin.shape[::-1]) / size
    affine = np.array([[scale[0], 0, box[0] * scale[0]], [0, scale[1], box[1] * scale[1]]])
    affine[:, 2] += (scale - 1) / 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    here = cv2.warpAffine(
        skin, affine, alpha.shape[::-1], flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    cv2.multiply(alpha, here, dst=alpha, dtype=cv2.CV_8U)


def _cut_holes(alpha: Bytes, landmarks: Floats) -> None:
    """Eyes and what is between the lips are the driver's own; `landmarks` in pixels of `alpha`."""
    for contour in HOLES:
        hole = stencil(landmarks[list(contour)], alpha.shape, EDGE)
        if hole is not None:
            rows, columns = hole.alpha.shape
            part = alpha[hole.top : hole.top + rows, hole.left : hole.left + columns]
            cv2.multiply(part, 255 - hole.alpha, dst=part, scale=1 / 255)


def _roughly(has: Floats, after: Floats, shape: tuple[int, int]) -> Floats:
    """(h, w, 3): what lies beside the triangles comes from beside them, and is not shown."""
    known = np.column_stack([after, np.ones(len(after))])
    affine = np.linalg.lstsq(known, has[:, :2], rcond=None)[0].astype(np.float32)
    made = np.zeros((*shape, 3), np.float32)
    for axis in range(2):
        across, down = (
            np.arange(n, dtype=np.float32) * affine[k, axis]
            for k, n in ((0, shape[1]), (1, shape[0]))
        )
        np.add(across[None], (down + affine[2, axis])[:, None], out=made[..., axis])
    return made


def _box(landmarks: Floats, size: tuple[int, int]) -> Box | None:
    """Left, top, right, bottom of a face, even, within the picture; None if nothing of it is."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    left, top = (max(0, math.floor(edge) - 4) & ~1 for edge in low)
    right, bottom = (
        min(most, math.ceil(edge) + 4) & ~1 for edge, most in zip(high, size, strict=True)
    )
    return (left, top, right, bottom) if min(right - left, bottom - top) > 8 else None
