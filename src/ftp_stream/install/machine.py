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
from ftp_stream.install.steps.system import NEW_USER
from ftp_stream.install.unit import is_hidden, made_for
from ftp_stream.shell import statusfile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ftp_stream.config import Settings
    from ftp_stream.install.unit import Access

__all__ = ["account", "denied", "leads", "observe", "owner_of", "running_by_hand", "settings_of"]

_STATE = Path(".local/state/ftp-stream")  # in a home: where a service that is started by hand has its journal


def account(name: str) -> Account | None:
    """Return the user of that name, ``None`` where there is none."""
    try:
        return _account(pwd.getpwnam(name))
    except KeyError:
        return None


def _owner(path: Path) -> Account:
    number = path.stat().st_uid
    try:
        return _account(pwd.getpwuid(number))
    except KeyError:
        raise ConfigError(
            f"{path} belongs to user number {number}, who has no name here: sudo chown -R YOU {path}"
        ) from None


def _account(found: pwd.struct_passwd) -> Account:
    try:
        group = grp.getgrgid(found.pw_gid).gr_name
    except KeyError:
        group = str(found.pw_gid)  # systemd takes a number as well
    return Account(found.pw_name, found.pw_uid, found.pw_gid, group, Path(found.pw_dir))


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
    builder = _owner(source)
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
        previous=layout.CURRENT.readlink() if layout.CURRENT.is_symlink() else None,
        earlier_user=earlier,
        made_users=tuple(dict.fromkeys((_text(layout.MADE_USER) or "").split())),
        has_program=layout.PROGRAM.exists(),
        has_drop_ins=layout.DROP_INS.exists(),
        has_state=layout.STATE.exists(),
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


def denied(machine: Machine, wanted: Iterable[Access]) -> list[str]:
    """Return what the service could not work with, each with the cure; what does not exist yet is left out."""
    return [words for access in wanted if access.name.exists() and (words := _denied(machine, access))]


def _denied(machine: Machine, access: Access) -> str:
    user, name, path = machine.user, machine.user_name, access.name
    if not access.writable:
        return "" if _may(user, access, os.R_OK) else f"{name} may not read {path}: put it where all may read it"
    if not path.is_dir():
        return f"{path} is no directory"
    if _may(user, access, os.R_OK | os.W_OK | os.X_OK) and not _is_sticky_for(user, path):
        return ""
    cure = f"sudo chgrp {user.group if user else name} {path} && sudo chmod g+rwx,-t {path}"
    first = "" if user else f"sudo useradd {' '.join(NEW_USER)} {name} && "
    return f"{name} may not write in {path} ({stat.filemode(path.stat().st_mode)}): {first}{cure}"


def _is_sticky_for(user: Account | None, path: Path) -> bool:
    """Return whether a user may not delete there what others have put there."""
    status = path.stat()
    return bool(status.st_mode & stat.S_ISVTX) and (user is None or user.uid != status.st_uid)


def _may(user: Account | None, access: Access, rights: int) -> bool:
    """Return whether a user will have these rights (R_OK, W_OK, X_OK) in the service; ``None`` is a new user."""
    status = access.name.stat()
    if user is None:
        return not rights & ~status.st_mode
    if user.uid == 0:  # the service has none of root's rights: it is the owner of its files, and nothing more
        shift = 6 if status.st_uid == 0 else 3 if status.st_gid == 0 else 0
        return not rights & ~(status.st_mode >> shift)
    if os.geteuid() not in {0, user.uid}:
        return True  # cannot be told as somebody else; the installation itself runs as root
    return _as(user, access, rights)


def _as(user: Account, access: Access, rights: int) -> bool:
    """Ask the system itself, as that user: it knows groups and access lists.

    What is bound into a place of its own is asked by its descriptor: what lies above it does not matter then.
    """
    is_bound = is_hidden(access.name) or is_hidden(access.source)
    place = os.open(access.name, os.O_PATH | os.O_CLOEXEC) if is_bound else None
    child = os.fork()
    if not child:
        allowed = False
        try:
            if os.geteuid() == 0:
                os.initgroups(user.name, user.gid)
                os.setgid(user.gid)
                os.setuid(user.uid)
            allowed = os.access(access.name if place is None else f"/proc/self/fd/{place}", rights)
        finally:
            os._exit(not allowed)
    if place is not None:
        os.close(place)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def owner_of(path: Path) -> str:
    """Return the name of whom a path belongs to, "" where it does not exist."""
    try:
        return path.owner()
    except FileNotFoundError:
        return ""
    except KeyError:
        return f"user number {path.stat().st_uid}"


def running_by_hand(machine: Machine, settings: Settings, wall: float) -> str:
    """Return what to do about a service that runs in a terminal; "" where there is none, or it is the installed one."""
    if machine.installed:
        return ""
    place = state_dir(settings)
    reading = statusfile.read(machine.builder.home / _STATE if place == layout.STATE else place, wall)
    if reading.status is None:
        return ""
    by_unit = machine.unit and not machine.unit.startswith(layout.MARK)
    how = "sudo systemctl stop ftp-stream" if by_unit else "with Ctrl-C there"
    return f"the service runs already, started by hand (process {reading.status.pid}): end it first, {how}"


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {getattr(error, 'strerror', None) or 'it is not UTF-8'}") from error
