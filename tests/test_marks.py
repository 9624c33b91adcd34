"""Numbers painted into pictures, and what they survive."""

import av
import cv2
import numpy as np
import pytest

from omote.clients import clip, marks
from omote.engines.chain import Chain
from omote.engines.effect import Rung, kinds
from omote.engines.model import Models
from omote.engines.onnx import load
from omote.engines.pixels import CpuPixels
from omote.streams.decoder import open_decoder
from omote.streams.encoder import CLOCK, H264Encoder
from omote.streams.frame import Frame, VideoPicture
from omote.streams.packet import Packet
from tests.clips import PORTRAIT
from tests.utils import STEP

BITRATE = 2_500_000


@pytest.mark.parametrize("size", [(1280, 720), (640, 360), (1920, 1080), (400, 226)])
def test_a_painted_number_is_read_again(size: tuple[int, int]) -> None:
    luma = np.full((size[1], size[0]), 90, np.uint8)
    for number in [0, 1, 0x5555, 0xAAAA, 0xFFFF, *range(37, marks.NUMBERS, 4001)]:
        marks.paint(luma, number)
        assert marks.read(luma) == number


def test_numbers_begin_again_after_the_last_one() -> None:
    luma = np.zeros((720, 1280), np.uint8)
    marks.paint(luma, marks.NUMBERS + 7)
    assert marks.read(luma) == 7


def test_nothing_is_read_from_a_picture_without_a_mark() -> None:
    for still in ("synthetic", str(PORTRAIT)):
        for video in clip.pictures(still, (1280, 720), 30, 4):
            assert marks.read(marks.luma_of(video)) is None
    assert marks.read(np.full((720, 1280), 128, np.uint8)) is None
    assert marks.read(np.zeros((720, 100), np.uint8)) is None


def test_a_mark_survives_a_blur_of_thirty_pixels() -> None:
    for number, video in zip(range(911, 65536, 5003), portrait(13), strict=True):
        luma = marks.luma_of(video)
        marks.paint(luma, number)
        assert marks.read(np.asarray(cv2.GaussianBlur(luma, (0, 0), 30), np.uint8)) == number


def test_marks_survive_two_encoders_and_the_strongest_background_blur() -> None:
    chain = Chain(Models(load), CpuPixels())
    known = kinds()
    strongest = {"background": known["background"].Params.model_validate({"strength": 1.0})}
    effects = ("matte", "background")
    params = {name: strongest.get(name, known[name].Params()) for name in effects}
    chain.use(chain.build(effects), params)
    there, back = H264Encoder(BITRATE), H264Encoder(BITRATE)
    first, second = open_decoder("H264"), open_decoder("H264")
    try:
        for at, video in enumerate(clip.pictures("synthetic", (1280, 720), 30, 10)):
            number = 1000 + 4099 * at
            marks.paint(marks.luma_of(video), number)
            arrived = coded(there, first, video, at)
            shown = coded(back, second, through(chain, arrived, at), at)
            luma = marks.luma_of(shown)
            assert marks.read(luma) == number
            assert between_black_and_white(luma) > 0.3
        assert not any(chain.errors.values())
    finally:
        chain.close()


def portrait(count: int) -> list[av.VideoFrame]:
    return clip.pictures(str(PORTRAIT), (1280, 720), 30, count)


def between_black_and_white(luma: marks.Luma) -> float:
    """Share of the mark that a blur has made grey."""
    cell = marks.cell_for(luma.shape[0])
    marked = luma[: marks.ROWS * cell, : marks.COLUMNS * cell]
    return float(np.mean((marked > 40) & (marked < 210)))


def coded(
    encoder: H264Encoder, decoder: av.VideoCodecContext, video: av.VideoFrame, at: int
) -> av.VideoFrame:
    packet = encoder.encode(video, at * STEP, at == 0)
    assert packet is not None
    return decoder.decode(Packet(bytes(packet)))[0]


def through(chain: Chain, video: av.VideoFrame, at: int) -> av.VideoFrame:
    pixels = CpuPixels()
    picture = pixels.from_video(VideoPicture(video))
    frame = Frame(picture, at * STEP, CLOCK, 100 + at / 30, at)
    return pixels.to_video(chain(frame, Rung.FULL).frame.picture)
