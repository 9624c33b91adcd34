"""Film: what is written again has every picture, at its time, with its sound."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from omote.streams.film import FilmReader, FilmWriter, whole
from omote.streams.frame import Frame, VideoPicture
from omote.streams.sound import UnwritableFilm
from omote.streams.source import medium_of
from tests.flashes import beeps, flashes, sound_codec, write_flashes
from tests.numbered import number_in, write_numbered


def rewritten(source: Path, target: Path, limit: int | None = None) -> Path:
    reader = FilmReader(medium_of(str(source)))
    with FilmWriter(target, reader, crf=18) as film:
        for piece in reader.read(limit):
            if isinstance(piece, Frame):
                assert isinstance(piece.picture, VideoPicture)
                film.put(piece.picture.video, piece.pts, piece.time_base)
            else:
                film.put_sound(piece)
    reader.close()
    return target


def numbers(path: Path) -> list[int]:
    with av.open(str(path)) as film:
        return [number_in(frame) for frame in film.decode(video=0)]


def times(path: Path) -> tuple[Fraction, list[int]]:
    with av.open(str(path)) as film:
        base = film.streams.video[0].time_base
        assert base is not None
        return base, [frame.pts or 0 for frame in film.decode(video=0)]


def test_every_picture_is_there_at_its_time(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "in.mp4", 50)
    target = rewritten(source, tmp_path / "out.mp4")
    assert numbers(target) == list(range(50))
    assert times(target) == times(source)
    with av.open(str(target)) as film:
        stream = film.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.duration is not None
        assert stream.duration * times(target)[0] == Fraction(50, 30)


def test_uneven_times_stay_uneven(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    pts = [0, 40, 55, 200, 201, 900]
    with av.open(str(source), "w") as film:
        stream = film.add_stream("libx264", 30)
        stream.width, stream.height = 64, 64
        stream.codec_context.time_base = Fraction(1, 1000)
        for moment in pts:
            frame = av.VideoFrame(64, 64, "yuv420p")
            frame.pts, frame.time_base = moment, Fraction(1, 1000)
            film.mux(stream.encode(frame))
        film.mux(stream.encode(None))
    base, written = times(rewritten(source, tmp_path / "out.mkv"))
    assert (base, written) == (Fraction(1, 1000), pts)


@pytest.mark.parametrize(
    ("source", "codec", "target", "coded"),
    [
        ("in.mp4", "aac", "out.mp4", "aac"),
        ("in.mkv", "libopus", "out.mp4", "opus"),
        ("in.mkv", "pcm_s16le", "out.mp4", "pcm_s16le"),
        ("in.mp4", "aac", "out.mkv", "aac"),
        ("in.ts", "aac", "out.mp4", "aac"),
        ("in.mkv", "flac", "out.mov", "aac"),
        ("in.mov", "pcm_mulaw", "out.mp4", "aac"),
    ],
)
def test_flash_and_beep_stay_together(
    tmp_path: Path, source: str, codec: str, target: str, coded: str
) -> None:
    before = write_flashes(tmp_path / source, codec)
    after = rewritten(before, tmp_path / target)
    assert sound_codec(after) == coded
    assert len(flashes(after)) == len(beeps(after)) == 2
    apart = [beep - flash for flash, beep in zip(flashes(before), beeps(before), strict=True)]
    for flash, beep, was in zip(flashes(after), beeps(after), apart, strict=True):
        assert beep - flash == pytest.approx(was, abs=0.003)


def test_a_film_that_begins_late_begins_at_once(tmp_path: Path) -> None:
    source = write_flashes(tmp_path / "in.ts", "aac", begin=Fraction(3600))
    target = rewritten(source, tmp_path / "out.mp4")
    assert min(flashes(source)) > 3600
    assert flashes(target) == pytest.approx([0.5, 1.5], abs=0.05)
    assert beeps(target) == pytest.approx(flashes(target), abs=0.003)


def test_a_limited_film_ends_with_its_sound(tmp_path: Path) -> None:
    source = write_flashes(tmp_path / "in.mp4", "aac", seconds=4)
    target = rewritten(source, tmp_path / "out.mp4", limit=60)
    assert len(times(target)[1]) == 60
    assert flashes(target) == [0.5, 1.5]
    assert len(beeps(target)) == 2
    with av.open(str(target)) as film:
        sound = film.streams.audio[0]
        assert sound.duration is not None and sound.time_base is not None
        assert float(sound.duration * sound.time_base) == pytest.approx(2.0, abs=0.05)


def write_lain(path: Path) -> Path:
    """One picture of wide pixels, full range BT.709."""
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", 30)
        stream.width, stream.height = 64, 48
        context = stream.codec_context
        context.colorspace, context.color_range = 1, 2
        context.color_primaries, context.color_trc = 1, 1
        context.sample_aspect_ratio = Fraction(16, 15)
        film.mux(stream.encode(av.VideoFrame(64, 48, "yuv420p")))
        film.mux(stream.encode(None))
    return path


def test_colours_and_pixel_shape_are_said_again(tmp_path: Path) -> None:
    source = write_lain(tmp_path / "in.mp4")
    with av.open(str(rewritten(source, tmp_path / "out.mp4"))) as film:
        context = film.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (1, 2)
        assert (context.color_primaries, context.color_trc) == (1, 1)
        assert film.streams.video[0].sample_aspect_ratio == Fraction(16, 15)


def test_a_picture_that_was_stood_up_has_high_pixels(tmp_path: Path) -> None:
    reader = FilmReader(medium_of(str(write_lain(tmp_path / "in.mp4"))))
    with FilmWriter(tmp_path / "out.mp4", reader, crf=18) as film:
        film.put(av.VideoFrame(48, 64, "yuv420p"), 0, Fraction(1, 30))
    reader.close()
    with av.open(str(tmp_path / "out.mp4")) as written:
        assert written.streams.video[0].sample_aspect_ratio == Fraction(15, 16)


def test_two_languages_stay_two(tmp_path: Path) -> None:
    source = tmp_path / "in.mkv"
    with av.open(str(source), "w") as film, av.open(str(_sound(tmp_path))) as sound:
        stream = film.add_stream("libx264", 30)
        stream.width, stream.height = 64, 64
        spoken = sound.streams.audio[0]
        tracks = [film.add_stream_from_template(spoken) for _ in range(2)]
        for track, language in zip(tracks, ("fra", "jpn"), strict=True):
            track.metadata["language"] = language
        film.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        for packet in sound.demux(spoken):
            for track in tracks if packet.dts is not None else ():
                again = av.Packet(bytes(packet))
                again.pts, again.dts, again.time_base = packet.pts, packet.dts, packet.time_base
                again.stream = track
                film.mux(again)
        film.mux(stream.encode(None))
    with av.open(str(rewritten(source, tmp_path / "out.mp4"))) as film:
        assert [track.language for track in film.streams.audio] == ["fra", "jpn"]
        assert film.streams.best("video") is film.streams[0]


def _sound(folder: Path) -> Path:
    return write_flashes(folder / "sound.mp4", "aac", seconds=1)


@pytest.mark.parametrize("name", ["out.webm", "out.gif", "out.txt", "out"])
def test_a_kind_that_cannot_hold_it_is_refused(tmp_path: Path, name: str) -> None:
    reader = FilmReader(medium_of(str(write_numbered(tmp_path / "in.mp4", 2))))
    with pytest.raises(UnwritableFilm, match=r"take \.mp4 or \.mkv"):
        FilmWriter(tmp_path / name, reader, crf=18)
    assert [path.name for path in tmp_path.iterdir()] == ["in.mp4"]


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    target.write_text("before")
    with pytest.raises(KeyboardInterrupt), whole(target) as unfinished:
        unfinished.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "before"
    with whole(target) as unfinished:
        unfinished.write_text("after")
    assert target.read_text() == "after"
    assert list(tmp_path.iterdir()) == [target]


def test_times_rise_even_where_a_file_repeats_them(tmp_path: Path) -> None:
    source = write_numbered(tmp_path / "in.h264", 10)
    target = rewritten(source, tmp_path / "out.mp4")
    assert numbers(target) == list(range(10))
    assert all(a < b for a, b in pairwise(times(target)[1]))
