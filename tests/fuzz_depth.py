"""Foreign bytes for the depth receiver, led by coverage: `python -m tests.fuzz_depth -max_total_time=60`.

Whatever comes is maps or `BadMessage`. The decoder takes the rest of the bytes as a payload, so that
what is behind the header is reached as well.
"""

import sys

import atheris
import numpy as np

from omote.streams import rvl  # before the others: numba cannot compile what is instrumented

rvl.decode(rvl.encode(np.zeros((6, 8), np.uint16)), (6, 8))

with atheris.instrument_imports():
    from omote.streams.depth_codec import DepthCodec
    from omote.streams.depth_hello import read_hello
    from omote.streams.depth_message import HEADER, BadMessage, Header
    from omote.streams.depth_parts import Parts

CODEC = DepthCodec()
PARTS = Parts()


def one(foreign: bytes) -> None:
    """As a message, as a hello, and as a payload of a small map."""
    try:
        PARTS.add(foreign, 0.0)
    except BadMessage:
        pass
    try:
        read_hello(foreign.decode(errors="replace"))
    except BadMessage:
        pass
    codec, flags, payload = foreign[:1], foreign[1:2], foreign[2:]
    header = Header(
        codec=codec[0] % 4 if codec else 0,
        flags=flags[0] % 2 if flags else 0,
        parity=0,
        width=8,
        height=6,
        step_m=0.001,
        index=0,
        captured=0,
        size=max(1, len(payload)),
        parts=1,
    )
    try:
        maps = CODEC.decode(header, payload)
    except BadMessage:
        return
    assert maps.steps.shape == (6, 8) and HEADER == 40


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
