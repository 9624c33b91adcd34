"""Depth messages: the wire format of the data channel `depth/1`. Values and bytes only.

A frame's payload is cut into parts of one size, the last may be shorter. Each is a binary message:

    offset size
     0     4   magic `OMDP`
     4     1   version, 1
     5     1   codec: 0 raw, 1 raw + zstd, 2 RVL, 3 RVL + zstd
     6     1   flags: bit 0 a confidence map follows the depth; the others are 0
     7     1   parity parts p: part n + j is the exclusive or of all parts i with i % p = j
     8     2   width                            10  2   height, pixels
    12     8   metres per step, float64
    20     4   frame id, counts the frames taken, wraps around
    24     8   capture time, signed, 90 kHz ticks of the clock named in the hello
    32     4   bytes of the whole payload
    36     2   this part's number               38  2   parts n, without parity
    40     ..  the part

All little-endian. Text messages are JSON: the hello (`omote.streams.depth_hello`) and its answer.
"""

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

LABEL = "depth/1"
MAGIC = b"OMDP"
VERSION = 1
RAW, RAW_ZSTD, RVL, RVL_ZSTD = range(4)
CONFIDENCE = 1

LONGEST_SIDE = 4096
MOST_PIXELS = 1 << 21
MOST_PAYLOAD = 4 << 20
"Bytes; a frame of 1280x720 takes a tenth."

_LAYOUT = struct.Struct("<4sBBBBHHdIqIHH")
HEADER = _LAYOUT.size


class BadMessage(ValueError):
    """The message is no depth; `kind` is one of a few words, to count by."""

    def __init__(self, kind: str, detail: str = "") -> None:
        super().__init__(f"{kind}: {detail}" if detail else kind)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Header:
    """What every part of a frame says of the whole."""

    codec: int
    flags: int
    parity: int
    "Parity parts after the others."
    width: int
    height: int
    step_m: float
    index: int
    captured: int
    size: int
    "Bytes of the payload."
    parts: int
    "Without parity."

    @property
    def share(self) -> int:
        """Bytes of each part but the last."""
        return -(-self.size // self.parts)

    @property
    def pixels(self) -> int:
        """How many the map has."""
        return self.width * self.height

    def length(self, part: int) -> int:
        """Bytes of a part."""
        last = self.size - (self.parts - 1) * self.share
        return last if part == self.parts - 1 else self.share

    def pack(self, part: int) -> bytes:
        """The 40 bytes before a part."""
        return _LAYOUT.pack(
            MAGIC,
            VERSION,
            self.codec,
            self.flags,
            self.parity,
            self.width,
            self.height,
            self.step_m,
            self.index & 0xFFFFFFFF,
            self.captured,
            self.size,
            part,
            self.parts,
        )

    @classmethod
    def parse(cls, message: bytes) -> tuple[Self, int]:
        """The header and the part's number, every bound checked; raises `BadMessage`."""
        if len(message) < HEADER:
            raise BadMessage("short", f"{len(message)} bytes, a header has {HEADER}")
        (
            magic,
            version,
            codec,
            flags,
            parity,
            width,
            height,
            step,
            index,
            captured,
            size,
            part,
            n,
        ) = _LAYOUT.unpack_from(message)
        if magic != MAGIC:
            raise BadMessage("magic", f"{magic!r} instead of {MAGIC!r}")
        if version != VERSION:
            raise BadMessage("version", f"{version}, this server speaks {VERSION}")
        header = cls(codec, flags, parity, width, height, step, index, captured, size, n)
        header.check(part, len(message) - HEADER)
        return header, part

    def check(self, part: int, length: int) -> None:
        """Every bound, for the part of that number and length; raises `BadMessage`."""
        if self.codec > RVL_ZSTD or self.flags & ~CONFIDENCE:
            raise BadMessage("codec", f"codec {self.codec}, flags {self.flags}")
        if not (0 < self.width <= LONGEST_SIDE and 0 < self.height <= LONGEST_SIDE):
            raise BadMessage("size", f"{self.width}x{self.height}")
        if self.pixels > MOST_PIXELS:
            raise BadMessage("size", f"{self.width}x{self.height} is too large")
        if not (math.isfinite(self.step_m) and 0 < self.step_m <= 1):
            raise BadMessage("scale", f"{self.step_m} m per step")
        if not (0 < self.parts <= self.size <= MOST_PAYLOAD):
            raise BadMessage("payload", f"{self.size} bytes in {self.parts} parts")
        if (self.parts - 1) * self.share >= self.size or self.parity > self.parts:
            raise BadMessage(
                "parts", f"{self.parts}, {self.parity} of parity, of {self.size} bytes"
            )
        if part >= self.parts + self.parity or length != self.length(part):
            raise BadMessage("part", f"number {part} of {self.parts} with {length} bytes")


def split(header: Header, payload: bytes) -> list[bytes]:
    """The messages of a frame, parity last."""
    share = header.share
    shares = [payload[i * share : (i + 1) * share] for i in range(header.parts)]
    shares += parity(shares, header.parity)
    return [header.pack(part) + data for part, data in enumerate(shares)]


def parity(shares: Sequence[bytes], count: int) -> list[bytes]:
    """`count` parts, each of which can stand for one that is lost of every `count`-th."""
    if not count:
        return []
    share = len(shares[0])
    table = np.zeros((len(shares), share), np.uint8)
    table.reshape(-1)[: sum(map(len, shares))] = np.frombuffer(b"".join(shares), np.uint8)
    return [folded(table[group::count]).tobytes() for group in range(count)]


def folded(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The exclusive or of all rows."""
    return np.asarray(np.bitwise_xor.reduce(rows, axis=0), np.uint8)
