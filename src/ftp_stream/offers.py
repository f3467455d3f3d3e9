"""Gives a stream the segment that is decided for it, from the first picture on that no other file has shown."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from ftp_stream.core.lag import recording_time
from ftp_stream.core.overlap import join, repeats
from ftp_stream.model import Cursor, Footage, Skip
from ftp_stream.shell.frames import FrameReader
from ftp_stream.supply import Hand

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from ftp_stream.ledger import Ledger
    from ftp_stream.model import FileFact, Plan, PreparedSegment
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
        begin = _Beginning(None, refused) if refused else await self._beginning(supply, file, segment, plan)
        reader = await asyncio.get_running_loop().run_in_executor(self._pool, self._open, segment, file)
        if reader is None:  # gone, or another file by now: the next scan tells
            self._wake()
        elif not supply.wants or decided_for != supply.releases:
            reader.close()
        else:
            supply.offer(self._hand(supply, segment, plan, begin, reader))

    def _hand(
        self, supply: Supply, segment: PreparedSegment, plan: Plan, begin: _Beginning, reader: FrameReader
    ) -> Hand:
        key, seconds = plan.keys[segment.file], segment.table.duration_us / 1e6
        if begin.gop is not None:
            ends_at = key.recorded_at + seconds if segment.file in plan.named else None
            lag = supply.newest - key.recorded_at if supply.newest is not None else 0.0
            return Hand(segment, key, begin.gop, reader, ends_at, recording_time(seconds, lag, supply.max_lag))
        skip = Skip(segment.path, 0, len(segment.table.gops), seconds, begin.reason)
        self._report.passed_over(supply.stream, skip)
        before = self._before(supply)
        return Hand(segment, key, 0, reader, before[1] if before else None, passed=skip)

    async def _beginning(self, supply: Supply, file: FileFact, segment: PreparedSegment, plan: Plan) -> _Beginning:
        cursor = self._ledger.cursor(supply.stream)
        if cursor is not None and cursor.file == file.id and not cursor.complete:
            return _Beginning(min(cursor.gop, len(segment.table.gops) - 1))
        starts_at, named = plan.keys[file.id].recorded_at, file.id in plan.named
        ends_at = starts_at + segment.table.duration_us / 1e6
        footage = Footage(segment.digest, file.path, file.id, starts_at, ends_at, named)
        words = repeats(footage, self._ledger.footage(self._camera))
        if not words:
            gop = join(segment.table, starts_at, self._before(supply)) if named else 0
            if gop is not None:
                self._ledger.play(self._camera, footage)
                return _Beginning(gop)
            words = _COVERED
        await self._ledger.repeat(self._camera, file, words)
        return _Beginning(None, words)

    def _before(self, supply: Supply) -> tuple[float, float] | None:
        """Return when what a stream plays before its next segment was recorded; ``None`` where names do not say so."""
        last = supply.hands[-1] if supply.hands else self._ledger.cursor(supply.stream)
        if last is None or last.ends_at is None or (isinstance(last, Cursor) and not last.complete):
            return None  # or its end was never shown: it is gone
        return last.key.recorded_at, last.ends_at

    def _open(self, segment: PreparedSegment, file: FileFact) -> FrameReader | None:
        descriptor = self._spool.open(file)
        return None if descriptor is None else FrameReader(descriptor, segment.sidecar, self._pool, self._scratch)
