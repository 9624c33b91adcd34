"""Memory: keeping the C library's heap small while publishers and viewers come and go."""

import ctypes
import sys
from contextlib import suppress

M_ARENA_MAX = -8
"Of glibc's mallopt(3)."


def keep_together() -> None:
    """One heap for all threads: publishers come and go with theirs, and glibc keeps one for each."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):  # another C library has no such setting
            ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def give_back() -> None:
    """Return what is free to the system; in a thread, it takes milliseconds."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).malloc_trim(0)
