from array import array

from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.spans import Span, spans
from ftp_stream.model import FrameTable, Source

FILE, SIDECAR, SILENCE = int(Source.FILE), int(Source.SIDECAR), int(Source.SILENCE)


def table(*rows: tuple[int, int, int]) -> FrameTable:
    """Make a table of (source, position, size) rows."""
    count = len(rows)
    return FrameTable(
        flags=bytes(source for source, _, _ in rows),
        dts_us=array("q", range(count)),
        cts_us=array("q", [0] * count),
        position=array("q", [position for _, position, _ in rows]),
        size=array("q", [size for _, _, size in rows]),
        gops=(0,),
        duration_us=count,
        audio_end_us=0,
    )


def test_rows_that_stand_side_by_side_are_one_read() -> None:
    assert spans(table((FILE, 100, 10), (FILE, 110, 5)), 0, 2) == [Span(FILE, 100, 15)]


def test_only_the_rows_asked_for_are_read() -> None:
    assert spans(table((FILE, 100, 10), (FILE, 110, 5), (FILE, 115, 7)), 1, 2) == [Span(FILE, 110, 5)]


def test_no_rows_need_no_read() -> None:
    assert spans(table((FILE, 100, 10)), 1, 1) == []


def test_silence_is_not_read() -> None:
    assert spans(table((SILENCE, 0, 6)), 0, 1) == []


def test_a_small_gap_is_read_through_and_a_large_one_is_not() -> None:
    near, far = 10 + 32 * 1024, 10 + 32 * 1024 + 1
    assert spans(table((FILE, 0, 10), (FILE, near, 10)), 0, 2) == [Span(FILE, 0, near + 10)]
    assert spans(table((FILE, 0, 10), (FILE, far, 10)), 0, 2) == [Span(FILE, 0, 10), Span(FILE, far, 10)]


def test_each_source_is_read_for_itself() -> None:
    found = spans(table((FILE, 0, 10), (SIDECAR, 0, 4), (FILE, 10, 10)), 0, 3)
    assert sorted(found, key=lambda span: span.source) == [Span(FILE, 0, 20), Span(SIDECAR, 0, 4)]


@given(
    st.lists(
        st.tuples(st.sampled_from([FILE, SIDECAR, SILENCE]), st.integers(0, 1 << 20), st.integers(1, 1 << 16)),
        min_size=1,
        max_size=30,
    )
)
def test_every_row_lies_wholly_in_one_span(rows: list[tuple[int, int, int]]) -> None:
    found = spans(table(*rows), 0, len(rows))
    for source, position, size in rows:
        holders = [s for s in found if s.source == source and s.start <= position < s.start + s.length]
        assert len(holders) == (source != SILENCE)
        assert all(position + size <= holder.start + holder.length for holder in holders)
