"""What an installation would do here, decided from what was seen: a dry run tells what a real one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftp_stream.install import layout, takeover
from ftp_stream.install.steps import (
    BuildRelease,
    CopyJournal,
    Link,
    MakeDirectory,
    MakeUser,
    Owned,
    Remove,
    RemoveOthers,
    RemoveUser,
    Run,
    Step,
    TryRelease,
    Write,
)
from ftp_stream.install.unit import Access, is_fit, unit
from ftp_stream.model import Encoder

if TYPE_CHECKING:
    from pathlib import Path

    from ftp_stream.config import Settings
    from ftp_stream.install.layout import Account

__all__ = ["Machine", "Plan", "accesses", "install", "state_dir", "uninstall"]


@dataclass(frozen=True, slots=True, repr=False)  # it holds the settings' text
class Machine:
    """What was seen of this machine."""

    source: Path  # the clone
    python: str  # that the service will run on
    builder: Account  # owner of the clone
    user: Account | None  # whom the service shall run as; None: it must be made
    user_name: str
    release: Path  # where the program will be
    unit: str = ""  # the unit that is there, "" for none
    dotenv: str | None = None  # text of the clone's .env
    tables: str | None = None  # text of the clone's ftp-stream.toml
    installed: bool = False  # the service has its own settings already
    journal: Path | None = None  # of a service that was started by hand, to be taken over
    missing: tuple[Path, ...] = ()  # directories that the settings name and that do not exist
    made_users: tuple[str, ...] = ()  # those that earlier installations made
    has_program: bool = False
    previous: Path | None = None  # the version that runs now
    earlier_user: str = ""  # whom it runs as now
    state_owner: str = ""  # whose the directory of the journal is, "" where there is none
    has_drop_ins: bool = False
    has_state: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps, or what is in their way."""

    steps: tuple[Step, ...] = ()
    start: tuple[Step, ...] = ()  # to start it now
    back: tuple[Step, ...] = ()  # to the version before, where this one does not start
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unit: str = ""


def accesses(settings: Settings, leads: dict[Path, Path]) -> list[Access]:
    """Return what the service must reach.

    Args:
        settings: Those in force.
        leads: Path -> the same without links.
    """
    writable = {camera.watch_dir for camera in settings.cameras}
    writable |= {camera.archive_dir for camera in settings.cameras if camera.archive_dir}
    if not state_dir(settings).is_relative_to(layout.STATE):
        writable.add(settings.state_dir)
    readable = {each.ca_file for camera in settings.cameras for each in camera.destinations if each.ca_file}
    readable |= {camera.slate_image for camera in settings.cameras if camera.slate_image}
    named = [(path, True) for path in sorted(writable)] + [(path, False) for path in sorted(readable)]
    return [Access(leads.get(path, path), path, may_write) for path, may_write in named]


def state_dir(settings: Settings) -> Path:
    """Return where the service keeps its journal: where the settings say so, else where services do."""
    by_default = settings.origin.get("STATE_DIR", "default") == "default"
    return layout.STATE if by_default else settings.state_dir


def install(machine: Machine, settings: Settings, leads: dict[Path, Path]) -> Plan:
    """Return how to install the service, or to upgrade it.

    Args:
        machine: What was seen.
        settings: Those that the service will have.
        leads: Every path that they name -> the same without links.
    """
    wanted = accesses(settings, leads)
    problems = [*_without_url(machine, settings), *_unfit(wanted), *_unmovable(machine, settings)]
    if problems:
        return Plan(problems=tuple(problems))
    name = machine.user_name
    encoders = any(camera.encoder not in {Encoder.AUTO, Encoder.X264} for camera in settings.cameras)
    text = unit(name, machine.user.group if machine.user else name, wanted, encoders=encoders)
    steps: list[Step] = [] if machine.has_program else [MakeDirectory(layout.PROGRAM)]
    steps += [] if machine.user else [MakeUser(name, layout.STATE, layout.MADE_USER)]
    steps.append(BuildRelease(machine.source, machine.release, machine.python, machine.builder))
    steps.append(TryRelease(machine.release, name))
    steps += [MakeDirectory(path, name) for path in machine.missing]
    steps += _settings(machine, settings)
    by_hand = bool(machine.unit) and not machine.unit.startswith(layout.MARK)
    if by_hand:
        steps.append(Write(layout.KEPT_UNIT, machine.unit, "the unit that was written by hand", mode=0o600))
    steps += [
        Link(layout.CURRENT, machine.release),
        Write(layout.COMMAND, _COMMAND, "the command ftp-stream, with the settings of the service", mode=0o755),
        Write(layout.UNIT, text, "the unit"),
        Run(("systemctl", "daemon-reload")),
        Run(("systemctl", "enable", "--quiet", layout.SERVICE)),
    ]
    start: list[Step] = [
        Run(("systemctl", "restart", layout.SERVICE), f"see why: sudo journalctl -u {layout.SERVICE} -n 20")
    ]
    start += [RemoveOthers(layout.PROGRAM, machine.release)] if machine.has_program else []
    return Plan(tuple(steps), tuple(start), _back(machine), notes=tuple(_notes(machine, by_hand=by_hand)), unit=text)


def _back(machine: Machine) -> tuple[Step, ...]:
    """Return how to go back to the version that ran before, nothing where none did."""
    if not machine.previous or not machine.unit.startswith(layout.MARK):
        return ()
    return (
        *(Owned(path, machine.earlier_user) for path in _kept(machine)),
        Link(layout.CURRENT, machine.previous),
        Write(layout.UNIT, machine.unit, "the unit as it was"),
        Run(("systemctl", "daemon-reload")),
        Run(("systemctl", "restart", layout.SERVICE)),
    )


