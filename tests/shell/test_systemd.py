"""What systemd is told, at a socket in its place; tests/booted has the real one."""

from __future__ import annotations

import secrets
import socket
import time
from typing import TYPE_CHECKING

import pytest

from ftp_stream.shell.systemd import Notifier

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=["file", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[socket.socket, str]]:
    """The manager's end, and what it puts into the environment."""
    name = str(tmp_path / "notify") if request.param == "file" else f"@{secrets.token_hex(8)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(f"\0{name[1:]}" if name.startswith("@") else name)
        end.settimeout(0)
        yield end, name


def heard(end: socket.socket) -> list[str]:
    """All that was said up to now, one text a datagram."""
    found = []
    try:
        while True:
            found.append(end.recv(4096).decode())
    except BlockingIOError:
        return found


def test_the_life_of_a_service_is_told_in_order(manager: tuple[socket.socket, str]) -> None:
    end, name = manager
    with Notifier({"NOTIFY_SOCKET": name}) as notifier:
        notifier.ready()
        notifier.stopping()
    assert heard(end) == ["READY=1", "STOPPING=1"]


def test_a_sign_of_life_is_sent_each_time_and_the_status_when_it_changed(manager: tuple[socket.socket, str]) -> None:
    end, name = manager
    with Notifier({"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "30000000"}) as notifier:
        for text in ("1 stream", "1 stream", "2 streams"):
            notifier.alive(text)
    assert heard(end) == ["WATCHDOG=1\nSTATUS=1 stream", "WATCHDOG=1", "WATCHDOG=1\nSTATUS=2 streams"]


def test_without_a_watchdog_only_the_status_is_told(manager: tuple[socket.socket, str]) -> None:
    end, name = manager
    with Notifier({"NOTIFY_SOCKET": name}) as notifier:
        for text in ("1 stream", "1 stream"):
            notifier.alive(text)
    assert heard(end) == ["STATUS=1 stream"]


def test_a_reload_says_when_it_began(manager: tuple[socket.socket, str]) -> None:
    """By the clock that systemd reads too, in microseconds."""
    end, name = manager
    before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    with Notifier({"NOTIFY_SOCKET": name}) as notifier:
        notifier.reloading()
    (said,) = heard(end)
    first, second = said.splitlines()
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_where_nobody_asked_nothing_is_said(environ: dict[str, str]) -> None:
    with Notifier(environ) as notifier:
        notifier.ready()
        notifier.alive("1 stream")


def test_a_manager_that_is_gone_or_does_not_read_stops_nothing(tmp_path: Path) -> None:
    name = str(tmp_path / "notify")
    environ = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "1"}
    with Notifier(environ) as notifier, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        notifier.ready()
        end.bind(name)
        for _ in range(10_000):  # far more than a socket holds
            notifier.alive("x")
