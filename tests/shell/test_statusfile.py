"""The status file tells of a service that runs, and of nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ftp_stream.core.status import Status
from ftp_stream.errors import StorageError
from ftp_stream.shell import statusfile

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_700_000_000.0
STATUS = Status("1.2", os.getpid(), NOW - 100, NOW)


def dead_pid() -> int:
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_what_is_written_is_read(tmp_path: Path) -> None:
    statusfile.write(tmp_path, STATUS)
    statusfile.write(tmp_path, replace(STATUS, version="1.3"))
    assert statusfile.read(tmp_path, NOW + 1) == statusfile.Reading(replace(STATUS, version="1.3"))
    assert len(list(tmp_path.iterdir())) == 1


def test_without_a_file_no_service_runs(tmp_path: Path) -> None:
    assert statusfile.read(tmp_path, NOW).note.startswith("no service runs")
    statusfile.write(tmp_path, STATUS)
    statusfile.remove(tmp_path)
    statusfile.remove(tmp_path)
    assert statusfile.read(tmp_path, NOW) == statusfile.Reading(None, statusfile.read(tmp_path, NOW).note)


def test_a_killed_service_is_told_as_such(tmp_path: Path) -> None:
    pid = dead_pid()
    statusfile.write(tmp_path, replace(STATUS, pid=pid))
    reading = statusfile.read(tmp_path, NOW + 3)
    assert reading.status is None
    assert f"process {pid} ended 3 s ago" in reading.note


@pytest.mark.parametrize(("age", "stale"), [(0, False), (10, False), (11, True)])
def test_a_service_that_tells_nothing_is_told_as_such(tmp_path: Path, age: float, *, stale: bool) -> None:
    statusfile.write(tmp_path, STATUS)
    reading = statusfile.read(tmp_path, NOW + age)
    assert reading.status == STATUS
    assert bool(reading.note) is stale


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\x00", b"[1]"])
def test_a_damaged_file_is_told_as_such(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "status.json").write_bytes(content)
    reading = statusfile.read(tmp_path, NOW)
    assert reading.status is None
    assert "cannot read" in reading.note


def test_an_unusable_directory_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"status\.json"):
        statusfile.write(tmp_path / "missing", STATUS)
    (tmp_path / "status.json").mkdir()
    assert "cannot read" in statusfile.read(tmp_path, NOW).note
    with pytest.raises(StorageError):
        statusfile.remove(tmp_path)
