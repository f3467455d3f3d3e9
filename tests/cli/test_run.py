"""`run` starts, says what it does, reloads and ends in order."""

from __future__ import annotations

import json
import os
import secrets
import select
import signal
import socket
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from tests.cli.program import PATIENCE, Program

from ftp_stream.shell import statusfile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def events(program: Program) -> list[dict[str, Any]]:
    return [json.loads(line) for line in program.said.splitlines()]


def named(program: Program, event: str) -> list[dict[str, Any]]:
    return [each for each in events(program) if each["event"] == event]


def settings(place: Path, **more: str) -> dict[str, str]:
    (place / "inbox").mkdir(exist_ok=True)
    return {"WATCH_DIR": "inbox", "STATE_DIR": "state", "LOG_FORMAT": "json", **more}


def test_without_a_destination_it_says_so_first_and_how_to_change_it(tmp_path: Path) -> None:
    """And it streams to its own receiver, which the status tells."""
    with Program(tmp_path, "run", **settings(tmp_path)) as program:
        program.says('"ready"')
        told = [each["event"] for each in events(program)][:3]
        assert told == ["starting", "no_destination", "ready"]
        assert "set RTMP_URL" in named(program, "no_destination")[0]["to_reach_others"]
        program.until((tmp_path / "state" / "status.json").exists, "the status file")
        status = statusfile.read(tmp_path / "state", time.time()).status
        assert status
        assert status.receiver
        assert status.receiver.address.startswith("rtmp://127.0.0.1:")
        assert program.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order_and_quickly(tmp_path: Path, number: signal.Signals) -> None:
    with Program(tmp_path, "run", **settings(tmp_path)) as program:
        program.says('"ready"')
        began = time.monotonic()
        assert program.end(number) == 0
        assert time.monotonic() - began < 5
        assert [each["event"] for each in events(program)][-2:] == ["stopping", "stopped"]
    assert "no service runs" in statusfile.read(tmp_path / "state", time.time()).note
    assert not (tmp_path / "state" / "status.json").exists()


def test_new_settings_are_taken_and_bad_ones_change_nothing(tmp_path: Path) -> None:
    with Program(tmp_path, "run", **settings(tmp_path)) as program:
        program.says('"ready"')
        (tmp_path / ".env").write_text("MAX_LAG=soon\n")
        program.process.send_signal(signal.SIGHUP)
        program.says('"settings_refused"')
        assert "MAX_LAG = 'soon'" in named(program, "settings_refused")[0]["problem"]
        (tmp_path / ".env").write_text("MAX_LAG=77\nLOG_LEVEL=debug\n")
        program.process.send_signal(signal.SIGHUP)
        program.says('"reloaded"')
        assert len(named(program, "no_destination")) == 1
        assert program.end() == 0


def test_a_misspelt_setting_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("MAX_LAGG=77\n")
    with Program(tmp_path, "run", **settings(tmp_path)) as program:
        program.says('"ready"')
        assert "did you mean MAX_LAG?" in named(program, "doubtful_setting")[0]["problem"]
        assert program.end() == 0


def test_a_status_that_cannot_be_written_is_told_once_and_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "state" / "status.json").mkdir(parents=True)
    with Program(tmp_path, "run", **settings(tmp_path)) as program:
        program.says('"status_not_written"')
        time.sleep(1.5)  # the next one is due after a second
        assert program.end() == 0
        assert len(named(program, "status_not_written")) == 1


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    """Both wait when it goes on, so that the second comes before the end in order could be through."""
    with Program(tmp_path, "run", **settings(tmp_path)) as program:
        program.says('"ready"')
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
            program.process.send_signal(number)
        assert program.process.wait(10) in {128 + signal.SIGINT, 128 + signal.SIGTERM}
        assert not named(program, "stopped")


def test_a_second_service_on_one_inbox_is_refused_with_2(tmp_path: Path) -> None:
    with Program(tmp_path, "run", **settings(tmp_path)) as first:
        first.says('"ready"')
        (tmp_path / "other").mkdir()
        elsewhere = {"WATCH_DIR": str(tmp_path / "inbox"), "STATE_DIR": "state", "LOG_FORMAT": "json"}
        with Program(tmp_path / "other", "run", **elsewhere) as second:
            assert second.process.wait(30) == 2
            assert "another service" in named(second, "cannot_start")[0]["problem"]
        assert first.end() == 0


