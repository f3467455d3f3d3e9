"""`plan` tells what would be done with every file, and does nothing."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from ftp_stream.model import FileFact
from ftp_stream.shell.journal import Journal
from ftp_stream.shell.spool import file_id

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command


def recorded(inbox: Path, minutes_ago: int) -> str:
    """Make a file whose name and age say when it was recorded; return its name."""
    when = time.time() - minutes_ago * 60
    path = inbox / time.strftime("%Y%m%d_%H%M%S.mp4", time.localtime(when))
    path.write_bytes(b"x")
    os.utime(path, (when + 60, when + 60))
    return path.name


def verdict_of(out: str, name: str) -> str:
    (line,) = [line for line in out.splitlines() if line.startswith(name)]
    return line


def test_every_file_is_shown_with_its_verdict_and_reason(command: Command, place: Path) -> None:
    old, due, newest = (recorded(place / "inbox", minutes) for minutes in (60, 4, 3))
    (place / "inbox" / "notes.txt").write_text("")
    with Journal(place / "state" / "journal.db") as journal:  # a service was here, before the files came
        journal.meet("camera", [], time.time(), inbox=str(place / "inbox"))
    said = command("plan")
    assert said.status == 0
    assert "expired" in verdict_of(said.out, old)
    assert "delete" in verdict_of(said.out, old)
    assert "play" in verdict_of(said.out, due)
    assert "newest" in verdict_of(said.out, newest)
    assert "ignore" in verdict_of(said.out, "notes.txt")
    assert "1 expired" in said.out


def test_nothing_is_changed(command: Command, place: Path) -> None:
    names = {recorded(place / "inbox", minutes) for minutes in (60, 4, 3)}
    command("plan")
    assert {path.name for path in (place / "inbox").iterdir()} == names
    assert not (place / "state").exists()


def test_what_lay_there_before_the_first_service_is_set_aside(command: Command, place: Path) -> None:
    """As the service would do it: whoever tries the program on old films must not lose them."""
    old = recorded(place / "inbox", 60)
    recorded(place / "inbox", 3)
    assert "set aside" in verdict_of(command("plan").out, old)


def test_another_inbox_than_the_one_met_is_new_too(command: Command, place: Path) -> None:
    old = recorded(place / "inbox", 60)
    recorded(place / "inbox", 3)
    with Journal(place / "state" / "journal.db") as journal:
        journal.meet("camera", [], time.time(), inbox="/elsewhere")
    assert "set aside" in verdict_of(command("plan").out, old)


def test_what_the_journal_knows_counts(command: Command, place: Path) -> None:
    bad = recorded(place / "inbox", 4)
    recorded(place / "inbox", 3)
    path = place / "inbox" / bad
    with Journal(place / "state" / "journal.db") as journal:
        journal.meet("camera", [], time.time(), inbox=str(place / "inbox"))
        journal.fail("camera", FileFact(bad, file_id(path.stat())), "no video in it", time.time())
    line = verdict_of(command("plan").out, bad)
    assert "retry" in line
    assert "no video in it" in line


def test_an_empty_inbox_is_told(command: Command) -> None:
    said = command("plan")
    assert said.status == 0
    assert "no files" in said.out


def test_a_missing_inbox_ends_with_2(command: Command, place: Path) -> None:
    (place / "inbox").rmdir()
    said = command("plan")
    assert said.status == 2
    assert "inbox" in said.err


@pytest.mark.parametrize("name", ["a\x1b[2J.mp4", "[red]b.mp4"])
def test_names_cannot_command_the_terminal(command: Command, place: Path, name: str) -> None:
    (place / "inbox" / name).write_bytes(b"x")
    said = command("plan")
    assert "\x1b[2J" not in said.out
    assert name.replace("\x1b", "\N{REPLACEMENT CHARACTER}") in said.out
