"""A child process that inspects files, seen from the service.

It gets open descriptors and never a name: it needs no right to any file, and no name can lead it astray.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING, Final

from ftp_stream.core.inspection import PREFIX_BYTES, decode_ready, lengths
from ftp_stream.core.request import encode_request
from ftp_stream.errors import SegmentRefused, StorageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ftp_stream.core.request import Request

__all__ = ["Child"]

START_DEADLINE: Final = 60.0  # seconds until a child is ready; loading takes 0.2 on a desktop, 5 on a small board
_PASSED_ON: Final = ("LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH")  # a child's environment holds no secret
_LAST_WORDS: Final = 500  # characters of a child's complaint that are told
_DYING: Final = 2.0  # seconds between a child's closed socket and its end


class Child:
    """One child process; used by one thread at a time."""

    def __init__(self, command: Sequence[str]) -> None:
        """Start it.

        Raises:
            StorageError: It cannot be started: no file is to blame.
        """
        self.jobs = 0
        self.kept_rights: tuple[str, ...] = ()  # what it could not give up, in words
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the child
        self._socket, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = subprocess.Popen(
                    command,
                    stdin=theirs.fileno(),
                    stdout=self._complaints,
                    stderr=self._complaints,
                    env={name: os.environ[name] for name in _PASSED_ON if name in os.environ},
                    start_new_session=True,  # Ctrl-C in our terminal is our affair
                )
        except OSError as error:
            self._socket.close()
            self._complaints.close()
            raise StorageError(f"the inspection process cannot be started: {error.strerror}") from error

    def wait_until_ready(self) -> None:
        """Wait until it can be asked.

        Raises:
            StorageError: It cannot run: no file is to blame.
        """
        try:
            header, _ = self._receive(time.monotonic() + START_DEADLINE)
            self.kept_rights = decode_ready(header)
        except (TimeoutError, OSError, EOFError, SegmentRefused) as error:
            self.kill()
            self._process.wait()
            words = self._last_words() or type(error).__name__
            raise StorageError(f"the inspection process cannot be started: {words}") from error

    def ask(self, request: Request, fileno: int, sidecar: int, deadline: float) -> tuple[bytes, bytearray]:
        """Hand in a request with two descriptors; return header and columns of the report.

        Raises:
            SegmentRefused: It did not answer within ``deadline`` seconds, or ended; it must not be asked again.
        """
        self.jobs += 1
        until = time.monotonic() + deadline
        try:
            self._socket.settimeout(deadline)
            socket.send_fds(self._socket, [encode_request(request)], [fileno, sidecar])
            return self._receive(until)
        except TimeoutError:
            raise SegmentRefused(f"its inspection did not end within {deadline:g} s") from None
        except (OSError, EOFError):
            raise SegmentRefused(self._cause_of_death()) from None

    def kill(self) -> None:
        """Kill it; may be called while another thread waits for it, which sees it end."""
        self._process.kill()

    def end(self) -> None:
        """Kill it and let go of all that belongs to it; harmless when done twice."""
        self._process.kill()
        self._process.wait()
        self._socket.close()
        self._complaints.close()

    def _receive(self, until: float) -> tuple[bytes, bytearray]:
        header, columns = lengths(bytes(self._read(PREFIX_BYTES, until)))
        return bytes(self._read(header, until)), self._read(columns, until)

    def _read(self, count: int, until: float) -> bytearray:
        buffer = bytearray(count)
        view = memoryview(buffer)
        while view:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            got = self._socket.recv_into(view)
            if not got:
                raise EOFError
            view = view[got:]
        return buffer

    def _cause_of_death(self) -> str:
        try:
            status = self._process.wait(_DYING)
        except subprocess.TimeoutExpired:
            return "its inspection broke off"
        if status >= 0:
            return f"its inspection ended with status {status}: {self._last_words()}"
        try:
            name = signal.Signals(-status).name
        except ValueError:
            name = "unknown"
        return f"its inspection crashed: signal {-status} ({name})"

    def _last_words(self) -> str:
        self._complaints.seek(0)
        return self._complaints.read().decode(errors="replace").strip()[-_LAST_WORDS:]
