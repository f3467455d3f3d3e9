"""Each step does what it says; those that need root are tried in tests/booted."""

from __future__ import annotations

import os
import secrets
import sqlite3
import sys
from pathlib import Path

import pytest

from ftp_stream.errors import InstallationError
from ftp_stream.install.steps import (
    CopyJournal,
    Link,
    MakeDirectory,
    MakeUser,
    Owned,
    Remove,
    RemoveOthers,
    RemoveUser,
    Run,
    TryRelease,
    Write,
)


def test_a_file_is_written_whole_for_whom_it_is(tmp_path: Path, me: str) -> None:
    """Whatever the mask is, and whoever could read what was there before."""
    path = tmp_path / "ftp-stream.env"
    path.write_text("old")
    path.chmod(0o666)
    mask = os.umask(0)
    Write(path, "new\n", "the settings", me, 0o600).do()
    os.umask(mask)
    assert path.read_text() == "new\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
    Write(path, "shown\n", "the unit", me).do()
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_draft_that_somebody_left_is_not_followed(tmp_path: Path, me: str) -> None:
    other = tmp_path / "other"
    other.write_text("not ours")
    (tmp_path / ".unit.new").symlink_to(other)
    Write(tmp_path / "unit", "ours", "the unit", me).do()
    assert other.read_text() == "not ours"
    assert (tmp_path / "unit").read_text() == "ours"


def test_settings_become_the_services_own(tmp_path: Path, me: str) -> None:
    path = tmp_path / "x"
    path.write_text("x")
    path.chmod(0o644)
    Owned(path, me).do()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_directory_that_exists_stays_as_it_is(tmp_path: Path, me: str) -> None:
    MakeDirectory(tmp_path / "a" / "b", me).do()
    (tmp_path / "a" / "b").chmod(0o700)
    MakeDirectory(tmp_path / "a" / "b", me).do()
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_a_link_leads_elsewhere_from_one_instant_to_the_next(tmp_path: Path) -> None:
    for name in ("1.0", "1.1"):
        Link(tmp_path / "current", tmp_path / name).do()
        assert (tmp_path / "current").readlink() == tmp_path / name
    assert list(tmp_path.iterdir()) == [tmp_path / "current"]


def test_earlier_versions_go_and_the_rest_stays(tmp_path: Path) -> None:
    for name in ("1.0", "1.1", "broken"):
        (tmp_path / name / "bin").mkdir(parents=True)
    (tmp_path / "made-user").write_text("watcher\n")
    (tmp_path / "current").symlink_to(tmp_path / "1.1")
    RemoveOthers(tmp_path, tmp_path / "1.1").do()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.1", "current", "made-user"]


def test_what_is_removed_is_gone_and_what_it_leads_to_is_not(tmp_path: Path) -> None:
    (tmp_path / "kept" / "x").mkdir(parents=True)
    (tmp_path / "tree" / "x").mkdir(parents=True)
    (tmp_path / "tree" / "link").symlink_to(tmp_path / "kept")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    for name in ("tree", "link", "nothing"):
        Remove(tmp_path / name).do()
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept" / "x").exists()


def test_a_journal_comes_with_what_is_still_in_its_log(tmp_path: Path, me: str) -> None:
    """Of a service that was killed: the rows stand in the write-ahead log alone."""
    old = sqlite3.connect(tmp_path / "journal.db")
    old.execute("PRAGMA journal_mode=WAL")
    old.execute("CREATE TABLE cursor (gop INTEGER)")
    old.execute("INSERT INTO cursor VALUES (7)")
    old.commit()
    CopyJournal(tmp_path / "journal.db", tmp_path / "state" / "journal.db", me).do()
    old.close()
    new = sqlite3.connect(tmp_path / "state" / "journal.db")
    assert new.execute("SELECT gop FROM cursor").fetchall() == [(7,)]
    new.close()
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "journal.db").stat().st_mode & 0o777 == 0o600


