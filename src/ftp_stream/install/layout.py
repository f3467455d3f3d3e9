"""Where an installed service has its parts; the Filesystem Hierarchy Standard 3.0 says what belongs where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = [
    "COMMAND",
    "CURRENT",
    "DOTENV",
    "DROP_INS",
    "KEPT_UNIT",
    "MADE_USER",
    "MARK",
    "PROGRAM",
    "SERVICE",
    "SETTINGS",
    "STATE",
    "TABLES",
    "UNIT",
    "Account",
]

SERVICE: Final = "ftp-stream"
UNIT: Final = Path("/etc/systemd/system/ftp-stream.service")
DROP_INS: Final = Path("/etc/systemd/system/ftp-stream.service.d")  # what `systemctl edit` makes
MARK: Final = "# Written by install-service.sh"  # begins a unit of ours: any other was written by hand
SETTINGS: Final = Path("/etc/ftp-stream")
DOTENV: Final = SETTINGS / "ftp-stream.env"
TABLES: Final = SETTINGS / "ftp-stream.toml"
KEPT_UNIT: Final = SETTINGS / "unit-written-by-hand"
STATE: Final = Path("/var/lib/ftp-stream")
PROGRAM: Final = Path("/opt/ftp-stream")  # a directory for each version that is installed, see CURRENT
CURRENT: Final = PROGRAM / "current"  # link to the version that runs
MADE_USER: Final = PROGRAM / "made-user"  # holds the name of the user that the installation made
COMMAND: Final = Path("/usr/local/bin/ftp-stream")


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine."""

    name: str
    uid: int
    gid: int
    group: str
    home: Path
