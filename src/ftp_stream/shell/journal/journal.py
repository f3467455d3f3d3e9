"""Reading and writing the journal."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftp_stream.model import Action, Attempts, CameraState, Skip, StreamState, VerdictKind
from ftp_stream.shell.journal.devices import renumber
from ftp_stream.shell.journal.opening import lock_directory, open_database, open_read_only, storage_error
from ftp_stream.shell.journal.rows import (
    IDENTITY,
    cursor_row,
    cursor_value,
    file_id,
    file_row,
    footage_row,
    footage_value,
    identity_row,
    printable,
    skip_row,
    verdict_row,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from ftp_stream.model import Cursor, FileFact, FileId, Footage, Verdict

__all__ = ["MAX_AGE", "MAX_HISTORY", "HistoryRow", "Journal"]

MAX_HISTORY = 10_000  # verdicts kept of each camera
MAX_AGE = 90 * 86_400.0  # seconds for which they are kept
FOOTAGE_AGE = 86_400.0  # seconds for which the same file is known again under another name


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A verdict that acted on a file."""

    path: str  # relative to the inbox, as `FileFact.path`
    size: int  # bytes
    kind: VerdictKind
    action: Action
    reason: str
    recorded_at: float | None  # seconds since the epoch, UTC
    first_at: float  # wall time at which it was first decided
    last_at: float  # and last: what could not be carried out is decided again
    times: int


