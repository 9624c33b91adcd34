"""RVL: bit by bit what went in, and an error for everything else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray

from omote.streams import rvl

SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, max_side=40)


@given(arrays.arrays(np.uint16, SHAPES))
def test_any_map_comes_back_bit_by_bit(steps: NDArray[np.uint16]) -> None:
    coded = rvl.encode(steps)
    assert len(coded) <= rvl.most_bytes(steps.size)
    assert (rvl.decode(coded, (steps.shape[0], steps.shape[1])) == steps).all()


@given(arrays.arrays(np.uint16, SHAPES, elements=some.sampled_from([0, 1, 65535])))
def test_the_longest_differences_and_shortest_runs_come_back(steps: NDArray[np.uint16]) -> None:
    coded = rvl.encode(steps)
    assert len(coded) <= rvl.most_bytes(steps.size)
    assert (rvl.decode(coded, (steps.shape[0], steps.shape[1])) == steps).all()


def test_it_is_the_code_of_the_paper() -> None:
    """Worked by hand: no zero, two others (1000 and one less), three zeros, no other."""
    steps = np.array([[1000, 999, 0, 0, 0]], np.uint16)
    # 0; 2; 2000 = 0b011_111_010_000 low first: 8|0 8|2 8|7 3; -1 is 1; 3; 0
    assert rvl.encode(steps) == (0x02_8AF3_13).to_bytes(4, "little") + bytes(4)


@given(some.binary(max_size=400), some.integers(1, 30), some.integers(1, 30))
def test_foreign_bytes_are_a_map_or_an_error(foreign: bytes, rows: int, columns: int) -> None:
    try:
        steps = rvl.decode(foreign, (rows, columns))
    except rvl.BadRvl:
        return
    assert steps.shape == (rows, columns)


@given(arrays.arrays(np.uint16, (12, 9)), some.data())
def test_a_damaged_map_is_a_map_or_an_error(
    steps: NDArray[np.uint16], data: some.DataObject
) -> None:
    coded = bytearray(rvl.encode(steps))
    coded[data.draw(some.integers(0, len(coded) - 1))] ^= data.draw(some.integers(1, 255))
    try:
        assert rvl.decode(bytes(coded), (12, 9)).shape == (12, 9)
    except rvl.BadRvl:
        pass


@pytest.mark.parametrize(
    ("coded", "words"),
    [
        (b"", "ends before"),
        (b"abc", "whole number"),
        (b"\xff\xff\xff\xff" * 4, "longer"),
        (rvl.encode(np.ones((2, 2), np.uint16)) + bytes(4), "left over"),
    ],
)
def test_an_error_says_what_is_wrong(coded: bytes, words: str) -> None:
    with pytest.raises(rvl.BadRvl, match=words):
        rvl.decode(coded, (2, 2))
