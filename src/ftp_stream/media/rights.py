"""What a child process gives up before it touches a stranger's file.

FFmpeg's parsers are large and written in C; whoever finds a hole in one of them shall find himself in a process that
can reach no network and no file, cannot grow, and dies with the service. Each step is taken as far as the system
allows, and what it refused is told.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

__all__ = ["give_up_files", "give_up_system"]

_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38  # linux/prctl.h
_CLONE_NEWUSER, _CLONE_NEWNET = 0x1000_0000, 0x4000_0000  # linux/sched.h
_IOPRIO_SET: Final = {"x86_64": 251, "aarch64": 30}  # syscall numbers
_IOPRIO_LOWEST: Final = 2 << 13 | 7  # best effort, last: idle might never run on a busy disk
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # landlock(7): the same on every architecture
_VERSION_FLAG, _PATH_BENEATH = 1, 1
_READ: Final = 1 << 2 | 1 << 3  # LANDLOCK_ACCESS_FS_READ_FILE, READ_DIR
_USE: Final = _READ | 1 << 1 | 1 << 15  # and WRITE_FILE, IOCTL_DEV: what a driver does with its device
_LIST: Final = 1 << 3  # which a file cannot have
# Rights over files that each version of Landlock knows; all are given up
_FILE_RIGHTS: Final = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
_FILE_RIGHTS_NEWEST: Final = (1 << 16) - 1
_NET_RIGHTS: Final = 0b11  # bind and connect by TCP, since version 4
_SCOPES: Final = 0b11  # abstract sockets and signals of others, since version 6
_NICE: Final = 10
_OPEN_FILES: Final = 64
_OPEN_FILES_OF_A_DRIVER: Final = 256
# What hardware encoders open in /dev, by ENCODER's names for them; their drivers are libraries that are loaded then
_DEVICES: Final = {"nvenc": "nvidia*", "qsv": "dri", "vaapi": "dri", "v4l2m2m": "video*"}
_DRIVERS: Final = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache"),
    *("/usr/share/libdrm", "/usr/share/drirc.d", "/sys", "/proc/driver", "/proc/devices"),
)
_FIRST_TO_GO: Final = "1000"  # proc(5): where memory runs out, the service and its streams stay

_libc = ctypes.CDLL(None, use_errno=True)


def give_up_system(*, memory: int, largest_file: int, threads: bool = False, driver: bool = False) -> list[str]:
    """Give up what nothing needs once Python runs; return what the system refused, in words.

    Args:
        memory: Bytes that may be used: of address space, or of data alone for a driver, which reserves address space
            by the terabyte.
        largest_file: Bytes that may be written to the sidecar.
        threads: An encoder may start some, so that processes cannot be forbidden.
        driver: The one of a hardware encoder will be loaded.
    """
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # too large a sidecar is an error to report, not a death
    limits = {
        "memory": (resource.RLIMIT_DATA if driver else resource.RLIMIT_AS, memory),
        "core dumps": (resource.RLIMIT_CORE, 0),
        "file size": (resource.RLIMIT_FSIZE, largest_file),
        "open files": (resource.RLIMIT_NOFILE, _OPEN_FILES_OF_A_DRIVER if driver else _OPEN_FILES),
        **({} if threads else {"processes": (resource.RLIMIT_NPROC, 0)}),
    }
    steps: list[tuple[str, Callable[[], object]]] = [
        ("death with its parent", lambda: _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)),
        ("privileges", lambda: _prctl(_PR_SET_NO_NEW_PRIVS, 1)),
        ("network", _leave_network),
        ("priority", lambda: os.nice(_NICE)),
        ("disk priority", _lower_disk_priority),
        ("protection when memory runs out", lambda: Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO, "ascii")),
        *((name, lambda what=what, most=most: _limit(what, most)) for name, (what, most) in limits.items()),
    ]
    return _refused(steps)


def give_up_files(encoder: str = "") -> list[str]:
    """Give up opening anything but the program's own modules; open descriptors keep working.

    Args:
        encoder: A hardware encoder whose devices and drivers may be opened too; "" for none.
    """
    readable, devices = list(sys.path), []
    if encoder in _DEVICES:
        readable += _DRIVERS
        devices = [str(path) for path in Path("/dev").glob(_DEVICES[encoder])]
    return _refused([("files", lambda: _landlock(readable, devices))])


def _refused(steps: Iterable[tuple[str, Callable[[], object]]]) -> list[str]:
    refused: list[str] = []
    for name, step in steps:
        try:
            step()
        except (OSError, ValueError, AttributeError) as error:
            refused.append(f"{name}: {error}")
    return refused


def _limit(what: int, most: int) -> None:
    _, hard = resource.getrlimit(what)
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (most, most))


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def _prctl(option: int, value: int) -> None:
    _checked(_libc.prctl(option, value, 0, 0, 0))


def _leave_network() -> None:
    """Move to a network of our own without any interface; a user of our own gives an ordinary user the right to."""
    if _libc.unshare(_CLONE_NEWNET) < 0:
        _checked(_libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET))


def _lower_disk_priority() -> None:
    number = _IOPRIO_SET.get(platform.machine())
    if number is None:
        raise OSError("unknown machine")
    _checked(_libc.syscall(number, 1, 0, _IOPRIO_LOWEST))


def _landlock(readable: Iterable[str], devices: Collection[str]) -> None:
    version = _checked(_libc.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG))
    rights = _FILE_RIGHTS.get(version, _FILE_RIGHTS_NEWEST)
    attributes = struct.pack("=QQQ", rights, _NET_RIGHTS, _SCOPES)[: 8 if version < 4 else 16 if version < 6 else 24]  # noqa: PLR2004 - versions of Landlock
    rules = _checked(_libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))
    listed = ["/dev"] if devices else []  # some look there for theirs
    for paths, allowed in ((readable, _READ), (devices, _USE & rights), (listed, _LIST)):
        for path in paths:
            if Path(path).exists():
                _allow(rules, path, allowed)
    _checked(_libc.syscall(_RESTRICT_SELF, rules, 0))
    os.close(rules)


def _allow(rules: int, path: str, allowed: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if not Path(path).is_dir():
        allowed &= ~_LIST
    _checked(_libc.syscall(_ADD_RULE, rules, _PATH_BENEATH, struct.pack("=Qi", allowed, place), 0))
    os.close(place)
