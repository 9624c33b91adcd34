"""Remark: what a file says of itself to whoever looks at its properties."""

import os
import struct
import zlib
from pathlib import Path
from typing import Any

import av

SYNTHETIC = "synthetic: shows somebody who was not in front of the camera; made with Omote"
KEY = "comment"
"Of a film's metadata; players show it under this name."


def png_with(coded: bytes, words: str) -> bytes:
    """A PNG with a comment: a tEXt chunk after its header (PNG, section 11.3.3)."""
    header = 8 + 25
    data = b"Comment\0" + words.encode("latin-1")
    checksum = struct.pack(">I", zlib.crc32(b"tEXt" + data))
    chunk = struct.pack(">I", len(data)) + b"tEXt" + data + checksum
    return coded[:header] + chunk + coded[header:]


def jpeg_with(coded: bytes, words: str) -> bytes:
    """A JPEG with a comment: a COM segment after its beginning (ITU-T T.81, B.2.4.5)."""
    data = words.encode("latin-1")
    return coded[:2] + b"\xff\xfe" + struct.pack(">H", len(data) + 2) + data + coded[2:]


def remark_film(path: Path, words: str) -> None:
    """Write a film's remark when all else of it has been written: its packets are copied."""
    marked = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        with av.open(str(path)) as there, av.open(str(marked), "w") as here:
            here.metadata[KEY] = words
            streams: dict[int, Any] = {
                stream.index: here.add_stream_from_template(stream) for stream in there.streams
            }
            for packet in there.demux():
                if packet.dts is not None:
                    packet.stream = streams[packet.stream.index]
                    here.mux(packet)
        marked.replace(path)
    finally:
        marked.unlink(missing_ok=True)
