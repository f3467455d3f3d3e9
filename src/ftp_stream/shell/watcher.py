"""Wakes a camera when something happens in its inbox.

Events only wake: what they say is not used. Network file systems, shared folders of virtual machines and full queues
send none, so the scan every ``SCAN_INTERVAL`` finds everything without them, only later.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from asyncinotify import Inotify, Mask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from asyncinotify import Event, Watch

__all__ = ["Watcher"]

# An upload wakes when it begins (the file before it is then no longer the newest) and when it ends, not at each write.
# Deletions of files are mostly our own.
_MASK = Mask.CREATE | Mask.CLOSE_WRITE | Mask.MOVED_TO | Mask.MOVED_FROM | Mask.DELETE_SELF
_HOW = Mask.ONLYDIR | Mask.DONT_FOLLOW | Mask.EXCL_UNLINK
_EVENTS_AT_ONCE = 256  # then the event loop has its turn
_LIMITS = frozenset({errno.ENOSPC, errno.ENOMEM})  # inotify_add_watch(2): the user's limit of watches is reached


@dataclass(slots=True, eq=False)
class _Inbox:
    wake: Callable[[], None]
    watches: dict[str, Watch] = field(default_factory=dict)  # relative path -> watch


class Watcher:
    """Watches the directories of all inboxes with one inotify instance, of which a user has few (128 by default).

    All methods belong to the event loop.
    """

    def __init__(self, warn: Callable[[str], None]) -> None:
        """Begin to watch nothing, in the running event loop.

        Args:
            warn: Told at most once, in words, that some changes will be seen by the regular scans only.
        """
        self._warn = warn
        self._warned = False
        self._inboxes: dict[Path, _Inbox] = {}
        self._owners: dict[int, tuple[Path, str]] = {}  # watch descriptor -> inbox and relative path
        self._loop = asyncio.get_running_loop()
        self._inotify: Inotify | None = None
        try:
            self._inotify = Inotify(sync_timeout=0)
        except OSError as error:
            self._degrade(f"inotify cannot be used ({error.strerror})", "fs.inotify.max_user_instances")
        else:
            self._loop.add_reader(self._inotify.fd, self._drain)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def watch(self, root: Path, directories: Iterable[str], wake: Callable[[], None]) -> None:
        """Watch these directories of an inbox from now on, and no others of it.

        To be called after each scan with what it saw. Where a directory is new, ``wake`` is called once: something may
        have come into it before it was watched.

        Args:
            root: The inbox.
            directories: Relative to it; "" for itself.
            wake: Called at once, on the event loop, when something happens.
        """
        if self._inotify is None:
            return
        inbox = self._inboxes.setdefault(root, _Inbox(wake))
        inbox.wake = wake
        wanted = set(directories)
        # first: a directory that was renamed keeps its watch descriptor, which must not be removed under its new name
        for path in inbox.watches.keys() - wanted:
            self._remove(self._inotify, root, path)
        before = len(inbox.watches)
        self._add_all(self._inotify, root, sorted(wanted - inbox.watches.keys()))
        if len(inbox.watches) > before:
            wake()

    def forget(self, root: Path) -> None:
        """Watch nothing of an inbox any more; harmless where nothing was watched."""
        inbox = self._inboxes.get(root)
        if inbox is None or self._inotify is None:
            return
        for path in list(inbox.watches):
            self._remove(self._inotify, root, path)
        del self._inboxes[root]

    def close(self) -> None:
        """Stop watching; harmless when done twice."""
        if self._inotify is None:
            return
        self._loop.remove_reader(self._inotify.fd)
        self._inotify.close()
        self._inotify = None
        self._inboxes.clear()
        self._owners.clear()

    def _add_all(self, inotify: Inotify, root: Path, paths: Iterable[str]) -> None:
        inbox = self._inboxes[root]
        for path in paths:
            try:
                watch = inotify.add_watch(root / path if path else root.resolve(), _MASK | _HOW)
            except OSError as error:
                if error.errno in _LIMITS:
                    self._degrade("the limit of watched directories is reached", "fs.inotify.max_user_watches")
                    return
                continue  # it has gone or cannot be read, which the next scan tells
            inbox.watches[path] = watch
            self._owners[watch.wd] = (root, path)

    def _remove(self, inotify: Inotify, root: Path, path: str) -> None:
        watch = self._inboxes[root].watches.pop(path)
        if self._owners.get(watch.wd) == (root, path):  # else the directory was moved into another inbox
            del self._owners[watch.wd]
            with contextlib.suppress(OSError):  # the system removed it with the directory
                inotify.rm_watch(watch)

    def _drain(self) -> None:
        """Take the events that have come and wake the cameras concerned, each once."""
        inotify = self._inotify
        woken: set[Path] = set()
        for _ in range(_EVENTS_AT_ONCE):
            event = inotify.sync_get() if inotify else None
            if event is None:
                break
            woken |= self._concerned(event)
        for root in woken & self._inboxes.keys():
            self._inboxes[root].wake()

    def _concerned(self, event: Event) -> set[Path]:
        if Mask.Q_OVERFLOW in event.mask:
            return set(self._inboxes)
        watch = event.watch
        owner = self._owners.get(watch.wd) if watch else None
        if watch is None or owner is None:
            return set()
        # A directory that goes takes its watches with it: one of the same name may be there already, and needs its own
        if Mask.IGNORED in event.mask:
            del self._owners[watch.wd]
            self._inboxes[owner[0]].watches.pop(owner[1], None)
        elif Mask.MOVED_FROM | Mask.ISDIR in event.mask:
            self._remove_below(owner[0], f"{owner[1]}/{event.name}".lstrip("/"))
        return {owner[0]}

    def _remove_below(self, root: Path, moved: str) -> None:
        for path in list(self._inboxes[root].watches):
            if self._inotify and (path == moved or path.startswith(f"{moved}/")):
                self._remove(self._inotify, root, path)

    def _degrade(self, what: str, limit: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(f"{what}: some new files will be seen at the next scan only; raise {limit} with sysctl")
