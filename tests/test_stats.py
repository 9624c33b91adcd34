"""Stats: figures of the last seconds, and buckets that hold what they say."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omote.server import stats
from omote.server.stats import EDGES_MS, WINDOW, Histogram, Stats, Window
from tests.utils import Clock


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()

    class Time:
        monotonic = made

    monkeypatch.setattr(stats, "time", Time)
    return made


def test_only_the_last_seconds_count(clock: Clock) -> None:
    window = Window(5)
    for number in range(10):
        window.add(number)
        clock.now += 1
    assert window.values() == [5, 6, 7, 8, 9]
    assert window.mean() == 7
    clock.now += 10
    assert (window.values(), window.mean(), window.rate()) == ([], None, 0)
    assert (window.quantile(0.5), window.rounded_quantile(0.5)) == (None, None)


def test_quantiles_lie_among_the_values(clock: Clock) -> None:
    window = Window()
    for value in (5.0, 1.0, 4.0, 2.0, 3.0):
        window.add(value)
    assert [window.quantile(share) for share in (0, 0.5, 0.95, 1)] == [1, 3, 5, 5]


@pytest.mark.parametrize("seconds", [2, 4, 30])
def test_a_rate_is_right_from_the_second_second_on(clock: Clock, seconds: int) -> None:
    """Not only once the window is full: somebody is watching the figure."""
    window = Window(5)
    for _ in range(30 * seconds):
        window.add(2)
        clock.now += 1 / 30
    assert window.rate() == pytest.approx(30, rel=0.02)
    assert window.total_rate() == pytest.approx(60, rel=0.02)


def test_a_rate_is_right_again_after_a_pause(clock: Clock) -> None:
    window = Window(5)
    for _ in range(90):
        window.add(1)
        clock.now += 1 / 30
    clock.now += 60
    for _ in range(60):
        window.add(1)
        clock.now += 1 / 30
    assert window.rate() == pytest.approx(30, rel=0.02)


def test_a_stream_that_stops_is_seen_to_stop(clock: Clock) -> None:
    window, rates = Window(5), list[float]()
    for _ in range(300):
        window.add(1)
        clock.now += 1 / 30
    for _ in range(6):
        rates.append(window.rate())
        clock.now += 1
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] == pytest.approx(0, abs=0.5)


def test_a_window_is_bounded_whatever_is_put_in() -> None:
    window = Window()
    for number in range(50_000):
        window.add(number)
    assert len(window.values()) <= 10_000


@given(st.floats(0, 10_000))
def test_a_value_is_in_the_first_bucket_that_can_hold_it(value: float) -> None:
    histogram = Histogram()
    histogram.add(value)
    at = histogram.counts.index(1)
    edges = (*EDGES_MS, float("inf"))
    assert value <= edges[at]
    assert at == 0 or value > edges[at - 1]


def test_buckets_accumulate_up_to_infinity() -> None:
    histogram = Histogram()
    for value in (-1, 0, 0.5, 1, 1.5, 98.9, 99, 99.5, 4999, 5001, 10**9):
        histogram.add(value)
    buckets = histogram.buckets()
    counts = [count for _, count in buckets]
    assert counts == sorted(counts)
    assert buckets[-1] == (float("inf"), 11)
    assert (buckets[0], dict(buckets)[99.0], dict(buckets)[5000.0]) == ((1.0, 4), 7, 9)
    assert histogram.sum_ms == pytest.approx(10**9 + 10_299.4)


def test_without_anything_measured_there_are_no_figures() -> None:
    report = Stats().report()
    assert (report["fps_in"], report["fps_out"], report["bitrate_kbps"]) == (0, 0, 0)
    assert report["age_p50_ms"] is report["age_p95_ms"] is report["matte_age_ms"] is None
    assert report["inferred_share"] is None
    assert report["steps_ms"] == {}


def test_a_report_is_in_the_units_it_names(clock: Clock) -> None:
    measured = Stats()
    for number in range(60):
        measured.arrived.add(1)
        measured.sent(0.020 if number % 10 else 0.100)
        measured.step("decode", 1.5)
        clock.now += 1 / 30
    report = measured.report()
    assert report["fps_in"] == pytest.approx(30, abs=0.5)
    assert (report["age_p50_ms"], report["age_p95_ms"]) == (20, 100)
    assert report["steps_ms"] == {"decode": 1.5}
    assert measured.age_histogram.buckets()[-1][1] == 60


def test_a_step_that_is_no_longer_taken_is_no_longer_shown(clock: Clock) -> None:
    measured = Stats()
    measured.step("matte", 3)
    clock.now += WINDOW + 1
    measured.step("background", 4)
    assert measured.report()["steps_ms"] == {"background": 4}
