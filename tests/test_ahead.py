"""Ahead: the same items, worked out in another thread, never too many."""

import threading
from collections.abc import Generator

import pytest

from omote.streams.ahead import ahead


def test_items_come_in_order_from_one_other_thread() -> None:
    def items() -> Generator[tuple[int, int]]:
        for number in range(50):
            yield number, threading.get_ident()

    numbers, threads = zip(*ahead(items(), 3), strict=True)
    assert numbers == tuple(range(50))
    assert len({*threads, threading.get_ident()}) == 2


def test_an_error_comes_out_in_its_place() -> None:
    def items() -> Generator[int]:
        yield 1
        yield 2
        raise ValueError("no third")

    taken: list[int] = []
    with pytest.raises(ValueError, match="no third"):
        taken.extend(ahead(items(), 4))
    assert taken == [1, 2]


def test_no_more_are_worked_out_than_may_wait() -> None:
    worked_out = threading.Semaphore(0)
    count = 0

    def items() -> Generator[int]:
        nonlocal count
        while True:
            count += 1
            worked_out.release()
            yield count

    early = ahead(items(), 3)
    assert next(early) == 1
    for _ in range(4):
        assert worked_out.acquire(timeout=10)
    assert not worked_out.acquire(timeout=0.05)
    assert count == 4
    early.close()


def test_closing_it_closes_what_it_reads_and_ends_the_thread() -> None:
    closed: list[int] = []

    def items() -> Generator[int]:
        try:
            yield from range(100)
        finally:
            closed.append(threading.get_ident())

    before = threading.active_count()
    early = ahead(items(), 2)
    next(early)
    early.close()
    assert len(closed) == 1
    assert threading.active_count() == before
