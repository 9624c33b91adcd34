"""Beside: slow work in a thread of low priority, one piece at a time, never waited for."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

NICENESS = 10
"Lower still would starve it while it holds Python's lock, and with it everybody else."


class Beside(Generic[T]):
    """Starts work and hands over what came of it."""

    def __init__(self, name: str, work: str) -> None:
        """`name` is the thread's; `work` what is told of when it fails."""
        self._name, self._what = name, work
        self._pool: ThreadPoolExecutor | None = None
        self._work: Future[T] | None = None

    @property
    def busy(self) -> bool:
        """Whether something is under way whose result was not taken yet."""
        return self._work is not None

    def start(self, work: Callable[[], T]) -> None:
        """Begin; what was under way, if anything, is forgotten."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, self._name, initializer=_step_back)
        self._work = self._pool.submit(work)

    def taken(self) -> T | None:
        """The result, once; None before it is there, and when the work failed, which is logged."""
        if self._work is None or not self._work.done():
            return None
        work, self._work = self._work, None
        if (wrong := work.exception()) is not None:
            logger.warning("%s failed: %s", self._what, wrong)
            return None
        return work.result()

    def forget(self) -> None:
        """Whatever comes of it is of another scene."""
        if self._work is not None:
            self._work.cancel()
        self._work = None

    def settle(self) -> None:
        """Wait until nothing is under way."""
        if self._work is not None:
            wait([self._work])

    def close(self) -> None:
        """End the thread; what it is at is waited for."""
        self.forget()
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None


def _step_back() -> None:
    # Linux counts niceness by thread; elsewhere it would be the whole process's.
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