class Journal:
    """The one writer of the journal. All methods block; each is one transaction, on the disk when it returns.

    They may be called in any thread, one at a time. All raise `StorageError` where the disk fails; what the method
    would have changed is then as before.

    Attributes:
        warning: In words, where a damaged journal was set aside and a new one begun; "" else.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        """Open the journal, made if missing.

        Args:
            path: Its file; no other service may use the directory.
            read_only: Look on beside a running service; only `state`, `has_met` and `history` may be called.

        Raises:
            StorageError: It cannot be used, another service has it, or it is of a newer version.
        """
        self._path = path
        self._turn = threading.Lock()
        self._directory: int | None = None
        self.warning = ""
        if read_only:
            self._database = open_read_only(path)
            return
        self._directory = lock_directory(path.parent)
        try:
            self._database, self.warning = open_database(path)
        except BaseException:
            os.close(self._directory)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; harmless when done twice."""
        with self._turn:
            self._database.close()
            if self._directory is not None:
                os.close(self._directory)
                self._directory = None

    # --- what is known ----------------------------------------------------------------------------------------------

    def state(self, camera: str, streams: Iterable[str]) -> CameraState:
        """Return what is known of a camera; its streams have nothing in hand here."""
        with self._reading() as database:
            files = database.execute(
                f"SELECT {IDENTITY}, before, attempts, attempted_at, reason, repeats FROM file WHERE camera = "  # noqa: S608 - a constant
                "(SELECT id FROM camera WHERE name = ?) AND (before OR attempts OR repeats IS NOT NULL)",
                (camera,),
            ).fetchall()
            names = list(streams)
            return CameraState(
                streams={name: StreamState(_cursor(database, name)) for name in names},
                delivered={name: _delivered(database, name) for name in names},
                attempts={file_id(row[:4]): Attempts(row[5], row[6], row[7]) for row in files if row[5]},
                before=frozenset(file_id(row[:4]) for row in files if row[4]),
                repeated={file_id(row[:4]): row[8] for row in files if row[8] is not None},
            )

    def footage(self, stream: str) -> list[Footage]:
        """Return what a stream has played lately."""
        with self._reading() as database:
            rows = database.execute(
                f"SELECT digest, path, {IDENTITY}, starts_at, ends_at, named FROM footage "  # noqa: S608 - a constant
                "WHERE stream = ?",
                (stream,),
            ).fetchall()
        return list(map(footage_value, rows))

    def skips(self, stream: str, limit: int = 100) -> list[Skip]:
        """Return what a stream left out last, the newest first."""
        with self._reading() as database:
            rows = database.execute(
                "SELECT path, from_gop, to_gop, seconds, reason FROM skip WHERE stream = ? "
                "ORDER BY skipped_at DESC, id DESC LIMIT ?",
                (stream, limit),
            ).fetchall()
        return [Skip(os.fsdecode(path), *rest) for path, *rest in rows]

    def history(self, camera: str, limit: int = 100) -> list[HistoryRow]:
        """Return the last verdicts that acted, the newest first."""
        with self._reading() as database:
            rows = database.execute(
                "SELECT path, size, kind, action, reason, recorded_at, first_at, last_at, times FROM verdict "
                "WHERE camera = (SELECT id FROM camera WHERE name = ?) ORDER BY last_at DESC, id DESC LIMIT ?",
                (camera, limit),
            ).fetchall()
        return [
            HistoryRow(os.fsdecode(path), size, VerdictKind(kind), Action(action), *rest)
            for path, size, kind, action, *rest in rows
        ]

    # --- files ------------------------------------------------------------------------------------------------------

    def meet(self, camera: str, files: Iterable[FileFact], wall: float, *, inbox: str = "") -> bool:
        """Remember what lies in a camera's inbox when it is first met, and return whether it was.

        Later calls change nothing, unless the camera has got another inbox: that is met anew.

        Args:
            camera: Its name.
            files: What lies there.
            wall: Now, seconds since the epoch.
            inbox: The directory.
        """
        with self._transaction() as database:
            identity = _camera_id(database, camera)
            place = printable(inbox)
            [met] = database.execute("SELECT inbox FROM camera WHERE id = ?", (identity,)).fetchone()
            if met == place:
                return False
            database.execute("UPDATE camera SET inbox = ?, met_at = ? WHERE id = ?", (place, wall, identity))
            database.executemany(
                f"INSERT INTO file (camera, path, {IDENTITY}, before) VALUES (?, ?, ?, ?, ?, ?, 1) "  # noqa: S608 - a constant
                "ON CONFLICT DO UPDATE SET before = 1",
                (file_row(identity, file) for file in files),
            )
            return True

    def has_met(self, camera: str, *, inbox: str = "") -> bool:
        """Return whether `meet` has met this inbox."""
        with self._reading() as database:
            row = database.execute("SELECT inbox FROM camera WHERE name = ?", (camera,)).fetchone()
        return row is not None and row[0] == printable(inbox)

    def recognise(self, camera: str, files: Iterable[FileFact]) -> bool:
        """Know the files again whose file system has got another device number, as a reboot may give it.

        To be called with the first scan, before `state`.

        Returns:
            Whether anything changed.
        """
        with self._transaction() as database:
            return renumber(database, camera, list(files))

    def fail(self, camera: str, file: FileFact, reason: str, wall: float) -> Attempts:
        """Count a failed inspection of a file, and return how many there were."""
        with self._transaction() as database:
            identity = _known_file(database, _camera_id(database, camera), file.path, file.id)
            database.execute(
                "UPDATE file SET attempts = attempts + 1, attempted_at = ?, reason = ? WHERE id = ?",
                (wall, printable(reason), identity),
            )
            row = database.execute("SELECT attempts, attempted_at, reason FROM file WHERE id = ?", (identity,))
            return Attempts(*row.fetchone())

    def forget_files(self, camera: str, present: Iterable[FileFact]) -> None:
        """Drop what is known of the files of a camera that are gone.

        Args:
            camera: Its name.
            present: All files of a complete scan of its inbox.
        """
        with self._transaction() as database:
            known = database.execute(
                f"SELECT id, {IDENTITY} FROM file WHERE camera = (SELECT id FROM camera WHERE name = ?)",  # noqa: S608 - a constant
                (camera,),
            ).fetchall()
            if known:
                there = {file.id for file in present}
                gone = [(row[0],) for row in known if file_id(row[1:]) not in there]
                database.executemany("DELETE FROM file WHERE id = ?", gone)

    # --- streams ----------------------------------------------------------------------------------------------------

    def save_cursors(self, cursors: Mapping[str, Cursor], wall: float) -> None:
        """Record how far streams have got; one that is complete counts as delivered."""
        with self._transaction() as database:
            database.executemany(
                f"INSERT OR REPLACE INTO cursor (stream, recorded_at, natural_key, path, {IDENTITY}, gop, complete, "  # noqa: S608 - a constant
                "saved_at, ends_at, time_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (cursor_row(stream, cursor, wall) for stream, cursor in cursors.items()),
            )
            for stream, cursor in cursors.items():
                if cursor.complete:
                    camera = _camera_id(database, stream.partition("/")[0])
                    file = _known_file(database, camera, cursor.path, cursor.file)
                    database.execute("INSERT OR IGNORE INTO delivered VALUES (?, ?, ?)", (stream, file, wall))

    def repeat(self, camera: str, file: FileFact, reason: str) -> None:
        """Remember why nothing of a file is to be played."""
        with self._transaction() as database:
            identity = _known_file(database, _camera_id(database, camera), file.path, file.id)
            database.execute("UPDATE file SET repeats = ? WHERE id = ?", (printable(reason), identity))

    def note(self, skips: Iterable[tuple[str, Skip]], played: Iterable[tuple[str, Footage]], wall: float) -> None:
        """Record what streams leave out, and what footage is being played.

        Args:
            skips: Stream and what it leaves out, in this order.
            played: Stream and its footage; what is known by its content stays as it is.
            wall: Now, seconds since the epoch.
        """
        with self._transaction() as database:
            for stream, skip in skips:
                database.execute(
                    "INSERT INTO skip (stream, path, from_gop, to_gop, seconds, reason, skipped_at) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?)",
                    skip_row(stream, skip, wall),
                )
                _prune_skips(database, stream, wall)
            for stream, footage in played:
                database.execute(
                    f"INSERT OR IGNORE INTO footage (stream, digest, path, {IDENTITY}, starts_at, ends_at, named, "  # noqa: S608 - a constant
                    "played_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    footage_row(stream, footage, wall),
                )
                database.execute("DELETE FROM footage WHERE stream = ? AND played_at < ?", (stream, wall - FOOTAGE_AGE))

    def forget_cursors(self, streams: Iterable[str]) -> None:
        """Forget how far streams have got: their camera's clock stepped back."""
        with self._transaction() as database:
            database.executemany("DELETE FROM cursor WHERE stream = ?", ((stream,) for stream in streams))

    # --- verdicts ---------------------------------------------------------------------------------------------------

    def record(self, camera: str, verdicts: Iterable[Verdict], wall: float) -> None:
        """Write verdicts down that act on files, before they are carried out."""
        with self._transaction() as database:
            identity = _camera_id(database, camera)
            database.executemany(
                f"INSERT INTO verdict (camera, path, {IDENTITY}, kind, action, reason, recorded_at, first_at, "  # noqa: S608 - a constant
                "last_at, times) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1) ON CONFLICT DO UPDATE SET "
                "reason = excluded.reason, path = excluded.path, last_at = excluded.last_at, times = times + 1",
                (verdict_row(identity, verdict, wall) for verdict in verdicts),
            )
            database.execute("DELETE FROM verdict WHERE camera = ? AND last_at < ?", (identity, wall - MAX_AGE))
            database.execute(
                "DELETE FROM verdict WHERE id IN "
                "(SELECT id FROM verdict WHERE camera = ? ORDER BY last_at DESC, id DESC LIMIT -1 OFFSET ?)",
                (identity, MAX_HISTORY),
            )

    # ----------------------------------------------------------------------------------------------------------------

    def _reading(self) -> AbstractContextManager[sqlite3.Connection]:
        return self._transaction("DEFERRED")

    @contextlib.contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """Enter a transaction; one that writes waits for others at its beginning: in its middle SQLite never waits."""
        with self._turn:
            try:
                self._database.execute(f"BEGIN {kind}")
                yield self._database
                self._database.execute("COMMIT")
            except BaseException as error:
                with contextlib.suppress(sqlite3.Error):
                    self._database.rollback()
                if isinstance(error, sqlite3.Error):
                    raise storage_error("use", self._path, error) from error
                raise


