"""What an installation does, as values: they are listed before they are carried out, and nothing else is done."""

from __future__ import annotations

import os
import pwd
import shlex
import shutil
import sqlite3
import subprocess
from contextlib import closing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftp_stream.errors import InstallationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ftp_stream.install.layout import Account

__all__ = [
    "BuildRelease",
    "CopyJournal",
    "Link",
    "MakeDirectory",
    "MakeUser",
    "Owned",
    "Remove",
    "RemoveOthers",
    "RemoveUser",
    "Run",
    "Step",
    "Write",
]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done. Done again, it does no harm."""

    @property
    def words(self) -> str:
        """What is done, for a person."""
        raise NotImplementedError

    def do(self) -> None:
        """Do it.

        Raises:
            InstallationError: It could not be done.
            OSError: Likewise.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class MakeUser(Step):
    """A user for the service alone, who cannot log in."""

    name: str
    home: Path

    @property
    def words(self) -> str:
        """Say it."""
        return f"make the user {self.name}, who cannot log in"

    def do(self) -> None:
        """Do it."""
        options = ("--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin")
        _run("useradd", *options, "--home-dir", str(self.home), self.name)


@dataclass(frozen=True, slots=True)
class RemoveUser(Step):
    """A user that the installation made."""

    name: str

    @property
    def words(self) -> str:
        """Say it."""
        return f"remove the user {self.name}, which the installation made"

    def do(self) -> None:
        """Do it."""
        _run("userdel", self.name)


@dataclass(frozen=True, slots=True)
class MakeDirectory(Step):
    """A directory; one that exists stays as it is."""

    path: Path
    owner: str = "root"

    @property
    def words(self) -> str:
        """Say it."""
        return f"make the directory {self.path}, of {self.owner}"

    def do(self) -> None:
        """Do it."""
        with suppress(FileExistsError):
            self.path.mkdir(parents=True)
            shutil.chown(self.path, self.owner, _group_of(self.owner))


@dataclass(frozen=True, slots=True, repr=False)  # the text may hold a key
class Write(Step):
    """A file, whole or not at all."""

    path: Path
    text: str
    what: str
    owner: str = "root"
    mode: int = 0o644

    @property
    def words(self) -> str:
        """Say it."""
        readers = f", for {self.owner} and root alone" if not self.mode & 0o077 else ""
        return f"write {self.path}: {self.what}{readers}"

    def do(self) -> None:
        """Do it."""
        draft = self.path.with_name(f".{self.path.name}.new")
        with suppress(FileNotFoundError):
            draft.unlink()
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, self.mode)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
            file.write(self.text)
            os.fchmod(file.fileno(), self.mode)  # whatever the mask
            shutil.chown(file.fileno(), self.owner, _group_of(self.owner))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path)


@dataclass(frozen=True, slots=True)
class Owned(Step):
    """A file that must be the service's, whoever it was made for."""

    path: Path
    owner: str

    @property
    def words(self) -> str:
        """Say it."""
        return f"let {self.owner} and root alone read {self.path}"

    def do(self) -> None:
        """Do it."""
        shutil.chown(self.path, self.owner, _group_of(self.owner))
        self.path.chmod(0o600)


@dataclass(frozen=True, slots=True)
class BuildRelease(Step):
    """The program with all that it needs, in a directory of its own that belongs to root.

    It is built by the owner of the clone: nothing that comes from a network runs as root, and his cache serves.
    """

    source: Path  # the clone
    release: Path
    python: str
    builder: Account

    @property
    def words(self) -> str:
        """Say it."""
        return f"install the program into {self.release} (some 140 MB), built as {self.builder.name}"

    def do(self) -> None:
        """Do it."""
        self.release.mkdir(parents=True)
        os.chown(self.release, self.builder.uid, self.builder.gid)
        script = self.source / "scripts" / "bootstrap.py"
        try:
            _run(self.python, str(script), "--into", str(self.release), cwd=self.source, account=self.builder)
        except InstallationError:
            shutil.rmtree(self.release, ignore_errors=True)
            raise
        for directory, folders, files in os.walk(self.release):
            for name in (".", *folders, *files):
                path = os.path.normpath(os.path.join(directory, name))  # noqa: PTH118 - some ten thousand of them
                os.lchown(path, 0, 0)
                if not os.path.islink(path):  # noqa: PTH114
                    os.chmod(path, os.stat(path).st_mode & ~0o022)  # noqa: PTH101, PTH116


@dataclass(frozen=True, slots=True)
class CopyJournal(Step):
    """What was delivered before, by a service that was started by hand."""

    source: Path
    target: Path
    owner: str

    @property
    def words(self) -> str:
        """Say it."""
        return f"take over the journal {self.source}: the streams go on where they were"

    def do(self) -> None:
        """Do it."""
        self.target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.chown(self.target.parent, self.owner, _group_of(self.owner))
        with closing(sqlite3.connect(self.source)) as old, closing(sqlite3.connect(self.target)) as new:
            old.backup(new)  # with what still stands in its write-ahead log
        shutil.chown(self.target, self.owner, _group_of(self.owner))
        self.target.chmod(0o600)


@dataclass(frozen=True, slots=True)
class Link(Step):
    """A link that leads to another place from one instant to the next."""

    path: Path
    target: Path

    @property
    def words(self) -> str:
        """Say it."""
        return f"let {self.path} lead to {self.target}"

    def do(self) -> None:
        """Do it."""
        draft = self.path.with_name(f".{self.path.name}.new")
        draft.unlink(missing_ok=True)
        draft.symlink_to(self.target)
        draft.replace(self.path)


@dataclass(frozen=True, slots=True)
class Remove(Step):
    """A file, or a directory with all in it."""

    path: Path

    @property
    def words(self) -> str:
        """Say it."""
        return f"remove {self.path}"

    def do(self) -> None:
        """Do it."""
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        else:
            self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class RemoveOthers(Step):
    """The versions of the program that nothing uses any more."""

    program: Path
    release: Path

    @property
    def words(self) -> str:
        """Say it."""
        return f"remove earlier versions from {self.program}"

    def do(self) -> None:
        """Do it."""
        for path in self.program.iterdir():
            if path.is_dir() and not path.is_symlink() and path != self.release:
                shutil.rmtree(path)


@dataclass(frozen=True, slots=True)
class Run(Step):
    """A command of the system."""

    argv: Sequence[str]
    cure: str = ""

    @property
    def words(self) -> str:
        """Say it."""
        return shlex.join(self.argv)

    def do(self) -> None:
        """Do it."""
        try:
            _run(*self.argv)
        except InstallationError as failed:
            raise InstallationError(f"{failed}{f'; {self.cure}' if self.cure else ''}") from failed


def _group_of(owner: str) -> int:
    return pwd.getpwnam(owner).pw_gid


def _run(*argv: str, cwd: Path | None = None, account: Account | None = None) -> None:
    """Run a command, as somebody else where wanted.

    Raises:
        InstallationError: It did not succeed; what it said is in the text.
    """
    environment = dict(os.environ, LC_ALL="C.UTF-8")
    other = account if account and account.uid != os.geteuid() else None
    if other:
        environment |= {"HOME": str(other.home), "USER": other.name, "LOGNAME": other.name}
    done = subprocess.run(
        argv,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        user=other.uid if other else None,
        group=other.gid if other else None,
        extra_groups=os.getgrouplist(other.name, other.gid) if other else None,
    )
    if done.returncode:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-5:]) or "it said nothing"
        raise InstallationError(f"{shlex.join(argv)} failed with status {done.returncode}: {said}")
