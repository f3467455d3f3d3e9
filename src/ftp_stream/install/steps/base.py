"""What all steps are."""

from __future__ import annotations

import pwd
from abc import ABC, abstractmethod

__all__ = ["Step", "ids"]


class Step(ABC):
    """One thing that is done. Done again, it does no harm."""

    __slots__ = ()

    @property
    @abstractmethod
    def words(self) -> str:
        """What is done, for a person."""

    @abstractmethod
    def do(self) -> None:
        """Do it.

        Raises:
            InstallationError: It could not be done.
            OSError: Likewise.
        """


def ids(user: str) -> tuple[int, int]:
    """Return the numbers of a user and of its group."""
    found = pwd.getpwnam(user)
    return found.pw_uid, found.pw_gid
