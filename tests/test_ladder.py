"""Ladder: simulated stages under simulated loads, newest frame only, 30 frames a second."""

from collections.abc import Callable
from itertools import pairwise

import pytest

from omote.engines.effect import Rung
from omote.server.ladder import Ladder
from omote.streams.latest import PATIENCE

INTERVAL = 1 / 30
Cost = Callable[[Rung, float], float]
"Seconds that a frame takes on a rung at a moment."
Past = list[tuple[float, Rung]]


def stage(cost: Cost, seconds: float, ladder: Ladder | None = None, start: float = 0.0) -> Past:
    """Run a stage: when which rung was stood on, once per frame."""
    ladder, now, past = ladder or Ladder(), start, []
    taken, skipped = int(start / INTERVAL) - 1, False
    while now < start + seconds:
        taken = max(int(now / INTERVAL), taken + 1)
        now = max(now, taken * INTERVAL)
        skipped = ladder.rung >= Rung.RATE and not skipped
        if skipped:
            continue
        arrived, began = taken * INTERVAL, now
        now += cost(ladder.rung, now)
        starved = replaced(began, now)
        past.append((now, ladder.frame(now, now - arrived, INTERVAL, starved)))
    return past


def replaced(began: float, ended: float) -> bool:
    """Whether of the frames that came meanwhile one waited for long and was replaced by another."""
    first = int(began / INTERVAL + 1e-6) + 1
    return (first + 1) * INTERVAL <= ended and PATIENCE < INTERVAL


def rungs(past: Past) -> list[Rung]:
    return [rung for _, rung in past]


def changes(past: Past, since: float = 0.0) -> int:
    late = [rung for when, rung in past if when >= since]
    return sum(a is not b for a, b in pairwise(late))


def share(past: Past, rung: Rung, since: float) -> float:
    late = [stood for when, stood in past if when >= since]
    return late.count(rung) / len(late)


SAVES = (1.0, 1.0, 0.8, 0.65, 0.5, 0.5, 0.4, 0.15)
"What a frame costs on each rung, of what it costs on the first."


def load(milliseconds: float) -> Cost:
    """Every frame costs that much on the first rung."""
    return lambda rung, _: milliseconds / 1e3 * SAVES[rung]


def test_with_room_nothing_is_given_up() -> None:
    assert set(rungs(stage(load(20), 30))) == {Rung.FULL}


def test_quality_is_given_up_in_order_until_frames_keep_up() -> None:
    past = stage(load(55), 10)
    stood = list(dict.fromkeys(rungs(past)))
    assert stood == sorted(stood)
    assert {Rung.REUSE, Rung.MODEL, Rung.SIZE} <= set(stood)
    assert max(stood) <= Rung.RATE


def test_what_can_never_keep_up_ends_in_pass_through_within_seconds() -> None:
    past = stage(lambda _, __: 0.4, 12)
    first = next(when for when, rung in past if rung is Rung.PASS)
    assert first < 8
    assert rungs(past)[-1] is Rung.PASS


@pytest.mark.parametrize("milliseconds", [38, 45, 55, 60])
def test_it_settles_on_the_rung_that_suffices(milliseconds: int) -> None:
    past = stage(load(milliseconds), 120)
    settled = max(set(rungs(past)), key=lambda rung: share(past, rung, 20))
    assert share(past, settled, 20) > 0.7
    assert changes(past, since=60) <= 10  # a try every 16 s, there and back


@pytest.mark.parametrize("milliseconds", [26, 27, 29, 31, 33, 34])
def test_a_borderline_load_does_not_make_it_swing(milliseconds: int) -> None:
    def wavering(rung: Rung, now: float) -> float:
        return load(milliseconds)(rung, now) * (0.85 + 0.3 * (now * 7.3 % 1))

    assert changes(stage(wavering, 60)) <= 24


@pytest.mark.parametrize("rung", list(Rung)[1:])
def test_from_any_rung_quality_is_back_within_five_seconds_of_calm(rung: Rung) -> None:
    ladder = Ladder()
    ladder.rung = rung
    past = stage(load(12), 6, ladder)
    assert next(when for when, stood in past if stood is Rung.FULL) < 5
    assert rungs(past) == sorted(rungs(past), reverse=True)


@pytest.mark.parametrize("milliseconds", [38, 45, 55, 80, 120])
def test_after_a_long_overload_quality_is_back_within_five_seconds_of_calm(
    milliseconds: int,
) -> None:
    """Also when trying had been put off again and again."""
    ladder = Ladder()
    stage(load(milliseconds), 90, ladder)
    past = stage(load(12), 10, ladder, start=100)
    assert next(when for when, stood in past if stood is Rung.FULL) - 100 < 5


def test_one_slow_frame_costs_no_quality() -> None:
    def hiccup(rung: Rung, now: float) -> float:
        return 0.5 if 5 < now < 5.04 else load(15)(rung, now)

    assert max(rungs(stage(hiccup, 10))) <= Rung.NEWEST


def test_frames_replaced_now_and_then_are_shown_and_forgotten() -> None:
    ladder = Ladder()
    assert ladder.frame(0.0, 0.02, INTERVAL, starved=True) is Rung.NEWEST
    for number in range(1, 60):
        rung = ladder.frame(number * INTERVAL, 0.02, INTERVAL, starved=False)
    assert rung is Rung.FULL


def test_a_stage_that_starves_though_its_frames_are_quick_gives_up_too() -> None:
    """Its own frames are quick, but others take its turns."""
    ladder = Ladder()
    for number in range(60):
        rung = ladder.frame(number * INTERVAL, 0.01, INTERVAL, starved=number % 2 == 0)
    assert rung >= Rung.REUSE


def test_what_keeps_up_at_half_rate_is_not_veiled() -> None:
    past = stage(lambda _, __: 0.045, 60)
    assert max(rungs(past)) is Rung.RATE
    assert share(past, Rung.RATE, since=10) > 0.9


def test_pictures_are_passed_through_only_after_the_publisher_was_given_time_to_send_less() -> None:
    past = stage(lambda _, __: 0.4, 12)
    asked = next(when for when, rung in past if rung is Rung.PUBLISHER)
    assert next(when for when, rung in past if rung is Rung.PASS) - asked > 1.5


def test_a_first_frame_that_waits_for_networks_costs_no_quality() -> None:
    def beginning(rung: Rung, now: float) -> float:
        return 0.3 if now < 0.01 else load(15)(rung, now)

    assert max(rungs(stage(beginning, 10))) <= Rung.NEWEST
