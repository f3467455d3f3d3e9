"""What the end of a connection means, in words for the technician."""

from __future__ import annotations

import errno
import os
import ssl
from typing import TYPE_CHECKING

from ftp_stream.errors import DestinationFault, FaultKind
from ftp_stream.rtmp.faults import cure
from ftp_stream.rtmp.lifecycle import STEPS

if TYPE_CHECKING:
    from ftp_stream.rtmp.events import Fault
    from ftp_stream.rtmp.lifecycle import PublishState
    from ftp_stream.rtmp.url import RtmpUrl

__all__ = ["ended_in", "fault_of", "kind_of", "without_secrets", "words_of"]

_EARLY = 10.0  # seconds after Publish.Start in which an end is most likely a late refusal
_REFUSING = frozenset({"connect", "publish"})  # steps in which servers refuse by closing
_CURES = {
    FaultKind.REFUSED_LATE: (
        "some servers accept first and refuse then: check the stream key; it may be wrong, in use, or not allowed"
    ),
    FaultKind.TAKES_NOTHING: "the server or the network to it has stopped, or is too slow for the stream",
    FaultKind.UNREACHABLE: "check this machine's network, and the line",
}


def ended_in(
    state: PublishState, reason: str, kind: FaultKind, *, lasted: float | None, proven: bool
) -> DestinationFault:
    """Return the fault of a connection that ended.

    Args:
        state: What it was about then.
        reason: What happened.
        kind: What that is; an end without a reason of its own (`LOST`) is told by when it came.
        lasted: Seconds since the server said Publish.Start, or `None` before.
        proven: The server has confirmed media: no refusal ends what it took.
    """
    step = STEPS.get(state, "media")
    if kind is FaultKind.LOST and lasted is None and step in _REFUSING:
        kind = FaultKind.REFUSED
    elif kind is FaultKind.LOST and lasted is not None and lasted < _EARLY and not proven:
        kind = FaultKind.REFUSED_LATE
    return DestinationFault(step, reason, kind=kind, cure=_CURES.get(kind) or cure("", step))


def fault_of(event: Fault) -> DestinationFault:
    """Return the protocol's fault as an error."""
    said = {"code": event.code, "description": event.description}
    return DestinationFault(event.step, event.reason, **said, cure=event.cure, kind=event.kind)


def without_secrets(fault: DestinationFault, url: RtmpUrl) -> DestinationFault:
    """Return a copy that repeats no secret of the URL, whoever put it there."""
    reason, code, description = map(url.mask, (fault.reason, fault.code, fault.description))
    return DestinationFault(fault.step, reason, code=code, description=description, cure=fault.cure, kind=fault.kind)


def kind_of(error: Exception | None) -> FaultKind:
    """Return what it is when asyncio says that a connection was lost so: its end, or that of the path."""
    match error:
        case ConnectionError() | ssl.SSLError():  # both are an OSError as well
            return FaultKind.LOST
        case OSError():
            return FaultKind.UNREACHABLE
    return FaultKind.LOST


def words_of(error: Exception | None) -> str:
    """Return why asyncio says that a connection was lost."""
    match error:
        case None:
            return "the connection was closed"
        case ssl.SSLError():  # an OSError whose errno is none
            return f"TLS failed: {error.reason}"
        case ConnectionResetError() | BrokenPipeError():
            return "the server reset the connection"
        case OSError(errno=errno.ETIMEDOUT):
            return "the network to the server has stopped answering"
        case OSError(errno=int(number)):
            return f"the connection failed: {os.strerror(number)}"
    return f"the connection failed: {error}"
