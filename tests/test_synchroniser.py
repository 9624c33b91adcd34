"""Synchroniser: the right depth for every picture, whatever network and clocks do."""

import asyncio
import random
from collections.abc import Callable

import numpy as np
import pytest

from omote.streams.depth import CLOCK_HZ, Clock, DepthFrame, Hello
from omote.streams.synchroniser import Limits, Synchroniser

NOTHING = np.zeros((2, 2), np.uint16)
FPS = 30
Draw = Callable[[random.Random], float]
JITTERS: dict[str, Draw] = {
    "queues": lambda rng: rng.uniform(0, 0.04),
    "bursts": lambda rng: min(rng.expovariate(1 / 0.013), 0.12),
    "noise": lambda rng: max(rng.gauss(0.08, 0.02), 0),
}


def depth(captured_s: float, arrived: float, index: int = 0) -> DepthFrame:
    return DepthFrame(NOTHING, 0.001, round(captured_s * CLOCK_HZ), "own", index, arrived)


def share_right(
    draw: Draw, offset: float, wait: float, seed: int = 0, clock: Clock = "own"
) -> float:
    """Of the pictures after two seconds; both streams are delayed, none overtakes another."""
    rng, sync = random.Random(seed), Synchroniser()
    sync.hello(Hello(clock), "channel")
    events: list[tuple[float, str, int, float]] = []
    last = {"depth": 0.0, "picture": 0.0}
    for index in range(12 * FPS):
        for what, before in last.items():
            last[what] = arrived = max(before + 1e-4, index / FPS + 100 + draw(rng))
            events.append((arrived, what, index, 0.0))
            if what == "picture":
                events.append((arrived + 1e-6, "ask", index, arrived))
    right = asked = 0
    events.sort()
    while events:
        now, what, index, came = events.pop(0)
        if what == "depth":
            sync.put(depth(index / FPS + offset, now, index))
        elif what == "picture":
            sync.picture(index / FPS, now, now)
        elif (patience := sync.patience_s(wait)) and not sync.is_there(index / FPS):
            if now - came < patience:
                events.append((min(now + 0.001, came + patience + 1e-9), "ask", index, came))
                events.sort()
                continue
            what = "judge"
        if what in ("ask", "judge") and index >= 2 * FPS:
            found = sync.match(index / FPS, Limits())
            asked += 1
            right += found is not None and found.frame.index == index
    return right / asked


@pytest.mark.parametrize("jitter", JITTERS)
@pytest.mark.parametrize("offset", [0.25, -0.25, 5000.0])
def test_the_right_depth_is_found_though_nobody_knows_the_clocks(
    jitter: str, offset: float
) -> None:
    share = share_right(JITTERS[jitter], offset, wait=0.1)
    assert share >= 0.95


def test_with_a_clock_in_common_nothing_is_estimated() -> None:
    sync = Synchroniser()
    sync.hello(Hello("video"), "channel")
    sync.put(depth(5.0, 100.3))
    sync.picture(5.01, 100.0, 100.0)
    found = sync.match(5.01, Limits())
    assert found is not None and found.skew_s == pytest.approx(-0.01)


def made(*captured: float) -> Synchroniser:
    sync = Synchroniser()
    sync.hello(Hello("video"), "channel")
    for index, second in enumerate(captured):
        sync.put(depth(second, 100 + second, index))
    return sync


def test_the_nearest_in_time_is_taken_and_no_other() -> None:
    sync = made(1.0, 1.033, 1.066)
    for second, index in ((1.0, 0), (1.02, 1), (1.06, 2)):
        found = sync.match(second, Limits())
        assert found is not None and found.frame.index == index and not found.held


def test_older_depth_is_held_for_a_while_and_then_given_up() -> None:
    sync = made(1.0, 1.033)
    held = sync.match(1.2, Limits(max_age_s=0.25))
    assert held is not None and held.held and held.skew_s == pytest.approx(-0.167)
    assert sync.match(1.3, Limits(max_age_s=0.25)) is None
    assert sync.nearest_s(1.3) == pytest.approx(0.267)


def test_depth_from_the_future_is_not_held() -> None:
    assert made(2.0).match(1.8, Limits()) is None


def test_the_skew_that_is_ordered_is_kept() -> None:
    found = made(1.0).match(1.012, Limits(max_skew_s=0.01, max_age_s=0.0))
    assert found is None


def test_without_a_sender_nothing_is_waited_for() -> None:
    sync = Synchroniser()
    assert sync.patience_s(1.0) == 0
    assert sync.match(1.0, Limits()) is None


async def test_a_picture_waits_for_depth_that_is_usually_late() -> None:
    sync = made()
    for index in range(30):
        sync.picture(index / FPS, 100 + index / FPS, 100 + index / FPS)
        sync.put(depth(index / FPS, 100 + index / FPS + 0.01, index))
    assert 0.01 <= sync.patience_s(0.05) < 0.02
    waiting = asyncio.create_task(sync.settled(1.0, 5.0))
    sync._late.extend([5.0] * 128)
    await asyncio.sleep(0)
    assert not waiting.done()
    sync.put(depth(1.0, 101.0, 30))
    await asyncio.wait_for(waiting, 5)


def test_a_clock_that_is_set_anew_is_followed() -> None:
    sync = Synchroniser()
    sync.hello(Hello("own"), "file")
    for index in range(90):
        now = 100 + index / FPS
        own = index / FPS if index < 45 else (index - 45) / FPS  # a film that begins again
        sync.picture(index / FPS, now, now)
        sync.put(depth(own, now, index))
    found = sync.match(89 / FPS, Limits())
    assert found is not None and found.frame.index == 89
