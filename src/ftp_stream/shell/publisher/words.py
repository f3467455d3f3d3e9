"""What the end of a connection means, in words for the technician."""

from __future__ import annotations

import errno
import os
import ssl
from typing import TYPE_CHECKING

from ftp_stream.errors import DestinationFault
from ftp_stream.rtmp.faults import cure
from ftp_stream.rtmp.lifecycle import STEPS

if TYPE_CHECKING:
    from ftp_stream.rtmp.events import Fault
    from ftp_stream.rtmp.lifecycle import PublishState
    from ftp_stream.rtmp.url import RtmpUrl

__all__ = ["ended_in", "fault_of", "without_secrets", "words_of"]

_EARLY = 10.0  # seconds after Publish.Start in which an end is most likely a late refusal
_LATE_REFUSAL = (
    "some servers accept first and refuse then: check the stream key; it may be wrong, in use, or not allowed"
)


def ended_in(state: PublishState, lasted: float | None, reason: str, remedy: str = "") -> DestinationFault:
    """Return the fault of a connection that ended.

    Args:
        state: What it was about then.
        lasted: Seconds since the server said Publish.Start, or `None` before.
        reason: What happened.
        remedy: What helps; else what mostly helps in that state.
    """
    step = STEPS.get(state, "media")
    refused_late = step == "media" and lasted is not None and lasted < _EARLY
    return DestinationFault(step, reason, cure=remedy or (_LATE_REFUSAL if refused_late else cure("", step)))


def fault_of(event: Fault) -> DestinationFault:
    """Return the protocol's fault as an error."""
    return DestinationFault(event.step, event.reason, code=event.code, description=event.description, cure=event.cure)


def without_secrets(fault: DestinationFault, url: RtmpUrl) -> DestinationFault:
    """Return a copy that repeats no secret of the URL, whoever put it there."""
    reason, code, description = map(url.mask, (fault.reason, fault.code, fault.description))
    return DestinationFault(fault.step, reason, code=code, description=description, cure=fault.cure)


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
