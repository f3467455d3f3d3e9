"""The life of a publish as one table; what is not in it cannot happen."""

from __future__ import annotations

from enum import Enum, auto

from ftp_stream.errors import LocalProtocolError

__all__ = ["STEPS", "Happening", "PublishState", "follow"]


class PublishState(Enum):
    """Where a publish stands."""

    HANDSHAKE = auto()
    CONNECT = auto()  # connect is sent
    CREATE = auto()  # createStream is sent
    PUBLISH = auto()  # publish is sent
    PUBLISHING = auto()  # the server said Publish.Start, which several servers say before they refuse
    CLOSING = auto()  # deleteStream is sent
    CLOSED = auto()  # nothing more is read or written


class Happening(Enum):
    """What moves the life on."""

    SHAKEN = auto()
    CONNECTED = auto()
    CREATED = auto()
    STARTED = auto()
    CLOSE = auto()  # by us
    END = auto()  # a fault, a challenge, or the server's last word


_S, _H = PublishState, Happening

_LIFE: dict[PublishState, dict[Happening, PublishState]] = {
    _S.HANDSHAKE: {_H.SHAKEN: _S.CONNECT, _H.CLOSE: _S.CLOSED, _H.END: _S.CLOSED},
    _S.CONNECT: {_H.CONNECTED: _S.CREATE, _H.CLOSE: _S.CLOSED, _H.END: _S.CLOSED},
    _S.CREATE: {_H.CREATED: _S.PUBLISH, _H.CLOSE: _S.CLOSED, _H.END: _S.CLOSED},
    _S.PUBLISH: {_H.STARTED: _S.PUBLISHING, _H.CLOSE: _S.CLOSED, _H.END: _S.CLOSED},
    _S.PUBLISHING: {_H.CLOSE: _S.CLOSING, _H.END: _S.CLOSED},
    _S.CLOSING: {_H.CLOSE: _S.CLOSING, _H.END: _S.CLOSED},
    _S.CLOSED: {_H.CLOSE: _S.CLOSED},
}

STEPS = {
    PublishState.HANDSHAKE: "handshake",
    PublishState.CONNECT: "connect",
    PublishState.CREATE: "connect",
    PublishState.PUBLISH: "publish",
    PublishState.PUBLISHING: "media",
    PublishState.CLOSING: "media",
}
"""The step that a fault in this state is a fault of."""


def follow(state: PublishState, happening: Happening) -> PublishState:
    """Return the next state.

    Raises:
        LocalProtocolError: This cannot happen now.
    """
    try:
        return _LIFE[state][happening]
    except KeyError:
        raise LocalProtocolError(f"{happening.name} cannot happen in state {state.name}") from None
