"""Depth codec: a depth map to the payload of its messages and back, bit by bit the same."""

import struct
from dataclasses import dataclass

import numpy as np
import zstandard
from numpy.typing import NDArray

from omote.streams import rvl
from omote.streams.depth import Steps
from omote.streams.depth_message import (
    CONFIDENCE,
    RAW,
    RAW_ZSTD,
    RVL,
    RVL_ZSTD,
    BadMessage,
    Header,
)

LEVEL = 1
"Of zstd; 3 saves a few percent for twice the time."
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True, slots=True, eq=False)
class Maps:
    """What a payload holds."""

    steps: Steps
    confidence: NDArray[np.uint8] | None


class DepthCodec:
    """Belongs to one thread at a time: zstd's memory is used again and again."""

    def __init__(self) -> None:
        self._pack = zstandard.ZstdCompressor(level=LEVEL)
        self._unpack = zstandard.ZstdDecompressor(max_window_size=1 << 23)

    def encode(
        self, steps: Steps, confidence: NDArray[np.uint8] | None = None, codec: int = RVL_ZSTD
    ) -> bytes:
        """The payload; `confidence` has the shape of `steps`."""
        flat = np.ascontiguousarray(steps, "<u2")
        coded = rvl.encode(flat) if codec in (RVL, RVL_ZSTD) else flat.tobytes()
        if codec in (RAW_ZSTD, RVL_ZSTD):
            coded = self._pack.compress(coded)
        if confidence is None:
            return coded
        sure = self._pack.compress(np.ascontiguousarray(confidence).tobytes())
        return _LENGTH.pack(len(coded)) + coded + sure

    def decode(self, header: Header, payload: bytes) -> Maps:
        """The maps of a whole payload, whoever made it; raises `BadMessage`."""
        shape = header.height, header.width
        if not header.flags & CONFIDENCE:
            return Maps(self._steps(header, payload), None)
        if len(payload) < _LENGTH.size:
            raise BadMessage("payload", "ends before the depth")
        [length] = _LENGTH.unpack_from(payload)
        coded, sure = payload[4 : 4 + length], payload[4 + length :]
        if len(coded) < length:
            raise BadMessage("payload", "the depth is longer than the payload")
        plain = self._unpacked(sure, header.pixels, header.pixels)
        return Maps(self._steps(header, coded), np.frombuffer(plain, np.uint8).reshape(shape))

    def _steps(self, header: Header, coded: bytes) -> Steps:
        plain = 2 * header.pixels
        if header.codec == RVL_ZSTD:
            coded = self._unpacked(coded, 0, rvl.most_bytes(header.pixels))
        elif header.codec == RAW_ZSTD:
            coded = self._unpacked(coded, plain, plain)
        if header.codec in (RAW, RAW_ZSTD):
            if len(coded) != plain:
                raise BadMessage("raw", f"{len(coded)} bytes instead of {plain}")
            steps = np.frombuffer(coded, "<u2").astype(np.uint16, copy=False)
            return steps.reshape(header.height, header.width)
        try:
            return rvl.decode(coded, (header.height, header.width))
        except rvl.BadRvl as exc:
            raise BadMessage("rvl", str(exc)) from exc

    def _unpacked(self, packed: bytes, least: int, most: int) -> bytes:
        # zstandard believes the size a frame states and allocates it, so look at that first.
        try:
            stated = zstandard.frame_content_size(packed)
            if not least <= stated <= most:
                raise BadMessage("zstd", f"it says that it holds {stated} bytes")
            return self._unpack.decompress(packed, allow_extra_data=False)
        except zstandard.ZstdError as exc:
            raise BadMessage("zstd", str(exc)) from exc
