"""Subtraction: a layer of light, known at a small size, taken off a full-size picture.

Where the layer is smooth, glare has flattened the contrast of what is behind it, and details are
given back; where the picture's details are the layer's own edges, they are taken away with it.
Both follow from the slope, in a small window, of what is behind against what is seen.
"""

import cv2
import numpy as np

from omote.engines.i420 import I420, Colours, blank
from omote.engines.kernels import Bytes, Floats, Steps, kernel, spread, steps

WINDOW = 3
"Pixels of the layer around each that tell the slope."

FLAT = 12.0
"Variance, in levels squared, below which a window has no details: its slope is 1."

STEEPEST = 1.6
"Details are never enlarged more: noise would be, too."


def subtracted(picture: I420, layer: Floats) -> I420:
    """The picture without `layer`, (h, w, 3) in levels of RGB, 0 where nothing is taken."""
    size = layer.shape[1], layer.shape[0]
    # Y, U and V of differences: no offsets.
    taken = np.asarray(cv2.transform(layer, _turn(picture.colours)), np.float32)
    seen = [cv2.resize(plane, size).astype(np.float32) for plane in picture.near(size)]
    slope = slopes(seen[0], taken[..., 0])
    made = blank(picture.width, picture.height, picture.colours)
    for index, plane in enumerate(made.planes):
        offset = seen[index] * (1 - slope) - taken[..., index]
        down, across = (steps(*sizes) for sizes in zip(plane.shape, slope.shape, strict=True))
        lines(picture.rows[index], np.stack([slope, offset]), made.rows[index], down, across)
    return made


def slopes(seen: Floats, taken: Floats) -> Floats:
    """(h, w): how much of the details seen are of what is behind; 1 where nothing is taken.

    `seen` is the luma with the layer, `taken` the layer's, (h, w) each, in levels.
    """
    side = (2 * WINDOW + 1, 2 * WINDOW + 1)
    mean, lost = cv2.blur(seen, side), cv2.blur(taken, side)
    variance = cv2.blur(seen * seen, side) - mean * mean
    together = cv2.blur(seen * taken, side) - mean * lost
    slope = np.clip(1 - together / (variance + FLAT), 0, STEEPEST)
    return np.asarray(cv2.blur(slope, (3, 3)), np.float32)


def _turn(colours: Colours) -> Floats:
    """(3, 3): differences of Y, U and V of differences of RGB."""
    return np.ascontiguousarray(colours.from_rgb()[:, :3])


@kernel
def lines(source: Bytes, maps: Floats, target: Bytes, down: Steps, across: Steps) -> None:
    """Every pixel times its slope plus its offset; the maps (2, h, w) are interpolated.

    Lines may be longer than the steps `across`: what is beyond is padding.
    """
    height, width = down[0].size, across[0].size
    wide = np.empty((2, 2, width), np.float32)
    ahead = np.int64(-1)
    for j in range(height):
        top, bottom, part = down[0][j], down[1][j], down[2][j]
        if top != ahead:
            spread(maps, top, bottom, across, 0, width, wide)
            ahead = np.int64(top)
        here, there, low = source[j, :width], target[j, :width], bottom - top
        slope, slope_below = wide[0, 0], wide[0, low]
        offset, offset_below = wide[1, 0], wide[1, low]
        for i in range(width):
            gain = slope[i] + (slope_below[i] - slope[i]) * part
            more = offset[i] + (offset_below[i] - offset[i]) * part
            value = np.float32(here[i]) * gain + more + np.float32(0.5)
            there[i] = np.uint8(min(max(value, np.float32(0)), np.float32(255)))


KERNELS = (lines,)
