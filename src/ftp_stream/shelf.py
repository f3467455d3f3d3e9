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
        self._unproven: set[FileId] = set()  # newest files that could not be proven whole as they stand

    @property
    def files(self) -> Collection[FileId]:
        """The files of which something is prepared."""
        return self._ready.keys()

    @property
    def proven(self) -> frozenset[FileId]:
        """The files that are known to be whole."""
        return frozenset(file for file, ready in self._ready.items() if any(segment.whole for segment in ready))

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
        if file.id not in self._ready and self._refused.get(file.id, {}).keys() >= wanted:
            self._refused.pop(file.id, None)  # the form in which it might have been played is not wanted any more
        for form in wanted:
            key = (file.id, form)
            coming = any(making == file.id and may_suit(made, form) for making, made in self._tasks)
            if not coming and not self.refused(*key) and self.get(*key) is None:
                self._tasks[key] = asyncio.create_task(self._prepare(file, form, newest=newest))

    def keep(self, wanted: Collection[FileId]) -> None:
        """Break off what is being prepared of files that nobody wants any more: encoding may take minutes."""
        for (file, _), task in self._tasks.items():
            if file not in wanted:
                task.cancel()

    def forget(self, present: Collection[FileId]) -> None:
        """Drop what is prepared of files that are gone."""
        for gone in self._ready.keys() - present:
            self._drop(gone)
        self._unproven &= set(present)
        for known in (self._wanted, self._refused):
            for gone in known.keys() - present:
                known.pop(gone)

    def close(self) -> None:
        """Break off and drop everything."""
        for task in self._tasks.values():
            task.cancel()
        for file in list(self._ready):
            self._drop(file)

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
            self._report.prepared(segment)
        finally:
            self._tasks.pop((file.id, form), None)
        lacking = any(self.get(file.id, other) is None for other in self._wanted.get(file.id, ()))
        self._told(newest or lacking or file.id not in self._ready)

    async def _refuse(self, file: FileFact, form: Form, refused: SegmentRefused, *, newest: bool) -> None:
        """Count a failed inspection, unless the file may still be written or can be played in another form."""
        if newest:
            self._unproven.add(file.id)
            return
        reasons = self._refused.setdefault(file.id, {})
        reasons[form] = refused.reason
        if file.id in self._ready or self._wanted.get(file.id, frozenset()) - reasons.keys():
            return
        del self._refused[file.id]  # in none: it is tried again as a whole
        count = await self._ledger.fail(self._camera, file, refused.reason)
        self._report.refused(file.path, refused.reason, count)
