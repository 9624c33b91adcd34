"""Timeline: what goes out always goes on, at the camera's own pace."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omote.server import timeline
from omote.server.timeline import SLIP, Timeline
from tests.utils import STEP

CLOCK = Fraction(1, 90_000)


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stage was made at 1000 s."""

    class Time:
        @staticmethod
        def monotonic() -> float:
            return 1000.0

    monkeypatch.setattr(timeline, "time", Time)


def seconds(ticks: int) -> float:
    return ticks / 90_000


def test_a_cameras_first_frame_is_put_where_it_arrived() -> None:
    assert seconds(Timeline(90_000).of("camera", 123_456_789, CLOCK, 1003.5)) == 3.5


def test_its_spacing_is_kept_to_the_tick_whenever_its_frames_arrive() -> None:
    line, camera = Timeline(90_000), object()
    arrivals = [1001, 1001.08, 1001.081, 1001.1, 1001.9]
    ticks = [line.of(camera, 77 + n * STEP, CLOCK, at) for n, at in enumerate(arrivals)]
    assert {b - a for a, b in pairwise(ticks)} == {STEP}


def test_other_clocks_are_converted() -> None:
    line = Timeline(90_000)
    ticks = [line.of("film", n, Fraction(1, 25), 1000 + n / 25) for n in range(4)]
    assert ticks == [0, 3600, 7200, 10_800]


def test_a_camera_after_the_slate_and_another_after_it_go_on_from_there() -> None:
    line = Timeline(90_000)
    slate = [line.at(1000 + n / 5) for n in range(10)]
    first = [line.of("one", n * STEP, CLOCK, 1002 + n / 30) for n in range(10)]
    again = [line.at(1003 + n / 5) for n in range(5)]
    second = [line.of("two", 10**9 + n * STEP, CLOCK, 1004 + n / 30) for n in range(10)]
    ticks = [*slate, *first, *again, *second]
    assert all(a < b for a, b in pairwise(ticks))
    assert seconds(first[0]) == 2.0
    assert seconds(second[0]) == 4.0


def test_the_same_camera_is_put_anew_after_a_slate() -> None:
    line = Timeline(90_000)
    line.of("camera", 0, CLOCK, 1000.0)
    line.at(1005.0)
    assert seconds(line.of("camera", STEP, CLOCK, 1006.0)) == 6.0


def test_a_camera_whose_clock_jumps_is_put_anew() -> None:
    line = Timeline(90_000)
    line.of("camera", 0, CLOCK, 1000.0)
    assert seconds(line.of("camera", 10**9, CLOCK, 1000.1)) == pytest.approx(0.1)
    assert seconds(line.of("camera", 5, CLOCK, 1000.2)) == pytest.approx(0.2)


@pytest.mark.parametrize("speed", [0.99, 1.01])
def test_a_clock_that_gains_or_loses_never_makes_the_picture_stand_still_or_jump(
    speed: float,
) -> None:
    line = Timeline(90_000)
    frames = range(int(3 * SLIP / abs(1 - speed) * 30))
    ticks = [line.of("camera", round(n * STEP * speed), CLOCK, 1000 + n / 30) for n in frames]
    assert all(0.88 * STEP < b - a < 1.12 * STEP for a, b in pairwise(ticks))
    assert all(abs(seconds(now) - n / 30) < 1.1 * SLIP for n, now in enumerate(ticks))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["at", "one", "two"]),
            st.integers(-(10**6), 10**6),
            st.floats(0, 1, allow_nan=False),
        ),
        max_size=40,
    )
)
def test_times_always_grow(moves: list[tuple[str, int, float]]) -> None:
    line, now, last = Timeline(90_000), 1000.0, -1
    for camera, pts, passed in moves:
        now += passed
        ticks = line.at(now) if camera == "at" else line.of(camera, pts, CLOCK, now)
        assert ticks > last
        last = ticks
