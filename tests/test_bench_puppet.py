"""`omote bench puppet`: its arithmetic, and a short run of it."""

import json
import subprocess
import sys
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from omote.engines.faces.canonical import canonical_face
from omote.engines.faces.topology import OVAL
from omote.engines.kernels import Bytes
from omote.server.bench.puppet.cases import FACE, SIDE, middlemost, reenacted
from omote.server.bench.puppet.methods import USUAL
from omote.server.bench.puppet.reel import Unusable, reel
from omote.server.bench.puppet.reenactment import Figures
from omote.server.bench.puppet.scores import (
    agreement,
    boxes_of,
    eyes_apart,
    landmark_distance,
    nearness,
)
from omote.server.bench.puppet.tracking import SETTLED, Tracking, jitter, lag, longest, tracking
from omote.server.bench.puppet.verdicts import bars
from omote.streams.frame import Face, Frame
from tests.clips import astronaut
from tests.portraits import models, pixels

COMMAND = (sys.executable, "-c", "from omote.server.cli import main; main()", "bench", "puppet")


def test_a_short_run_follows_the_face_and_shows_it_by_every_method(tmp_path: Path) -> None:
    clip = str(astronaut(640, 480, 25, 5))
    given = (*COMMAND, "--clip", clip, "--frames", "80", "--no-judges", "--json")
    done = subprocess.run(
        (*given, "--sheets", str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    [figures] = report["tracking"]
    assert figures["tracked_share"] == 1
    assert figures["jitter_percent"] < min(0.3, figures["jitter_raw_percent"])
    assert {bar["bar"].partition(": ")[2] for bar in report["bars"]} >= {"tracked share"}
    shown = {each["method"]: each for each in report["shown"]}
    assert tuple(shown) == USUAL
    assert shown["driver"]["psnr_face"] == 100
    assert shown["mesh"]["psnr_face"] > shown["still"]["psnr_face"]
    assert shown["mesh"]["identity"] is None
    assert {path.suffix for path in tmp_path.iterdir()} == {".png", ".mp4"}


def test_what_is_judged_was_not_learnt_from_and_moves_from_the_reference() -> None:
    case = reenacted(astronaut(640, 480, 25, 5), models(), pixels(), 80)
    gap = case.driver[0].index - case.learning[-1].index
    assert gap > 8 and len(case.learning) == 60 and len(case.driver) == 12
    assert any(case.reference is each for each in case.learning)
    [face] = case.reference.faces
    assert case.neutral.shape is face.shape
    assert all(each.faces[0].neutral is case.neutral for each in case.driver)
    assert np.ptp(face.landmarks[list(OVAL), 1]) == pytest.approx(FACE, rel=0.15)


def test_the_middlemost_face_is_none_of_the_extremes() -> None:
    faces = [Face((0, 0, 1, 1), np.full((478, 3), at, np.float32)) for at in (0, 9, 2, 3, 30)]
    assert middlemost(faces) == 3


def test_boxes_lie_within_the_square_wherever_the_face_is() -> None:
    for shift in (-200.0, 0.0, 400.0):
        points = np.random.default_rng(3).uniform(shift, shift + FACE, (478, 3)).astype(np.float32)
        for left, top, right, bottom in boxes_of(points).values():
            assert 0 <= left < right <= SIDE and 0 <= top < bottom <= SIDE


def test_a_shown_picture_is_compared_where_the_face_is() -> None:
    truth = np.zeros((SIDE, SIDE, 3), np.uint8)
    points = np.random.default_rng(3).uniform(128, 384, (478, 3)).astype(np.float32)
    left, top, right, bottom = boxes_of(points)["face"]
    shown = truth.copy()
    shown[:top] = 255
    near = nearness(shown, truth, points)
    assert near.psnr_face == 100 and near.psnr < 20
    shown[top:bottom, left:right] = 16
    expected = 10 * np.log10(255**2 / 16**2)
    assert nearness(shown, truth, points).psnr_face == pytest.approx(expected)


def test_landmarks_are_compared_in_eyes_distances_and_moves_by_how_they_go_together() -> None:
    face = canonical_face().vertices
    unit = eyes_apart(face)
    assert landmark_distance(face + np.float32(0.01) * unit, face) == pytest.approx(2**0.5)
    opened = []
    for at in range(40):
        points = face.copy()
        points[14, 1] -= (at % 10) / 5
        opened.append(points)
    found = agreement(opened, opened)
    assert found == {"jaw": 1, "smile": None, "blink": None}
    assert agreement(opened[::-1], opened)["jaw"] == pytest.approx(-1, abs=0.01)
    assert agreement([face] * 40, opened)["jaw"] == 0


def test_a_clip_that_says_nothing_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "words.mp4").write_text("no clip")
    with pytest.raises(Unusable, match=r"words\.mp4 is no clip"):
        list(reel(tmp_path / "words.mp4", pixels(), (64, 48), 10))
    wall = clip_of([np.full((240, 320, 3), 90, np.uint8)] * 60, tmp_path / "wall.mp4")
    with pytest.raises(Unusable, match=r"nobody's face is found in wall\.mp4"):
        reenacted(wall, models(), pixels(), 80)
    with pytest.raises(Unusable, match="nobody's face is found"):
        tracking(wall, models(), pixels(), 80, print)
    with pytest.raises(Unusable, match="frames to learn from"):
        reenacted(astronaut(640, 480, 25, 2), models(), pixels(), 80)


def test_seconds_without_a_face_are_told_and_not_held_against_the_tracker(tmp_path: Path) -> None:
    shown = [
        opened_rgb(each) for each in reel(astronaut(640, 480, 25, 4), pixels(), (640, 480), 60)
    ]
    empty = [np.full((480, 640, 3), 90, np.uint8)] * 30
    # The first second is left out.
    clip = clip_of(empty[:25] + shown[:30] + empty + shown[30:], tmp_path / "gone.mp4")
    found = tracking(clip, models(), pixels(), 120, print)
    assert 25 <= found.without_face <= 35
    assert found.tracked_share > 0.9
    assert found.head_lag_frames is None
    assert found.jitter_percent < 0.3


def opened_rgb(each: Frame) -> Bytes:
    return pixels().rgb(each.picture)


def clip_of(pictures: Sequence[Bytes], path: Path) -> Path:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", 25, options={"crf": "18"})
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        for number, picture in enumerate(pictures):
            video = av.VideoFrame.from_ndarray(picture, "rgb24")
            video.pts, video.time_base = number, Fraction(1, 25)
            film.mux(stream.encode(video))
        film.mux(stream.encode())
    return path


def test_the_longest_time_with_a_face_is_found() -> None:
    there = np.array([1, 1, 0, 1, 1, 1, 0, 1], bool)
    assert longest(there) == slice(3, 6)
    assert longest(np.zeros(3, bool)) == slice(0, 0)


def test_bars_are_held_against_the_worst_of_tracking_and_the_methods_own_time() -> None:
    followed = Tracking("c", 90, 1.0, {"640x480": 10.0, "1280x720": 12.0}, {}, 0.1, 0.4, 0.5, 0.5)
    mesh = Figures("c", "mesh", True, psnr_face=25.0, cpu_p50_ms=12.5)
    still = Figures("c", "still", True, psnr_face=20.5)
    held = {bar.bar.partition(": ")[2]: bar for bar in bars([followed], [mesh, still])}
    assert held["cpu p50 ms of tracking and mesh"].value == 24.5
    assert held["cpu p50 ms of tracking and mesh"].holds
    assert held["dB of mesh over still, face"].value == 4.5
    assert not held["dB of mesh over still, face"].holds


@pytest.mark.parametrize("behind", [0.0, 0.5, 2.0])
def test_lag_is_found_to_a_fraction_of_a_frame(behind: float) -> None:
    at = np.arange(200.0)
    there, here = (np.sin(t / 9)[:, None].astype(np.float32) for t in (at, at - behind))
    assert lag(there, here) == pytest.approx(behind, abs=0.06)


def test_jitter_is_a_share_of_the_eyes_distance() -> None:
    chance = np.random.default_rng(2)
    points = np.zeros((SETTLED + 400, 478, 2), np.float32)
    points[:, 473, 0] = 50
    noisy = points + chance.normal(0, 0.1, points.shape)
    assert jitter(noisy.astype(np.float32)) == pytest.approx(100 * 0.1 * 2**0.5 / 50, rel=0.02)
