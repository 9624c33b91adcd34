"""Latest: one slot, newest wins, what nobody took is counted."""

import asyncio
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omote.streams import latest as module
from omote.streams.latest import Closed, Latest
from tests.utils import Clock


async def test_the_newest_replaces_what_nobody_took_and_the_loss_is_counted() -> None:
    latest: Latest[int] = Latest()
    for number in range(5):
        latest.put(number)
    assert await latest.get() == 4
    assert latest.dropped == 4
    assert latest.take() is None


async def test_a_reader_that_waits_is_woken() -> None:
    latest: Latest[int] = Latest()
    reading = asyncio.create_task(latest.get())
    await asyncio.sleep(0)
    latest.put(7)
    assert await reading == 7
    assert latest.dropped == 0


async def test_of_many_readers_one_gets_it_and_the_others_go_on_waiting() -> None:
    latest: Latest[int] = Latest()
    readers = [asyncio.create_task(latest.get()) for _ in range(3)]
    for number in range(3):
        await asyncio.sleep(0)
        latest.put(number)
        done, _ = await asyncio.wait(readers, return_when=asyncio.FIRST_COMPLETED)
        readers = [reader for reader in readers if reader not in done]
        assert [reader.result() for reader in done] == [number]
    assert readers == []


async def test_what_waited_at_the_close_may_still_be_taken() -> None:
    latest: Latest[int] = Latest()
    latest.put(1)
    latest.close()
    latest.put(2)
    assert await latest.get() == 1
    with pytest.raises(Closed):
        await latest.get()
    with pytest.raises(Closed):
        await latest.ready()


async def test_closing_wakes_every_reader() -> None:
    latest: Latest[int] = Latest()
    readers = [asyncio.create_task(latest.get()) for _ in range(3)]
    await asyncio.sleep(0)
    latest.close()
    endings = await asyncio.gather(*readers, return_exceptions=True)
    assert [type(ending) for ending in endings] == [Closed] * 3


async def test_a_slow_reader_starves_and_a_burst_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock))
    latest: Latest[int] = Latest()
    for number in range(4):  # all at once
        latest.put(number)
        clock.now += 0.001
    assert (latest.dropped, latest.starved) == (3, 0)
    for number in range(4):
        clock.now += 1 / 30
        latest.put(number)
    assert (latest.dropped, latest.starved) == (7, 4)
    assert latest.since == clock.now


async def test_readiness_takes_nothing() -> None:
    latest: Latest[int] = Latest()
    latest.put(1)
    await latest.ready()
    latest.put(2)
    await latest.ready()
    assert (latest.take(), latest.dropped) == (2, 1)


@given(st.lists(st.sampled_from(["put", "take"]), max_size=40))
def test_every_item_is_taken_or_counted_or_still_there(moves: list[str]) -> None:
    latest: Latest[int] = Latest()
    put = taken = 0
    for move in moves:
        if move == "put":
            latest.put(put)
            put += 1
        elif latest.take() is not None:
            taken += 1
    left = latest.take() is not None
    assert put == taken + latest.dropped + left
