"""How much of what was handed over has left this machine for good, and when it last moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftp_stream.core.uplink import Flow
from ftp_stream.shell.publisher.tcp import unacknowledged

if TYPE_CHECKING:
    import asyncio
    import socket
    from collections.abc import Collection

__all__ = ["Outflow"]


class Outflow:
    """Counts the bytes of one connection on their way to the peer's kernel.

    Where there is TLS, bytes that wait before it are plain and those behind it encrypted and more: so the sum errs on
    the safe side, and what it calls sent is.

    Args:
        sock: The TCP socket.
        now: Monotonic time, seconds.
    """

    __slots__ = ("_clear_at", "_sock", "_taken", "progress_at", "transports", "written")

    def __init__(self, sock: socket.socket, now: float) -> None:
        self.written = 0  # bytes handed to the transport
        self.transports: Collection[asyncio.Transport] = ()  # TCP, and TLS over it
        self.progress_at = now  # when the peer was last seen to take something, or had nothing to take
        self._sock = sock
        self._taken = 0  # bytes, the most that the peer was seen to have
        self._clear_at = now

    def write(self, size: int, now: float) -> None:
        """Count bytes that are handed over now. HOT."""
        if not self._waiting():  # it is looked at before the write: then a path that bears it all has long taken it
            self._clear_at = now
        self.written += size

    def flow(self, now: float) -> Flow:
        """Return what has moved since the connection began."""
        self.look(now)
        if not self._waiting():
            self._clear_at = now
        return Flow(self.written, self._taken, self._clear_at)

    def _waiting(self) -> int:
        """Return how many bytes the kernel has not taken yet."""
        return sum(transport.get_write_buffer_size() for transport in self.transports)

    def unsent(self) -> int:
        """Return how many bytes are not known to be at the peer's kernel."""
        waiting = self._waiting()
        try:
            return waiting + unacknowledged(self._sock)
        except OSError:  # closed: it will not be known any more
            return self.written - self._taken

    def look(self, now: float) -> int:
        """Take note of what has moved, and return what `unsent` does."""
        unsent = self.unsent()
        taken = self.written - unsent
        if unsent == 0 or taken > self._taken:
            self._taken, self.progress_at = taken, now
        return unsent
