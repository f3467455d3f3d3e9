"""How the values of the model stand in the rows of the journal."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from ftp_stream.model import Cursor, FileId, Footage, OrderKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftp_stream.model import FileFact, Skip, Verdict

__all__ = [
    "IDENTITY",
    "cursor_row",
    "cursor_value",
    "file_id",
    "file_row",
    "footage_row",
    "footage_value",
    "identity_row",
    "printable",
    "signed",
    "skip_row",
    "verdict_row",
]

IDENTITY = "device, inode, size, mtime_ns"  # columns


def file_row(camera: int, file: FileFact) -> tuple[Any, ...]:
    """Return camera, path and identity."""
    return (camera, os.fsencode(file.path), *identity_row(file.id))


def verdict_row(camera: int, verdict: Verdict, wall: float) -> tuple[Any, ...]:
    """Return a row of ``verdict`` up to ``last_at``."""
    words = (verdict.kind.value, verdict.action.value, printable(verdict.reason))
    return (*file_row(camera, verdict.file), *words, verdict.recorded_at, wall, wall)


def cursor_row(stream: str, cursor: Cursor, wall: float) -> tuple[Any, ...]:
    """Return a row of ``cursor``."""
    natural = json.dumps(cursor.key.natural)
    path = os.fsencode(cursor.path)
    identity = identity_row(cursor.file)
    place = (cursor.gop, cursor.complete)
    return (stream, cursor.key.recorded_at, natural, path, *identity, *place, wall, cursor.ends_at, cursor.time_us)


def cursor_value(row: Sequence[Any]) -> Cursor:
    """Return the cursor of a row of ``cursor`` from ``recorded_at`` on, without ``saved_at``."""
    recorded_at, natural_key, path, *identity, gop, complete, ends_at, time_us = row
    natural = tuple((kind, number, text) for kind, number, text in json.loads(natural_key))
    key = OrderKey(recorded_at, natural)
    return Cursor(key, os.fsdecode(path), file_id(identity), gop, bool(complete), ends_at, time_us)


def skip_row(stream: str, skip: Skip, wall: float) -> tuple[Any, ...]:
    """Return a row of ``skip``."""
    path, reason = os.fsencode(skip.path), printable(skip.reason)
    return (stream, path, skip.from_gop, skip.to_gop, skip.seconds, reason, wall)


def footage_row(stream: str, footage: Footage, wall: float) -> tuple[Any, ...]:
    """Return a row of ``footage``."""
    path, identity = os.fsencode(footage.path), identity_row(footage.file)
    return (stream, footage.digest, path, *identity, footage.starts_at, footage.ends_at, footage.named, wall)


def footage_value(row: Sequence[Any]) -> Footage:
    """Return the footage of a row of ``footage`` from ``digest`` up to ``named``."""
    digest, path, *identity, starts_at, ends_at, named = row
    return Footage(digest, os.fsdecode(path), file_id(identity), starts_at, ends_at, bool(named))


def identity_row(file: FileId) -> tuple[int, int, int, int]:
    """Return the columns of `IDENTITY`."""
    return signed(file.device), signed(file.inode), file.size, file.mtime_ns


def file_id(row: Sequence[int]) -> FileId:
    """Return the identity that the columns of `IDENTITY` hold."""
    device, inode, size, mtime_ns = row
    return FileId(device % (1 << 64), inode % (1 << 64), size, mtime_ns)


def signed(number: int) -> int:
    """Return the number that has the same 64 bits; SQLite's are signed, inode numbers may use the highest bit."""
    return number - (1 << 64) if number >= 1 << 63 else number


def printable(text: str) -> str:
    """Return text that SQLite can store: a reason may quote a file name that is no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
