"""Log lines as entries of systemd's journal, so that ``journalctl CAMERA=gate -p warning`` finds them.

The native protocol: one datagram an entry, a line ``NAME=value`` a field; a value of several lines has its length
before it (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). Names of fields: systemd.journal-fields(7).
"""

from __future__ import annotations

import json
import logging
import os
import re
import select
import socket
import struct
from typing import TYPE_CHECKING, Final, TextIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from structlog.typing import EventDict, WrappedLogger

__all__ = ["SOCKET", "JournalHandler", "encode", "fields_of", "goes_to_journal", "prioritised"]

SOCKET: Final = "/run/systemd/journal/socket"
IDENTIFIER: Final = "ftp-stream"
_PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # those of syslog(3)
_LONGEST: Final = 16 << 10  # bytes of a value: an entry with a traceback still goes into one datagram
_NAME: Final = 64  # characters of a field's name, the journal's own limit
_OWN: Final = frozenset({"MESSAGE", "MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER"})
_PLAIN_VALUE: Final = re.compile(r"[^\s=\"']+")


def goes_to_journal(stream: TextIO) -> bool:
    """Return whether systemd connected a stream to the journal: ``JOURNAL_STREAM`` names its device and inode."""
    try:
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # closed, or no file at all
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}"


def fields_of(event: Mapping[str, object]) -> dict[str, str]:
    """Return the fields of the entry that a log line makes, ``MESSAGE`` what a person reads.

    Args:
        event: The line's fields, among them ``event`` and ``level``.
    """
    more = {name: value for name, value in event.items() if name not in {"event", "level"}}
    name, level = str(event.get("event", "")), str(event.get("level", ""))
    return {
        "MESSAGE": _message(name, more),
        "PRIORITY": str(_PRIORITIES.get(level, _PRIORITIES["info"])),
        "SYSLOG_IDENTIFIER": IDENTIFIER,
        **({"EVENT": name} if name.isidentifier() else {}),  # a library's line is a sentence
        **{_field_name(key): _text(value) for key, value in more.items()},
    }


def encode(fields: Mapping[str, str]) -> bytes:
    """Return the datagram of an entry."""
    return b"".join(_encoded(name.encode(), value) for name, value in fields.items())


class JournalHandler(logging.Handler):
    """Sends entries to the journal; where it does not take one, the line goes to the stream with its priority."""

    def __init__(self, stream: TextIO, address: str | Path | None = None) -> None:
        """Make one.

        Args:
            stream: Connected to the journal as well.
            address: The journal's socket, where it is not the usual one.
        """
        super().__init__()
        self._stream = stream
        self._address = str(address or SOCKET)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self._fields: dict[str, str] = {}
        self._socket.settimeout(0)  # a journal that stands still must not stop the pictures

    def render(self, _logger: WrappedLogger, _method: str, event: EventDict) -> str:
        """Return the text of a line, and keep its fields for `emit`; the last of the formatter's processors."""
        self._fields = fields_of(event)
        return self._fields["MESSAGE"]

    def emit(self, record: logging.LogRecord) -> None:
        """Send a line; called under the handler's lock."""
        try:
            self.format(record)
        except Exception:  # noqa: BLE001 - as logging.Handler: a line that cannot be made stops nothing
            self.handleError(record)
            return
        try:
            self._socket.sendto(encode(self._fields), self._address)
        except OSError:
            self._say(self._fields)

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()
        super().close()

    def _say(self, fields: Mapping[str, str]) -> None:
        try:
            if not select.select([], [self._stream], [], 0)[1]:
                return  # the journal stands still: a line is lost, and no picture
            self._stream.writelines(_prefixed(fields["MESSAGE"].splitlines(), fields["PRIORITY"]))
            self._stream.flush()
        except (OSError, ValueError):
            return  # there is nobody left to tell


def prioritised(lines: Iterable[str], level: str) -> Iterator[str]:
    """Yield lines for a stream that goes to the journal, each with its priority before it (sd-daemon(3))."""
    return _prefixed(lines, _PRIORITIES[level])


def _prefixed(lines: Iterable[str], priority: object) -> Iterator[str]:
    return (f"<{priority}>{line}\n" for line in lines)


def _message(event: str, fields: Mapping[str, object]) -> str:
    """Return what a person reads: the event, its fields, and a traceback below them."""
    below = fields.get("exception")
    pairs = [f"{name}={_quoted(_text(value))}" for name, value in fields.items() if name != "exception"]
    first = " ".join([event, *pairs])
    return f"{first}\n{below}" if below else first


def _quoted(text: str) -> str:
    plain = _PLAIN_VALUE.fullmatch(text) and text.isprintable()
    return text if plain else json.dumps(text, ensure_ascii=False)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _field_name(name: str) -> str:
    """Return a name as the journal takes it: capitals, digits and underscores, none of these two at its beginning."""
    clean = re.sub(r"[^A-Z0-9_]", "_", name.upper()).lstrip("_0123456789")[:_NAME] or "FIELD"
    return f"{clean[: _NAME - 1]}_" if clean in _OWN else clean


def _encoded(name: bytes, value: str) -> bytes:
    data = value.encode(errors="backslashreplace")
    if len(data) > _LONGEST:
        data = data[:_LONGEST].decode(errors="ignore").encode()  # not within a character: that would be no text
    if b"\n" in data:
        return name + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"
    return name + b"=" + data + b"\n"
