"""One service per inbox: the lock on the directory itself, which leaves nothing behind."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path

__all__ = ["LOCK_FILE", "holder", "take"]

LOCK_FILE = ".ftp-stream.lock"  # only where a directory cannot be locked

_EXCLUSIVE = fcntl.LOCK_EX | fcntl.LOCK_NB
_UNKNOWN = frozenset({errno.EBADF, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EISDIR})


def take(directory: int) -> tuple[bool, int | None]:
    """Lock an open directory until its descriptor, and the one that is returned, are closed.

    Returns:
        Whether it is locked (``False``: this file system knows no locks), and a further descriptor to keep.

    Raises:
        BlockingIOError: Another process has it; ``filename`` says what is locked.
        OSError: It cannot be locked for another reason.
    """
    if _locked(directory, "."):
        return True, None
    # NFS locks only what is open for writing, and that is no directory
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(LOCK_FILE, flags, 0o600, dir_fd=directory)
    try:
        if _locked(descriptor, LOCK_FILE):
            return True, descriptor
    except OSError:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return False, None


def _locked(descriptor: int, name: str) -> bool:
    try:
        fcntl.flock(descriptor, _EXCLUSIVE)
    except BlockingIOError as error:
        error.filename = name
        raise
    except OSError as error:
        if error.errno in _UNKNOWN:
            return False
        raise
    return True


def holder(locked: os.stat_result) -> str:
    """Say which process has a file locked, as far as the system tells."""
    wanted = f"{os.major(locked.st_dev):02x}:{os.minor(locked.st_dev):02x}:{locked.st_ino}"
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/locks").read_text(encoding="ascii").splitlines():
            fields = line.split()  # "1: FLOCK ADVISORY WRITE 4711 08:01:131 0 EOF"
            if fields[1] == "FLOCK" and fields[5] == wanted and int(fields[4]) > 0:
                return f"process {fields[4]}"
    return "find it with fuser -v or lsof on that directory"
