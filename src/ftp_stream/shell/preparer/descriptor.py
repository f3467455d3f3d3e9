"""The camera's file as a descriptor: opened without leaving the inbox, and still the version that the scan saw."""

from __future__ import annotations

import errno
import os
import stat
from hashlib import blake2b
from typing import TYPE_CHECKING

from ftp_stream.errors import SegmentRefused, StorageError
from ftp_stream.model import FileId

if TYPE_CHECKING:
    from pathlib import Path

    from ftp_stream.model import FileFact

__all__ = ["check_file", "check_unchanged", "digest", "open_beneath"]

# What is the file's own matter, and no fault of this machine, which must cost no file an attempt
_OF_THE_FILE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENXIO})

_BLOCKS, _BLOCK = 64, 4096  # how many, and bytes of each


def open_beneath(root: Path, path: str) -> int:
    """Open a file of an inbox for reading, following no link below ``root``.

    Raises:
        SegmentRefused: It is gone or not readable.
        StorageError: This machine could not open it: too many open files, a disk that failed.
    """
    *directories, name = path.split("/")
    flags = os.O_CLOEXEC | os.O_NOFOLLOW
    at = -1
    try:
        at = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        for directory in directories:
            inner = os.open(directory, flags | os.O_PATH | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            at = inner
        return os.open(name, flags | os.O_RDONLY | os.O_NONBLOCK, dir_fd=at)  # a pipe must not make us wait
    except OSError as error:
        if error.errno not in _OF_THE_FILE:
            raise StorageError(f"cannot open {root / path!s}: {error.strerror}") from error
        raise SegmentRefused(f"it cannot be opened: {error.strerror}") from error
    finally:
        if at >= 0:
            os.close(at)


def check_file(fileno: int) -> None:
    """Refuse what cannot hold a video at all.

    Raises:
        SegmentRefused: It is not a file, or empty.
    """
    now = os.fstat(fileno)
    if not stat.S_ISREG(now.st_mode):
        raise SegmentRefused("it is not a file")
    if not now.st_size:
        raise SegmentRefused("it is empty", truncated=True)


def digest(fileno: int, size: int) -> bytes:
    """Return a digest of a file's content: of its size and of `_BLOCKS` blocks spread over it evenly.

    To read all of it would cost more than to send it. Where two files of one size agree in that many places, of which
    some are of their index, they are one file under two names.

    Raises:
        StorageError: The disk failed.
    """
    found = blake2b(size.to_bytes(8, "big"), digest_size=16)
    try:
        for block in range(_BLOCKS):
            found.update(os.pread(fileno, _BLOCK, max(size - _BLOCK, 0) * block // (_BLOCKS - 1)))
    except OSError as error:
        raise StorageError(f"cannot read the segment: {error.strerror}") from error
    return found.digest()


def check_unchanged(fileno: int, file: FileFact) -> None:
    """Refuse a file that is another version than the scan saw: whatever was found in it may be true no more.

    Raises:
        SegmentRefused: It changed.
    """
    now = os.fstat(fileno)
    if FileId(now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns) != file.id:
        raise SegmentRefused("it changed while it was inspected", truncated=True)
