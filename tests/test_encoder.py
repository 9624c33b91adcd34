"""Encoder: one packet per picture, at once; a keyframe when asked and not otherwise."""

from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
import pytest

from omote.streams.decoder import open_decoder
from omote.streams.encoder import CLOCK, Codec, Encoder, level_for, open_encoder
from omote.streams.keyframe import is_keyframe, nal_units
from omote.streams.packet import Packet
from tests.numbered import number_in
from tests.utils import CODECS, STEP, picture

# ITU-T H.264, table A-1: level times ten, macroblocks a second, macroblocks of a picture.
TABLE_A_1 = {
    31: (108_000, 3_600),
    32: (216_000, 5_120),
    40: (245_760, 8_192),
    42: (522_240, 8_704),
    50: (589_824, 22_080),
    51: (983_040, 36_864),
    52: (2_073_600, 36_864),
}


def noise(number: int, width: int = 320, height: int = 240) -> av.VideoFrame:
    """A picture that has nothing in common with any other: a scene cut at every frame."""
    grains = np.random.default_rng(number).integers(0, 256, (height, width, 3), np.uint8)
    return av.VideoFrame.from_ndarray(grains, "rgb24").reformat(format="yuv420p")


def encode(
    encoder: Encoder,
    pictures: Sequence[av.VideoFrame],
    keyframes: Sequence[int] = (),
    start: int = 0,
) -> list[Packet]:
    packets = [
        encoder.encode(video, (start + number) * STEP, number in keyframes)
        for number, video in enumerate(pictures)
    ]
    return [packet for packet in packets if packet is not None]


@pytest.mark.parametrize("codec", CODECS)
def test_each_picture_is_one_packet_in_the_same_call_with_its_time(codec: Codec) -> None:
    encoder = open_encoder(codec, 1_000_000)
    for number in range(20):
        pts = (1 << 33) + number * STEP  # beyond 32 bits
        packet = encoder.encode(picture(number), pts, keyframe=False)
        assert packet is not None
        assert (packet.pts, packet.time_base) == (pts, CLOCK)


@pytest.mark.parametrize("codec", CODECS)
def test_pictures_come_out_as_they_went_in_none_reordered(codec: Codec) -> None:
    packets = encode(open_encoder(codec, 1_000_000), [picture(n) for n in range(12)])
    decoder = open_decoder(codec)
    shown = [[number_in(video) for video in decoder.decode(packet)] for packet in packets]
    assert shown == [[number] for number in range(12)]


@pytest.mark.parametrize("codec", CODECS)
def test_a_keyframe_comes_first_and_then_only_when_asked_for(codec: Codec) -> None:
    """Neither a scene cut nor the passing of time makes one."""
    pictures = [noise(n, 64, 48) for n in range(400)]
    packets = encode(open_encoder(codec, 1_000_000), pictures, keyframes=[7, 8, 300])
    assert [n for n, packet in enumerate(packets) if packet.is_keyframe] == [0, 7, 8, 300]
    assert [n for n, packet in enumerate(packets) if is_keyframe(bytes(packet))] == [0, 7, 8, 300]


@pytest.mark.parametrize("size", [(320, 240), (1280, 720), (1920, 1080), (720, 1280)])
def test_h264_says_constrained_baseline_at_the_level_its_size_needs(size: tuple[int, int]) -> None:
    [packet] = encode(open_encoder("H264", 2_000_000), [picture(0, *size)])
    data = bytes(packet)
    profile, constraints, level = sps_of(data)
    assert profile == 66
    assert constraints & 0b1100_0000 == 0b1100_0000  # set 0: Baseline; set 1: no more than Main
    assert level == level_for(*size)
    assert {7, 8, 5} <= set(nal_units(data))  # parameter sets come with every keyframe


def sps_of(data: bytes) -> tuple[int, int, int]:
    """profile_idc, the constraint flags and level_idc (ITU-T H.264, 7.3.2.1.1)."""
    at = data.index(b"\x00\x00\x01\x67") + 4
    return data[at], data[at + 1], data[at + 2]


def test_every_keyframe_of_h264_brings_its_parameter_sets() -> None:
    packets = encode(open_encoder("H264", 1_000_000), [picture(n) for n in range(6)], [3])
    assert 7 in nal_units(bytes(packets[3]))


