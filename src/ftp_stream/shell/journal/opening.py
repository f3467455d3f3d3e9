"""Opening the journal's file: made, brought up to date, or set aside where it is damaged."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from typing import TYPE_CHECKING
from urllib.parse import quote

from ftp_stream.errors import StorageError
from ftp_stream.shell.journal.schema import MIGRATIONS, TABLES, VERSION

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["lock_directory", "open_database", "open_read_only", "set_aside", "storage_error"]

BUSY_TIMEOUT = 5.0  # seconds to wait for a reader that is making a checkpoint

_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_CURES = {
    sqlite3.SQLITE_CORRUPT: "restart the service: it sets the file aside and begins a new one, and no footage is lost",
    sqlite3.SQLITE_NOTADB: "restart the service: it sets the file aside and begins a new one, and no footage is lost",
    sqlite3.SQLITE_FULL: "free space on that file system",
    sqlite3.SQLITE_READONLY: "make the file and its directory writable for the user that runs this service",
    sqlite3.SQLITE_CANTOPEN: "make the file and its directory writable for the user that runs this service",
    sqlite3.SQLITE_PERM: "make the file and its directory writable for the user that runs this service",
    sqlite3.SQLITE_BUSY: "end the other program that has it open",
    sqlite3.SQLITE_LOCKED: "end the other program that has it open",
    sqlite3.SQLITE_IOERR: "the disk is full or failed: look at df and dmesg",
}
_PARTS = ("", "-wal", "-shm")  # of a database in WAL mode


class _Damaged(Exception):  # noqa: N818 - answered within this module
    pass


def lock_directory(directory: Path) -> int:
    """Take the state directory for this service alone; return the descriptor that holds the lock.

    Raises:
        StorageError: Another service has it, or it cannot be made.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StorageError(
            f"cannot use the state directory {directory}: {error.strerror}; "
            "make it writable for the user that runs this service, or set STATE_DIR"
        ) from error
    with contextlib.suppress(OSError):  # a network file system may not lock directories
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StorageError(
                f"another service already uses the state directory {directory}: "
                "stop that one first, or give this one another STATE_DIR"
            ) from None
    return descriptor


def open_database(path: Path) -> tuple[sqlite3.Connection, str]:
    """Return the open journal, and a warning where a damaged one was set aside ("" else).

    Raises:
        StorageError: It cannot be used.
    """
    try:
        return _open(path), ""
    except _Damaged as damaged:
        kept = set_aside(path)
        warning = f"the journal {path} was damaged ({damaged}); it is kept as {kept.name} and a new one has begun"
    try:
        return _open(path), warning
    except _Damaged as damaged:
        raise StorageError(f"cannot make the journal {path}: {damaged}; look at the disk with dmesg") from damaged


def open_read_only(path: Path) -> sqlite3.Connection:
    """Return the journal for reading, beside a running service; an empty one where there is none.

    Raises:
        StorageError: It cannot be read.
    """
    if not path.exists():
        connection = _connect(":memory:")
        _migrate(connection, 0)
        return connection
    try:
        connection = _connect(f"file:{quote(os.fsencode(path))}?mode=ro", uri=True)
        try:
            _refuse_older(_version(connection, path), path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        raise storage_error("read", path, error) from error
    return connection


def set_aside(path: Path) -> Path:
    """Rename a damaged journal to the first free ``*.damaged-N``, and return that.

    Raises:
        StorageError: It cannot be renamed.
    """
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        for part in _PARTS:
            with contextlib.suppress(FileNotFoundError):
                path.with_name(path.name + part).rename(kept.with_name(kept.name + part))
    except OSError as error:
        raise StorageError(f"cannot set the damaged journal {path} aside: {error.strerror}; move it away") from error
    return kept


def storage_error(what: str, path: Path, error: sqlite3.Error) -> StorageError:
    """Return the error that tells what failed, and the likely cure."""
    cure = _CURES.get(_code(error), "see whether the file is in order")
    return StorageError(f"cannot {what} the journal {path}: {error}; {cure}")


def _open(path: Path) -> sqlite3.Connection:
    try:
        _create_private(path)
        connection = _connect(str(path))
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    except sqlite3.Error as error:
        if _code(error) in _DAMAGED:
            raise _Damaged(str(error)) from error
        raise storage_error("open", path, error) from error
    except OSError as error:
        raise StorageError(f"cannot make the journal {path}: {error.strerror}; set STATE_DIR") from error
    return connection


def _create_private(path: Path) -> None:
    """Make the file readable for its owner only; SQLite gives its side files the same rights."""
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _connect(name: str, *, uri: bool = False) -> sqlite3.Connection:
    connection = sqlite3.connect(
        name, uri=uri, timeout=BUSY_TIMEOUT, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    version = _version(connection, path)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    if not tables >= TABLES[version]:
        raise _Damaged("tables are missing")
    if not version and tables:
        raise _Damaged("it is another program's database")
    [found] = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise _Damaged(found)
    connection.execute("PRAGMA journal_mode = WAL")  # after the checks: a file that is not ours stays as it is
    connection.execute("PRAGMA synchronous = FULL")  # a commit is on the disk when it returns
    _migrate(connection, version)


def _version(connection: sqlite3.Connection, path: Path) -> int:
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > VERSION:
        raise StorageError(
            f"the journal {path} was written by a newer ftp-stream (version {version}, this one knows {VERSION}): "
            "install that again, or move the file away to begin a new one, which loses no footage"
        )
    return version


def _refuse_older(version: int, path: Path) -> None:
    if version < VERSION:
        raise StorageError(f"the journal {path} is of an older version ({version}): start the service once")


def _migrate(connection: sqlite3.Connection, version: int) -> None:
    for number, script in enumerate(MIGRATIONS[version:], version + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {script}; PRAGMA user_version = {number}; COMMIT")


def _code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the rest of the bits only refine it
