"""RVL: lossless 16-bit depth in half-bytes (A. Wilson, "Fast Lossless Depth Image Compression", 2017).

Runs of zeros and of others take turns; of the others the differences are kept, zigzag, three bits to
a half-byte whose fourth says that more follow, eight half-bytes to a 32-bit little-endian word, first
one highest. Foreign bytes decode to a whole map or to an error, never past either end.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omote.streams.kernel import kernel, seal

Words = NDArray[np.uint32]
Flat = NDArray[np.uint16]
Place = tuple[Any, Any, Any]
"Words used, half-bytes of the next as the compiler's uint32, and how many of them."

TOO_SHORT, OVERRUN = -1, -2
RUN_BITS, VALUE_BITS = 30, 18
"Of the longest run and the largest difference, in threes."


class BadRvl(ValueError):
    """The bytes are no depth map of that size; the message says how."""


def most_bytes(pixels: int) -> int:
    """What no coded map of so many pixels exceeds."""
    return 4 * _most_words(pixels)


def encode(steps: NDArray[np.uint16]) -> bytes:
    """Any shape, coded in row order."""
    _prepare()
    flat = np.ascontiguousarray(steps).reshape(-1)
    words = np.empty(_most_words(flat.size), np.uint32)
    used = _encode(flat, words)
    return words[:used].astype("<u4", copy=False).tobytes()


def decode(coded: bytes | memoryview, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """A map of that shape (rows, columns); raises `BadRvl` for anything that is not one."""
    _prepare()
    if len(coded) % 4:
        raise BadRvl(f"{len(coded)} bytes are no whole number of 32-bit words")
    words = np.frombuffer(coded, "<u4").astype(np.uint32, copy=False)
    flat = np.empty(shape[0] * shape[1], np.uint16)
    used = _decode(words, flat)
    if used == TOO_SHORT:
        raise BadRvl("it ends before the last pixel")
    if used == OVERRUN:
        raise BadRvl("a run or a value is longer than it may be")
    if used != words.size:
        raise BadRvl(f"{words.size - used} words are left over")
    return flat.reshape(shape)


@cache
def _prepare() -> None:
    """Compile for the types that live frames have."""
    words = np.empty(_most_words(4), np.uint32)
    used = _encode(np.array([0, 1, 2, 0], np.uint16), words)
    words.flags.writeable = False  # as those of received bytes
    _decode(words[:used], np.empty(4, np.uint16))
    seal(_encode, _decode)


def _most_words(pixels: int) -> int:
    # A difference takes 6 half-bytes at most, a pair of runs 16, and there are no more pairs than
    # every second pixel and one: 8 + 6 per pixel is on the safe side of all of it.
    return (14 * pixels + 32) // 8 + 2


@kernel
def _put(words: Words, at: Place, value: Any) -> Place:
    """Append a value, give where it ends."""
    used, packed, held = at
    left = np.uint32(value)
    while True:
        half, left = left & np.uint32(7), left >> np.uint32(3)
        if left:
            half |= np.uint32(8)
        packed, held = np.uint32((packed << np.uint32(4)) | half), held + 1
        if held == 8:
            words[used] = packed
            used, held = used + 1, 0
        if not left:
            return used, packed, held


@kernel
def _encode(flat: Flat, words: Words) -> int:
    """Fill `words`, which has room for `_most_words`; give how many."""
    size, i, previous = flat.size, 0, np.int32(0)
    at: Place = (0, np.uint32(0), 0)
    while i < size:
        start = i
        while i < size and flat[i] == 0:
            i += 1
        at = _put(words, at, i - start)
        start = i
        while i < size and flat[i] != 0:
            i += 1
        at = _put(words, at, i - start)
        for current in flat[start:i]:
            delta = np.int32(np.int32(current) - previous)
            previous = np.int32(current)
            at = _put(words, at, (delta << np.int32(1)) ^ (delta >> np.int32(31)))
    used, packed, held = at
    if held:
        words[used] = packed << np.uint32(4 * (8 - held))
        used += 1
    return int(used)


@kernel
def _run(words: Words, at: Place) -> tuple[Any, Place]:
    """The next run's length, or `TOO_SHORT`, or `OVERRUN`; and where it ends."""
    used, packed, held = at
    run = np.int64(0)
    for shift in range(0, RUN_BITS, 3):
        if held == 0:
            if used == words.size:
                return TOO_SHORT, at
            packed, held, used = words[used], 8, used + 1
        half = packed >> np.uint32(28)
        packed, held = np.uint32(packed << np.uint32(4)), held - 1
        run |= np.int64(half & np.uint32(7)) << np.int64(shift)
        if half < np.uint32(8):
            return run, (used, packed, held)
    return OVERRUN, at


@kernel
def _others(words: Words, at: Place, flat: Flat, previous: Any) -> tuple[Any, Place]:
    """Fill `flat` with values, each known by its difference; give the last one, or an error."""
    used, packed, held = at
    for i in range(flat.size):
        value, shift = np.uint32(0), np.uint32(0)
        while True:
            if held == 0:
                if used == words.size:
                    return np.int32(TOO_SHORT), at
                packed, held, used = words[used], 8, used + 1
            half = packed >> np.uint32(28)
            packed, held = np.uint32(packed << np.uint32(4)), held - 1
            value |= np.uint32((half & np.uint32(7)) << shift)
            if half < np.uint32(8):
                break
            shift += np.uint32(3)
            if shift == np.uint32(VALUE_BITS):
                return np.int32(OVERRUN), at
        delta = np.int32(value >> np.uint32(1)) ^ -np.int32(value & np.uint32(1))
        previous = np.int32(previous + delta) & np.int32(0xFFFF)
        flat[i] = np.uint16(previous)
    return previous, (used, packed, held)


@kernel
def _decode(words: Words, flat: Flat) -> int:
    """Fill `flat`, give how many words that took, or `TOO_SHORT` or `OVERRUN`."""
    i, previous = 0, np.int32(0)
    at: Place = (0, np.uint32(0), 0)
    while i < flat.size:
        zeros, at = _run(words, at)
        others, at = _run(words, at)
        if zeros < 0 or others < 0:
            return int(min(zeros, others))
        if zeros + others > flat.size - i:
            return OVERRUN
        flat[i : i + zeros] = 0
        i += zeros
        previous, at = _others(words, at, flat[i : i + others], previous)
        if previous < 0:
            return int(previous)
        i += others
    return int(at[0])
