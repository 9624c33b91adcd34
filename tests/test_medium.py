"""Medium: what FFmpeg opens, and which of its pictures count."""

from itertools import pairwise
from pathlib import Path

import av
import pytest
from av.codec.context import Flags2

from omote.streams.frame import Frame
from omote.streams.medium import Medium, Pictures
from tests.numbered import number_of, write_jpegs


def frames(path: Path, pts: list[int] | None = None, begin: int | None = None) -> list[Frame]:
    """What is read, if the packets said these `pts`."""
    with Medium(str(path), "clip", "look").open() as container:
        stream = container.streams.video[0]
        pictures = Pictures(stream, begin=begin)
        packets = [packet for packet in container.demux(stream) if packet.dts is not None]
        for packet, said in zip(packets, pts or [], strict=pts is not None):
            packet.pts = said
        return [frame for packet in packets for frame in pictures.of(packet)]


def test_a_damaged_picture_is_passed_over(tmp_path: Path) -> None:
    read = frames(write_jpegs(tmp_path / "clip.avi", damaged={2}))
    assert [number_of(frame) for frame in read] == [0, 1, 3, 4]
    assert [frame.index for frame in read] == [0, 1, 2, 3]
    assert [frame.pts for frame in read] == [0, 1, 3, 4]


def test_a_picture_that_is_not_later_is_passed_over(tmp_path: Path) -> None:
    read = frames(write_jpegs(tmp_path / "clip.avi"), pts=[10, 12, 12, 11, 15])
    assert [number_of(frame) for frame in read] == [0, 1, 4]
    assert [frame.pts for frame in read] == [10, 12, 15]
    assert [frame.index for frame in read] == [0, 1, 2]


def test_pictures_can_be_put_behind_others(tmp_path: Path) -> None:
    read = frames(write_jpegs(tmp_path / "clip.avi"), pts=[7, 8, 9, 10, 20], begin=100)
    assert [frame.pts for frame in read] == [100, 101, 102, 103, 113]
    assert all(one.arrived <= two.arrived for one, two in pairwise(read))


@pytest.mark.parametrize(("codec", "by_slice"), [("libx264", True), ("libx265", False)])
def test_only_h264_is_decoded_slice_by_slice(tmp_path: Path, codec: str, by_slice: bool) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as film:
        stream = film.add_stream(codec, 30, {"x265-params": "log-level=none"})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = 64, 64
        film.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        film.mux(stream.encode(None))
    with Medium(str(path), "clip", "look", sliced=True).open() as container:
        context = container.streams.video[0].codec_context
        assert bool(context.flags2 & Flags2.chunks) is by_slice
