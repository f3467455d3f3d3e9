"""One scan of an inbox."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftp_stream.model import FileFact
from ftp_stream.shell.spool.files import DIRECTORY, GONE, cure, file_id, shown

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

__all__ = ["MAX_DEPTH", "MAX_PROBLEMS", "ScanResult", "scan"]

MAX_DEPTH = 32  # directories below each other; each costs a descriptor while it is read
MAX_PROBLEMS = 100  # lines of one scan: a directory full of links must not fill the log

_DATED = re.compile(r"(?:19|20)\d\d(?:[-_.Y]?\d\d[-_.MDH\d]*)?")  # 2026, 2026-02-05, 20260205, 2026Y02M05D17H


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What one scan saw."""

    files: list[FileFact]  # every regular file, hidden ones too, in no order
    directories: tuple[str, ...]  # every directory that was read, relative; "" is the inbox itself
    empty: tuple[str, ...]  # date folders, and folders below such, without any entry
    problems: tuple[str, ...]  # one line each, for the operator; what stays wrong comes again with every scan
    complete: bool  # everything could be read: a file that is not listed does not exist


def scan(inbox: int, root: Path, skipped: Collection[str]) -> ScanResult:
    """Return what lies below an open directory; blocks.

    Args:
        inbox: Descriptor of the directory.
        root: Its path, to tell where links lead.
        skipped: Directories that are left out, relative.

    Raises:
        OSError: The directory itself cannot be read. One below it that cannot is a problem in the result.
    """
    walk = _Walk(root, frozenset(skipped))
    walk.enter(inbox, ".", "", 0)
    return walk.result()


class _Walk:
    def __init__(self, root: Path, skipped: frozenset[str]) -> None:
        self._root = os.path.realpath(root)
        self._skipped = skipped
        self._files: list[FileFact] = []
        self._directories: list[str] = []
        self._empty: list[str] = []
        self._problems: list[str] = []
        self._complete = True

    def result(self) -> ScanResult:
        shown_problems = self._problems[:MAX_PROBLEMS]
        if len(self._problems) > MAX_PROBLEMS:
            shown_problems.append(f"and {len(self._problems) - MAX_PROBLEMS} more such files and directories")
        return ScanResult(
            self._files, tuple(self._directories), tuple(self._empty), tuple(shown_problems), self._complete
        )

    def enter(self, parent: int, name: str, path: str, depth: int) -> None:
        descriptor = os.open(name, os.O_RDONLY | DIRECTORY, dir_fd=parent)
        try:
            self._read(descriptor, path, depth)
        finally:
            os.close(descriptor)

    def _read(self, descriptor: int, path: str, depth: int) -> None:
        prefix = f"{path}/" if path else ""
        entry = None
        with os.scandir(descriptor) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    self._descend(descriptor, entry.name, prefix + entry.name, depth + 1)
                else:
                    self._take(entry, prefix + entry.name)
        self._directories.append(path)
        if entry is None and any(map(_DATED.fullmatch, path.split("/"))):
            self._empty.append(path)

    def _descend(self, parent: int, name: str, path: str, depth: int) -> None:
        if name.startswith(".") or path in self._skipped:
            return
        if depth > MAX_DEPTH:
            self._unread(path, f"more than {MAX_DEPTH} directories below each other, not read")
            return
        try:
            self.enter(parent, name, path, depth)
        except OSError as error:
            if error.errno not in GONE:
                self._unread(path, f"cannot be read: {error.strerror}; {cure(error)}")

    def _take(self, entry: os.DirEntry[str], path: str) -> None:
        try:
            if entry.is_file(follow_symlinks=False):
                self._files.append(FileFact(path, file_id(entry.stat(follow_symlinks=False))))
            elif not entry.is_symlink():
                self._problems.append(f"{shown(path)}: neither a file nor a directory, ignored")
            elif self._leads_out(path):
                self._problems.append(f"{shown(path)}: a link that leads out of the inbox, not followed")
        except OSError as error:
            if error.errno not in GONE:  # to vanish while it is read is an ordinary thing for a file
                self._unread(path, f"cannot be read: {error.strerror}; {cure(error)}")

    def _unread(self, path: str, reason: str) -> None:
        self._problems.append(f"{shown(path)}: {reason}")
        self._complete = False

    def _leads_out(self, path: str) -> bool:
        target = os.path.realpath(f"{self._root}/{path}")
        return os.path.commonpath((target, self._root)) != self._root
