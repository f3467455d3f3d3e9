"""What an installation does, as values: they are listed before they are carried out, and nothing else is done."""

from ftp_stream.install.steps.base import Step
from ftp_stream.install.steps.files import Link, MakeDirectory, Owned, Remove, RemoveOthers, Write
from ftp_stream.install.steps.system import BuildRelease, CopyJournal, MakeUser, RemoveUser, Run, TryRelease

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
    "TryRelease",
    "Write",
]
