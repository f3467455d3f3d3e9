"""Footage that stands in two files: one uploaded twice, and pre-event buffers that begin before the last one ended.

Only names say when a recording began, and only the pictures how long it is: where a name says nothing, nothing is
taken for an overlap.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ftp_stream.model import Footage, FrameTable

__all__ = ["CERTAIN", "join", "repeats"]

CERTAIN = 2.0  # seconds; names are cut to full seconds, so that of two files each may have begun one later than it says
_DRIFT = 0.01  # of a recording's length; pictures count time by a sensor's clock, names by another
_SECOND = 1.0  # to which names are cut
_INSIDE = 0.5  # seconds by which a clip may reach beyond the one it lies in: rounding, the last sound
_EDGE = 0.1  # seconds by which a key frame may come before the end of what was played: rounding, one picture
_COARSE = 60.0  # seconds; names that all lie on full minutes may tell no more than the minute


def repeats(footage: Footage, played: Mapping[bytes, Footage]) -> str:
    """Return which file that was played this one is again, in words; "" where it is none.

    The same content recorded at another time by the names of both is another recording: a dark night may look the
    same in every file. Less than a second apart they are one however short it is: names are cut to full seconds.

    Args:
        footage: The file to be played.
        played: What was played, by its digest.
    """
    known = played.get(footage.digest)
    if known is None or _is_same_file(known, footage):
        return ""
    apart = abs(footage.starts_at - known.starts_at)
    lasts = min(footage.ends_at - footage.starts_at, known.ends_at - known.starts_at)
    if footage.named and known.named and apart >= max(lasts - CERTAIN, _SECOND):
        return ""
    return f"its content is that of {known.path}, which was played"


def _is_same_file(one: Footage, other: Footage) -> bool:
    """Tell whether it is no other file at all; some file systems get another device number at each start."""
    return one.path == other.path or (one.file.inode, one.file.mtime_ns) == (other.file.inode, other.file.mtime_ns)


def join(
    table: FrameTable, starts_at: float, before: tuple[float, float] | None, apart: float | None = None
) -> int | None:
    """Return the GOP with which a segment begins so that nothing is shown twice; ``None``: nothing of it is new.

    Args:
        table: Of the segment.
        starts_at: When it was recorded by its name, wall time.
        before: When the segment played before it began and ended, by its name; ``None`` where that is not known.
        apart: Seconds between the writing of the two files, ``None`` where that tells nothing. Names that were given
            at another moment than the beginning, or by a clock that stepped back, overlap where the files do not.
    """
    if before is None:
        return 0
    began, until = before
    seconds, overlap = table.duration_us / 1e6, until - starts_at
    if starts_at < began or (apart is not None and apart > seconds - min(overlap, seconds) / 2):
        return 0  # a recording after the one before is written at least its own length later
    certain = CERTAIN + _DRIFT * (until - began)
    if overlap < certain or (began % _COARSE == 0 and starts_at % _COARSE == 0):
        return 0
    if starts_at + seconds <= until + _INSIDE:
        return None
    gops = table.gops
    first = bisect_left(gops, until - _EDGE, key=lambda row: starts_at + (table.dts_us[row] + table.cts_us[row]) / 1e6)
    return min(first, len(gops) - 1)  # none begins behind it: rather some of the last again than none of its end
