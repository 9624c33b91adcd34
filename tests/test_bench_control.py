"""`omote bench control`: its arithmetic, its orders, and a short run of it."""

import json
import subprocess
import sys
from itertools import islice

import pytest

from omote.server.bench.child import ChildFailed
from omote.server.bench.eye import Corner
from omote.server.bench.orders import anything
from omote.server.bench.outage import frames_lost

COMMAND = (sys.executable, "-c", "from omote.server.cli import main; main()", "bench", "control")


def test_a_short_run_sees_an_order_over_every_way() -> None:
    given = (*COMMAND, "--case", "orders", "--tries", "1", "--warm-up", "1", "--json")
    done = subprocess.run(given, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr
    cases = json.loads(done.stdout)["cases"]
    assert set(cases) == {"http", "websocket", "data channel", "mqtt"}
    assert all(figures["not_seen"] == 0 for figures in cases.values()), cases


def test_an_unknown_case_is_refused_with_those_there_are() -> None:
    given = (*COMMAND, "--case", "floods")
    done = subprocess.run(given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "orders, flood, outage" in done.stderr


def test_the_flood_holds_every_kind_of_order() -> None:
    orders = list(islice(anything(0), 200))
    assert orders == list(islice(anything(0), 200)), "the same seed gives the same flood"
    broken = [order for order in orders if not _is_json(order)]
    values = {type(_innermost(json.loads(o))) for o in orders if _is_json(o)}
    assert 0 < len(broken) < len(orders) / 3
    assert {float, list} <= values


@pytest.mark.parametrize(
    ("numbers", "lost"),
    [((5, 6, 7), 0), ((5, 7, 8), 1), ((65535, 0, 1), 0), ((1, None, 2), 0), ((3, 3, 6), 2)],
)
def test_missing_numbers_are_lost_frames(numbers: tuple[int | None, ...], lost: int) -> None:
    corner = Corner()
    corner.shown = [(1, 0.0, 0), *((number, 1.0 + at, 0) for at, number in enumerate(numbers))]
    assert frames_lost(corner, since=1.0) == lost


def test_no_pictures_at_all_is_a_failure_and_not_zero_lost() -> None:
    with pytest.raises(ChildFailed):
        frames_lost(Corner(), since=0.0)


def _is_json(order: bytes) -> bool:
    try:
        json.loads(order)
    except ValueError:
        return False
    return True


def _innermost(value: object) -> object:
    while isinstance(value, dict):
        value = next(iter(value.values()))
    return value
