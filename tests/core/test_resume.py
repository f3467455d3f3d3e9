"""Where a stream goes on within a file that is prepared in another form than the one it had begun: nothing is lost."""

from __future__ import annotations

from array import array
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.resume import begins_at, resume_at
from ftp_stream.model import Cursor, FileId, FrameTable, OrderKey, Row

SECOND = 1_000_000


def table(*shown: float, first: float = 0.0, decoded_before: float = 0.0) -> FrameTable:
    """A table of key frames alone that are shown at these seconds after ``first``."""
    times = [round((first + at) * SECOND) for at in shown]
    delay = round(decoded_before * SECOND)
    return FrameTable(
        flags=bytes([int(Row.KEY)] * len(times)),
        dts_us=array("q", [time - delay for time in times]),
        cts_us=array("i", [delay] * len(times)),
        position=array("q", range(len(times))),
        size=array("i", [1] * len(times)),
        gops=tuple(range(len(times))),
        duration_us=times[-1] + SECOND,
        audio_end_us=0,
    )


def cursor(gop: int, seconds: float | None) -> Cursor:
    time_us = None if seconds is None else round(seconds * SECOND)
    return Cursor(OrderKey(0.0, ()), "a.mp4", FileId(1, 2, 3, 4), gop, complete=False, time_us=time_us)


CAMERA = table(*range(0, 160, 8))  # a key frame every 8 s
ENCODER = table(*range(0, 160, 2), first=0.02, decoded_before=0.08)


@pytest.mark.parametrize(
    ("made", "gop", "seconds", "expected"),
    [
        (CAMERA, 3, 24.0, 3),
        (ENCODER, 3, 24.0, 12),  # its number alone would show 18 s again
        (CAMERA, 20, 40.0, 5),  # its number alone would lose two minutes
        (CAMERA, 20, 39.999, 5),  # rounded
        (CAMERA, 20, 39.998, 4),
        (CAMERA, 19, 158.0, 19),
        (CAMERA, 90, 180.0, 19),  # the encoder's pictures went on for longer
        (CAMERA, 0, 0.0, 0),
        (CAMERA, 7, None, 7),
        (CAMERA, 70, None, 19),
        (table(0.0, 1.0, 1.0005, 2.0), 1, 1.0, 1),  # of the same form, however near the next one is
    ],
)
def test_a_segment_goes_on_where_its_confirmed_footage_ends(
    made: FrameTable, gop: int, seconds: float | None, expected: int
) -> None:
    assert resume_at(made, cursor(gop, seconds)) == expected


def test_time_counts_from_the_first_picture_whatever_comes_before_it() -> None:
    """A sound before it, and pictures out of order, shift the times of one form and not those of another."""
    assert begins_at(ENCODER, 0) == 0
    assert begins_at(ENCODER, 4) == begins_at(CAMERA, 1) == 8 * SECOND


STEPS = st.lists(st.integers(2_000, 9 * SECOND), max_size=20).map(lambda steps: list(accumulate([0, *steps])))


@given(STEPS, STEPS, st.data())
def test_nothing_is_lost_between_any_two_forms_and_no_more_than_one_group_comes_again(
    had: list[int], now: list[int], data: st.DataObject
) -> None:
    one, other = (table(*(time / SECOND for time in times)) for times in (had, now))
    gop = data.draw(st.integers(0, len(had) - 1))
    at = resume_at(other, cursor(gop, begins_at(one, gop) / SECOND))
    assert begins_at(other, at) <= begins_at(one, gop) + 1_000
    assert at == len(now) - 1 or begins_at(other, at + 1) > begins_at(one, gop)
    assert resume_at(one, cursor(gop, begins_at(one, gop) / SECOND)) == gop
