import asyncio
from contextlib import AbstractAsyncContextManager

import pytest

from omote.server.turns import Turns

Way = AbstractAsyncContextManager[None]


async def enter(way: Way, name: str, order: list[str], leave: asyncio.Event) -> None:
    async with way:
        order.append(name)
        await leave.wait()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_no_more_work_at_once_than_there_are_places() -> None:
    turns, order, leave = Turns(2), list[str](), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        for name in "abc":
            group.create_task(enter(turns.to_begin(), name, order, leave))
        await settle()
        assert order == ["a", "b"]
        leave.set()
    assert order == ["a", "b", "c"]


async def test_a_frame_to_be_finished_goes_before_one_to_be_begun() -> None:
    turns, order = Turns(1), list[str]()
    first, others = asyncio.Event(), asyncio.Event()
    others.set()
    async with asyncio.TaskGroup() as group:
        group.create_task(enter(turns.to_begin(), "running", order, first))
        await settle()
        group.create_task(enter(turns.to_begin(), "new", order, others))
        await settle()
        group.create_task(enter(turns.to_finish(), "old", order, others))
        await settle()
        first.set()
    assert order == ["running", "old", "new"]


@pytest.mark.parametrize("given", [False, True])
async def test_who_gives_up_waiting_leaves_the_place_to_the_next(given: bool) -> None:
    turns, order = Turns(1), list[str]()
    first, others = asyncio.Event(), asyncio.Event()
    others.set()
    running = asyncio.create_task(enter(turns.to_begin(), "running", order, first))
    await settle()
    impatient = asyncio.create_task(enter(turns.to_begin(), "impatient", order, others))
    await settle()
    if given:  # cancelled in the very moment it gets the place
        first.set()
        await asyncio.sleep(0)
    impatient.cancel()
    first.set()
    await asyncio.gather(running, impatient, return_exceptions=True)
    async with asyncio.timeout(1):
        await enter(turns.to_begin(), "next", order, others)
    assert order[-1] == "next"
