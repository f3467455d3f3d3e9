"""What a publish tells its caller: frozen values, in the order in which they happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from ftp_stream.errors import FaultKind

if TYPE_CHECKING:
    from ftp_stream.rtmp.url import RtmpUrl

__all__ = [
    "AuthNeeded",
    "Confirmed",
    "Event",
    "Fault",
    "PublishStarted",
    "ReconnectRequested",
    "ServerStatus",
    "StepDone",
    "Unpublished",
]


@dataclass(frozen=True, slots=True)
class StepDone:
    """A step of the way to the publish is taken."""

    step: str  # handshake, connect, createStream, publish


@dataclass(frozen=True, slots=True)
class PublishStarted:
    """The server said Publish.Start: media may go. Several servers say it before they look and refuse."""


@dataclass(frozen=True, slots=True)
class Confirmed:
    """All up to this mark is confirmed."""

    mark: int


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """The server told something that needs no answer."""

    code: str
    level: str  # status or warning, mostly
    description: str  # masked


@dataclass(frozen=True, slots=True)
class Fault:
    """The publish has failed; the connection is of no more use. Shows no secret."""

    step: str  # handshake, connect, publish, media, confirm
    code: str  # the server's own (NetStream.Publish.BadName), or ""
    description: str  # the server's own words, masked, or ""
    reason: str  # what happened, in words
    cure: str = ""  # what may help, in words, or ""
    kind: FaultKind = FaultKind.LOST


@dataclass(frozen=True, slots=True)
class AuthNeeded:
    """The server asks for a password: close, and connect anew with this URL, which carries the answer."""

    url: RtmpUrl


@dataclass(frozen=True, slots=True)
class ReconnectRequested:
    """The server wants to be left: at the next key frame connect to this URL, then close here."""

    tc_url: str  # as the server gave it, masked; "" for the same again
    url: RtmpUrl


@dataclass(frozen=True, slots=True)
class Unpublished:
    """The server has answered the end of the publish, so it has read all that came before."""


Event: TypeAlias = (
    StepDone | PublishStarted | Confirmed | ServerStatus | Fault | AuthNeeded | ReconnectRequested | Unpublished
)
