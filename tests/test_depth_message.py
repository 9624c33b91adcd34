"""The messages of `depth/1`: what is sent comes back whole, and nothing else does any harm."""

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from omote.streams import depth_message
from omote.streams.depth import Hello, steps_of
from omote.streams.depth_codec import DepthCodec
from omote.streams.depth_hello import hello_text, read_hello
from omote.streams.depth_message import CONFIDENCE, HEADER, BadMessage, Header, split
from omote.streams.depth_parts import MOST_OPEN, MOST_WAIT_S, Parts, Whole

CODECS = [depth_message.RAW, depth_message.RAW_ZSTD, depth_message.RVL, depth_message.RVL_ZSTD]
STEPS = np.arange(48, dtype=np.uint16).reshape(6, 8) * 100


def header(payload: bytes, parts: int = 1, **changes: Any) -> Header:
    made = Header(
        codec=depth_message.RVL_ZSTD,
        flags=0,
        parity=0,
        width=8,
        height=6,
        step_m=0.001,
        index=7,
        captured=-90,
        size=len(payload),
        parts=parts,
    )
    return replace(made, **changes)


def put_together(messages: list[bytes]) -> Whole | None:
    parts, whole = Parts(), None
    for message in messages:
        whole = parts.add(message, 0.0) or whole
    return whole


@pytest.mark.parametrize("codec", CODECS)
@given(steps=arrays.arrays(np.uint16, (6, 8)), sure=some.none() | arrays.arrays(np.uint8, (6, 8)))
def test_every_codec_is_lossless(
    codec: int, steps: NDArray[np.uint16], sure: NDArray[np.uint8] | None
) -> None:
    both = DepthCodec()
    payload = both.encode(steps, sure, codec)
    flags = 0 if sure is None else CONFIDENCE
    maps = both.decode(header(payload, codec=codec, flags=flags), payload)
    assert (maps.steps == steps).all()
    assert (maps.confidence is None) == (sure is None)
    assert sure is None or maps.confidence is None or np.array_equal(maps.confidence, sure)


