"""Mesh puppet: a photograph whose face, hair and neck follow a driver; what is behind stands still."""

import cv2
import numpy as np

from omote.engines.kernels import Bytes, Floats
from omote.engines.puppet import eyes
from omote.engines.puppet.mouth import Interior, Mouth
from omote.engines.puppet.pose_transfer import Target
from omote.engines.puppet.reference import Reference
from omote.engines.puppet.surround import ring_count, sheet, triangles
from omote.engines.puppet.unrolled import unroll

COARSE = 256
"Long side of the map from the result to the photograph, before it is enlarged."


class MeshPuppet:
    """Of one reference, set into one size."""

    def __init__(self, reference: Reference, interior: Interior) -> None:
        self.reference = reference
        self.mouth = Mouth(reference, interior)
        self.folded = 0
        "Triangles around the face that were folded in the latest result."
        self._rgba = np.dstack([reference.rgb, reference.alpha])

    def __call__(self, target: Target) -> Bytes:
        """The picture (H, W, 3) with the face where it goes."""
        rgb = self._rgba
        height, width = rgb.shape[:2]
        maps = self._maps(target, (width, height))
        warped = cv2.remap(rgb, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        person = np.ascontiguousarray(warped[..., :3])
        here, there = self.reference.landmarks, target.landmarks
        eyes.drawn(self.reference.rgb, person, here, there)
        self.mouth.drawn(person, target)
        return _over(person, np.ascontiguousarray(warped[..., 3]), self.reference.behind)

    def _maps(self, target: Target, size: tuple[int, int]) -> Floats:
        """(H, W, 2): where each pixel comes from."""
        few = COARSE / max(size)
        rows, columns = round(size[1] * few), round(size[0] * few)
        scale = np.array([columns / size[0], rows / size[1]], np.float32)
        laid = sheet(self.reference, target)
        ys, xs = np.mgrid[:rows, :columns].astype(np.float32)
        out = np.ascontiguousarray(np.stack([xs, ys], -1))
        near = np.full((rows, columns), np.inf, np.float32)
        corners = (points * scale - np.float32(0.5) for points in (laid.before, laid.after))
        self.folded = unroll(*corners, laid.depth, triangles(), ring_count(), near, out)
        moved = (out - np.stack([xs, ys], -1)) / scale
        full = cv2.resize(moved, size, interpolation=cv2.INTER_LINEAR)
        full += _places(size)
        return np.asarray(full, np.float32)


def _places(size: tuple[int, int]) -> Floats:
    ys, xs = np.mgrid[: size[1], : size[0]].astype(np.float32)
    return np.stack([xs, ys], -1)


def _over(person: Bytes, alpha: Bytes, behind: Bytes) -> Bytes:
    share = cv2.merge([alpha] * 3)
    front = cv2.multiply(person, share, scale=1 / 255)
    rest = cv2.multiply(behind, cv2.bitwise_not(share), scale=1 / 255)
    return np.asarray(cv2.add(front, rest), np.uint8)
