"""Segments laid end to end on one output clock, with their audio holes filled.

One offset per segment serves all its tracks: the next segment starts where the longest track of this one ended.
Laying tracks end to end one by one would drift 20 to 40 ms a file.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, replace
from itertools import compress
from math import ceil
from operator import sub
from typing import TYPE_CHECKING

from ftp_stream.core.aac import silent_frame
from ftp_stream.model import AudioConfig, FrameTable, Row, Source

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["HOLD_US", "Placed", "Timeline", "hold_table", "milliseconds"]

HOLD_US = 1_000_000  # one repeat of a held picture; some servers drop a publisher after 3 s of silence
_STEP_US = 1000  # the wire counts milliseconds: what must rise there must rise by one of them here
_SLACK_US = 1000  # containers that count milliseconds round by this much
_AUDIO, _KEY = int(Row.AUDIO), int(Row.KEY)  # plain integers: flags of an enum cost a call each
_IS_AUDIO = bytes(flag & _AUDIO != 0 for flag in range(256))
_SILENCE = int(Row.AUDIO) | int(Source.SILENCE)


def milliseconds(time_us: int) -> int:
    """Return an output time as the wire counts it, rounded from the total."""
    return (time_us + 500) // 1000


@dataclass(frozen=True, slots=True)
class Placed:
    """A segment's table with its place on the output clock."""

    table: FrameTable  # with the silent rows that its holes needed
    offset_us: int  # output time of the table's time 0
    first_row: int  # the row it starts with: 0, or a GOP's start where a stream resumes


@dataclass(frozen=True, slots=True)
class Timeline:
    """Where the output stands after all that was laid on it; times in microseconds since the session's start."""

    audio: AudioConfig
    end_us: int | None = None  # where the longest track ended, in presentation; None: nothing laid yet
    video_dts_us: int = -_STEP_US  # decoding time of the last video frame
    audio_dts_us: int = -_STEP_US
    audio_end_us: float | None = None  # where the last audio frame ended; fractions of a frame are kept

    def lay(self, table: FrameTable, gop: int = 0) -> tuple[Timeline, Placed]:
        """Lay a segment after all that lies here, from the start of one of its GOPs.

        Returns:
            The timeline after it and the segment in its place. Decoding times rise strictly per track across the
            seam, by at least the wire's millisecond, and no sound begins before the last one has ended.
        """
        first_row = table.gops[gop]
        offset = self._offset(table, first_row)
        start = table.dts_us[first_row]
        audio_from = start if self.audio_end_us is None else self.audio_end_us - offset
        if first_row:  # nothing is sent before the key frame that it begins with
            audio_from = max(audio_from, start)
        filled = _fill(table, self.audio, first_row, audio_from)
        return self._after(filled, offset), Placed(filled, offset, filled.gops[gop])

    def until(self, placed: Placed, row: int) -> Timeline:
        """Return the timeline after only those rows of a segment, laid on this one, that come before ``row``.

        Args:
            placed: The segment, broken off.
            row: The start of a GOP: what is laid next begins where its key frame would have been shown.
        """
        if row <= placed.first_row:
            return self
        table, offset = placed.table, placed.offset_us
        video, audio = _find_each(table, reversed(range(placed.first_row, row)))
        audio_end = self.audio_end_us if audio is None else offset + table.dts_us[audio] + self.audio.frame_us
        return replace(
            self,
            end_us=offset + _shown_us(table, row),
            video_dts_us=self.video_dts_us if video is None else offset + table.dts_us[video],
            audio_dts_us=self.audio_dts_us if audio is None else offset + table.dts_us[audio],
            audio_end_us=audio_end,
        )

    def _offset(self, table: FrameTable, first_row: int) -> int:
        if self.end_us is None:
            return -table.dts_us[first_row]
        video, audio = _first_of_each(table, first_row)
        offset = self.end_us - (0 if first_row == 0 else _shown_us(table, first_row))
        if video is not None:
            offset = max(offset, self.video_dts_us + _STEP_US - table.dts_us[video])
        if audio is not None:
            offset = max(offset, self.audio_dts_us + _STEP_US - table.dts_us[audio])
            if self.audio_end_us is not None:  # a sound is sent whole, beyond where its segment is broken off
                offset = max(offset, ceil(self.audio_end_us) - _SLACK_US - table.dts_us[audio])
        return offset

    def _after(self, table: FrameTable, offset: int) -> Timeline:
        video, audio = _last_of_each(table)
        audio_end = self.audio_end_us if audio is None else offset + table.dts_us[audio] + self.audio.frame_us
        return replace(
            self,
            end_us=offset + table.duration_us,
            video_dts_us=self.video_dts_us if video is None else offset + table.dts_us[video],
            audio_dts_us=self.audio_dts_us if audio is None else offset + table.dts_us[audio],
            audio_end_us=audio_end,
        )