@given(
    payload=some.binary(min_size=1, max_size=300),
    parts=some.integers(1, 20),
    parity=some.integers(0, 5),
    data=some.data(),
)
def test_parts_in_any_order_make_the_payload(
    payload: bytes, parts: int, parity: int, data: some.DataObject
) -> None:
    share = -(-len(payload) // min(parts, len(payload)))
    parts = -(-len(payload) // share)
    told = header(payload, parts, parity=min(parity, parts))
    messages = data.draw(some.permutations(split(told, payload)))
    whole = put_together(messages)
    assert whole is not None and whole.payload == payload
    assert whole.header.index == 7 and whole.header.captured == -90


@given(payload=some.binary(min_size=40, max_size=300), data=some.data())
def test_parity_stands_for_one_lost_part_of_each_group(
    payload: bytes, data: some.DataObject
) -> None:
    parts = -(-len(payload) // -(-len(payload) // 10))
    told = header(payload, parts, parity=2)
    messages = split(told, payload)
    lost = {data.draw(some.sampled_from(range(group, parts, 2))) for group in range(2)}
    whole = put_together([m for i, m in enumerate(messages) if i not in lost])
    assert whole is not None and whole.payload == payload


def test_a_frame_that_lacks_a_part_is_given_up_after_a_while() -> None:
    parts = Parts()
    first = split(header(b"abcd", 2), b"abcd")
    later = split(header(b"abcd", 2, index=8), b"abcd")
    assert parts.add(first[0], 0.0) is None
    assert parts.add(later[0], MOST_WAIT_S + 0.1) is None
    assert parts.given_up == 1
    assert parts.add(first[1], MOST_WAIT_S + 0.2) is None
    whole = parts.add(later[1], MOST_WAIT_S + 0.2)
    assert whole is not None and whole.header.index == 8


def test_few_frames_are_open_at_once_whatever_comes() -> None:
    parts = Parts()
    for index in range(1000):
        assert parts.add(split(header(b"abcd", 2, index=index), b"abcd")[0], 0.0) is None
    assert parts.given_up == 1000 - MOST_OPEN


def test_parts_that_contradict_each_other_are_refused() -> None:
    parts = Parts()
    assert parts.add(split(header(b"abcd", 2), b"abcd")[0], 0.0) is None
    with pytest.raises(BadMessage, match="contradiction"):
        parts.add(split(header(b"abcd", 2, step_m=0.5), b"abcd")[1], 0.0)


BAD = {
    "short": b"OMDP",
    "magic": b"JPEG" + bytes(HEADER),
    "version": b"OMDP\x02" + bytes(HEADER),
    "codec": split(header(b"a", codec=9), b"a")[0],
    "size": split(header(b"a", width=4096, height=4096), b"a")[0],
    "scale": split(header(b"a", step_m=float("nan")), b"a")[0],
    "payload": split(header(b"a"), b"a")[0][:32] + struct.pack("<IHH", 1 << 30, 0, 1) + b"a",
    "parts": split(header(b"a", parity=200), b"a")[0],
    "part": split(header(b"abcd", 2), b"abcd")[1] + b"e",
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_header_is_refused_by_name(kind: str) -> None:
    with pytest.raises(BadMessage) as refused:
        Header.parse(BAD[kind])
    assert refused.value.kind == kind


@given(some.binary(max_size=200))
def test_foreign_messages_are_refused(foreign: bytes) -> None:
    with pytest.raises(BadMessage):
        Header.parse(foreign)


@given(
    payload=some.binary(max_size=200),
    codec=some.sampled_from(CODECS),
    flags=some.sampled_from([0, CONFIDENCE]),
    packed=some.booleans(),
)
def test_foreign_payloads_are_maps_or_refused(
    payload: bytes, codec: int, flags: int, packed: bool
) -> None:
    if packed:
        payload = zstandard.compress(payload)
    try:
        maps = DepthCodec().decode(header(payload, codec=codec, flags=flags), payload)
    except BadMessage:
        return
    assert maps.steps.shape == (6, 8)


@given(data=some.data(), codec=some.sampled_from(CODECS))
def test_damaged_payloads_are_maps_or_refused(data: some.DataObject, codec: int) -> None:
    both = DepthCodec()
    payload = bytearray(both.encode(STEPS, codec=codec))
    payload[data.draw(some.integers(0, len(payload) - 1))] ^= data.draw(some.integers(1, 255))
    try:
        maps = both.decode(header(bytes(payload), codec=codec), bytes(payload))
    except BadMessage:
        return
    assert maps.steps.shape == (6, 8)


def test_a_bomb_is_refused_before_it_goes_off() -> None:
    bomb = zstandard.compress(bytes(1 << 28))
    assert len(bomb) < 1 << 17
    with pytest.raises(BadMessage, match="268435456 bytes"):
        DepthCodec().decode(header(bomb), bomb)


def test_a_bomb_that_hides_its_size_is_refused_too() -> None:
    maker = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    bomb = maker.compress(bytes(1 << 24)) + maker.flush()
    with pytest.raises(BadMessage, match="zstd"):
        DepthCodec().decode(header(bomb), bomb)


def test_a_hello_comes_back() -> None:
    said = Hello("video", {"version": 1, "aligned": True}, (0.001, 0.0015), "a camera")
    assert read_hello(hello_text(said)) == said
    assert read_hello(hello_text(Hello())) == Hello()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"hello": 1}',
        '{"hello": {"clock": "sun"}}',
        '{"hello": {"clock": []}}',
        '{"hello": {"calibration": "none"}}',
        '{"hello": {"noise_m": [1]}}',
        '{"hello": {"noise_m": [1, true, 3]}}',
        '{"hello": {"noise_m": [NaN, 0]}}',
        '{"hello": {"name": 3}}',
        '{"hello": {"colour": "red"}}',
        "[" * 100_000,
        '{"hello": {"name": "' + "a" * 70_000 + '"}}',
    ],
)
def test_a_bad_hello_is_refused(text: str) -> None:
    with pytest.raises(BadMessage, match="hello"):
        read_hello(text)


@given(some.text(max_size=100))
def test_foreign_words_are_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        read_hello(text)


def test_metres_that_cannot_be_known_are_unknown() -> None:
    metres = np.array([[np.nan, np.inf, -1, 0, 1.0004, 65.535, 66]], np.float32)
    assert steps_of(metres).tolist() == [[0, 0, 0, 0, 1000, 65535, 0]]


def test_the_largest_map_fits_a_payload_even_raw() -> None:
    assert 2 * depth_message.MOST_PIXELS <= depth_message.MOST_PAYLOAD
