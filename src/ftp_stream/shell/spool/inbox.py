"""One camera's inbox as the service sees it."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from typing import TYPE_CHECKING

from ftp_stream.errors import StorageError
from ftp_stream.shell.spool.files import GONE, file_id, is_still, parts, shown, storage_error, walked
from ftp_stream.shell.spool.lock import holder, take
from ftp_stream.shell.spool.moving import below, make_path, place
from ftp_stream.shell.spool.scan import scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from ftp_stream.model import FileFact
    from ftp_stream.shell.spool.scan import ScanResult

__all__ = ["BEFORE", "FAILED", "PRUNE_AGE", "Spool"]

FAILED = "_failed"  # quarantine: files whose inspection failed for good
BEFORE = "_before"  # files that lay here before the service first met the inbox
PRUNE_AGE = 3600.0  # seconds an empty date folder is left for the camera that may have just made it


class Spool:
    """One inbox. All methods block: call them in a thread; each may run beside the others, save `lock` and `close`.

    Every act returns whether it happened: ``False`` says that the file has vanished or is another one by now, which
    is no error, and that nothing was touched.

    Attributes:
        root: The inbox, as the settings name it.
    """

    def __init__(self, root: Path, archive: Path | None = None) -> None:
        """Name an inbox without touching it.

        Args:
            root: The inbox; it may itself be a link.
            archive: The archive directory, which is not scanned where it lies inside the inbox.
        """
        self.root = root
        self._archive = archive
        self._inbox: int | None = None
        self._lock_file: int | None = None
        self._named = False  # the directory had a name when it was opened: not every file system tells
        self._opening = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the inbox and its lock; harmless when done twice."""
        for descriptor in (self._inbox, self._lock_file):
            if descriptor is not None:
                os.close(descriptor)
        self._inbox = self._lock_file = None

    def lock(self) -> bool:
        """Take the inbox for this service alone, until `close` or the end of the process.

        Called again, it lets go and takes the directory that has the inbox's name by now.

        Returns:
            Whether it is locked: ``False`` where the file system knows no locks.

        Raises:
            StorageError: Another service has it, or it cannot be opened.
        """
        self.close()
        inbox = self._open_inbox()
        try:
            locked, self._lock_file = take(inbox)
        except BlockingIOError as error:
            who = holder(os.stat(error.filename, dir_fd=inbox))
            self.close()
            raise StorageError(
                f"another service already has the inbox {shown(self.root)} ({who}): "
                "stop that one first, or give this one another WATCH_DIR"
            ) from None
        except OSError as error:
            self.close()
            raise storage_error("lock the inbox", self.root, error) from error
        return locked

    def scan(self) -> ScanResult:
        """Return all that lies in the inbox now.

        Hidden directories, ``_failed``, ``_before`` and the archive are left out. Links are never followed: what
        they lead to inside the inbox is found where it really lies.

        Raises:
            StorageError: The inbox cannot be read, or its name belongs to another directory by now.
        """
        inbox = self._open_inbox()
        self._check_in_place(inbox)
        try:
            return scan(inbox, self.root, self._skipped())
        except OSError as error:
            raise storage_error("read the inbox", self.root, error) from error

    def open(self, file: FileFact) -> int | None:
        """Return a descriptor to read the file, ``None`` where it has vanished or changed.

        Raises:
            StorageError: It cannot be read.
        """
        *directories, name = parts(file.path)
        # O_NONBLOCK: a pipe put in its place must not hold this thread
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            with walked(self._open_inbox(), directories) as parent:
                opened = os.open(name, flags, dir_fd=parent)
        except OSError as error:
            if error.errno in GONE:
                return None
            raise storage_error("open", self.root / file.path, error) from error
        if file_id(os.fstat(opened)) == file.id:
            return opened
        os.close(opened)
        return None

    def delete(self, file: FileFact) -> bool:
        """Delete the file.

        Raises:
            StorageError: It is there and cannot be deleted.
        """

        def unlink(parent: int, name: str) -> bool:
            os.unlink(name, dir_fd=parent)
            return True

        return self._act("delete", file, unlink)

    def quarantine(self, file: FileFact, reason: str, *, attempts: int = 0, wall: float | None = None) -> bool:
        """Move the file below ``_failed``, with a note of the reason beside it.

        Args:
            file: The file.
            reason: In words.
            attempts: How often its inspection was tried; 0 where that does not matter.
            wall: When, seconds since the epoch; now where it is not given.

        Raises:
            StorageError: It is there and cannot be moved.
        """
        note = (
            f"File: {shown(file.path)}\n"
            f"Reason: {reason}\n"
            f"Time: {time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(wall))}\n"
            + (f"Attempts: {attempts}\n" if attempts else "")
            + "Keep a copy before you put it back into the inbox: once newer files were sent it is late, and deleted.\n"
        )
        return self._move("quarantine", file, lambda: below(self._open_inbox(), FAILED), note)

    def set_aside(self, file: FileFact) -> bool:
        """Move the file below ``_before``.

        Raises:
            StorageError: It is there and cannot be moved.
        """
        return self._move("set aside", file, lambda: below(self._open_inbox(), BEFORE))

    def archive(self, file: FileFact, directory: Path) -> bool:
        """Move the file below a directory, which may be on another file system and is made if missing.

        Raises:
            StorageError: It is there and cannot be moved.
        """

        def top() -> int:
            directory.mkdir(parents=True, exist_ok=True)
            return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

        return self._move("archive", file, top)

    def prune(self, empty: Iterable[str], wall: float) -> tuple[str, ...]:
        """Remove date folders that have stood empty for `PRUNE_AGE`, and return which.

        A camera may have made such a folder a moment ago to write into it, so young ones stay. All other folders
        belong to whoever set up the camera, and always stay.

        Args:
            empty: ``ScanResult.empty``.
            wall: Now, seconds since the epoch.
        """
        return tuple(path for path in empty if self._prune(path, wall))

    def _prune(self, path: str, wall: float) -> bool:
        *directories, name = parts(path)
        with contextlib.suppress(OSError), walked(self._open_inbox(), directories) as parent:
            if os.stat(name, dir_fd=parent, follow_symlinks=False).st_mtime <= wall - PRUNE_AGE:
                os.rmdir(name, dir_fd=parent)  # refuses by itself where something has come in
                return True
        return False

    def _open_inbox(self) -> int:
        with self._opening:
            if self._inbox is None:
                try:
                    self._inbox = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                except OSError as error:
                    raise storage_error("open the inbox", self.root, error) from error
                self._named = os.fstat(self._inbox).st_nlink > 0
            return self._inbox

    def _check_in_place(self, inbox: int) -> None:
        """See that the inbox's name still leads to the directory that is open and locked."""
        try:
            there = self.root.stat()
        except OSError as error:
            raise storage_error("find the inbox", self.root, error) from error
        ours = os.fstat(inbox)
        # no name left: removed, though a mount still leads to it, as in the namespace of an installed service
        if not os.path.samestat(there, ours) or (self._named and not ours.st_nlink):
            raise StorageError(
                f"the inbox {shown(self.root)} is no longer the directory it was (mounted, unmounted or replaced): "
                "put it back, or restart the service if the new one is meant"
            )

    def _skipped(self) -> set[str]:
        skipped = {FAILED, BEFORE, "lost+found"}
        if self._archive is not None:
            skipped.add(os.path.relpath(os.path.realpath(self._archive), os.path.realpath(self.root)))
        return skipped

    def _act(self, what: str, file: FileFact, action: Callable[[int, str], bool]) -> bool:
        *directories, name = parts(file.path)
        try:
            with walked(self._open_inbox(), directories) as parent:
                return is_still(parent, name, file.id) and action(parent, name)
        except OSError as error:
            if error.errno in GONE:
                return False
            raise storage_error(what, self.root / file.path, error) from error

    def _move(self, what: str, file: FileFact, top: Callable[[], int], note: str = "") -> bool:
        def move(parent: int, name: str) -> bool:
            try:
                target = make_path(top(), parts(file.path)[:-1])
            except OSError as error:  # here, not in _act: a missing target is not a missing file
                raise storage_error(f"make the directory to {what}", self.root / file.path, error) from error
            try:
                return place(parent, name, file.id, target, note)
            finally:
                os.close(target)

        return self._act(what, file, move)
