"""The unit file: what systemd starts, watches, confines and starts again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ftp_stream import __version__
from ftp_stream.install.layout import CURRENT, DOTENV, MARK, SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Access", "is_fit", "is_hidden", "made_for", "unit"]

_UNFIT = frozenset("\"'\\:\t\n\r")  # have a meaning in a list of paths, and no spelling that all versions take
# What ProtectHome= and PrivateTmp= hide
_HIDDEN = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108 - nothing is made there


@dataclass(frozen=True, slots=True)
class Access:
    """A path that the service needs: where it leads, and under which name."""

    source: Path  # without links
    name: Path  # as the settings spell it
    writable: bool = True


def unit(user: str, group: str, accesses: Iterable[Access], *, encoders: bool = False) -> str:
    """Return the text of the unit.

    It holds no secret: everyone may read units. The settings are a file that the service reads itself, so that
    `systemctl reload` takes changes over; ``EnvironmentFile=`` would be read at a start alone.

    Args:
        user: Whom the service runs as.
        group: Likewise.
        accesses: The inboxes and whatever else the settings name.
        encoders: It needs the devices of hardware encoders.
    """
    paths = "".join(f"{line}\n" for access in _outermost(accesses) for line in _granted(access))
    return _UNIT.format(
        mark=MARK,
        version=__version__,
        user=user,
        group=group,
        settings=DOTENV,
        program=CURRENT,
        state=SERVICE,
        paths=paths,
        devices=_ENCODERS if encoders else "PrivateDevices=yes\n",
        root="PrivateUsers=yes\n" if user == "root" else "",  # root in a name space of its own, and nowhere else
    )


def is_fit(path: Path) -> bool:
    """Return whether a unit can name a path."""
    return _UNFIT.isdisjoint(str(path)) and str(path).isprintable()


def made_for(text: str) -> str:
    """Return the user that a unit runs as, "" where it names none."""
    return next((line.removeprefix("User=") for line in text.splitlines() if line.startswith("User=")), "")


def is_hidden(path: Path) -> bool:
    """Return whether the service sees a path only where it is bound: what lies above it is empty then."""
    return any(path.is_relative_to(hidden) for hidden in _HIDDEN)


def _outermost(accesses: Iterable[Access]) -> list[Access]:
    """Leave out what lies inside another: each that is opened is a mount, between which no file can be renamed."""
    found: list[Access] = []
    for access in sorted(accesses, key=lambda each: (not each.writable, each.name.parts)):
        if not any(_is_inside(access, outer) for outer in found if outer.writable):
            found.append(access)
    return found


def _is_inside(inner: Access, outer: Access) -> bool:
    """Return whether a path is reached through another; a link in there may lead elsewhere."""
    return inner.name.is_relative_to(outer.name) and inner.source.is_relative_to(outer.source)


def _granted(access: Access) -> list[str]:
    """Return the lines that open a path: bound into the empty homes, and writable in a system that is not.

    The "-": a disk that is not there yet is for the service to tell, in words and by the camera's name.
    """
    seen = access.name if is_hidden(access.name) else access.source
    lines = []
    if is_hidden(seen):
        directive = "BindPaths" if access.writable else "BindReadOnlyPaths"
        place = f":{_quoted(str(seen))}" if seen != access.source else ""
        lines.append(f"{directive}={_quoted(f'-{access.source}')}{place}")
    if access.writable:
        lines.append(f"ReadWritePaths={_quoted(f'-{seen}')}")
    return lines


def _quoted(text: str) -> str:
    """Return a word as systemd.syntax(7) wants it; "%" begins a specifier, systemd.unit(5)."""
    text = text.replace("%", "%%")
    return f'"{text}"' if " " in text else text


# systemd.resource-control(5): no device but the harmless ones and these, which are those of graphics cards and of
# V4L2; the user must be in the groups that may open them, mostly "video" and "render"
_ENCODERS = """\
DevicePolicy=closed
DeviceAllow=char-drm rw
DeviceAllow=char-video4linux rw
DeviceAllow=char-nvidia* rw
"""

_UNIT = """\
{mark} of ftp-stream {version}; the next installation replaces it.
# What you want otherwise belongs into a file of your own, which stays: sudo systemctl edit ftp-stream

[Unit]
Description=ftp-stream: the files of cameras as unbroken RTMP publishes
Wants=network-online.target
After=network-online.target remote-fs.target
# never give up: a destination or a disk may be gone for days
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
User={user}
Group={group}
Environment=FTP_STREAM_SETTINGS={settings}
ExecStart={program}/bin/ftp-stream run
ExecReload=/bin/sh -c "kill -HUP $MAINPID"
Restart=always
RestartSec=10
# the service says each second that it goes on; one that hangs is ended, and started again
WatchdogSec=30
TimeoutStartSec=90
TimeoutStopSec=20
# its children are its own affair: one that is told to end would blame the file in its hand
KillMode=mixed
# a file that eats all memory kills the child that inspects it, not the streams
OOMPolicy=continue
MemoryHigh=65%
MemoryMax=75%
TasksMax=512
LimitNOFILE=65536
LimitCORE=0
SyslogIdentifier=ftp-stream

StateDirectory={state}
StateDirectoryMode=0700
UMask=0027

# It writes to its state and to these, and sees nothing else of the homes
{paths}{devices}ProtectSystem=strict
ProtectHome=tmpfs
PrivateTmp=yes
PrivateMounts=yes
ProtectProc=invisible
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
KeyringMode=private
{root}
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictRealtime=yes
RestrictSUIDSGID=yes
# a child that inspects a file leaves the network behind, in a namespace of its own
RestrictNamespaces=user net
SystemCallArchitectures=native
# and all files, by Landlock, which older systemd does not count among the usual calls
SystemCallFilter=@system-service landlock_create_ruleset landlock_add_rule landlock_restrict_self
SystemCallFilter=~@privileged
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""
