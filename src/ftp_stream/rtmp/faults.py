"""What a server says of our commands, and what the technician can do when it is a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftp_stream.errors import FaultKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from ftp_stream.rtmp.amf0 import Value

__all__ = ["DEAF_CURE", "Status", "cure", "kind_of_refusal", "read_status"]

_LIMIT = 300  # characters of a server's own words that are passed on

_CHECK_KEY = "check the stream key (the last part of RTMP_URL), and user and password where the server wants them"
_CHECK_APP = "check the application in RTMP_URL (rtmp://HOST/APP/KEY), and that the server lets us publish there"
_ASK = "ask the server's operator"
DEAF_CURE = "the server reads but has stopped working: look at its log, or restart it"

_FATAL = {
    "NetConnection.Connect.AppShutdown": _ASK,
    "NetConnection.Connect.Closed": _ASK,
    "NetConnection.Connect.Failed": _ASK,
    "NetConnection.Connect.InvalidApp": _CHECK_APP,
    "NetConnection.Connect.Rejected": _CHECK_APP,
    "NetStream.Failed": _ASK,
    "NetStream.Publish.BadName": (
        "another publisher, or our own dead connection, still holds this name: wait until the server lets it go, "
        "and look for a second publisher with this key"
    ),
    "NetStream.Publish.Denied": _CHECK_KEY,
    "NetStream.Publish.Failed": _ASK,
    "NetStream.Publish.Rejected": _CHECK_KEY,
    "NetStream.Publish.Unauthorized": _CHECK_KEY,
}
"""Codes that end a publish, even where the server forgets to call their level an error, and their cures."""

_EXPECTED = frozenset(
    {
        "NetConnection.Connect.ReconnectRequest",
        "NetConnection.Connect.Success",
        "NetStream.Publish.Start",
        "NetStream.Unpublish.Success",
    }
)
_LEVELS = frozenset({"status", "warning", "error"})

_STEP_CURES = {
    "handshake": "check address and port: is this an RTMP server, and does it want rtmp:// or rtmps://?",
    "connect": _CHECK_APP,
    "publish": _CHECK_KEY,
}


@dataclass(frozen=True, slots=True)
class Status:
    """The information object of a server's answer; its texts are masked and fit for a log line."""

    code: str
    level: str
    description: str
    raw: str  # the description as it came, for challenges; never to be shown
    tc_url: str  # of a reconnect request, as it came

    @property
    def fatal(self) -> bool:
        """Whether the publish is over."""
        return self.level == "error" or self.code in _FATAL

    @property
    def words(self) -> str:
        """Code and description in one line."""
        return ": ".join(filter(None, (self.code, self.description))) or "without a reason"


def read_status(values: tuple[Value, ...], mask: Callable[[str], str]) -> Status:
    """Return the status in the values of ``onStatus``, ``_result`` or ``_error``.

    It is the last object among them: of a ``_result`` to connect the first one holds the server's properties.
    """
    info = next((value for value in reversed(values) if isinstance(value, dict)), {})
    code, level, description, tc_url = (_text(info.get(name)) for name in ("code", "level", "description", "tcUrl"))
    # What we act upon stays whole even where a short key happens to be a part of it.
    shown_code = code if code in _FATAL or code in _EXPECTED else _clean(mask(code))
    shown_level = level if level in _LEVELS else _clean(mask(level))
    return Status(shown_code, shown_level, _clean(mask(description)), description, tc_url)


def cure(code: str, step: str) -> str:
    """Return what may help against a refusal, or ""."""
    return _FATAL.get(code) or _STEP_CURES.get(step, "")


def kind_of_refusal(code: str) -> FaultKind:
    """Return what a refusal with this code is."""
    return FaultKind.NAME_TAKEN if code == "NetStream.Publish.BadName" else FaultKind.REFUSED


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _clean(text: str) -> str:
    """Make a server's words one printable line of bounded length."""
    line = "".join(character if character.isprintable() else " " for character in text[: _LIMIT + 1])
    return line if len(line) <= _LIMIT else line[:_LIMIT] + "..."
