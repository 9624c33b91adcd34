"""`omote bench matte`: its clips, its simulated nets, and whole runs of the command."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from typer.testing import CliRunner, Result

from omote.server.bench import app
from omote.server.bench.matte import backgrounds, drawn, fetched, keyed, methods, outside
from omote.server.bench.matte.cases import Case
from omote.server.bench.matte.nets import Ledger, Simulated, Taken
from omote.server.bench.matte.noise import noisy
from omote.server.bench.matte.runs import Bench
from omote.server.bench.matte.scores import scored
from omote.server.bench.matte.shots import Clip, Shot
from omote.server.bench.matte.verdicts import bars, change, summary
from omote.server.bench.matte.works import Work, measured

Bytes = NDArray[np.uint8]

DRAWN: dict[str, Callable[[], Clip]] = {
    "talking": partial(drawn.talking, 5, "busy", 3),
    "skin": partial(drawn.skin_coloured, 5, 3),
    "walking": partial(drawn.walking, 5, 3),
    "waving": partial(drawn.waving, 5, 3),
    "occluded": partial(drawn.occluded, 5, 3),
    "cut": partial(drawn.cut, 5, 4),
    "still": partial(drawn.still, 5, 3),
    "pair": partial(drawn.pair, 5, "plain", 3),
}


@cache
def bench() -> Bench:
    return Bench()


def command(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["matte", *map(str, arguments)])


@pytest.mark.parametrize("make", DRAWN.values(), ids=DRAWN.keys())
def test_a_drawn_clip_is_the_same_every_time_and_knows_its_alpha(make: Callable[[], Clip]) -> None:
    one, other = make().make(1), make().make(1)
    assert one.alpha is not None and other.alpha is not None and one.hair is not None
    assert np.array_equal(one.picture, other.picture) and np.array_equal(one.alpha, other.alpha)
    assert one.picture.shape == (*one.alpha.shape, 3) == (720, 1280, 3)
    assert one.alpha.min() == 0 and one.alpha.max() == 255
    assert (one.hair <= one.alpha.astype(int) + 1).all()


def test_drawn_people_have_single_hairs() -> None:
    shot = drawn.talking(0, "plain", 1).make(0)
    assert shot.alpha is not None and shot.hair is not None
    fine = (shot.hair > 30) & (cv2.morphologyEx(shot.hair, cv2.MORPH_OPEN, np.ones((5, 5))) < 30)
    assert fine.sum() > 2000
    partly = (shot.alpha > 5) & (shot.alpha < 250)
    assert partly.sum() > 2000


def test_of_two_people_each_alpha_is_what_shows_of_him() -> None:
    shot = drawn.pair(4, "plain", 1).make(0)
    assert shot.alpha is not None
    near, far = (each.astype(int) for each in shot.people)
    assert np.abs(near + far - shot.alpha).max() <= 2
    assert ((near > 250) & (far > 5)).sum() == 0
    assert len(shot.faces) == 2


def test_a_cut_changes_everything_and_a_still_nothing() -> None:
    cut, still = drawn.cut(5, 4), drawn.still(5, 3)
    assert np.array_equal(still.make(0).picture, still.make(2).picture)
    changed = cv2.absdiff(cut.make(1).picture, cut.make(2).picture).mean()
    assert changed > 10 * cv2.absdiff(cut.make(0).picture, cut.make(1).picture).mean()


def test_busy_backgrounds_are_busier_than_plain_ones() -> None:
    def texture(picture: Bytes) -> float:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        return float(np.abs(cv2.Sobel(grey, cv2.CV_32F, 1, 0)).mean())

    for seed in range(3):
        plain, busy = (paint(seed, 320, 180) for paint in (backgrounds.plain, backgrounds.busy))
        assert texture(busy) > 3 * texture(plain)


def test_noise_grows_with_sensitivity_and_leaves_the_mean_alone() -> None:
    grey = np.full((100, 100, 3), 128, np.uint8)
    spreads = [noisy(grey, iso, 0).astype(float) for iso in (100, 800, 6400)]
    deviations = [each.std() for each in spreads]
    assert deviations == sorted(deviations) and deviations[2] > 5 * deviations[0]
    assert all(abs(each.mean() - 128) < 3 for each in spreads)
    assert np.array_equal(noisy(grey, 800, 1), noisy(grey, 800, 1))


def test_a_blue_wall_is_keyed_away_and_leaves_no_blue() -> None:
    wall = np.full((288, 360, 3), (50, 130, 240), np.uint8)
    cv2.circle(wall, (180, 150), 70, (150, 110, 90), -1, cv2.LINE_AA)
    colours, alpha = keyed.cut_out(wall)
    assert alpha[375, 450] == 255 and alpha[20, 20] == 0
    disc = np.zeros((720, 900), np.uint8)
    cv2.circle(disc, (450, 375), 175, (255,), -1, cv2.LINE_AA)
    assert np.abs(alpha.astype(int) - disc).mean() < 6
    inside = colours[alpha > 20].astype(int)
    assert (inside[:, 2] <= inside[:, 0] + 20).all()


def test_a_simulated_net_answers_for_the_part_it_is_shown() -> None:
    shot = drawn.talking(0, "plain", 1).make(0)
    ledger = Ledger()

    def left(picture: Bytes) -> Bytes:
        half = np.ascontiguousarray(picture[:, :640])
        return np.asarray(cv2.resize(half, (256, 256), interpolation=cv2.INTER_AREA), np.uint8)

    ledger.taken.append(Taken(left(shot.picture), 0, left))
    net = Simulated("selfie_square", lambda index: shot, ledger)
    answer = net({"picture": left(shot.picture)[None]})["alpha"]
    assert shot.alpha is not None
    truth = left(np.repeat(shot.alpha[..., None], 3, axis=2))[..., 0] / 255
    assert answer.shape == (1, 256, 256, 1)
    assert np.abs(answer[0, ..., 0] - truth).mean() < 0.05


def test_a_simulated_net_refuses_a_picture_it_cannot_place() -> None:
    shot = drawn.talking(0, "plain", 1).make(0)
    net = Simulated("selfie_square", lambda index: shot, Ledger())
    with pytest.raises(LookupError, match="unknown origin"):
        net({"picture": np.zeros((1, 256, 256, 3), np.uint8)})


def test_two_runs_of_the_effect_are_alike() -> None:
    clip = drawn.talking(drawn.TUNING, "plain", 10)
    first, second = (bench().run(clip, methods.BALANCED) for _ in range(2))
    assert first.ledger.asked == second.ledger.asked
    for one, other in zip(first.alphas, second.alphas, strict=True):
        assert np.array_equal(one, other)


def test_figures_tell_the_cheap_net_from_the_truth() -> None:
    clip = drawn.talking(drawn.TUNING, "plain", 3)
    run = bench().run(clip, methods.CHEAP)
    figures = scored(clip, run)
    assert figures["asked"] == {"selfie_landscape": 3} and figures["inferred_share"] == 1
    assert 0.9 < figures["iou"] < 1 and figures["hair_mad"] > figures["mad"] > 0
    exact = replace(run, alphas=[truth_of(shot) for shot in clip.shots])
    assert scored(clip, exact)["mse"] == 0


def work(group: str, **figures: dict[str, float]) -> Work:
    return Work(group, group, figures=dict(figures))


def test_a_change_is_that_of_the_means_within_its_interval() -> None:
    works = [
        work("strands plain", cheap={"mse": 4.0}, balanced={"mse": 2.0}),
        work("strands plain", cheap={"mse": 2.0}, balanced={"mse": 1.6}),
    ]
    found = change(works, "balanced", "cheap", "mse")
    assert found is not None
    assert found["change"] == pytest.approx(-0.4)
    assert found["low"] == pytest.approx(-0.5) and found["high"] == pytest.approx(-0.2)
    assert change(works, "best", "cheap", "mse") is None


def test_bars_hold_or_fail_by_their_limits_and_are_silent_without_figures() -> None:
    better = work("strands plain", cheap={"mse": 4.0}, balanced={"mse": 2.0})
    worse = work("strands plain", cheap={"mse": 4.0}, balanced={"mse": 3.9})
    (held,), (failed,) = (
        [bar for bar in bars([each]) if "mse" in bar.bar] for each in (better, worse)
    )
    assert held.holds and held.value == -0.5 and held.limit == -0.3
    assert not failed.holds
    assert bars([]) == [] == summary([])


def test_a_clip_that_cannot_be_fetched_says_why_and_the_others_go_on(tmp_path: Path) -> None:
    def unfetched() -> Clip:
        raise fetched.NotFetched("no npm")

    found = measured(Case("keyed plain", unfetched, [methods.CHEAP]), tmp_path)
    assert found.failed == "no npm" and found.figures == {}
    assert bars([found]) == []


def test_a_missing_program_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(fetched.NotFetched, match="npm"):
        fetched.clip("franck")


def test_the_command_measures_and_draws_what_it_is_asked_for(tmp_path: Path) -> None:
    arguments = ["--quick", "--seconds", "0.1", "--only", "strands plain", "--json"]
    arguments += ["--method", "cheap", "--method", "balanced", "--sheets", str(tmp_path)]
    program = [sys.executable, "-c", "from omote.server.bench import app; app()", "matte"]
    done = subprocess.run(
        [*program, *arguments], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert {case["group"] for case in report["cases"]} == {"strands plain"}
    for case in report["cases"]:
        assert case["tier"] == "exact" and case["failed"] is None
        assert set(case["figures"]) == {"cheap", "balanced"}
        for figures in case["figures"].values():
            assert {"mad", "mse", "gradient", "connectivity", "dtssd", "iou"} < set(figures)
    assert {"bar", "value", "limit", "holds"} == set(report["bars"][0])
    sheets = list(tmp_path.glob("*.png"))
    assert len(sheets) == len(report["cases"])
    for path in sheets:
        sheet = cv2.imread(str(path))
        assert sheet is not None and sheet.shape[0] > 800


def film(path: Path, count: int, width: int = 320, height: int = 180, grey: bool = False) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height = width, height
        stream.pix_fmt = "gray" if grey else "bgra"
        for index in range(count):
            alpha = np.zeros((height, width), np.uint8)
            cv2.circle(alpha, (width // 2 + index, height // 2), height // 3, (255,), -1)
            layers = alpha if grey else np.dstack([alpha // 2 + 60] * 3 + [alpha])
            video = av.VideoFrame.from_ndarray(layers, "gray" if grey else "bgra")
            container.mux(stream.encode(video))
        container.mux(stream.encode(None))
    return path


def folder(path: Path, count: int, width: int = 320, height: int = 180) -> Path:
    path.mkdir()
    for index in range(count):
        alpha = np.zeros((height, width), np.uint8)
        cv2.circle(alpha, (width // 2 + index, height // 2), height // 3, (255,), -1)
        cv2.imwrite(str(path / f"{index:03}.png"), alpha)
    return path


def truth_of(shot: Shot) -> Bytes:
    assert shot.alpha is not None
    return shot.alpha


def test_alpha_may_be_a_film_a_folder_or_the_clips_own(tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mkv", 4)
    grey = film(tmp_path / "alpha.mkv", 4, grey=True)
    pictures = folder(tmp_path / "alpha", 4)
    ways = [outside.clip(clip, alpha, 10) for alpha in (None, grey, pictures)]
    assert [len(way.shots) for way in ways] == [4, 4, 4]
    for index in range(4):
        one, *others = (truth_of(way.shots[index]) for way in ways)
        assert one.max() == 255
        for other in others:
            assert cv2.absdiff(one, other).mean() < 1


def test_alpha_of_another_size_is_scaled_and_only_so_many_frames_are_read(tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mkv", 5, 322, 181)
    small = folder(tmp_path / "alpha", 5, 160, 90)
    found = outside.clip(clip, small, 2)
    assert len(found.shots) == 2
    assert found.shots[0].picture.shape == (180, 322, 3)
    assert truth_of(found.shots[0]).shape == (180, 322)


def test_a_clip_is_judged_as_far_as_its_alpha_goes(tmp_path: Path) -> None:
    clip, alpha = film(tmp_path / "clip.mkv", 4), folder(tmp_path / "alpha", 3)
    found = outside.clip(clip, alpha, 10)
    assert len(found.shots) == 3 and found.what.startswith("3 frames of clip.mkv")


def test_an_alpha_of_other_proportions_is_refused(tmp_path: Path) -> None:
    clip, alpha = film(tmp_path / "clip.mkv", 4), folder(tmp_path / "alpha", 4, 180, 320)
    with pytest.raises(outside.Unfit, match="different proportions"):
        outside.clip(clip, alpha, 10)


def test_the_alpha_of_a_webm_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "clip.webm"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx-vp9", rate=25)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuva420p"
        layers = np.full((96, 128, 4), 90, np.uint8)
        layers[..., 3] = 255 * (np.arange(128) < 64)
        for _ in range(3):
            video = av.VideoFrame.from_ndarray(layers, "rgba").reformat(format="yuva420p")
            container.mux(stream.encode(video))
        container.mux(stream.encode(None))
    shots = outside.clip(path, None, 10).shots
    assert len(shots) == 3
    assert truth_of(shots[1])[:, :56].min() > 240 and truth_of(shots[1])[:, 72:].max() < 15


def test_a_single_picture_is_judged_too(tmp_path: Path) -> None:
    clip, alpha = folder(tmp_path / "clip", 1), folder(tmp_path / "alpha", 1)
    result = command("--clip", clip, "--alpha", alpha, "--method", "balanced", "--json")
    assert result.exit_code == 0
    figures = json.loads(result.stdout)["cases"][0]["figures"]["balanced"]
    assert figures["frames"] == 1 and figures["mad"] > 0


def test_a_clip_without_alpha_needs_one(tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mkv", 2, grey=True)
    result = command("--clip", clip)
    assert result.exit_code == 2 and "no alpha channel" in result.output
    assert command("--alpha", clip).exit_code == 2


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    nonsense = tmp_path / "clip.mp4"
    nonsense.write_text("no film")
    result = command("--clip", nonsense)
    assert result.exit_code == 2 and "cannot be read" in result.output
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(outside.Unfit, match="no pictures"):
        outside.clip(film(tmp_path / "x.mkv", 1), empty, 1)


def test_unknown_methods_and_groups_are_refused() -> None:
    assert "no method" in command("--method", "magic").output
    assert "no group" in command("--only", "nothing").output


def test_a_given_clip_is_judged_with_its_alpha(tmp_path: Path) -> None:
    clip = film(tmp_path / "clip.mkv", 3)
    found = measured(Case("given", partial(outside.clip, clip, None, 3), [methods.FAST]), tmp_path)
    assert found.failed is None and found.tier == "given"
    assert found.figures["fast"]["frames"] == 3
    assert 0 <= found.figures["fast"]["iou"] <= 1