def hold_table(table: FrameTable) -> FrameTable:
    """Return the table that shows the last key frame of ``table`` for `HOLD_US`: the same bytes, named again."""
    key = next(row for row in reversed(range(len(table))) if table.flags[row] & _KEY)
    return FrameTable(
        flags=table.flags[key : key + 1],
        dts_us=array("q", [0]),
        cts_us=array("q", [0]),
        position=table.position[key : key + 1],
        size=table.size[key : key + 1],
        gops=(0,),
        duration_us=HOLD_US,
        audio_end_us=0,
    )


def _shown_us(table: FrameTable, row: int) -> int:
    return table.dts_us[row] + table.cts_us[row]


def _first_of_each(table: FrameTable, first_row: int) -> tuple[int | None, int | None]:
    return _find_each(table, range(first_row, len(table)))


def _last_of_each(table: FrameTable) -> tuple[int | None, int | None]:
    return _find_each(table, reversed(range(len(table))))


def _find_each(table: FrameTable, rows: Iterable[int]) -> tuple[int | None, int | None]:
    """Return the first video row and the first audio row of ``rows``, None for a track that has none."""
    video = audio = None
    for row in rows:
        if table.flags[row] & _AUDIO:
            audio = row if audio is None else audio
        else:
            video = row if video is None else video
        if video is not None and audio is not None:
            break
    return video, audio


def _fill(table: FrameTable, audio: AudioConfig, first_row: int, audio_from_us: float) -> FrameTable:
    """Return the table with silent frames in every audio hole that holds a whole one, up to the segment's end."""
    times = _silent_times(table, audio.frame_us, first_row, audio_from_us)
    return _merged(table, times, len(silent_frame(audio.channels))) if times else table


def _silent_times(table: FrameTable, frame_us: float, first_row: int, audio_from_us: float) -> list[int]:
    """Return the decoding times of the silent frames that are needed from ``first_row`` on."""
    real = list(compress(table.dts_us[first_row:], table.flags[first_row:].translate(_IS_AUDIO)))
    starts = [*real, table.duration_us]
    ends = [audio_from_us, *map(frame_us.__add__, real)]
    if max(map(sub, starts, ends)) + _SLACK_US < frame_us:  # the usual case: nowhere is room for a whole frame
        return []
    times: list[int] = []
    for end, start in zip(ends, starts, strict=True):
        fitting = int((start - end + _SLACK_US) / frame_us)
        times.extend(round(end + index * frame_us) for index in range(fitting))
    return times


def _merged(table: FrameTable, times: list[int], size: int) -> FrameTable:
    """Return the table with silent rows at ``times``, each behind the rows of its own instant."""
    count, silent = len(table), len(times)
    dts = [*table.dts_us, *times]
    order = sorted(range(count + silent), key=dts.__getitem__)
    flags = table.flags + bytes([_SILENCE]) * silent
    cts = [*table.cts_us] + [0] * silent
    position = [*table.position] + [0] * silent
    sizes = [*table.size] + [size] * silent
    starts = frozenset(table.gops[1:])
    return replace(
        table,
        flags=bytes([flags[row] for row in order]),
        dts_us=array("q", [dts[row] for row in order]),
        cts_us=array("q", [cts[row] for row in order]),
        position=array("q", [position[row] for row in order]),
        size=array("q", [sizes[row] for row in order]),
        gops=(0, *(index for index, row in enumerate(order) if row in starts)),
        audio_end_us=max(table.audio_end_us, times[-1]),
    )
