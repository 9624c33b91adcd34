"""`omote bench puppet`: its arithmetic, and a short run of it."""

import json
import subprocess
import sys

import numpy as np
import pytest

from omote.server.bench.puppet.tracking import SETTLED, jitter, lag
from tests.clips import astronaut

COMMAND = (sys.executable, "-c", "from omote.server.cli import main; main()", "bench", "puppet")


def test_a_short_run_follows_the_face() -> None:
    clip = str(astronaut(640, 480, 25, 5))
    given = (*COMMAND, "--clip", clip, "--frames", "80", "--json")
    done = subprocess.run(given, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    [figures] = report["tracking"]
    assert figures["tracked_share"] == 1
    assert figures["jitter_percent"] < min(0.3, figures["jitter_raw_percent"])
    assert {bar["bar"].partition(": ")[2] for bar in report["bars"]} >= {"tracked share"}


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
