"""Kernel: a loop that no library has a function for, compiled by numba before the first frame."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Machine code for the types of the first call, kept on disk; releases the GIL."""
    compiled = numba.njit(nogil=True, cache=True, fastmath=True, error_model="numpy")(function)
    return cast(Callable[P, R], compiled)


def careful_kernel(function: Callable[P, R]) -> Callable[P, R]:
    """As `kernel`, where NaN and infinity mean something."""
    loose = {"contract", "arcp", "nsz", "reassoc"}
    compiled = numba.njit(nogil=True, cache=True, fastmath=loose, error_model="numpy")(function)
    return cast(Callable[P, R], compiled)


def seal(*kernels: Callable[..., Any]) -> None:
    """After a first call: never compile for other types, a live frame must not wait for that."""
    for each in kernels:
        cast(Any, each).disable_compile()