def test_a_missing_inbox_ends_with_2_before_anything_starts(tmp_path: Path) -> None:
    with Program(tmp_path, "run", **(settings(tmp_path) | {"WATCH_DIR": "nowhere"})) as program:
        assert program.process.wait(30) == 2
        assert "nowhere" in named(program, "cannot_start")[0]["problem"]
        assert not named(program, "ready")


def test_the_key_is_nowhere(tmp_path: Path) -> None:
    """Not in what is said, the state directory, the status or the command line; the destination is a dead port."""
    key = secrets.token_hex(8)
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"rtmp://127.0.0.1:{held.getsockname()[1]}/live/{key}"
        with Program(tmp_path, "run", **settings(tmp_path, RTMP_URL=url, LOG_LEVEL="debug")) as program:
            program.until((tmp_path / "state" / "status.json").exists, "the status file")
            command_line = (tmp_path / f"/proc/{program.process.pid}/cmdline").read_bytes()
            kept = b"".join(path.read_bytes() for path in (tmp_path / "state").rglob("*") if path.is_file())
            assert program.end() == 0
        assert key.encode() not in command_line + kept
        assert key not in (tmp_path / "said").read_text()
        assert b"/live/***" in kept


def test_the_file_of_settings_may_be_named(tmp_path: Path) -> None:
    """And it is read again by a reload."""
    place = tmp_path / "etc"
    place.mkdir()
    (place / "our.env").write_text("MAX_LAG=soon\n")
    named = {"FTP_STREAM_SETTINGS": str(place / "our.env"), **settings(tmp_path)}
    with Program(tmp_path, "run", **named) as program:
        assert program.process.wait(30) == 2
        assert f"MAX_LAG = 'soon' ({place / 'our.env'} line 1)" in program.said
    (place / "our.env").write_text("MAX_LAG=77\n")
    with Program(tmp_path, "run", **named | {"WATCH_DIR": str(tmp_path / "inbox")}) as program:
        program.says('"ready"')
        (place / "our.env").write_text("MAX_LAG=never\n")
        program.process.send_signal(signal.SIGHUP)
        program.says("MAX_LAG = 'never'")
        assert program.end() == 0


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(str(tmp_path / "notify"))
        end.settimeout(PATIENCE)
        yield end


def watched(place: Path) -> dict[str, str]:
    return settings(place, NOTIFY_SOCKET=str(place / "notify"), WATCHDOG_USEC="30000000")


def hear(end: socket.socket, text: str) -> list[str]:
    """Return what was said up to this."""
    said: list[str] = []
    while text not in (said or [""])[-1]:
        said.append(end.recv(4096).decode())
    return said


def test_systemd_is_told_of_start_life_reload_and_end(tmp_path: Path, manager: socket.socket) -> None:
    with Program(tmp_path, "run", **watched(tmp_path)) as program:
        assert hear(manager, "READY=1") == ["READY=1"], "no sign of life before that"
        assert hear(manager, "WATCHDOG=1")[-1] == "WATCHDOG=1\nSTATUS=1 stream, 0 waiting"
        assert hear(manager, "WATCHDOG=1")[-1] == "WATCHDOG=1", "the same status is not told again"
        program.process.send_signal(signal.SIGHUP)
        hear(manager, "RELOADING=1")
        hear(manager, "READY=1")
        program.process.send_signal(signal.SIGTERM)
        hear(manager, "STOPPING=1")
        assert program.process.wait(PATIENCE) == 0


def test_a_disk_that_stands_still_under_the_status_file_stops_neither_life_nor_end(
    tmp_path: Path, manager: socket.socket
) -> None:
    """Where the watchdog would end it for that, the streams would fall with it; a named pipe stands for the disk."""
    with Program(tmp_path, "run", **watched(tmp_path)) as program:
        hear(manager, "READY=1")
        draft = tmp_path / "state" / f".status.json.{program.process.pid}"
        while not draft.is_fifo():
            with suppress(FileExistsError):
                os.mkfifo(draft)
        while wait_for(manager, 0):
            manager.recv(4096)  # said before
        for _ in range(3):
            hear(manager, "WATCHDOG=1")
        assert program.end() == 0
        assert named(program, "stopped")


def wait_for(end: socket.socket, seconds: float) -> bool:
    return bool(select.select([end], [], [], seconds)[0])


def test_a_terminal_gets_readable_lines(tmp_path: Path) -> None:
    with Program(tmp_path, "run", **settings(tmp_path, LOG_FORMAT="console")) as program:
        program.says("ready")
        assert "[warning  ] no_destination" in program.said
        assert program.end() == 0
