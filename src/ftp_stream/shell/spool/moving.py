"""Moving a file into another directory: whole or not at all, and never in the place of another."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ftp_stream.shell.spool.files import DIRECTORY, file_id, is_still

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ftp_stream.model import FileId

__all__ = ["NOTE", "below", "make_path", "place"]

NOTE = ".reason.txt"  # what is appended to a file's name for the note beside it

_NAME_MAX = 255  # bytes of one name, Linux NAME_MAX
_MAX_NAMESAKES = 10_000
_COPY_STEP = 8 << 20  # bytes per system call
_NEW = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def below(parent: int, name: str) -> int:
    """Return the directory of that name in ``parent``, made if missing."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=parent)
    return os.open(name, os.O_RDONLY | DIRECTORY, dir_fd=parent)


def make_path(top: int, directories: Iterable[str]) -> int:
    """Return the directory at that path below ``top``, made if missing; ``top`` is closed."""
    for directory in directories:
        try:
            inner = below(top, directory)
        finally:
            os.close(top)
        top = inner
    return top


def place(parent: int, name: str, identity: FileId, target: int, note: str = "") -> bool:
    """Move a file of the directory ``parent`` into the directory ``target``.

    Where the name is taken there, it gets a number. A crash at any instant leaves the file whole in one of the two
    places, or in both; an empty file may be left of the name that it was to get.

    Args:
        parent: Descriptor.
        name: In ``parent``.
        identity: The version of the file that is meant.
        target: Descriptor; may be on another file system.
        note: Text of the note beside it; "" for none.

    Returns:
        Whether it happened: ``False`` where the file changed while it was copied.

    Raises:
        OSError: It did not.
    """
    free, reserved = _reserve(target, name)
    try:
        if note:
            _write_note(target, free + NOTE, note)
        return _rename_or_copy(parent, name, identity, target, free)
    finally:
        _clear(target, free, reserved, noted=bool(note))


def _reserve(target: int, name: str) -> tuple[str, FileId]:
    """Make an empty file of a name that was free: nobody else can take it, and a rename may replace it."""
    path = PurePosixPath(name)
    for number in range(_MAX_NAMESAKES):
        free = _fitted(path.stem, f"-{number}{path.suffix}" if number else path.suffix)
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(free, _NEW | os.O_EXCL, 0o600, dir_fd=target)
            try:
                return free, file_id(os.fstat(descriptor))
            finally:
                os.close(descriptor)
    raise OSError(errno.EEXIST, f"there are {_MAX_NAMESAKES} files of this name already")


def _fitted(stem: str, tail: str) -> str:
    """Return a name short enough to have a note beside it."""
    room = _NAME_MAX - len(NOTE) - len(os.fsencode(tail))
    return os.fsdecode(os.fsencode(stem)[: max(room, 1)]) + tail


def _clear(target: int, free: str, reserved: FileId, *, noted: bool) -> None:
    """Remove what is still as it was reserved, and its note: no file came there."""
    with contextlib.suppress(FileNotFoundError):
        if is_still(target, free, reserved):
            os.unlink(free, dir_fd=target)
            if noted:
                os.unlink(free + NOTE, dir_fd=target)


def _write_note(target: int, name: str, text: str) -> None:
    descriptor = os.open(name, _NEW | os.O_TRUNC, 0o644, dir_fd=target)
    with open(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:  # noqa: PTH123 - a descriptor
        file.write(text)


def _rename_or_copy(parent: int, name: str, identity: FileId, target: int, free: str) -> bool:
    try:
        os.rename(name, free, src_dir_fd=parent, dst_dir_fd=target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return _copy(parent, name, identity, target, free)
    return True


def _copy(parent: int, name: str, identity: FileId, target: int, free: str) -> bool:
    """Move a file to another file system: it is on the disk there before it goes here."""
    temporary = f".ftp-stream-{identity.device:x}-{identity.inode:x}"  # the same at the next try: no litter piles up
    try:
        _copy_bytes(parent, name, target, temporary)
        if not is_still(parent, name, identity):
            return False
        os.rename(temporary, free, src_dir_fd=target, dst_dir_fd=target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary, dir_fd=target)
    os.fsync(target)
    os.unlink(name, dir_fd=parent)
    return True


def _copy_bytes(parent: int, name: str, target: int, copy_name: str) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    try:
        status = os.fstat(source)
        copy = os.open(copy_name, _NEW | os.O_TRUNC, stat.S_IMODE(status.st_mode), dir_fd=target)
        try:
            while os.sendfile(copy, source, None, _COPY_STEP):
                pass
            os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(copy)
        finally:
            os.close(copy)
    finally:
        os.close(source)
