"""Steps that make, change and remove files.

Root works here in directories that others may own: what it has made is given away by its descriptor and never by its
name, in whose place a link could stand by then.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftp_stream.errors import InstallationError
from ftp_stream.install.steps.base import Step, ids

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Link", "MakeDirectory", "Owned", "Remove", "RemoveOthers", "Write"]

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class MakeDirectory(Step):
    """A directory; one that exists stays as it is. Those above it that are missing belong to whom theirs belongs."""

    path: Path
    owner: str = "root"

    @property
    def words(self) -> str:
        return f"make the directory {self.path}, of {self.owner}"

    def do(self) -> None:
        if self.path.is_dir():
            return
        try:
            self._make()
        except OSError as error:
            raise InstallationError(f"the directory {self.path} cannot be made: {error.strerror}") from error

    def _make(self) -> None:
        above = next(parent for parent in self.path.parents if parent.is_dir())
        missing = self.path.relative_to(above).parts
        place = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            status = os.fstat(place)
            for number, name in enumerate(missing, 1):
                last = number == len(missing)
                inner = _made(place, name, ids(self.owner) if last else (status.st_uid, status.st_gid))
                os.close(place)
                place = inner
        finally:
            os.close(place)


def _made(parent: int, name: str, owner: tuple[int, int]) -> int:
    """Return a new directory, given to its owner, or the one of that name that is there."""
    with suppress(FileExistsError):
        os.mkdir(name, 0o755, dir_fd=parent)
        made = os.open(name, _DIRECTORY, dir_fd=parent)
        if os.fstat(made).st_uid != os.geteuid():
            os.close(made)
            raise InstallationError(f"somebody has put another directory in the place of {name}")
        os.fchown(made, *owner)
        return made
    return os.open(name, _DIRECTORY, dir_fd=parent)


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
        readers = f", for {self.owner} and root alone" if not self.mode & 0o077 else ""
        return f"write {self.path}: {self.what}{readers}"

    def do(self) -> None:
        draft = self.path.with_name(f".{self.path.name}.new")
        draft.unlink(missing_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with open(descriptor, "w", encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
            file.write(self.text)
            os.fchown(descriptor, *ids(self.owner))
            os.fchmod(descriptor, self.mode)
            file.flush()
            os.fsync(descriptor)
        draft.replace(self.path)


@dataclass(frozen=True, slots=True)
class Owned(Step):
    """A file that one user and root alone may read, whoever it was made for."""

    path: Path
    owner: str

    @property
    def words(self) -> str:
        readers = "root alone" if self.owner == "root" else f"{self.owner} and root alone"
        return f"let {readers} read {self.path}"

    def do(self) -> None:
        descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchown(descriptor, *ids(self.owner))
            os.fchmod(descriptor, 0o600)
        finally:
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Link(Step):
    """A link that leads to another place from one instant to the next."""

    path: Path
    target: Path

    @property
    def words(self) -> str:
        return f"let {self.path} lead to {self.target}"

    def do(self) -> None:
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
        return f"remove {self.path}"

    def do(self) -> None:
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
        return f"remove earlier versions from {self.program}"

    def do(self) -> None:
        for path in self.program.iterdir():
            if path.is_dir() and not path.is_symlink() and path != self.release:
                shutil.rmtree(path)
