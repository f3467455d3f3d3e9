"""Where each stream of a camera stands among its files, at one turn."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftp_stream.core.naming import date_files
from ftp_stream.core.natural import natural_keys
from ftp_stream.model import FileFact, OrderKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ftp_stream.model import Attempts, CameraState, Cursor, FileId, PlanSettings, StreamState

__all__ = ["Known", "Line", "Track", "known_files", "lay_track", "line_up"]


@dataclass(slots=True)
class Known:
    """What is known of one version of a file; names are those of streams."""

    delivered: frozenset[str] = frozenset()  # confirmed it wholly, and the journal says so
    holders: tuple[str, ...] = ()  # have it in hand
    closing: tuple[str, ...] = ()  # confirmed it wholly, but the journal does not say so yet
    begun: bool = False  # some stream's cursor is in it
    attempts: Attempts | None = None
    proven: bool = False


NOTHING = Known()


def known_files(state: CameraState) -> dict[FileId, Known]:
    """Gather what a camera's state says of each file, so that one look-up per file tells all."""
    known: dict[FileId, Known] = {}

    def of(file: FileId) -> Known:
        return known.setdefault(file, Known())

    for name, stream in state.streams.items():
        delivered = state.delivered.get(name, frozenset())
        for file in delivered:
            of(file).delivered |= {name}
        for file in stream.in_hand:
            of(file).holders += (name,)
        for file in stream.closing - delivered:
            of(file).closing += (name,)
        cursor = stream.cursor
        if cursor:
            of(cursor.file).begun = True
            if cursor.complete and cursor.file not in delivered | stream.in_hand | stream.closing:
                of(cursor.file).closing += (name,)
    for file, attempts in state.attempts.items():
        of(file).attempts = attempts
    for file in state.proven:
        of(file).proven = True
    return known


# --- the files ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """A camera's segments in the order in which they play; the first six columns are parallel."""

    files: Sequence[FileFact]
    keys: Sequence[OrderKey]
    times: Sequence[float]  # recorded_at
    written: Sequence[float]  # the last change, as far as it can be believed
    known: Sequence[Known]
    named: Sequence[bool]  # recorded_at is what the name says
    cursors: Mapping[str, OrderKey]  # stream -> the key of its cursor's segment, as it is dated today
    places: Mapping[str, int]  # stream -> the index of its cursor's segment, where it is still there
    changes_at: float | None  # wall time at which dates change by time alone
    warnings: tuple[str, ...]


def line_up(segments: Sequence[FileFact], state: CameraState, wall: float, settings: PlanSettings) -> Line:
    """Date a camera's segments and put them in order.

    The cursors' segments are dated along: what a name is worth may change with its company (a foreign file in the
    directory, an offset that is learned), and then cursors and files must still compare.

    Args:
        segments: The files that may be segments, in any order.
        state: What is known of the camera.
        wall: The time now, seconds since the epoch, UTC.
        settings: Those of the camera.
    """
    table = known_files(state)
    known = [table.get(file.id, NOTHING) for file in segments] if table else [NOTHING] * len(segments)
    cursors = {name: stream.cursor for name, stream in state.streams.items() if stream.cursor}
    begun = {index: segments[index].id for index, mark in enumerate(known) if mark.begun} if cursors else {}
    gone = {cursor.file: cursor.path for cursor in cursors.values()}
    for file in begun.values():
        gone.pop(file, None)
    further = [FileFact(path, file) for file, path in sorted(gone.items(), key=_by_path)]
    dated = date_files(
        segments, timezone=settings.timezone, max_clock_skew=settings.max_clock_skew, wall=wall, also=further
    )
    rows = sorted(zip(dated.times, natural_keys(dated.paths), range(len(segments)), strict=True))
    order = [index for _, _, index in rows]
    keys = [OrderKey(at, natural) for at, natural, _ in rows]
    places = {begun[index]: place for place, index in enumerate(order) if index in begun} if begun else {}
    today = {file: keys[place] for file, place in places.items()}
    today |= dict(zip((fact.id for fact in further), dated.also, strict=True))
    return Line(
        files=[segments[index] for index in order],
        keys=keys,
        times=[key.recorded_at for key in keys],
        written=[dated.written[index] for index in order],
        known=[known[index] for index in order] if table else known,
        named=[dated.named[index] for index in order],
        cursors=_cursor_keys(cursors, today, wall + settings.max_clock_skew),
        places={name: places[cursor.file] for name, cursor in cursors.items() if cursor.file in places},
        changes_at=dated.changes_at,
        warnings=dated.warnings,
    )


