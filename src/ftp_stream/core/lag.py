"""How far behind the newest file a stream may lie within a segment, and where it goes on when it lies further.

Lag is recorded time: the newest file's beginning, up to which there is footage, minus what is sent next.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ftp_stream.model import FrameTable

__all__ = ["allowed_lag", "first_near", "recording_time"]


def allowed_lag(max_lag: float, lasted: float) -> float:
    """Return the lag at which footage of a segment is left out, seconds.

    It is what was set, but never less than two of the camera's files: while one is played, the next is being written
    and the one after it begun, so that a camera with files as long as the limit would lose a part of each.

    Args:
        max_lag: As set, seconds.
        lasted: How long the recording of the segment took, seconds.
    """
    return max(max_lag, 2 * lasted)


def recording_time(shown: float, lag: float, max_lag: float | None) -> float:
    """Return how long the recording of a segment took that may be played now, seconds.

    Pictures that were taken now and then show less. A segment so far behind the newest file that it would be left out
    is only played where it was recorded up to then, so that its lag is its length.

    Args:
        shown: How long its pictures are shown, seconds.
        lag: How long before the newest file it was begun, seconds.
        max_lag: As set, seconds; ``None`` for none.
    """
    return shown if max_lag is None or lag < max_lag else max(shown, lag)


def first_near(table: FrameTable, gop: int, limit: float) -> int:
    """Return the first GOP from ``gop`` on that begins later than ``limit``; how many there are where none does.

    Args:
        table: Of the segment being sent.
        gop: The GOP that is due.
        limit: Seconds since the beginning of the recording.
    """
    return bisect_right(table.gops, limit, lo=gop, key=lambda row: table.dts_us[row] / 1e6)
