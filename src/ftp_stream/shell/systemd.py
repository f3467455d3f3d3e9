"""What systemd is told of the service: sd_notify(3), one datagram for each thing said."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Notifier"]

_PATIENCE = 1.0  # seconds for a manager that is busy, as at boot: READY is said once, and must be heard


class Notifier:
    """Says it where systemd asked for it (``Type=notify``), and nothing elsewhere; never waits long, never fails."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Make one for the service manager that the environment names.

        Args:
            environ: ``NOTIFY_SOCKET`` is a path, or "@" and a name without a file. ``WATCHDOG_USEC`` is set where the
                manager waits for signs of life.
        """
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._watched = bool(environ.get("WATCHDOG_USEC"))
        self._status = ""
        self._socket: socket.socket | None = None
        if address.startswith(("/", "@")):
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def __enter__(self) -> Self:
        """Return it; the end of the block lets go of the socket."""
        return self

    def __exit__(self, *_: object) -> None:
        if self._socket:
            self._socket.close()

    def ready(self) -> None:
        """The start, or a reload, is through."""
        self._say("READY=1")

    def reloading(self) -> None:
        """A reload begins; `ready` ends it."""
        # the time is what Type=notify-reload tells this answer from an earlier one by
        self._say(f"RELOADING=1\nMONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """The end begins."""
        self._say("STOPPING=1")

    def alive(self, status: str) -> None:
        """The service has made progress.

        Args:
            status: One line that ``systemctl status`` shows.
        """
        said = ["WATCHDOG=1"] if self._watched else []
        if status != self._status:
            said.append(f"STATUS={status}")
        if said and self._say("\n".join(said), patience=0):
            self._status = status

    def _say(self, text: str, patience: float = _PATIENCE) -> bool:
        """Return whether it was said; a manager that is being restarted itself does not listen."""
        if self._socket is None:
            return False
        try:
            self._socket.settimeout(patience)
            self._socket.sendto(text.encode(), self._address)
        except OSError:
            return False
        return True