def test_a_journal_that_cannot_be_read_leaves_nothing_half_done(tmp_path: Path, me: str) -> None:
    (tmp_path / "journal.db").write_bytes(b"no database" * 1000)
    with pytest.raises(InstallationError, match="cannot be read"):
        CopyJournal(tmp_path / "journal.db", tmp_path / "state" / "journal.db", me).do()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["journal.db", "state"]
    assert list((tmp_path / "state").iterdir()) == []


def test_the_program_is_tried(tmp_path: Path, me: str) -> None:
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "ftp-stream"
    program.write_text("#!/bin/sh\necho $1: no such library; exit 3\n")
    program.chmod(0o755)
    with pytest.raises(InstallationError, match="status 3: version: no such library"):
        TryRelease(tmp_path, me).do()


def test_a_command_that_is_not_there_is_told() -> None:
    with pytest.raises(InstallationError, match=r"^/nowhere/x cannot be started: No such file"):
        Run(("/nowhere/x",)).do()


def test_a_user_who_could_not_be_made_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the removal would take one whom somebody else has made since; those made before stay remembered."""
    record = tmp_path / "made-user"
    record.write_text("earlier\n")
    (tmp_path / "useradd").write_text(f"#!/bin/sh\ncp {record} {tmp_path}/seen; exit 9\n")
    (tmp_path / "useradd").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(InstallationError, match="useradd"):
        MakeUser("watcher", tmp_path, record).do()
    assert (tmp_path / "seen").read_text() == "earlier\nwatcher\n"
    assert record.read_text() == "earlier\n"


def test_what_may_fail_stops_nothing() -> None:
    Run((sys.executable, "-c", "import sys; sys.exit(1)"), may_fail=True).do()


def test_a_user_who_is_gone_already_is_no_error() -> None:
    RemoveUser("nobody-" + secrets.token_hex(4)).do()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives directories away")
def test_directories_on_the_way_belong_to_whom_theirs_belongs(tmp_path: Path) -> None:
    os.chown(tmp_path, 65534, 65534)
    MakeDirectory(tmp_path / "a" / "b", "root").do()
    assert (tmp_path / "a").stat().st_uid == 65534
    assert (tmp_path / "a" / "b").stat().st_uid == 0


def test_a_link_in_the_place_of_a_directory_is_not_followed(tmp_path: Path, me: str) -> None:
    """As whoever owns the directory above might put there while root works in it."""
    (tmp_path / "above").mkdir()
    (tmp_path / "above" / "inbox").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InstallationError, match="inbox/x cannot be made"):
        MakeDirectory(tmp_path / "above" / "inbox" / "x", me).do()
    (tmp_path / "settings").symlink_to(tmp_path / "other")
    (tmp_path / "other").write_text("x")
    with pytest.raises(OSError, match="symbolic links"):
        Owned(tmp_path / "settings", me).do()


def test_a_command_that_fails_tells_its_own_words_and_the_cure() -> None:
    Run((sys.executable, "-c", "")).do()
    step = Run((sys.executable, "-c", "import sys; sys.exit('no such unit')"), "look at the journal")
    with pytest.raises(InstallationError, match=r"status 1: no such unit; look at the journal$"):
        step.do()


def test_every_step_says_what_it_does(tmp_path: Path) -> None:
    steps = [
        (MakeUser("watcher", tmp_path, tmp_path), "make the user watcher, who cannot log in"),
        (RemoveUser("watcher"), "remove the user watcher, which the installation made"),
        (MakeDirectory(Path("/srv/x"), "watcher"), "make the directory /srv/x, of watcher"),
        (Write(Path("/x"), "key", "the settings", "w", 0o600), "write /x: the settings, for w and root alone"),
        (Write(Path("/x"), "text", "the unit"), "write /x: the unit"),
        (Run(("systemctl", "enable", "a b")), "systemctl enable 'a b'"),
    ]
    assert [step.words for step, _ in steps] == [words for _, words in steps]
