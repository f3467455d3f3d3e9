"""What is prepared of one camera's files, in which forms, and what is being prepared."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ftp_stream.core.forms import may_suit, suits
from ftp_stream.errors import SegmentRefused, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from pathlib import Path

    from ftp_stream.ledger import Ledger
    from ftp_stream.model import FileFact, FileId, Form, PreparedSegment
    from ftp_stream.report import CameraReport
    from ftp_stream.shell.preparer import Preparer

__all__ = ["Shelf"]

TRIES = 3  # of a file in one form, where it can be played in another
AGAIN = 60.0  # seconds between two of them


class Shelf:
    """The prepared segments of one camera."""

    def __init__(
        self,
        camera: str,
        *,
        root: Path,
        preparer: Preparer,
        ledger: Ledger,
        report: CameraReport,
        told: Callable[[bool], None],
    ) -> None:
        """Make an empty one.

        Args:
            camera: Its name.
            root: Its inbox.
            preparer: Makes segments of files.
            ledger: Counts the failed inspections of a file.
            report: Takes what happened, for status and log.
            told: Called when something was prepared or refused, with whether a decision depends on it.
        """
        self._camera = camera
        self._root = root
        self._preparer = preparer
        self._ledger = ledger
        self._report = report
        self._told = told
        self._ready: dict[FileId, list[PreparedSegment]] = {}
        self._tasks: dict[tuple[FileId, Form], asyncio.Task[None]] = {}
        self._wanted: dict[FileId, frozenset[Form]] = {}
        self._refused: dict[FileId, dict[Form, str]] = {}  # in one form, while it may be played in another
        self._tried: dict[FileId, dict[Form, tuple[int, float]]] = {}  # likewise: how often it failed, and when
        self._good: dict[FileId, Form] = {}  # of which something was prepared, if only for a while, and in which form
        self._proven: set[FileId] = set()  # of these, the files that are known to be whole
        self._unproven: set[FileId] = set()  # newest files that could not be proven whole as they stand

    @property
    def files(self) -> Collection[FileId]:
        """The files of which something is prepared, or was and can be again."""
        return self._good.keys()

    @property
    def proven(self) -> frozenset[FileId]:
        """The files that are known to be whole."""
        return frozenset(self._proven)

    def get(self, file: FileId, form: Form | None) -> PreparedSegment | None:
        """Return a file's segment in a form, or in any (``None``), if it is there."""
        ready = self._ready.get(file, ())
        return next((segment for segment in ready if form is None or suits(segment, form)), None)

    def refused(self, file: FileId, form: Form) -> str:
        """Return why a file cannot be played in a form though it can in another, "" where that is not so."""
        return self._refused.get(file, {}).get(form, "")

    def want(self, file: FileFact, forms: Iterable[Form], *, newest: bool) -> None:
        """Begin to prepare a file in the forms in which it is not, nor may soon be by what is in the making.

        Args:
            file: As a scan saw it.
            forms: Those that streams need.
            newest: It may still be written.
        """
        if newest and file.id in self._unproven:
            return
        self._wanted[file.id] = wanted = frozenset(forms)
        refused = self._refused.get(file.id, {}).keys()
        if file.id not in self._good and refused >= wanted:
            self._refused.pop(file.id, None)  # the form in which it might have been played is not wanted any more
            self._tried.pop(file.id, None)
        elif file.id not in self._ready and refused & wanted:
            wanted |= {self._good.get(file.id, form) for form in wanted}  # a stream needs some form of what it passes
        for form in wanted:
            key = (file.id, form)
            coming = any(making == file.id and may_suit(made, form) for making, made in self._tasks)
            if not coming and not self.refused(*key) and not self._rests(*key) and self.get(*key) is None:
                self._tasks[key] = asyncio.create_task(self._prepare(file, form, newest=newest))

    def keep(self, near: Collection[FileId]) -> None:
        """Break off and drop what is prepared of files that nobody needs soon.

        Encoding may take minutes, and the files that a dead destination lacks lie in the inbox for as long as it is
        dead: what was encoded of them would fill the disk. It is prepared again when its turn comes.

        Args:
            near: The files that are in hand or wanted soon, as `core.reach.within_reach` says.
        """
        for (file, _), task in self._tasks.items():
            if file not in near:
                task.cancel()
        for far in self._ready.keys() - near:
            self._drop(far)

    def forget(self, present: Collection[FileId]) -> None:
        """Drop what is prepared of files that are gone."""
        for gone in self._ready.keys() - present:
            self._drop(gone)
        self._unproven &= set(present)
        self._proven &= set(present)
        for known in (self._good, self._wanted, self._refused, self._tried):
            for gone in known.keys() - present:
                known.pop(gone)

    def _rests(self, file: FileId, form: Form) -> bool:
        """Tell whether a file failed in a form a moment ago."""
        _, failed_at = self._tried.get(file, {}).get(form, (0, float("-inf")))
        return asyncio.get_running_loop().time() < failed_at + AGAIN

    def drop(self, segment: PreparedSegment) -> None:
        """Drop what was prepared of a file in one form: it cannot be read any more."""
        ready = self._ready.get(segment.file, [])
        if segment in ready:
            ready.remove(segment)
            self._preparer.discard(segment)
        if not ready:
            self._ready.pop(segment.file, None)

    def close(self) -> None:
        """Break off and drop everything."""
        for task in self._tasks.values():
            task.cancel()
        for file in list(self._ready):
            self._drop(file)
        self._good.clear()

    def _drop(self, file: FileId) -> None:
        for segment in self._ready.pop(file):
            self._preparer.discard(segment)

    async def _prepare(self, file: FileFact, form: Form, *, newest: bool) -> None:
        try:
            segment = await self._preparer.prepare(self._root, file, form)
        except SegmentRefused as refused:
            await self._refuse(file, form, refused, newest=newest)
        except StorageError as error:
            self._report.trouble(error)
            return
        else:
            self._ready.setdefault(file.id, []).append(segment)
            self._good[file.id] = form
            if segment.whole:
                self._proven.add(file.id)
            self._report.prepared(segment)
        finally:
            self._tasks.pop((file.id, form), None)
        lacking = any(self.get(file.id, other) is None for other in self._wanted.get(file.id, ()))
        self._told(newest or lacking or file.id not in self._ready)

    async def _refuse(self, file: FileFact, form: Form, refused: SegmentRefused, *, newest: bool) -> None:
        """Take note of a failure: of the file, or of one form of it where it may still be played in another."""
        if newest:
            self._unproven.add(file.id)
            return
        reasons, tried = self._refused.setdefault(file.id, {}), self._tried.setdefault(file.id, {})
        if file.id not in self._ready and self._good.get(file.id) == form:
            del self._good[file.id]  # no more
        others = self._wanted.get(file.id, frozenset()) - {form} - reasons.keys() - tried.keys()
        if file.id not in self._good and not others:
            del self._refused[file.id], self._tried[file.id]  # in none: it is tried again as a whole
            count = await self._ledger.fail(self._camera, file, refused.reason)
        else:
            count = tried.get(form, (0, 0.0))[0] + 1
            tried[form] = (count, asyncio.get_running_loop().time())
            if refused.unfit or count >= TRIES:
                reasons[form] = refused.reason
        self._report.refused(file.path, refused.reason, count)
