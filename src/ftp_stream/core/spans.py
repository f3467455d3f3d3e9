"""Which bytes must be read to send some rows of a frame table: few long reads in place of many short ones."""

from __future__ import annotations

from dataclasses import dataclass
from operator import add
from typing import TYPE_CHECKING

from ftp_stream.model import Row, Source

if TYPE_CHECKING:
    from ftp_stream.model import FrameTable

__all__ = ["Span", "spans"]

_GAP = 32 * 1024  # bytes of no use that are cheaper to read than to step over
_SOURCE = int(Row.SOURCE_MASK)
_SILENCE = int(Source.SILENCE)
_FILE = int(Source.FILE)
_OF_FILE = bytes(flag for flag in range(256) if flag & _SOURCE == _FILE)


@dataclass(frozen=True, slots=True)
class Span:
    """One read."""

    source: int  # model.Source
    start: int  # byte position in its source
    length: int  # bytes


def spans(table: FrameTable, first: int, last: int) -> list[Span]:
    """Return the reads that bring the bytes of the rows from ``first`` up to, not including, ``last``."""
    if not table.flags[first:last].translate(None, _OF_FILE):
        positions, sizes = table.position[first:last], table.size[first:last]
        start = min(positions, default=0)
        length = max(map(add, positions, sizes), default=start) - start
        if length <= sum(sizes) + _GAP:  # the usual case: both tracks stand interleaved in the camera's file
            return [Span(_FILE, start, length)] if length else []
    return _by_source(table, first, last)


def _by_source(table: FrameTable, first: int, last: int) -> list[Span]:
    found: list[Span] = []
    for source in {flag & _SOURCE for flag in table.flags[first:last]} - {_SILENCE}:
        pieces = [
            (position, size)
            for flag, position, size in zip(
                table.flags[first:last], table.position[first:last], table.size[first:last], strict=True
            )
            if flag & _SOURCE == source
        ]
        found.extend(_joined(source, sorted(pieces)))
    return found


def _joined(source: int, pieces: list[tuple[int, int]]) -> list[Span]:
    result: list[Span] = []
    start, end = pieces[0][0], pieces[0][0] + pieces[0][1]
    for position, size in pieces[1:]:
        if position > end + _GAP:
            result.append(Span(source, start, end - start))
            start = position
        end = max(end, position + size)
    result.append(Span(source, start, end - start))
    return result
