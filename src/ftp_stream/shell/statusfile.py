"""The status file: how a running service is seen by other processes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftp_stream.core.status import from_json, to_json
from ftp_stream.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

    from ftp_stream.core.status import Status

__all__ = ["Reading", "read", "remove", "write"]

_NAME = "status.json"
_STALE = 10.0  # seconds; the service writes about once a second


@dataclass(frozen=True, slots=True)
class Reading:
    """What the status file says now."""

    status: Status | None  # None: no service runs, or its file cannot be read
    note: str = ""  # what is wrong, in words; "" when a service runs and tells


def write(state_dir: Path, status: Status) -> None:
    """Replace the status file whole, so that no reader sees half of one.

    Raises:
        StorageError: The state directory cannot be written.
    """
    # not synchronised: after a power failure it means nothing anyway
    target, draft = state_dir / _NAME, state_dir / f".{_NAME}.{os.getpid()}"
    try:
        draft.write_text(to_json(status) + "\n", encoding="ascii")
        draft.replace(target)
    except OSError as error:
        raise StorageError(f"cannot write {target}: {error.strerror}") from error


def remove(state_dir: Path) -> None:
    """Remove the status file at the end of a service; one that is gone already is no error."""
    try:
        (state_dir / _NAME).unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot remove {state_dir / _NAME}: {error.strerror}") from error


def read(state_dir: Path, wall: float) -> Reading:
    """Return what the service of this state directory told last, if it still runs.

    Args:
        state_dir: The service's.
        wall: Now, seconds since the epoch.
    """
    path = state_dir / _NAME
    try:
        status = from_json(path.read_bytes())
    except FileNotFoundError:
        return Reading(None, f"no service runs (nothing tells in {state_dir})")
    except OSError as error:
        return Reading(None, f"cannot read {path}: {error.strerror}")
    except ValueError as error:
        return Reading(None, f"cannot read {path}: {error}")
    age = wall - status.at
    if not _alive(status.pid):
        return Reading(None, f"no service runs; process {status.pid} ended {age:.0f} s ago without saying so")
    if age > _STALE:
        return Reading(status, f"process {status.pid} has told nothing for {age:.0f} s")
    return Reading(status)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # sends nothing: asks whether it could
    except ProcessLookupError:
        return False
    except PermissionError:  # another user's, so it exists
        return True
    return True
