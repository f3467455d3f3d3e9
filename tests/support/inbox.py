"""Short ways to say what lies in an inbox, for tests of decisions."""

from __future__ import annotations

from datetime import datetime
from itertools import count
from zoneinfo import ZoneInfo

from ftp_stream.model import FileFact, FileId

_INODES = count(1)
ZONE = "Europe/Berlin"
DAY = "2026-02-05"


def at(text: str, zone: str = ZONE, *, fold: int = 0) -> float:
    """Return the instant of a local time: ``10:31``, ``10:31:05`` (of 5 February 2026) or with its day before it."""
    moment = datetime.fromisoformat(text if " " in text else f"{DAY} {text}")
    return moment.replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


def fact(path: str, written: float | str, *, size: int = 1000) -> FileFact:
    """Return a file of its own inode, written last at an instant or a local time."""
    moment = at(written) if isinstance(written, str) else written
    return FileFact(path, FileId(7, next(_INODES), size, round(moment * 1e9)))
