"""RTMP's 32-bit milliseconds follow serial arithmetic."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.rtmp.timestamp import HALF, MODULUS, Timestamp

TIMES = st.integers(0, MODULUS - 1).map(Timestamp)
STEPS = st.integers(-HALF, HALF - 1)


@given(TIMES, STEPS)
def test_a_step_there_is_the_difference_back(start: Timestamp, step: int) -> None:
    assert (start + step) - start == step


@given(TIMES, st.integers(1, HALF - 1))
def test_less_than_half_the_circle_forward_is_later(start: Timestamp, step: int) -> None:
    later = start + step
    assert start < later
    assert start <= later
    assert later > start
    assert later >= start


@pytest.mark.parametrize("step", [-1, 0, 1])
def test_order_is_strict_where_times_are_equal(step: int) -> None:
    here = Timestamp(5)
    assert (here < here + step) == (step > 0)
    assert (here > here + step) == (step < 0)
    assert (here <= here + step) == (step >= 0)
    assert (here >= here + step) == (step <= 0)


@pytest.mark.parametrize(("total", "wire"), [(0, 0), (MODULUS - 1, MODULUS - 1), (MODULUS, 0), (MODULUS + 1, 1)])
def test_a_total_comes_round_after_49_days(total: int, wire: int) -> None:
    assert Timestamp.of(total) == Timestamp(wire)


@given(st.integers(0, 1 << 50), STEPS)
def test_a_time_is_unrolled_to_the_total_nearest_to_a_known_one(total: int, step: int) -> None:
    assert Timestamp.of(total + step).unrolled(total) == total + step


@pytest.mark.parametrize("ms", [-1, MODULUS])
def test_what_has_no_32_bits_is_no_time(ms: int) -> None:
    with pytest.raises(ValueError, match="32-bit"):
        Timestamp(ms)
