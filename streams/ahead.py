"""Ahead: a generator that works in a thread of its own, a few items before they are asked for."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(items: Generator[T], depth: int) -> Generator[T]:
    """The same items in order, at most `depth` of them waiting; errors come out in their place.

    Closing it closes `items`, after the item that is being worked on.
    """
    end = object()
    with ThreadPoolExecutor(1) as thread:
        waiting = deque(thread.submit(next, items, end) for _ in range(depth))
        try:
            while (item := waiting.popleft().result()) is not end:
                waiting.append(thread.submit(next, items, end))
                yield item  # type: ignore[misc]
        finally:
            for promise in waiting:
                promise.cancel()
            thread.submit(items.close)
