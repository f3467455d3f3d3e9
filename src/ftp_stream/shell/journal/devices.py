"""Knowing files again after a reboot that gave their file system another device number.

The numbers of network file systems, btrfs, overlays and removable disks depend on the order in which they are mounted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftp_stream.shell.journal.rows import identity_row, signed

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

    from ftp_stream.model import FileFact

__all__ = ["renumber"]

# table, and how the rows of one camera are found in it
_TABLES = (("file", "camera = (SELECT id FROM camera WHERE name = :camera)"), ("cursor", "stream GLOB :streams"))


def renumber(database: sqlite3.Connection, camera: str, present: Sequence[FileFact]) -> bool:
    """Give rows whose device is gone the device on which their files are now; return whether there were any."""
    devices = {identity_row(file.id)[1:]: signed(file.id.device) for file in present}
    changed = [_renumber(database, table, of_camera, camera, devices) for table, of_camera in _TABLES]
    return any(changed)


def _renumber(
    database: sqlite3.Connection, table: str, of_camera: str, camera: str, devices: Mapping[tuple[int, int, int], int]
) -> bool:
    names = {"camera": camera, "streams": _streams_of(camera)}
    rows = database.execute(
        f"SELECT device, inode, size, mtime_ns FROM {table} WHERE {of_camera}",  # noqa: S608 - a constant
        names,
    ).fetchall()
    there = set(devices.values())
    moved = [
        names
        | {"now": devices[inode, size, mtime_ns], "device": device, "inode": inode, "size": size, "mtime": mtime_ns}
        for device, inode, size, mtime_ns in rows
        if device not in there and (inode, size, mtime_ns) in devices
    ]
    database.executemany(
        f"UPDATE OR IGNORE {table} SET device = :now WHERE {of_camera} "  # noqa: S608 - a constant
        "AND device = :device AND inode = :inode AND size = :size AND mtime_ns = :mtime",
        moved,
    )
    return bool(moved)


def _streams_of(camera: str) -> str:
    """Return the pattern of the names of a camera's streams."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in camera) + "/*"
