"""What the parts of the spool share: how a file is known, how a path is walked, how a fault is told."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from typing import TYPE_CHECKING

from ftp_stream.errors import StorageError
from ftp_stream.model import FileId

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["DIRECTORY", "GONE", "cure", "file_id", "is_still", "parts", "shown", "storage_error", "walked"]

DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
GONE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ESTALE})  # gone, or something else stands there
_RIGHTS = "give the user that runs this service read and write rights on the directory"
_CURES = {
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.ENOSPC: "free space on that file system",
    errno.EDQUOT: "free space, or raise the user's quota",
    errno.EROFS: "make install-service again, where a service is installed; else look for disk faults in dmesg",
    errno.EIO: "the disk failed: look in dmesg",
    errno.ENOENT: "create it, or correct the setting",
    errno.ENOTDIR: "a file stands where a directory is needed: move it away",
    errno.ELOOP: "a link stands where a directory is needed: put a directory in its place",
    errno.EMFILE: "raise the limit of open files (ulimit -n, LimitNOFILE=)",
}


def file_id(status: os.stat_result) -> FileId:
    """Return what identifies this version of a file."""
    return FileId(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def is_still(parent: int, name: str, identity: FileId) -> bool:
    """Return whether the name in the directory ``parent`` is still that version of that file."""
    status = os.stat(name, dir_fd=parent, follow_symlinks=False)
    return stat.S_ISREG(status.st_mode) and file_id(status) == identity


def parts(path: str) -> list[str]:
    """Return the names that a relative path is made of; a path that could lead elsewhere is a bug of the caller."""
    names = path.split("/")
    if any(name in {"", ".", ".."} for name in names):
        raise ValueError(f"not a path below an inbox: {shown(path)}")
    return names


@contextlib.contextmanager
def walked(top: int, directories: Sequence[str]) -> Iterator[int]:
    """Give the directory at that path below ``top``, reached without following a link."""
    descriptor = os.open(".", os.O_PATH | DIRECTORY, dir_fd=top)
    try:
        for directory in directories:
            inner = os.open(directory, os.O_PATH | DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def storage_error(what: str, path: Path | str, error: OSError) -> StorageError:
    """Return the error that tells what could not be done to what, and the likely cure."""
    return StorageError(f"cannot {what} {shown(path)}: {error.strerror}; {cure(error)}")


def cure(error: OSError) -> str:
    """Return what the administrator may do about a fault."""
    return _CURES.get(error.errno or 0, "look at the file system and its rights")


def shown(path: Path | str) -> str:
    """Return a path for the eyes: a name is a stranger's data and may hold line breaks or broken UTF-8."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in str(path))
