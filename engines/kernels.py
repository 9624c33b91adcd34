"""Kernels: loops that OpenCV has no function for, compiled by numba before the first frame.

How to keep them fast: integers times float32 become float64, so cast; an index the compiler
cannot prove non-negative costs a test, so take slices and count from 0.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from omote.streams.kernel import kernel, seal

__all__ = ["Bytes", "Floats", "Steps", "kernel", "seal", "spread", "steps"]

Bytes = NDArray[np.uint8]
Floats = NDArray[np.float32]
Steps = tuple[NDArray[np.int32], NDArray[np.int32], Floats]
"For each pixel the two coarse ones it lies between, and its way from one to the other, 0..1."


@cache
def steps(size: int, coarse: int) -> Steps:
    """Bilinear interpolation of `coarse` values at `size` pixels, both spanning the same."""
    at = np.clip((np.arange(size) + 0.5) * coarse / size - 0.5, 0, coarse - 1)
    left = at.astype(np.int32)
    right = np.minimum(left + 1, coarse - 1).astype(np.int32)
    return left, right, (at - left).astype(np.float32)


@kernel
def spread(
    maps: Floats, top: int, bottom: int, across: Steps, start: int, stop: int, wide: Floats
) -> None:
    """Rows `top`..`bottom` of (k, h, w) maps interpolated at columns `start`..`stop` of `wide`."""
    left, right, parts = across[0][start:stop], across[1][start:stop], across[2][start:stop]
    for k in range(maps.shape[0]):
        for j in range(top, bottom + 1):
            values, target = maps[k, j], wide[k, j - top, start:stop]
            for i in range(target.size):
                value = values[left[i]]
                target[i] = value + (values[right[i]] - value) * parts[i]
