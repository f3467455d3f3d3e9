"""Where a stream goes on within a segment that it has begun, also where that is prepared in another form since.

Encoded pictures have key frames of their own, so a group of pictures (GOP) is found again by its time, not its number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftp_stream.model import Cursor, FrameTable

__all__ = ["begins_at", "resume_at"]

_SLACK_US = 1000  # containers that count milliseconds, and encoders, round by this much


def begins_at(table: FrameTable, gop: int) -> int:
    """Return how long after the segment's first key frame that of a GOP is shown, in microseconds.

    This is the same in all forms of a file; what lies before the first key frame, and the order of decoding, is not.
    """
    return _shown_us(table, gop) - _shown_us(table, 0)


def resume_at(table: FrameTable, cursor: Cursor) -> int:
    """Return the GOP that holds the first footage that is not confirmed: rather some again than any lost.

    Args:
        table: Of the cursor's segment, in whatever form it is prepared now.
        cursor: Of a segment that is not complete.
    """
    last = len(table.gops) - 1
    if cursor.time_us is None:  # written by a version that knew the number alone
        return min(cursor.gop, last)
    if cursor.gop <= last and begins_at(table, cursor.gop) == cursor.time_us:
        return cursor.gop
    gop = 0
    while gop < last and begins_at(table, gop + 1) <= cursor.time_us + _SLACK_US:
        gop += 1
    return gop


def _shown_us(table: FrameTable, gop: int) -> int:
    row = table.gops[gop]
    return table.dts_us[row] + table.cts_us[row]
