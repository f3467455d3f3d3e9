"""What a person is told and asked, on a machine of our own; the whole is tried in tests/booted."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ftp_stream.core.status import Status
from ftp_stream.install import layout
from ftp_stream.install.__main__ import main
from ftp_stream.install.machine import account, denied, observe
from ftp_stream.install.steps import BuildRelease, TryRelease
from ftp_stream.install.unit import Access
from ftp_stream.shell import statusfile

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.usefixtures("root")  # nothing of this machine is looked at
TOP = Path(__file__).resolve().parents[2]


@pytest.fixture
def key() -> str:
    return secrets.token_hex(8)


@pytest.fixture
def run(root: Path, clone: Path, me: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs it with these arguments; returns exit status, what it said, and what it complained of."""
    assert not root.joinpath("etc/ftp-stream").exists()

    def call(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main(["--source", str(clone), "--user", me, *arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


def access(path: Path, *, writable: bool = True) -> Access:
    return Access(path, path, writable)


def prepare(clone: Path, key: str, more: str = "") -> None:
    (clone / "inbox").mkdir(exist_ok=True)
    (clone / ".env").write_text(f"WATCH_DIR=inbox\nRTMP_URL=rtmp://h/a/{key}\n{more}")


def test_a_dry_run_shows_unit_and_steps_and_changes_nothing(
    run: Callable[..., tuple[int, str, str]], clone: Path, root: Path, key: str
) -> None:
    prepare(clone, key)
    before = sorted(root.rglob("*"))
    status, out, err = run("--dry-run")
    assert (status, err) == (0, "")
    assert f"ReadWritePaths=-{clone}/inbox" in out
    assert "systemctl restart ftp-stream" in out
    assert key not in out
    assert sorted(root.rglob("*")) == before


@pytest.mark.parametrize(
    ("env", "words"),
    [
        ("", "no RTMP_URL: set it in .env (cp .env.example .env)"),
        ("RTMP_URL=http://h/a/k\n", "RTMP_URL (.env line 2): "),
        ("RTMP_URL=rtmp://h/a/k\nMAX_LAG=soon\n", "MAX_LAG = 'soon' (.env line 3): "),
    ],
)
def test_what_is_wrong_is_one_line(
    run: Callable[..., tuple[int, str, str]], clone: Path, root: Path, env: str, words: str
) -> None:
    (clone / "inbox").mkdir()
    (clone / ".env").write_text(f"WATCH_DIR=inbox\n{env}")
    before = sorted(root.rglob("*"))
    status, out, err = run("--yes")
    assert (status, out) == (2, "")
    (line,) = err.splitlines()
    assert line.startswith(f"Nothing was changed: {words}")
    assert sorted(root.rglob("*")) == before


def test_nobody_to_ask_is_no_consent(run: Callable[..., tuple[int, str, str]], clone: Path, key: str) -> None:
    prepare(clone, key)
    status, _, err = run()
    assert status == 2
    assert "say --yes" in err
    assert not layout.UNIT.exists()


def test_a_service_that_was_started_by_hand_must_end_first(
    run: Callable[..., tuple[int, str, str]], clone: Path, key: str
) -> None:
    """Else two of them would want one inbox."""
    prepare(clone, key, "STATE_DIR=state\n")
    (clone / "state").mkdir()
    statusfile.write(clone / "state", Status("1", os.getpid(), 0.0, 0.0))
    status, _, err = run("--dry-run")
    assert status == 2
    assert f"process {os.getpid()}" in err


def test_settings_with_certificates_of_a_private_authority_install(
    run: Callable[..., tuple[int, str, str]], clone: Path, key: str
) -> None:
    (clone / "our.pem").write_text("x")
    prepare(clone, key, "RTMP_CA_FILE=our.pem\n")
    status, out, _ = run("--dry-run")
    assert status == 0
    assert f"BindReadOnlyPaths=-{clone}/our.pem" in out


def test_an_upgrade_that_does_not_start_goes_back(
    run: Callable[..., tuple[int, str, str]],
    clone: Path,
    key: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The pictures flow again, and why is told."""
    prepare(clone, key)
    previous = layout.PROGRAM / "0.0.1"
    previous.mkdir(parents=True)
    layout.CURRENT.symlink_to(previous)
    earlier = f"{layout.MARK}\n[Service]\n"
    layout.UNIT.write_text(earlier)
    (tmp_path / "bin").mkdir()
    fake = tmp_path / "bin" / "systemctl"  # the first restart fails, the second does not
    fake.write_text(f'#!/bin/sh\n[ "$1" != restart ] || mkdir {tmp_path}/tried || exit 0\n[ "$1" != restart ]\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    for step in (BuildRelease, TryRelease):
        monkeypatch.setattr(step, "do", lambda _step: None)
    status, out, err = run("--yes")
    assert status == 1
    assert "restart ftp-stream failed" in err
    assert "back to the version before" in out
    assert layout.CURRENT.readlink() == previous
    assert layout.UNIT.read_text() == earlier
    assert previous.exists()


def test_what_is_there_is_seen(clone: Path, me: str) -> None:
    machine = observe(clone, sys.executable, "", {"SUDO_USER": "somebody-" + secrets.token_hex(4)})
    assert machine.user is None
    assert machine.user_name.startswith("somebody-")
    assert (machine.builder.name, machine.installed, machine.unit) == (me, False, "")
    layout.SETTINGS.mkdir()
    layout.DOTENV.write_text("")
    layout.UNIT.write_text(f"{layout.MARK} of it\n[Service]\nUser={me}\n")
    machine = observe(clone, sys.executable, "", {"SUDO_USER": "root"})
    assert (machine.user_name, machine.installed) == (me, True), "an upgrade keeps the user"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a directory to nobody we know")
def test_a_clone_of_a_user_without_a_name_is_told(run: Callable[..., tuple[int, str, str]], clone: Path) -> None:
    os.chown(clone, 54321, -1)
    status, _, err = run("--dry-run")
    assert status == 2
    assert "belongs to user number 54321" in err


def test_a_user_who_is_not_known_is_none(me: str) -> None:
    assert account(secrets.token_hex(8)) is None
    found = account(me)
    assert found
    assert found.uid == os.geteuid()


def test_a_directory_that_a_new_user_cannot_write_in_is_told_with_the_cure(clone: Path, tmp_path: Path) -> None:
    machine = observe(clone, sys.executable, "watcher-" + secrets.token_hex(4), {})
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    for mode, good in ((0o755, False), (0o777, True), (0o1777, False)):
        inbox.chmod(mode)
        told = denied(machine, [access(inbox), access(tmp_path / "nothing")])
        assert bool(told) is not good
    assert f"/usr/sbin/nologin {machine.user_name} && sudo chgrp {machine.user_name} {inbox}" in told[0]
    assert f"sudo chmod g+rwx,-t {inbox}" in told[0]
    assert "is no directory" in denied(machine, [access(Path(__file__))])[0]


def test_a_file_of_certificates_need_only_be_read(clone: Path, tmp_path: Path) -> None:
    machine = observe(clone, sys.executable, "watcher-" + secrets.token_hex(4), {})
    authority = tmp_path / "our.pem"
    authority.write_text("x")
    for mode, good in ((0o644, True), (0o600, False)):
        authority.chmod(mode)
        assert (not denied(machine, [access(authority, writable=False)])) is good


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_directory_of_another_user_is_told(clone: Path, tmp_path: Path) -> None:
    """The system itself is asked, as that user, so that groups and access lists count."""
    machine = observe(clone, sys.executable, "nobody", {})
    above = tmp_path / "above"
    inbox = above / "inbox"
    inbox.mkdir(parents=True)
    above.chmod(0o700)
    assert denied(machine, [access(inbox)])
    os.chown(inbox, 65534, -1)
    assert not denied(machine, [access(inbox)]), "bound into a place of its own, what lies above does not matter"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_directory_that_is_not_bound_must_be_reached_too(clone: Path) -> None:
    machine = observe(clone, sys.executable, "nobody", {})
    with tempfile.TemporaryDirectory(dir="/srv") as above:  # mode 0700
        inbox = Path(above) / "inbox"
        inbox.mkdir()
        os.chown(inbox, 65534, -1)
        assert denied(machine, [access(inbox)])
        Path(above).chmod(0o711)
        assert not denied(machine, [access(inbox)])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_root_has_no_rights_of_its_own_in_the_service(clone: Path, tmp_path: Path) -> None:
    machine = observe(clone, sys.executable, "root", {})
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    assert not denied(machine, [access(inbox)])
    os.chown(inbox, 65534, 65534)
    assert denied(machine, [access(inbox)])


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="this machine has systemd")
def test_the_script_says_that_there_is_no_systemd() -> None:
    done = subprocess.run(["./install-service.sh"], cwd=TOP, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("Nothing was changed: no systemd")


def test_removing_what_is_not_there_is_one_line(run: Callable[..., tuple[int, str, str]]) -> None:
    status, out, err = run("--uninstall", "--yes")
    assert (status, out, err) == (2, "", "Nothing was changed: the service is not installed\n")


def test_a_removal_shows_what_stays(run: Callable[..., tuple[int, str, str]], tmp_path: Path, key: str) -> None:
    """The inbox too, as far as the settings tell; a dry run removes nothing."""
    (tmp_path / "inbox").mkdir()
    layout.SETTINGS.mkdir()
    layout.DOTENV.write_text(f"WATCH_DIR={tmp_path}/inbox\nRTMP_URL=rtmp://h/a/{key}\n")
    layout.UNIT.write_text(f"{layout.MARK}\n")
    status, out, _ = run("--uninstall", "--dry-run")
    assert status == 0
    assert f"Left: {tmp_path}/inbox" in out
    assert json.dumps(key) not in out
    layout.DOTENV.write_text("MAX_LAG=soon\n")
    assert run("--uninstall", "--dry-run")[0] == 0, "bad settings are no reason to keep a service"
    assert layout.UNIT.exists()


def test_a_step_that_fails_is_told_in_its_own_words(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here there is no systemctl to ask."""
    layout.UNIT.write_text(f"{layout.MARK}\n")
    monkeypatch.setenv("PATH", "/nowhere")
    status, out, err = run("--uninstall", "--yes")
    assert status == 1
    assert "[1/6] systemctl disable" in out
    assert "run the same again" in err
