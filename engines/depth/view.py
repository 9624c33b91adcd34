"""View: depth as colours, red near and blue far, over the picture's own light."""

import cv2
import numpy as np

from omote.engines.kernels import Bytes
from omote.engines.pixels import Pixels
from omote.streams.frame import Depth, Picture

NEAREST_M, FARTHEST_M = 0.3, 5.0
"Red and blue; the scale is of 1 / distance, as what is near matters more."
LIGHT = 0.35
"Share of the picture's own light in what is shown."
UNKNOWN = 40
"Grey of what has no depth."


def depth_view(pixels: Pixels, picture: Picture, depth: Depth | None) -> Picture:
    """A picture of the same size; plain grey with the picture's light where depth is unknown."""
    shape = depth.metres.shape if depth is not None else (180, 320)
    light = cv2.cvtColor(pixels.small(picture, shape[::-1]), cv2.COLOR_RGB2GRAY)[..., None]
    colours = coloured(depth) if depth is not None else np.full((*shape, 3), UNKNOWN, np.uint8)
    mixed = np.asarray(colours * (1 - LIGHT) + light * LIGHT, np.uint8)
    size = picture.width, picture.height
    large = cv2.resize(mixed, size, interpolation=cv2.INTER_NEAREST)
    return pixels.from_rgb(np.asarray(large, np.uint8), picture)


def coloured(depth: Depth) -> Bytes:
    """(h, w, 3) RGB of a depth map."""
    known = np.isfinite(depth.metres)
    near, far = 1 / NEAREST_M, 1 / FARTHEST_M
    over = 1 / np.clip(np.where(known, depth.metres, FARTHEST_M), NEAREST_M, FARTHEST_M)
    values = np.asarray(255 * np.sqrt((over - far) / (near - far)), np.uint8)
    colours = cv2.cvtColor(cv2.applyColorMap(values, cv2.COLORMAP_TURBO), cv2.COLOR_BGR2RGB)
    colours[~known] = UNKNOWN
    return np.asarray(colours, np.uint8)