def _by_path(item: tuple[FileId, str]) -> tuple[str, int]:
    return item[1], item[0].mtime_ns


def _cursor_keys(cursors: Mapping[str, Cursor], today: Mapping[FileId, OrderKey], latest: float) -> dict[str, OrderKey]:
    """Return the keys of cursors: as dated today, or as they were where a clock of this machine was wrong."""
    return {
        name: today[cursor.file] if cursor.file.mtime_ns / 1e9 <= latest else cursor.key
        for name, cursor in cursors.items()
    }


# --- the streams ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Track:
    """One stream's place in the line; places are indices, -1 where there is none."""

    name: str
    start: int  # files from here on are later than all that it has begun
    resume: int  # the file that it has begun and takes up again
    newest: int  # the last file that it has not delivered
    news: float  # when the last of the files from ``start`` on was written; -inf without any
    fresh: float  # the same of those among them that are not too far behind the newest
    late: Sequence[int]  # files passed or too far behind that came after all fresh ones: did the clock step back?
    idle: bool  # it has nothing in hand, and nothing lies from ``start`` on
    outlived: bool = False  # the camera's clock stepped back: its newest file is not the one that is written now

    def takes(self, index: int, known: Known) -> bool:
        """Tell whether this file, as far as its place goes, is still to be taken by this stream."""
        if index < self.start and index != self.resume:
            return False
        return self.name not in known.delivered and self.name not in known.closing


def lay_track(name: str, stream: StreamState, line: Line, max_lag: float | None) -> Track:
    """Find a stream's place."""
    floor = max(_floors(name, stream, line), default=None)
    start = 0 if floor is None else bisect_right(line.keys, floor)
    resumes = stream.cursor and not stream.cursor.complete and not stream.in_hand
    resume = line.places.get(name, -1) if resumes else -1
    count = len(line.files)
    newest = next((at for at in range(count - 1, -1, -1) if name not in line.known[at].delivered), -1)
    near = start if max_lag is None or newest < start else max(start, _first_near(line.times, newest, max_lag))
    fresh = max(line.written[near:], default=float("-inf"))
    late = [at for at in range(near) if line.written[at] > fresh and at != resume and _came_late(name, line.known[at])]
    return Track(
        name=name,
        start=start,
        resume=resume,
        newest=newest,
        news=max(line.written[start:], default=float("-inf")),
        fresh=fresh,
        late=late,
        idle=not stream.in_hand and newest < start and resume < 0,
    )


def _first_near(times: Sequence[float], newest: int, max_lag: float) -> int:
    """Return the first file that is less than ``max_lag`` behind the newest."""
    front = times[newest]
    return bisect_right(times, -max_lag, hi=newest, key=lambda at: at - front)


def _floors(name: str, stream: StreamState, line: Line) -> Iterable[OrderKey]:
    """Yield the keys of what a stream has begun."""
    if name in line.cursors:
        yield line.cursors[name]
    held = [at for at, known in enumerate(line.known) if name in known.holders] if stream.in_hand else []
    if held:
        yield line.keys[held[-1]]
    if stream.head and len(held) < len(stream.in_hand):  # not to be dated today: it is gone, or another version
        yield stream.head


def _came_late(name: str, known: Known) -> bool:
    """Tell whether nothing is known of a file that a stream has passed, or would pass."""
    met = name in known.delivered or name in known.closing or name in known.holders
    return not (met or known.begun or known.attempts)
