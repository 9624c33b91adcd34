"""Landmarks, blendshapes and the canonical face, as this project keeps them; needs the extra `weights`."""

import io
import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from omote.engines.weights import bends, plain, tflite


def landmarks(path: Path) -> onnx.ModelProto:
    """Convert to `picture` uint8 (1, 256, 256, 3) -> `landmarks` (1, 1, 1, 1434), `presence`."""
    network = bends.straightened(tflite.read(path))
    first_two = replace(network, results=network.results[:2])
    return plain.convert(first_two, (0, 1), ("landmarks", "presence"))


def blendshapes(path: Path) -> onnx.ModelProto:
    """Convert to `points` float32 (1, 146, 2), pixels of any scale -> `coefficients` (52,)."""
    return plain.convert_numbers(tflite.read(path), "points", ("coefficients",))


def canonical(path: Path) -> bytes:
    """The canonical face as an .npz: `vertices`, `uv`, `triangles` and the `weights` of a pose."""
    fields = list(_fields(path.read_bytes()))
    (mesh,) = (value for number, value in fields if number == 1)
    parts = list(_fields(_message(mesh)))
    numbers = [value for number, value in parts if number == 3]
    corners = [value for number, value in parts if number == 4]
    vertices = np.array(numbers, np.float32).reshape(-1, 5)
    weights = np.zeros(len(vertices), np.float32)
    for number, value in fields:
        if number == 2:
            pair = dict(_fields(_message(value)))
            weights[int(pair.get(1, 0))] = float(pair[2])
    file = io.BytesIO()
    np.savez_compressed(
        file,
        vertices=vertices[:, :3],
        uv=vertices[:, 3:],
        triangles=np.array(corners, np.int16).reshape(-1, 3),
        weights=weights,
    )
    return file.getvalue()


def _message(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("not a message")
    return value


def _fields(message: bytes) -> Iterator[tuple[int, float | bytes]]:
    """Number and value of each field of a message in protocol buffers' wire format."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        match key & 7:
            case 0:
                value, at = _varint(message, at)
                yield key >> 3, value
            case 2:
                length, at = _varint(message, at)
                yield key >> 3, message[at : at + length]
                at += length
            case 5:
                yield key >> 3, struct.unpack_from("<f", message, at)[0]
                at += 4
            case kind:
                raise ValueError(f"wire type {kind} is not expected here")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value, shift, at = value | (byte & 127) << shift, shift + 7, at + 1
        if byte < 128:
            return value, at