def _without_url(machine: Machine, settings: Settings) -> list[str]:
    where = layout.DOTENV if machine.installed else ".env (cp .env.example .env)"
    missing = [
        f"{camera.name}/{each.name}" if settings.tables else ""
        for camera in settings.cameras
        for each in camera.destinations
        if each.url is None
    ]
    return [f"no RTMP_URL{f' for {name}' if name else ''}: set it in {where}" for name in missing]


def _unfit(wanted: list[Access]) -> list[str]:
    return [
        f"systemd cannot be told of a path with a quote, a colon or a backslash in it: rename {str(access.name)!r}"
        for access in wanted
        if not (is_fit(access.name) and is_fit(access.source))
    ]


def _unmovable(machine: Machine, settings: Settings) -> list[str]:
    """Return what would mean something else to the service than it does now."""
    if machine.installed:
        return _unchangeable(machine, settings)
    if machine.tables is None:
        return []
    same_home = machine.user is not None and machine.user.home == machine.builder.home
    return [
        f"ftp-stream.toml moves to {layout.SETTINGS}: write this path in full, from / on: {path}"
        for path in takeover.unmovable(machine.tables, same_home=same_home)
    ]


def _unchangeable(machine: Machine, settings: Settings) -> list[str]:
    """Return why the service cannot become another user's: what it has would be out of that user's reach."""
    if machine.earlier_user in {"", machine.user_name}:
        return []
    paths = takeover.unmovable(machine.tables or "", same_home=False)
    found = [f"write this path in full in {layout.TABLES}: {path}" for path in paths]
    if (place := state_dir(settings)) != layout.STATE and machine.state_owner not in {"", machine.user_name}:
        found.append(f"{place} belongs to {machine.state_owner}: sudo chown -R {machine.user_name} {place}")
    words = f"the service runs as {machine.earlier_user}; before it can run as {machine.user_name},"
    return [f"{words} {each}" for each in found]


def _settings(machine: Machine, settings: Settings) -> list[Step]:
    """Return the steps that give the service settings of its own; those it has are kept."""
    name = machine.user_name
    if machine.installed:
        return [Owned(path, name) for path in _kept(machine)]
    place = state_dir(settings)
    text = takeover.moved(machine.dotenv or "", machine.source, machine.builder.home, place)
    steps: list[Step] = [MakeDirectory(layout.SETTINGS)]
    if machine.journal and place == layout.STATE:
        steps.append(CopyJournal(machine.journal, place / "journal.db", name))
    if machine.tables is not None:
        steps.append(Write(layout.TABLES, machine.tables, "the cameras, taken over from ftp-stream.toml", name, 0o600))
    # last: once it is there, all has been taken over
    return [*steps, Write(layout.DOTENV, text, "the settings, taken over from .env", name, 0o600)]


def _kept(machine: Machine) -> list[Path]:
    """Return the files of settings that the service has already."""
    if not machine.installed:
        return []
    return [layout.DOTENV] if machine.tables is None else [layout.DOTENV, layout.TABLES]


def _notes(machine: Machine, *, by_hand: bool) -> list[str]:
    notes = []
    if machine.installed:
        notes.append(f"The settings in {layout.SETTINGS} are kept; .env and ftp-stream.toml here are not read.")
    if by_hand:
        notes.append(
            f"The unit that was written by hand is replaced and kept as {layout.KEPT_UNIT}; "
            f"settings in its Environment= lines belong into {layout.DOTENV} now."
        )
    if machine.user and machine.user.uid == 0:
        notes.append("The service runs as root, though without root's rights; --user NAME would be better.")
    return notes


def uninstall(machine: Machine, data: list[Path]) -> Plan:
    """Return how to remove the service.

    Args:
        machine: What was seen.
        data: Inboxes, archives and the like that exist: they stay.
    """
    if not machine.unit and not machine.has_program:
        return Plan(problems=("the service is not installed",))
    if machine.unit and not machine.unit.startswith(layout.MARK):
        return Plan(problems=(f"{layout.UNIT} was written by hand: remove it by hand too, as the README says",))
    steps: list[Step] = []
    if machine.unit:
        steps += [
            Run(("systemctl", "disable", "--quiet", "--now", layout.SERVICE)),
            # one that failed would be listed for ever; one that did not is not known any more
            Run(("systemctl", "reset-failed", layout.SERVICE), may_fail=True),
            Remove(layout.UNIT),
            Run(("systemctl", "daemon-reload")),
        ]
    if machine.made_users:  # its number may be given to somebody else, who must not find a key
        steps += [Owned(path, "root") for path in _kept(machine)]
        steps += [Run(("chown", "-R", "-h", "root:", str(layout.STATE)))] if machine.has_state else []
        steps += [RemoveUser(name) for name in machine.made_users]
    # what tells that there is something to remove goes last
    steps += [Remove(layout.COMMAND), Remove(layout.PROGRAM)]
    kept = [f"{layout.SETTINGS} (settings, with the stream key)", f"{layout.STATE} (journal)"]
    kept += [f"{layout.DROP_INS} (what systemctl edit made)"] if machine.has_drop_ins else []
    kept += [str(path) for path in data]
    return Plan(tuple(steps), notes=tuple(f"Left: {each}" for each in kept))


_COMMAND = f"""\
#!/bin/sh
# ftp-stream with the settings of the installed service; written by install-service.sh
FTP_STREAM_SETTINGS="${{FTP_STREAM_SETTINGS:-{layout.DOTENV}}}"
export FTP_STREAM_SETTINGS
exec {layout.CURRENT}/bin/ftp-stream "$@"
"""
