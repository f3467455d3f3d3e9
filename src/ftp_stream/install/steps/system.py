"""Steps that other programs carry out: users, the program itself, systemd, the journal's database."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftp_stream.errors import InstallationError
from ftp_stream.install.steps.base import Step, ids

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ftp_stream.install.layout import Account

__all__ = ["NEW_USER", "BuildRelease", "CopyJournal", "MakeUser", "RemoveUser", "Run", "TryRelease"]

NEW_USER = ("--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin")
_OTHERS_RIGHTS = 0o6022  # set-id bits, and writing by group and others


@dataclass(frozen=True, slots=True)
class MakeUser(Step):
    """A user for the service alone, who cannot log in."""

    name: str
    home: Path
    record: Path  # gets the name, before there is the user: whatever breaks off, the removal knows whom to remove

    @property
    def words(self) -> str:
        return f"make the user {self.name}, who cannot log in"

    def do(self) -> None:
        before = self.record.read_text(encoding="utf-8") if self.record.exists() else ""
        self.record.write_text(f"{before}{self.name}\n", encoding="utf-8")
        try:
            _run("useradd", *NEW_USER, "--home-dir", str(self.home), self.name)
        except InstallationError:
            self.record.write_text(before, encoding="utf-8")
            raise


@dataclass(frozen=True, slots=True)
class RemoveUser(Step):
    """A user that the installation made; one who is gone already is no error."""

    name: str

    @property
    def words(self) -> str:
        return f"remove the user {self.name}, which the installation made"

    def do(self) -> None:
        if any(user.pw_name == self.name for user in pwd.getpwall()):
            _run("userdel", self.name)


@dataclass(frozen=True, slots=True)
class BuildRelease(Step):
    """The program with all that it needs, in a directory of its own that belongs to root.

    The owner of the clone builds it: no package's code runs as root for that, and his cache serves.
    """

    source: Path  # the clone
    release: Path
    python: str
    builder: Account

    @property
    def words(self) -> str:
        return f"install the program into {self.release} (some 140 MB), built as {self.builder.name}"

    def do(self) -> None:
        self.release.mkdir()
        os.chown(self.release, self.builder.uid, self.builder.gid)
        script = self.source / "scripts" / "bootstrap.py"
        try:
            _run(self.python, str(script), "--into", str(self.release), cwd=self.source, user=self.builder.name)
        except BaseException:
            shutil.rmtree(self.release, ignore_errors=True)
            raise
        self._give_to_root()

    def _give_to_root(self) -> None:
        """Take it all from the builder, the door first."""
        os.chown(self.release, 0, 0)
        self.release.chmod(0o700)
        for directory, folders, files in os.walk(self.release):
            for name in (*folders, *files):
                path = os.path.join(directory, name)  # noqa: PTH118 - of ten thousand
                os.lchown(path, 0, 0)
                if not os.path.islink(path):  # noqa: PTH114
                    os.chmod(path, os.stat(path).st_mode & ~_OTHERS_RIGHTS)  # noqa: PTH101, PTH116
        self.release.chmod(0o755)


@dataclass(frozen=True, slots=True)
class TryRelease(Step):
    """Whether the program runs, as the user of the service, before anything leads to it."""

    release: Path
    user: str  # may be one that an earlier step has made

    @property
    def words(self) -> str:
        return f"try it as {self.user}: {self.release}/bin/ftp-stream version"

    def do(self) -> None:
        _run(str(self.release / "bin" / "ftp-stream"), "version", cwd=self.release, user=self.user)


@dataclass(frozen=True, slots=True)
class CopyJournal(Step):
    """What was delivered before, by a service that was started by hand."""

    source: Path
    target: Path
    owner: str

    @property
    def words(self) -> str:
        return f"take over the journal {self.source}: the streams go on where they were"

    def do(self) -> None:
        home = self.target.parent
        home.mkdir(mode=0o700, exist_ok=True)
        draft = home.with_name(f".{home.name}.new")  # beside it: what is in it belongs to somebody else from then on
        draft.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(self.source)) as old, closing(sqlite3.connect(draft)) as new:
                old.backup(new)  # with what still stands in its write-ahead log
            draft.chmod(0o600)
            os.chown(draft, *ids(self.owner))
            draft.replace(self.target)
        except sqlite3.Error as error:
            raise InstallationError(
                f"the journal {self.source} cannot be read ({error}): move it away, and the service begins a new one"
            ) from error
        finally:
            draft.unlink(missing_ok=True)
        os.chown(home, *ids(self.owner))


@dataclass(frozen=True, slots=True)
class Run(Step):
    """A command of the system."""

    argv: Sequence[str]
    cure: str = ""
    may_fail: bool = False  # there may be nothing to do

    @property
    def words(self) -> str:
        return shlex.join(self.argv)

    def do(self) -> None:
        try:
            _run(*self.argv)
        except InstallationError as failed:
            if self.may_fail:
                return
            raise InstallationError(f"{failed}{f'; {self.cure}' if self.cure else ''}") from failed


def _run(*argv: str, cwd: Path | None = None, user: str = "") -> None:
    """Run a command, as somebody else where wanted.

    Raises:
        InstallationError: It did not succeed; what it said is in the text.
    """
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    other = pwd.getpwnam(user) if user and ids(user)[0] != os.geteuid() else None
    if other:
        environment |= {"HOME": other.pw_dir, "USER": user, "LOGNAME": user}
    try:
        done = subprocess.run(
            argv,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            user=other.pw_uid if other else None,
            group=other.pw_gid if other else None,
            extra_groups=os.getgrouplist(user, other.pw_gid) if other else None,
        )
    except OSError as error:
        raise InstallationError(f"{argv[0]} cannot be started: {error.strerror}") from error
    if done.returncode:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-5:]) or "it said nothing"
        raise InstallationError(f"{shlex.join(argv)} failed with status {done.returncode}: {said}")
