"""One camera's turns: scan, decide, write the decision down, act on it, offer its streams what comes next.

Events only wake it. Each turn scans again and decides afresh, so that no list in memory must keep step with the disk.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from ftp_stream.core.plan import decide
from ftp_stream.core.reach import within_reach
from ftp_stream.errors import StorageError
from ftp_stream.model import Action, Form, VerdictKind
from ftp_stream.offers import Offers
from ftp_stream.shelf import Shelf
from ftp_stream.slates import Slates

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor

    from ftp_stream.config import CameraSettings
    from ftp_stream.ledger import Ledger
    from ftp_stream.model import CameraState, FileFact, FileId, Plan, StreamState, Verdict
    from ftp_stream.pictures import Pictures
    from ftp_stream.report import CameraReport
    from ftp_stream.shell.preparer import Preparer
    from ftp_stream.shell.spool import ScanResult, Spool
    from ftp_stream.shell.watcher import Watcher
    from ftp_stream.supply import Hand, Supply

__all__ = ["Camera"]

P = ParamSpec("P")
T = TypeVar("T")

GATHER = 0.02  # seconds in which events that belong together become one turn
MANY = 2000  # files from which on a decision is made in a thread
TIDY_EVERY = 600.0  # seconds between two clean-ups
_WAITING = frozenset({VerdictKind.WAIT, VerdictKind.PLAY})


class Camera:
    """One inbox and the streams made of it."""

    def __init__(
        self,
        settings: CameraSettings,
        *,
        spool: Spool,
        watcher: Watcher,
        ledger: Ledger,
        preparer: Preparer,
        pool: Executor,
        scratch: memoryview,
        wall: Callable[[], float],
        report: CameraReport,
        pictures: Pictures,
    ) -> None:
        """Make a camera that is not running yet.

        Args:
            settings: The camera's; may be replaced while it runs.
            spool: Its inbox, locked.
            watcher: Wakes it when something happens in the inbox.
            ledger: What the journal knows; opened for this camera.
            preparer: Makes segments of files.
            pool: Threads that wait for slow disks.
            scratch: Memory that all frame readers share.
            wall: The UTC clock, seconds since the epoch.
            report: Takes what happened, for status and log.
            pictures: Keeps the last picture of each stream.
        """
        self.settings = settings
        self.supplies: dict[str, Supply] = {}  # stream -> supply; the service adds and removes
        self._spool = spool
        self._watcher = watcher
        self._ledger = ledger
        self._preparer = preparer
        self._pool = pool
        self._wall = wall
        self._report = report
        self._pictures = pictures
        self._slates = Slates(lambda: self.settings, preparer, report)
        self._woken = asyncio.Event()
        self._shelf = Shelf(
            settings.name,
            root=spool.root,
            preparer=preparer,
            ledger=ledger,
            report=report,
            told=self._prepared,
        )
        self._offers = Offers(
            settings.name,
            shelf=self._shelf,
            spool=spool,
            ledger=ledger,
            report=report,
            pool=pool,
            scratch=scratch,
            wake=self.wake,
        )
        self._late_since: float | None = None
        self._met = False
        self._tidied_at = 0.0

    def wake(self) -> None:
        """Ask for a turn soon; may be called at any time, from the event loop."""
        self._woken.set()

    def slate(self, last: Hand) -> Hand | None:
        """Return a second of the slate behind what was shown last; ``None`` where there is none, or not yet."""
        return self._slates.second(last, self._wall())

    async def run(self) -> None:
        """Take turns until cancelled."""
        try:
            while True:
                wake_at = await self._guarded_turn()
                await self._rest(wake_at)
        finally:
            self._shelf.close()
            self._slates.close()

    # --- a turn -----------------------------------------------------------------------------------------------------

    async def _guarded_turn(self) -> float | None:
        """Take a turn; a disk that fails is told and tried again, and stops no stream."""
        self._woken.clear()
        try:
            return await self._turn()
        except StorageError as error:
            self._report.trouble(error)
            return None

    async def _turn(self) -> float | None:
        scan = await self._in_thread(self._spool.scan)
        self._watcher.watch(self._spool.root, scan.directories, self.wake)
        if not self._met:
            await self._ledger.meet(self.settings.name, str(self._spool.root), scan.files)
            self._met = True
        decided_for = {supply: supply.releases for supply in self.supplies.values()}
        plan = await self._decide(scan.files)
        self._late_since = plan.late_since
        await self._carry_out(plan)
        self._forget_segments(scan.files)
        self._prepare(plan)
        await self._offer(plan, decided_for)
        heads = {name: supply.head for name, supply in self.supplies.items()}
        self._report.turned(plan, heads, scan.problems, {supply.form for supply in self.supplies.values()})
        await self._tidy(scan)
        for supply in self.supplies.values():
            self._pictures.keep_beside(supply, self._report.trouble)
        return plan.wake_at

    async def _tidy(self, scan: ScanResult) -> None:
        """Now and then, forget what is known of files that are gone and remove empty date folders."""
        wall = self._wall()
        if not scan.complete or wall - self._tidied_at < TIDY_EVERY:
            return
        self._tidied_at = wall
        await self._ledger.forget_files(self.settings.name, scan.files)
        if scan.empty:
            await self._in_thread(self._spool.prune, scan.empty, wall)

    async def _decide(self, files: Sequence[FileFact]) -> Plan:
        settings = self.settings.plan
        if len(files) > MANY:
            return await self._in_thread(decide, files, self._state(), self._wall(), settings)
        return decide(files, self._state(), self._wall(), settings)

    def _state(self) -> CameraState:
        """Return what the journal knows, with what the streams have in hand now."""
        known = self._ledger.state(self.settings.name)
        streams = {name: self._stream_state(known.streams, name) for name in self.supplies}
        attempts = {file: failed for file, failed in known.attempts.items() if file not in self._shelf.files}
        return replace(
            known, streams=streams, proven=self._shelf.proven, attempts=attempts, late_since=self._late_since
        )

    def _stream_state(self, known: Mapping[str, StreamState], name: str) -> StreamState:
        supply = self.supplies[name]
        return replace(known[name], head=supply.head, in_hand=supply.in_hand, closing=self._ledger.unsaved(name))

    # --- verdicts ---------------------------------------------------------------------------------------------------

    async def _carry_out(self, plan: Plan) -> None:
        """Write down what is decided, then do it."""
        if plan.step_back:
            await self._ledger.step_back(self.settings.name, plan.step_back)
            self.wake()
        acting = [verdict for verdict in plan.verdicts if verdict.action is not Action.NONE]
        if not acting:
            return
        try:
            await self._ledger.record(self.settings.name, acting)
        except StorageError as error:  # nothing is done that cannot be written down; what plays goes on
            self._report.trouble(error)
            return
        done = await self._in_thread(self._act, acting)
        for verdict, outcome in zip(acting, done, strict=True):
            if isinstance(outcome, StorageError):
                self._report.trouble(outcome)
            elif outcome:
                self._report.carried_out(verdict)

    def _act(self, verdicts: list[Verdict]) -> list[bool | StorageError]:
        """Carry verdicts out, in a thread; return for each whether it happened, or why it could not."""
        return [self._act_on(verdict) for verdict in verdicts]

    def _act_on(self, verdict: Verdict) -> bool | StorageError:
        try:
            match verdict.action:
                case Action.DELETE if self.settings.archive_dir:
                    return self._spool.archive(verdict.file, self.settings.archive_dir)
                case Action.DELETE:
                    return self._spool.delete(verdict.file)
                case Action.QUARANTINE:
                    return self._spool.quarantine(verdict.file, verdict.reason, wall=self._wall())
                case Action.SET_ASIDE:
                    return self._spool.set_aside(verdict.file)
        except StorageError as error:
            return error
        return False

    # --- segments ---------------------------------------------------------------------------------------------------

    def _prepared(self, needed: bool) -> None:  # noqa: FBT001 - as the shelf calls it
        """Take a turn where something that was prepared makes a difference to it."""
        if needed or any(supply.wants for supply in self.supplies.values()):
            self.wake()

    def _prepare(self, plan: Plan) -> None:
        """Begin to prepare what is wanted soon, in the forms that its streams need."""
        newest = {verdict.file.id for verdict in plan.verdicts if verdict.kind is VerdictKind.NEWEST}
        for file in plan.prepare:
            self._shelf.want(file, self._forms(file, plan), newest=file.id in newest)
        self._shelf.keep(within_reach(plan, self._in_hand()))

    def _forms(self, file: FileFact, plan: Plan) -> set[Form]:
        """Return the forms in which a file is needed: those of the streams that have not passed it."""
        key = plan.keys[file.id]
        cursors = {name: self._ledger.cursor(name) for name in self.supplies}
        ahead = {
            supply.form
            for name, supply in self.supplies.items()
            if (cursor := cursors[name]) is None or cursor.file == file.id or cursor.key < key
        }
        return ahead or {supply.form for supply in self.supplies.values()} or {Form()}

    def _forget_segments(self, files: Sequence[FileFact]) -> None:
        """Drop prepared segments whose file is gone and that no stream has in hand."""
        self._shelf.forget(self._in_hand().union(file.id for file in files))

    def _in_hand(self) -> frozenset[FileId]:
        """Return the files that some stream has in hand now."""
        return frozenset(file for supply in self.supplies.values() for file in supply.in_hand)

    async def _offer(self, plan: Plan, decided_for: Mapping[Supply, int]) -> None:
        """Give each stream that asks the segment that is decided for it, once it is prepared.

        A stream that has let go of what it had since the decision gets nothing of it: it would miss what it had.
        """
        for name, supply in list(self.supplies.items()):
            supply.date(plan.keys)
            supply.newest = plan.fronts.get(name, plan.newest)
            supply.max_lag = self.settings.plan.max_lag
            file = plan.play.get(name)
            supply.waiting = max(0, _waiting(plan, supply) - supply.wants)
            if file is None or not supply.wants:
                continue
            try:
                await self._offers.give(supply, file, plan, decided_for.get(supply))
            except StorageError as error:  # what one stream cannot get must not keep the others waiting
                self._report.trouble(error)

    # --- rest -------------------------------------------------------------------------------------------------------

    async def _rest(self, wake_at: float | None) -> None:
        """Wait for an event, the moment that the decision named, or the next scan."""
        delay = self.settings.scan_interval
        if wake_at is not None:
            delay = max(GATHER, min(delay, wake_at - self._wall()))
        try:
            async with asyncio.timeout(delay):
                await self._woken.wait()
        except TimeoutError:
            return
        await asyncio.sleep(GATHER)

    async def _in_thread(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: function(*args, **kwargs))


def _waiting(plan: Plan, supply: Supply) -> int:
    """Return how many settled files wait behind those that a stream has in hand."""
    head = supply.head
    waiting = (plan.keys[verdict.file.id] for verdict in plan.verdicts if verdict.kind in _WAITING)
    return sum(head is None or key > head for key in waiting)
