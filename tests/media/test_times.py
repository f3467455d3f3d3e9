"""Media time: exact microseconds, times derived where a container has none, and clocks that misbehave."""

from __future__ import annotations

from fractions import Fraction
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.media.times import (
    MAX_GAP_US,
    apart,
    decoding_times,
    fill,
    micro,
    presentation_times,
    steady,
)

STEP = 40_000


def grid(count: int, start: int = 0) -> list[int]:
    return [start + STEP * index for index in range(count)]


# --- ticks ------------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(-(2**40), 2**40), max_size=5),
    st.sampled_from([Fraction(1, 90_000), Fraction(1, 1000), Fraction(1001, 30_000), Fraction(8, 375), Fraction(1)]),
)
def test_each_time_is_rounded_from_its_own_ticks(ticks: list[int], base: Fraction) -> None:
    for tick, time in zip(ticks, micro(ticks, base), strict=True):
        assert abs(time - tick * base * 1_000_000) <= Fraction(1, 2)


def test_rounding_does_not_add_up() -> None:
    """A day of frames of 1001/30000 s ends where it should, to the microsecond."""
    count = 30 * 86_400
    assert micro([count * 1001], Fraction(1, 30_000)) == [count * 1001 * 1_000_000 // 30_000]


# --- missing times ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ticks", "durations", "filled"),
    [
        ([], [], []),
        ([None, None, None], [None, 0, 5], [0, 3, 6]),
        ([7, None, None], [2, 4, 1], [7, 9, 13]),
        ([None, None, 10], [2, 4, 1], [4, 6, 10]),
        ([1, None, 50, None], [None] * 4, [1, 4, 50, 53]),
        ([0, None], [-9, 1], [0, 3]),
    ],
)
def test_holes_are_filled_by_durations(ticks: list[int | None], durations: list[int | None], filled: list[int]) -> None:
    assert fill(ticks, durations, 3) == filled


@pytest.mark.parametrize(
    ("shown", "decoded"),
    [
        ([0, 1, 2, 3], [0, 1, 2, 3]),
        ([0, 3, 1, 2], [-1, 0, 1, 2]),
        ([0, 4, 2, 1, 3], [-2, -1, 0, 1, 2]),  # a pyramid takes two
        ([5], [5]),
        ([0, 30, 10, 20, 90, 50], [-10, 0, 10, 20, 30, 50]),
    ],
)
def test_decoding_times_come_as_late_as_reordering_allows(shown: list[int], decoded: list[int]) -> None:
    assert decoding_times(shown) == decoded


def test_decoding_may_be_earlier_than_reordering_needs() -> None:
    assert decoding_times([0, 30, 10, 20], 2) == [-20, -10, 0, 10]
    assert decoding_times([0, 40, 20, 10, 30], 1) == decoding_times([0, 40, 20, 10, 30])
    assert decoding_times([5], 9) == [5]
    assert len(decoding_times([5, 9, 7], 9)) == 3


@given(st.permutations(range(8)))
def test_nothing_is_shown_before_it_is_decoded(order: list[int]) -> None:
    shown = [STEP * place for place in order]
    decoded = decoding_times(shown)
    assert all(before < after for before, after in pairwise(decoded))
    assert all(early <= late for early, late in zip(decoded, shown, strict=True))


@given(st.permutations(range(8)))
def test_an_order_of_presentation_becomes_times(ranks: list[int]) -> None:
    shown = presentation_times(grid(8), ranks)
    assert [sorted(shown).index(time) for time in shown] == list(ranks)
    assert all(early <= late for early, late in zip(grid(8), shown, strict=True))
    assert sorted(shown) == grid(8, min(shown))


# --- clocks that misbehave --------------------------------------------------------------------------------------------


def mend(dts: list[int], shown: list[int] | None = None) -> tuple[list[int], list[int], str]:
    times, mended, notes = steady(dts, dts if shown is None else shown)
    return times, mended, "; ".join(notes)


@pytest.mark.parametrize("times", [[], [5], grid(6), [0, 1, MAX_GAP_US + 1], grid(3, -(10**9))])
def test_times_that_rise_are_left_alone(times: list[int]) -> None:
    if times:
        assert mend(times) == (times, times, "")


def test_an_odd_stamp_is_moved_behind_the_one_before() -> None:
    """The frames around it keep their times, so tracks stay together."""
    times, shown, words = mend([0, 40_000, 40_000, 30_000, 160_000])
    assert times == shown == [0, 40_000, 41_000, 42_000, 160_000]
    assert "2 frames" in words


def test_a_clock_that_steps_back_is_followed_without_a_break() -> None:
    times, shown, words = mend([*grid(5, 10**9), *grid(5)], [*grid(5, 10**9 + 80_000), *grid(5, 80_000)])
    assert times == grid(10, 10**9)
    assert shown == grid(10, 10**9 + 80_000)
    assert "jumps 1 times" in words


def test_a_hole_of_more_than_a_minute_is_left_out_and_a_shorter_one_kept() -> None:
    kept = [*grid(5), *grid(5, 4 * STEP + MAX_GAP_US)]
    assert mend(kept) == (kept, kept, "")
    left_out = [*grid(5), *grid(5, 4 * STEP + MAX_GAP_US + 1)]
    times, _, words = mend(left_out)
    assert times == grid(10)
    assert "jumps 1 times" in words


def test_absurd_offsets_are_taken_back_and_large_ones_of_slow_pictures_kept() -> None:
    dts = grid(20)
    shown = [time + 80_000 for time in dts]
    shown[7] += 100_000_000
    _, mended, words = mend(dts, shown)
    assert mended[7] == dts[7]
    assert mended[8:] == shown[8:]
    assert "1 pictures" in words
    slow = [time * 250 for time in dts]  # a picture every 10 s, shown two later
    late = [time + 20_000_000 for time in slow]
    assert mend(slow, late) == (slow, late, "")


@given(
    st.lists(st.integers(-(10**6), 10**6) | st.integers(-(10**12), 10**12), min_size=1, max_size=30),
    st.lists(st.integers(-(10**12), 10**12) | st.integers(0, 200_000), min_size=30, max_size=30),
)
def test_whatever_a_recorder_writes_time_rises_and_pictures_are_shown_near(
    steps: list[int], offsets: list[int]
) -> None:
    dts = list(accumulate(steps))
    times, shown, _ = steady(dts, [time + offset for time, offset in zip(dts, offsets, strict=False)])
    assert len(times) == len(shown) == len(dts)
    assert all(0 < after - before <= MAX_GAP_US for before, after in pairwise(times))
    assert all(abs(late - early) <= 32 * MAX_GAP_US for early, late in zip(times, shown, strict=True))


# --- tracks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "shift"),
    [
        (0, 0),
        (-MAX_GAP_US - 4 * STEP, 0),
        (-MAX_GAP_US - 4 * STEP - 1, MAX_GAP_US + 4 * STEP + 1),
        (10 * STEP + MAX_GAP_US, 0),
        (10 * STEP + MAX_GAP_US + 1, -(10 * STEP + MAX_GAP_US + 1)),
    ],
)
def test_tracks_of_different_clocks_begin_together(start: int, shift: int) -> None:
    assert apart(grid(5, start), 0, 10 * STEP) == shift
