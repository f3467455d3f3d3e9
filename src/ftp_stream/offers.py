"""Gives a stream the segment that is decided for it, from the first picture on that no other file has shown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from ftp_stream.core.forms import suits
from ftp_stream.core.lag import recording_time
from ftp_stream.core.overlap import CERTAIN, join, repeats
from ftp_stream.core.resume import resume_at
from ftp_stream.errors import StorageError
from ftp_stream.model import FileFact, Footage, Skip
from ftp_stream.shell.frames import FrameReader
from ftp_stream.supply import Hand

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from ftp_stream.ledger import Ledger
    from ftp_stream.model import FileId, OrderKey, Plan, PreparedSegment
    from ftp_stream.report import CameraReport
    from ftp_stream.shelf import Shelf
    from ftp_stream.shell.spool import Spool
    from ftp_stream.supply import Supply

__all__ = ["Offers"]

_COVERED = "all that it shows was played from the file before it, which was recorded for longer"


class _Beginning(NamedTuple):
    """How a stream begins with a segment."""

    gop: int | None  # None: not at all, it passes the file
    reason: str = ""  # why it does
    loses: bool = False  # what it passes was not shown from elsewhere


class _Before(NamedTuple):
    """The recording that a stream plays before another one."""

    began: float  # wall times, by its name
    until: float
    written_ns: int  # when its file was written


class Offers:
    """What one camera gives its streams."""

    def __init__(
        self,
        camera: str,
        *,
        shelf: Shelf,
        spool: Spool,
        ledger: Ledger,
        report: CameraReport,
        pool: Executor,
        scratch: memoryview,
        wake: Callable[[], None],
    ) -> None:
        """Make it ready to give.

        Args:
            camera: Its name.
            shelf: What is prepared of its files.
            spool: Its inbox.
            ledger: How far the streams are, and what was played lately.
            report: Takes what happened, for status and log.
            pool: Threads that wait for slow disks.
            scratch: Memory that all frame readers share.
            wake: Asks the camera for another turn.
        """
        self._camera = camera
        self._shelf = shelf
        self._spool = spool
        self._ledger = ledger
        self._report = report
        self._pool = pool
        self._scratch = scratch
        self._wake = wake

    async def give(self, supply: Supply, file: FileFact, plan: Plan, decided_for: int | None) -> None:
        """Give a stream that asks a file, if it is prepared in the form that this stream needs.

        A file that the stream is to pass is given too, so that it passes it in its turn: once all before it is
        confirmed. A stream that has let go of what it had since the decision gets nothing: it would miss what it had.

        Args:
            supply: Of the stream.
            file: The file that it takes next.
            plan: The decision.
            decided_for: `Supply.releases` when the decision was made.
        """
        refused = self._shelf.refused(file.id, supply.form)
        segment = self._shelf.get(file.id, None if refused else supply.form)
        if segment is None:
            return
        begin = _Beginning(None, refused, loses=True) if refused else await self._beginning(supply, segment, plan)
        try:
            reader = await asyncio.get_running_loop().run_in_executor(self._pool, self._open, segment, file)
        except StorageError:
            self._shelf.drop(segment)  # what was prepared may be what cannot be read: it is made again
            raise
        if reader is None:  # gone, or another file by now: the next scan tells
            self._wake()
        elif not supply.wants or decided_for != supply.releases or not (refused or suits(segment, supply.form)):
            reader.close()
            self._wake()
        else:
            supply.offer(self._hand(supply, segment, plan, begin, reader))

    def _hand(
        self, supply: Supply, segment: PreparedSegment, plan: Plan, begin: _Beginning, reader: FrameReader
    ) -> Hand:
        key, seconds = plan.keys[segment.file], segment.table.duration_us / 1e6
        if begin.gop is not None:
            ends_at = key.recorded_at + seconds if _says_when(segment, plan) else None
            lag = supply.newest - key.recorded_at if supply.newest is not None else 0.0
            lasted = recording_time(seconds, lag, supply.max_lag)
            return Hand(segment, key, begin.gop, reader, ends_at, lasted, _footage(segment, plan))
        skip = Skip(segment.path, 0, len(segment.table.gops), seconds, begin.reason)
        self._report.passed_over(supply.stream, skip, loses=begin.loses)
        before = self._before(supply, plan)
        return Hand(segment, key, 0, reader, before.until if before else None, passed=skip)

    async def _beginning(self, supply: Supply, segment: PreparedSegment, plan: Plan) -> _Beginning:
        cursor = self._ledger.cursor(supply.stream)
        if cursor is not None and cursor.file == segment.file and not cursor.complete:
            return _Beginning(resume_at(segment.table, cursor))
        coming = {hand.footage.digest: hand.footage for hand in supply.hands if hand.footage}
        words = repeats(_footage(segment, plan), {**self._ledger.footage(supply.stream), **coming})
        if not words:
            gop = self._joined(supply, segment, plan)
            if gop is not None:
                return _Beginning(gop)
            words = _COVERED
        await self._ledger.repeat(self._camera, FileFact(segment.path, segment.file), words)
        return _Beginning(None, words)

    def _joined(self, supply: Supply, segment: PreparedSegment, plan: Plan) -> int | None:
        """Return the GOP from which on a segment is new, ``None`` where nothing of it is."""
        before = self._before(supply, plan)
        if before is None or not _says_when(segment, plan):
            return 0
        apart = (segment.file.mtime_ns - before.written_ns) / 1e9
        return join(segment.table, plan.keys[segment.file].recorded_at, (before.began, before.until), apart)

    def _before(self, supply: Supply, plan: Plan) -> _Before | None:
        """Return what a stream plays before its next segment; ``None`` where its name does not say when it was."""
        if supply.hands:
            hand = supply.hands[-1]
            return _before(hand.key, hand.ends_at, hand.key, hand.segment.file)
        cursor = self._ledger.cursor(supply.stream)
        if cursor is None or not cursor.complete:
            return None  # or its end was never shown: it is gone
        return _before(cursor.key, cursor.ends_at, plan.cursors.get(supply.stream, cursor.key), cursor.file)

    def _open(self, segment: PreparedSegment, file: FileFact) -> FrameReader | None:
        descriptor = self._spool.open(file)
        return None if descriptor is None else FrameReader(descriptor, segment.sidecar, self._pool, self._scratch)


def _before(key: OrderKey, ends_at: float | None, today: OrderKey, file: FileId) -> _Before | None:
    """Return a recording as its file is dated today, where it is known when it ended."""
    if ends_at is None:
        return None
    return _Before(today.recorded_at, today.recorded_at + ends_at - key.recorded_at, file.mtime_ns)


def _footage(segment: PreparedSegment, plan: Plan) -> Footage:
    starts_at = plan.keys[segment.file].recorded_at
    ends_at = starts_at + segment.table.duration_us / 1e6
    return Footage(segment.digest, segment.path, segment.file, starts_at, ends_at, segment.file in plan.named)


def _says_when(segment: PreparedSegment, plan: Plan) -> bool:
    """Tell whether a file's name says when it began: it cannot where all of it would not yet have been recorded."""
    ends_at = plan.keys[segment.file].recorded_at + segment.table.duration_us / 1e6
    return segment.file in plan.named and ends_at <= segment.file.mtime_ns / 1e9 + CERTAIN