def _cursor(database: sqlite3.Connection, stream: str) -> Cursor | None:
    row = database.execute(
        f"SELECT recorded_at, natural_key, path, {IDENTITY}, gop, complete, ends_at, time_us FROM cursor "  # noqa: S608 - a constant
        "WHERE stream = ?",
        (stream,),
    ).fetchone()
    return None if row is None else cursor_value(row)


def _delivered(database: sqlite3.Connection, stream: str) -> frozenset[FileId]:
    rows = database.execute(
        f"SELECT {IDENTITY} FROM delivered JOIN file ON file.id = delivered.file WHERE stream = ?",  # noqa: S608 - a constant
        (stream,),
    )
    return frozenset(map(file_id, rows))


def _prune_skips(database: sqlite3.Connection, stream: str, wall: float) -> None:
    database.execute("DELETE FROM skip WHERE stream = ? AND skipped_at < ?", (stream, wall - MAX_AGE))
    database.execute(
        "DELETE FROM skip WHERE id IN "
        "(SELECT id FROM skip WHERE stream = ? ORDER BY skipped_at DESC, id DESC LIMIT -1 OFFSET ?)",
        (stream, MAX_HISTORY),
    )


def _camera_id(database: sqlite3.Connection, name: str) -> int:
    row = database.execute("SELECT id FROM camera WHERE name = ?", (name,)).fetchone()
    if row is None:
        return int(database.execute("INSERT INTO camera (name) VALUES (?)", (name,)).lastrowid or 0)
    return int(row[0])


def _known_file(database: sqlite3.Connection, camera: int, path: str, file: FileId) -> int:
    """Return the row of a file, made if missing."""
    row = (camera, os.fsencode(path), *identity_row(file))
    database.execute(
        f"INSERT OR IGNORE INTO file (camera, path, {IDENTITY}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - a constant
        row,
    )
    found = database.execute(
        "SELECT id FROM file WHERE camera = ? AND device = ? AND inode = ? AND size = ? AND mtime_ns = ?",
        (camera, *identity_row(file)),
    )
    return int(found.fetchone()[0])
