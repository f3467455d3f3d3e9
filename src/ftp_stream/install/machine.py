"""What an installation finds on this machine; it reads, and changes nothing."""

from __future__ import annotations

import grp
import os
import pwd
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ftp_stream import __version__
from ftp_stream.config import load
from ftp_stream.errors import ConfigError
from ftp_stream.install import layout
from ftp_stream.install.layout import Account
from ftp_stream.install.plan import Machine, accesses, state_dir
from ftp_stream.install.unit import made_for
from ftp_stream.shell import statusfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ftp_stream.config import Settings

__all__ = ["account", "denied", "leads", "observe", "running_by_hand", "settings_of"]

_STATE = Path(".local/state/ftp-stream")  # in a home: where a service that is started by hand has its journal


def account(name: str) -> Account | None:
    """Return the user of that name, ``None`` where there is none."""
    try:
        return _account(pwd.getpwnam(name))
    except KeyError:
        return None


def _account(found: pwd.struct_passwd) -> Account:
    return Account(found.pw_name, found.pw_uid, found.pw_gid, grp.getgrgid(found.pw_gid).gr_name, Path(found.pw_dir))


def observe(source: Path, python: str, user: str, environ: Mapping[str, str]) -> Machine:
    """Return what is there.

    Args:
        source: The clone.
        python: That the service will run on.
        user: Whom it shall run as; "" for the one it runs as already, else whoever calls.
        environ: ``SUDO_USER`` is whoever called sudo.

    Raises:
        ConfigError: A file cannot be read.
    """
    builder = _account(pwd.getpwuid(source.stat().st_uid))
    text = _text(layout.UNIT) or ""
    earlier = made_for(text) if text.startswith(layout.MARK) else ""
    name = user or earlier or environ.get("SUDO_USER") or pwd.getpwuid(os.geteuid()).pw_name
    installed = layout.DOTENV.exists()
    journal = builder.home / _STATE / "journal.db"
    fresh = not installed and not (layout.STATE / "journal.db").exists()
    return Machine(
        source=source,
        python=python,
        builder=builder,
        user=account(name),
        user_name=name,
        release=layout.PROGRAM / f"{__version__}-{time.strftime('%Y%m%d%H%M%S')}",
        unit=text,
        dotenv=_text(source / ".env"),
        tables=_text(layout.TABLES if installed else source / layout.TABLES.name),
        installed=installed,
        journal=journal if fresh and journal.exists() else None,
        made_user=(_text(layout.MADE_USER) or "").strip(),
        has_program=layout.PROGRAM.exists(),
        has_drop_ins=layout.DROP_INS.exists(),
    )


def settings_of(machine: Machine) -> Settings:
    """Return the settings that the service has, or will take over; the environment has no part in them.

    Raises:
        ConfigError: They are unusable.
    """
    if machine.installed:
        home = machine.user.home if machine.user else layout.STATE
        return load({"HOME": str(home)}, layout.SETTINGS, layout.DOTENV)
    return load({"HOME": str(machine.builder.home)}, machine.source)


def leads(settings: Settings) -> dict[Path, Path]:
    """Return where each path that the settings name really leads."""
    return {each.name: Path(os.path.realpath(each.name)) for each in accesses(settings, {})}


def denied(machine: Machine, directories: Iterable[Path]) -> list[str]:
    """Return the directories that the service could not work in, each with the cure."""
    return [words for path in directories if path.exists() and (words := _denied(machine, path))]


def _denied(machine: Machine, path: Path) -> str:
    if not path.is_dir():
        return f"{path} is no directory"
    status, user, name = path.stat(), machine.user, machine.user_name
    if _may_work_in(user, path):
        return ""
    cure = f"sudo chgrp {user.group if user else name} {path} && sudo chmod g+rwx {path}"
    first = "" if user else f"sudo useradd --system --user-group {name} && "
    return f"{name} may not write in {path} ({stat.filemode(status.st_mode)}): {first}{cure}"


def _may_work_in(user: Account | None, path: Path) -> bool:
    """Return whether a user may read, write and delete what others put into a directory; ``None`` is a new user."""
    status = path.stat()
    if user is None:
        return status.st_mode & stat.S_IRWXO == stat.S_IRWXO and not status.st_mode & stat.S_ISVTX
    if status.st_mode & stat.S_ISVTX and user.uid not in {0, status.st_uid}:
        return False
    if os.geteuid() not in {0, user.uid}:
        return True  # cannot be told as somebody else; the installation itself runs as root
    return _as(user, path)


def _as(user: Account, path: Path) -> bool:
    """Ask the system itself, as that user: it knows groups and access lists.

    The directory is opened before: the service finds it bound into its own homes, whatever lies above it.
    """
    place = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    child = os.fork()
    if not child:
        allowed = False
        try:
            if os.geteuid() == 0:
                os.initgroups(user.name, user.gid)
                os.setgid(user.gid)
                os.setuid(user.uid)
            allowed = os.access(".", os.R_OK | os.W_OK | os.X_OK, dir_fd=place)
        finally:
            os._exit(not allowed)
    os.close(place)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def running_by_hand(machine: Machine, settings: Settings, wall: float) -> str:
    """Return what to do about a service that runs in a terminal; "" where there is none, or it is the installed one."""
    if machine.installed:
        return ""
    place = state_dir(settings)
    reading = statusfile.read(machine.builder.home / _STATE if place == layout.STATE else place, wall)
    if reading.status is None:
        return ""
    return f"the service runs already, started by hand (process {reading.status.pid}): end it first, with Ctrl-C there"


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from error