@pytest.mark.parametrize(
    "size",
    [
        *[(320, 240), (1280, 720), (1280, 1024), (1920, 1080), (2048, 1088), (2560, 1440)],
        *[(2560, 2048), (3072, 1792), (3840, 2160), (4096, 2048), (4096, 2304), (7680, 4320)],
    ],
)
def test_the_level_is_the_lowest_that_holds_thirty_such_pictures_a_second(
    size: tuple[int, int],
) -> None:
    macroblocks = -(-size[0] // 16) * -(-size[1] // 16)
    enough = [
        level
        for level, (a_second, of_a_picture) in TABLE_A_1.items()
        if 30 * macroblocks <= a_second and macroblocks <= of_a_picture
    ]
    assert level_for(*size) == min(enough, default=52)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("size", [(2, 2), (16, 16), (18, 34), (2, 640), (1278, 18)])
def test_any_even_size_is_encoded(codec: Codec, size: tuple[int, int]) -> None:
    packets = encode(open_encoder(codec, 500_000), [noise(n, *size) for n in range(3)])
    decoder = open_decoder(codec)
    shown = [video for packet in packets for video in decoder.decode(packet)]
    assert [(video.width, video.height) for video in shown] == [size] * 3


@pytest.mark.parametrize("codec", CODECS)
def test_the_size_may_change_in_mid_stream_and_back(codec: Codec) -> None:
    sizes = [(320, 240)] * 3 + [(480, 640)] * 3 + [(320, 240)] * 3
    packets = encode(open_encoder(codec, 1_000_000), [picture(n, *s) for n, s in enumerate(sizes)])
    assert [n for n, packet in enumerate(packets) if packet.is_keyframe] == [0, 3, 6]
    assert [packet.pts for packet in packets] == [n * STEP for n in range(9)]
    decoder = open_decoder(codec)
    shown = [video for packet in packets for video in decoder.decode(packet)]
    assert [(video.width, video.height) for video in shown] == sizes
    assert [number_in(video) for video in shown] == list(range(9))


def kilobits_a_second(packets: Sequence[Packet]) -> float:
    """At 30 pictures a second, without the first ten, which pay off the keyframe."""
    sizes = [packet.size for packet in packets[10:]]
    return 8 * 30 * sum(sizes) / len(sizes) / 1e3


def drifting(count: int) -> list[av.VideoFrame]:
    """A texture that moves: something to spend bits on."""
    grains = np.random.default_rng(1).integers(0, 256, (120, 160, 3), np.uint8)
    big = np.kron(grains, np.ones((4, 4, 1), np.uint8))
    return [
        av.VideoFrame.from_ndarray(
            np.ascontiguousarray(big[n : n + 240, 2 * n : 2 * n + 320]), "rgb24"
        ).reformat(format="yuv420p")
        for n in range(count)
    ]


def test_h264_follows_the_bitrate_without_a_keyframe() -> None:
    encoder, pictures = open_encoder("H264", 2_000_000), drifting(60)
    rich = encode(encoder, pictures)
    encoder.set_bitrate(500_000)
    poor = encode(encoder, pictures, start=60)
    encoder.set_bitrate(2_000_000)
    again = encode(encoder, pictures, start=120)
    assert [packet.is_keyframe for packet in (*rich, *poor, *again)] == [True] + [False] * 179
    assert kilobits_a_second(rich) == pytest.approx(2000, rel=0.3)
    assert kilobits_a_second(poor) == pytest.approx(500, rel=0.4)
    assert kilobits_a_second(again) == pytest.approx(2000, rel=0.3)


def test_vp8_follows_a_great_change_of_bitrate_with_one_keyframe_and_leaves_small_ones() -> None:
    encoder, pictures = open_encoder("VP8", 2_000_000), drifting(60)
    encode(encoder, pictures[:5])
    for bitrate in (1_900_000, 2_100_000, 1_700_000, 2_000_000):
        encoder.set_bitrate(bitrate)
        assert not any(packet.is_keyframe for packet in encode(encoder, pictures[5:8], start=5))
    encoder.set_bitrate(700_000)
    packets = encode(encoder, pictures, start=60)
    assert [n for n, packet in enumerate(packets) if packet.is_keyframe] == [0]
    assert kilobits_a_second(packets) == pytest.approx(700, rel=0.4)


@pytest.mark.parametrize("codec", CODECS)
def test_one_picture_may_go_through_two_encoders_at_once(codec: Codec) -> None:
    """aiortc's encoders leave their own clock on the frame, and the second reads it."""
    one, other = open_encoder("H264", 1_000_000), open_encoder("VP8", 1_000_000)
    for number in range(4):
        video = picture(number)
        video.pts, video.time_base = 77, Fraction(1, 25)
        for encoder in (one, other):
            packet = encoder.encode(video, number * STEP, keyframe=False)
            assert packet is not None
            assert (packet.pts, packet.time_base) == (number * STEP, CLOCK)


@pytest.mark.parametrize("codec", CODECS)
def test_a_keyframe_does_not_fill_a_viewers_way_for_long(codec: Codec) -> None:
    """Also when the bitrate was another one before."""
    encoder, pictures = open_encoder(codec, 4_000_000), drifting(40)
    encode(encoder, pictures)
    encoder.set_bitrate(600_000)
    packets = encode(encoder, pictures, keyframes=[30], start=40)
    assert packets[30].size < 0.75 * 600_000 / 8


def test_h264_that_began_poor_becomes_rich() -> None:
    encoder, pictures = open_encoder("H264", 400_000), drifting(60)
    encode(encoder, pictures)
    encoder.set_bitrate(3_000_000)
    packets = encode(encoder, pictures, keyframes=[0], start=60)
    assert kilobits_a_second(packets) == pytest.approx(3000, rel=0.35)


@pytest.mark.parametrize(("given", "said"), [(2, 6), (1, 1), (6, 6)])
def test_h264_says_what_its_colours_mean(given: int, said: int) -> None:
    encoder = open_encoder("H264", 1_000_000)
    video = av.VideoFrame(64, 48, "yuv420p")
    video.colorspace = given
    packet = encoder.encode(video, 0, keyframe=True)
    assert packet
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)
    shown = [*decoder.decode(packet), *decoder.decode(None)][0]
    assert (int(shown.colorspace), int(shown.color_range)) == (said, 1)
