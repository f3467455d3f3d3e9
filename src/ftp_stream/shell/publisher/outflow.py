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

    __slots__ = ("_full", "_full_since", "_sock", "_taken", "progress_at", "transports", "written")

    def __init__(self, sock: socket.socket, now: float) -> None:
        self.written = 0  # bytes handed to the transport
        self.transports: Collection[asyncio.Transport] = ()  # TCP, and TLS over it
        self.progress_at = now  # when the peer was last seen to take something, or had nothing to take
        self._sock = sock
        self._taken = 0  # bytes, the most that the peer was seen to have
        self._full = 0.0  # seconds, until the buffer was last full
        self._full_since: float | None = None

    def filled(self, now: float) -> None:
        """As much waits as may."""
        if self._full_since is None:
            self._full_since = now

    def eased(self, now: float) -> None:
        """There is room again."""
        if self._full_since is not None:
            self._full += now - self._full_since
            self._full_since = None

    def flow(self, now: float) -> Flow:
        """Return the totals since the connection began."""
        self.look(now)
        lasting = 0.0 if self._full_since is None else now - self._full_since
        return Flow(self.written, self._taken, self._full + lasting)

    def unsent(self) -> int:
        """Return how many bytes are not known to be at the peer's kernel."""
        waiting = sum(transport.get_write_buffer_size() for transport in self.transports)
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
