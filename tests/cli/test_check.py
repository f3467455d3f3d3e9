"""`check` tells whether the service would start and reach its destinations."""

from __future__ import annotations

import asyncio
import secrets
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from ftp_stream.shell.receiver import Receiver, ReceiverEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.cli.conftest import Command

    from ftp_stream.rtmp.habits import Habits
    from ftp_stream.rtmp.receive import PublishRequested


@contextmanager
def receiving(
    events: list[ReceiverEvent],
    *,
    admit: Callable[[PublishRequested], bool] | None = None,
    habits: Habits | None = None,
) -> Iterator[Receiver]:
    """A receiver that runs in a thread, since the command has an event loop of its own."""
    ready, receivers = threading.Event(), []
    loop = asyncio.new_event_loop()
    over = asyncio.Event()

    async def serve() -> None:
        async with Receiver(on_event=events.append, admit=admit, habits=habits) as receiver:
            receivers.append(receiver)
            ready.set()
            await over.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield receivers[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
        loop.close()


def test_every_setting_is_shown_with_its_value_and_where_it_came_from(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / ".env").write_text("MAX_LAG=77\n")
    monkeypatch.setenv("MIN_FILE_AGE", "9")
    rows = [line.split() for line in command("check", "--offline").out.splitlines()]
    assert ["MAX_LAG", "77", ".env"] in rows
    assert ["MIN_FILE_AGE", "9", "environment"] in rows
    assert ["MAX_RETRIES", "3", "default"] in rows


def test_a_sound_configuration_is_good(command: Command, place: Path) -> None:
    said = command("check", "--offline")
    assert said.status == 0
    assert f"{place}/inbox" in said.out
    assert "GB free" in said.out
    assert "made at the first start" in said.out
    assert not (place / "state").exists()


def test_a_missing_inbox_is_told_and_made_when_asked_for(command: Command, place: Path) -> None:
    (place / "inbox").rmdir()
    said = command("check", "--offline")
    assert said.status == 1
    assert "inbox does not exist" in said.out
    assert "make create-watch-dir" in said.out
    assert command("check", "--offline", "--create").status == 0
    assert (place / "inbox").is_dir()


def test_an_inbox_that_is_a_file_is_told(command: Command, place: Path) -> None:
    (place / "inbox").rmdir()
    (place / "inbox").write_text("")
    said = command("check", "--offline")
    assert said.status == 1
    assert "is no directory" in said.out


@pytest.mark.parametrize("right", ["R_OK", "W_OK", "X_OK"])
def test_an_inbox_without_rights_is_told(command: Command, monkeypatch: pytest.MonkeyPatch, right: str) -> None:
    """The system is asked; as root it would never say no."""
    import os  # noqa: PLC0415 - the module that is changed here

    wanted, real = getattr(os, right), os.access
    monkeypatch.setattr(os, "access", lambda path, mode: mode != wanted and real(path, mode))
    said = command("check", "--offline")
    assert said.status == 1
    word = {"R_OK": "read", "W_OK": "written", "X_OK": "searched"}[right]
    assert f"inbox cannot be {word} by this user" in said.out


def test_a_sticky_inbox_of_another_user_is_told(command: Command, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As /tmp is: what the FTP server's user puts there, nobody else may delete."""
    (place / "inbox").chmod(0o1777)
    monkeypatch.setattr("os.geteuid", lambda: 12_345)
    said = command("check", "--offline")
    assert said.status == 1
    assert "sticky" in said.out


def test_without_a_destination_it_says_what_will_happen(command: Command) -> None:
    said = command("check")
    assert said.status == 0
    assert "built-in receiver" in said.out
    assert "set RTMP_URL" in said.out


def test_a_destination_is_reached_without_a_publish(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A publish would take the place of the running service's own."""
    key, events = secrets.token_hex(8), []
    with receiving(events) as receiver:
        monkeypatch.setenv("RTMP_URL", receiver.url("live", key))
        said = command("check")
    assert said.status == 0
    for step in ("resolve", "tcp", "handshake", "connect"):
        assert f"{step} " in said.out
    assert [type(event).__name__ for event in events] == ["Left"]
    assert key not in said.out + said.err


def test_a_dead_destination_is_told_with_step_and_cure(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    key = secrets.token_hex(8)
    with socket.socket() as held:  # bound and not listening: nobody else can take the port meanwhile
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RTMP_URL", f"rtmp://127.0.0.1:{held.getsockname()[1]}/live/{key}")
        said = command("check")
        offline = command("check", "--offline")
    assert said.status == 1
    assert "tcp:" in said.out
    assert "nothing listens there" in said.out
    assert key not in said.out + said.err
    assert offline.status == 0


def test_a_misspelt_setting_is_doubtful_and_no_fault(command: Command, place: Path) -> None:
    (place / ".env").write_text("MAX_LAGG=77\n")
    said = command("check", "--offline")
    assert said.status == 0
    assert "did you mean MAX_LAG?" in said.out
