"""`omote bench`: whole runs in a process of their own, and the arithmetic behind the figures."""

import json
import math
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import psutil
import pytest
from numpy.typing import NDArray

from omote.server.bench import figures as arithmetic
from omote.server.bench.bars import bars
from omote.server.bench.figures import Figures
from omote.server.bench.server import Sample

BENCH = [sys.executable, "-c", "from omote.server.bench import app; app()"]
LIVE = [*BENCH, "live", "--clip", "synthetic", "--seconds", "3", "--warm-up", "2", "--json"]
NAMES = [
    "fps_in",
    "fps_out",
    "age_p50_ms",
    "age_p95_ms",
    "e2e_p50_ms",
    "e2e_p95_ms",
    "e2e_viewer",
    "server_cores",
    "steps_ms",
    "dropped_undecoded",
    "dropped_newest",
    "freeze_max_ms",
    "rss_growth_mb",
    "loop_lag_p95_ms",
    "rung",
]


def test_a_short_run_gives_finite_figures() -> None:
    done = subprocess.run(
        [*LIVE, "--case", "echo"], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    (case,) = report["cases"]
    assert report["machine"]["cores"] and report["clip"]
    assert set(NAMES) < set(case)
    for name in set(NAMES) - {"e2e_viewer", "steps_ms"}:
        assert math.isfinite(case[name]), name
    assert case["e2e_viewer"] == "omote"
    assert {"decode", "encode"} <= set(case["steps_ms"])
    assert case["more"]["pictures_recognised"] == case["more"]["pictures_shown"] > 0


def test_a_case_that_fails_says_why_and_the_others_go_on() -> None:
    done = subprocess.run(
        [*LIVE, "--clip", "no-such-clip.mp4", "--case", "echo", "--case", "stock"],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    report = json.loads(done.stdout)
    assert done.returncode == 1
    assert [case["case"] for case in report["cases"]] == ["echo", "stock"]
    assert all("no-such-clip.mp4" in case["failed"] for case in report["cases"])


def test_a_plain_aiortc_echo_is_measured_too() -> None:
    done = subprocess.run(
        [*LIVE, "--case", "stock"], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    cases = json.loads(done.stdout)["cases"]
    assert [case["e2e_viewer"] for case in cases] == ["omote", "aiortc"]
    assert all(math.isfinite(case["e2e_p50_ms"]) for case in cases)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_no_process_is_left_when_the_bench_is_stopped(number: signal.Signals) -> None:
    with subprocess.Popen(
        [*LIVE, "--case", "echo", "--seconds", "60"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as bench:
        children = []
        for _ in patiently(60):
            children = psutil.Process(bench.pid).children(recursive=True)
            if len(children) >= 3 or bench.poll() is not None:
                break
        bench.send_signal(number)
        bench.wait(60)
    assert len(children) >= 3
    _, alive = psutil.wait_procs(children, timeout=30)
    for child in alive:
        child.kill()
    assert not alive


def patiently(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield
        time.sleep(0.1)


def test_presets_are_compared() -> None:
    command = [*BENCH, "encoder", "--clip", "synthetic", "--count", "5", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    rows = json.loads(done.stdout)["presets"]
    assert {row["codec"] for row in rows} == {"H264", "VP8"}
    assert all(row["cpu_p50_ms"] > 0 and 20 < row["psnr_db"] < 80 for row in rows)


def test_a_number_that_repeats_means_the_last_picture_that_had_it() -> None:
    taken = [(7, 10.0), (8, 10.1), (7, 20.0), (8, 20.1)]
    shown = [(7, 10.05, 0), (7, 20.03, 0), (8, 20.2, 0), (None, 21.0, 0), (9, 22.0, 0)]
    assert arithmetic.end_to_end(taken, shown) == pytest.approx([50, 30, 100])


def test_quantiles_are_those_of_the_interval_alone() -> None:
    before = {1.0: 5, 2.0: 5, 3.0: 5, math.inf: 5}
    after = {1.0: 5, 2.0: 95, 3.0: 105, math.inf: 105}
    during = arithmetic.since(before, after)
    assert [arithmetic.quantile(during, share) for share in (0.5, 0.95)] == [2.0, 3.0]
    assert arithmetic.quantile({}, 0.5) is None


def test_a_rise_in_age_is_seen() -> None:
    rising, steady = samples_of(range(10, 22)), samples_of([10] * 12)
    assert arithmetic.age_rise(rising, "a") == pytest.approx(12, abs=0.1)
    assert arithmetic.age_rise(steady, "a") == pytest.approx(0, abs=0.01)


def samples_of(ages: Iterable[int]) -> list[Sample]:
    """One sample, then one more after each five seconds in which 100 frames left at that age."""
    counts = np.zeros(60, int)
    samples = [sample(0.0, counts)]
    for number, age in enumerate(ages, 1):
        counts[age] += 100
        samples.append(sample(5.0 * number, counts))
    return samples


def sample(at: float, counts: NDArray[np.int_]) -> Sample:
    ages = {float(edge): int(count) for edge, count in enumerate(np.cumsum(counts))}
    return Sample(at, 0.0, 0.0, 0, {}, {"a": ages})


def test_sound_and_picture_are_compared_by_their_senders_clocks() -> None:
    viewer: dict[str, Any] = {
        "shown": [(30, 101.030, 90_000), (31, 101.063, 93_000), (60, 102.030, 180_000)],
        "beeps": [(4_294_967_296 - 1000 + 48_000, 101.010), (95_000, 102.010)],
        "reports": {
            "video": [(0.0, 0), (1000.0, 0), (1001.0, 90_000), (1002.5, 225_000)],
            "audio": [(1000.0, 4_294_966_296), (1001.0, 47_000)],
        },
    }
    apart = arithmetic.together(viewer)
    assert apart["beeps"] == 2
    assert apart["av_by_reports_p50_ms"] == pytest.approx(0, abs=0.1)
    assert apart["av_by_arrival_p50_ms"] == pytest.approx(20, abs=0.1)


def test_bars_are_held_against_the_figures() -> None:
    blur = Figures("blur", "", fps_out=29.9, age_p50_ms=20, age_p95_ms=50, e2e_p50_ms=40)
    stock = Figures("stock", "", e2e_p50_ms=60)
    held = {bar.bar: bar.holds for bar in bars([blur, stock, Figures("soak", "", failed="gone")])}
    assert held["blur: fps_out"] and held["blur: age_p50_ms"]
    assert not held["blur: age_p95_ms"]
    assert not held["blur: e2e_p95_ms"]  # not measured is not kept
    assert held["blur: e2e_p50_ms better than stock's"]
    assert not any(bar.startswith("soak") for bar in held)


def test_quality_balanced_has_bars_of_its_own() -> None:
    hair = Figures("hair", "", fps_out=29.9, age_p95_ms=50)
    assert [(bar.bar, bar.holds) for bar in bars([hair])] == [
        ("hair: fps_out", True),
        ("hair: age_p95_ms", True),
    ]
