"""How far behind a stream may lie, and where it goes on."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.lag import allowed_lag, first_near, recording_time
from ftp_stream.model import FrameTable, Row


def table(*starts: float, seconds: float = 60.0, b_frames: bool = False) -> FrameTable:
    """Make a table of one key frame at each of these times."""
    count = len(starts)
    return FrameTable(
        flags=bytes([int(Row.KEY)] * count),
        dts_us=array("q", [round(at * 1e6) for at in starts]),
        cts_us=array("i", [80_000 * b_frames] * count),
        position=array("q", [0] * count),
        size=array("i", [1] * count),
        gops=tuple(range(count)),
        duration_us=round(seconds * 1e6),
        audio_end_us=0,
    )


@pytest.mark.parametrize(
    ("seconds", "allowed"),
    [
        (60.0, 300.0),
        (149.999, 300.0),
        (150.0, 300.0),
        (150.001, 300.002),
        (300.0, 600.0),  # the next begins when this one may be taken: it lies a whole limit behind from its start
        (3600.0, 7200.0),
    ],
)
def test_the_allowed_lag_is_what_was_set_but_never_less_than_two_files(seconds: float, allowed: float) -> None:
    assert allowed_lag(300.0, seconds) == pytest.approx(allowed)


@pytest.mark.parametrize("max_lag", [0.0, 1.0, 119.0])
def test_a_limit_shorter_than_a_file_does_not_keep_a_camera_from_ever_being_seen(max_lag: float) -> None:
    """Its file is taken when the next begins, and played while that is written: between one and two files behind."""
    assert allowed_lag(max_lag, 60.0) == 120.0


@pytest.mark.parametrize(
    ("shown", "lag", "max_lag", "expected"),
    [
        (60.0, 60.0, 300.0, 60.0),
        (60.0, 299.9, 300.0, 60.0),  # it waits, it was not recorded for so long
        (60.0, 300.0, 300.0, 300.0),
        (60.0, 3600.0, 300.0, 3600.0),  # an hour in a minute
        (600.0, 599.0, 300.0, 600.0),
        (60.0, 3600.0, None, 60.0),
        (60.0, -5.0, 300.0, 60.0),
    ],
)
def test_a_segment_that_plays_though_it_lies_that_far_behind_was_recorded_for_so_long(
    shown: float, lag: float, max_lag: float | None, expected: float
) -> None:
    assert recording_time(shown, lag, max_lag) == expected


@pytest.mark.parametrize(
    ("gop", "limit", "expected"),
    [
        (0, -0.001, 0),
        (0, 0.0, 1),  # as far behind as the limit is too far
        (0, 1.999, 1),
        (0, 2.0, 2),
        (1, -5.0, 1),  # never back
        (2, 3.0, 2),
        (0, 5.999, 3),
        (0, 6.0, 4),  # none is near enough
        (3, 6.0, 4),
        (0, 1e12, 4),
    ],
)
def test_it_goes_on_with_the_first_group_that_begins_later_than_the_limit(
    gop: int, limit: float, expected: int
) -> None:
    assert first_near(table(0.0, 2.0, 4.0, 6.0), gop, limit) == expected


@pytest.mark.parametrize(("limit", "expected"), [(-1.0, 0), (0.0, 1), (1e9, 1)])
def test_of_one_group_there_is_all_or_nothing(limit: float, expected: int) -> None:
    assert first_near(table(0.0), 0, limit) == expected


def test_decoding_times_before_zero_are_before_zero() -> None:
    assert first_near(table(-0.08, 1.92, b_frames=True), 0, -0.08) == 1


@given(
    st.lists(st.integers(1, 10**8), min_size=1, max_size=40).map(sorted),
    st.integers(0, 39),
    st.floats(-10.0, 110.0),
)
def test_what_it_goes_on_with_is_near_and_all_before_it_is_not(times: list[int], gop: int, limit: float) -> None:
    frames = table(*(at / 1e6 for at in times))
    gop = min(gop, len(times) - 1)
    found = first_near(frames, gop, limit)
    assert gop <= found <= len(times)
    assert all(frames.dts_us[at] / 1e6 <= limit for at in range(gop, found))
    assert found == len(times) or frames.dts_us[found] / 1e6 > limit
