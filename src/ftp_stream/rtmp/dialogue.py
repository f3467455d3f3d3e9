"""The server's side of the commands of a publisher (Adobe RTMP 1.0, 7.2): what is answered, and what follows.

Knows nothing of bytes and time: see receive.py for those.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from ftp_stream.errors import LocalProtocolError, RemoteProtocolError
from ftp_stream.rtmp.chunks import ChunkWriter, Message
from ftp_stream.rtmp.habits import Denial, Duplicate, FcPublish, Habits, Unpublish
from ftp_stream.rtmp.harm import Harmed
from ftp_stream.rtmp.messages import (
    Command,
    Parsed,
    PeerBandwidth,
    UserControl,
    UserEvent,
    WindowAcknowledgementSize,
    serialise,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ftp_stream.rtmp.amf0 import Value

__all__ = ["CloseConnection", "Dialogue", "PublishEnded", "PublishRequested", "ReceiveEvent", "ReceiveState", "Refusal"]


@dataclass(frozen=True, slots=True)
class PublishRequested:
    """A publisher asks for a name; to be answered by ``accept`` or ``refuse`` before anything more is read."""

    app: str  # without its query and trailing slashes
    key: str = field(repr=False)  # without its query: a secret
    query: str = field(repr=False)  # behind the key's question mark
    tc_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PublishEnded:
    """The publish that was accepted is over; comes exactly once for each."""

    reason: str


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """Send what there is to send, then close; nothing more comes of this protocol."""

    reason: str


ReceiveEvent: TypeAlias = PublishRequested | PublishEnded | CloseConnection | Harmed | Message
"""Audio, video and data messages of an accepted publish come as the raw ``Message``: one object less for each."""


class Refusal(Enum):
    """Why a publish is refused."""

    DUPLICATE = "the name is published already"
    DENIED = "not allowed"


class ReceiveState(Enum):
    """Where a connection stands."""

    HANDSHAKE = "handshake"
    CONNECT = "connect"
    READY = "ready"  # connected; no publish
    ASKED = "asked"  # PublishRequested waits for its answer
    PUBLISHING = "publishing"
    SWALLOWING = "swallowing"  # refused but left open
    DOOMED = "doomed"  # refused, and closed at the first media message
    CLOSED = "closed"


_STREAM_ID = 1


class Dialogue:
    """The commands of one connection.

    Args:
        habits: Which server to play.
        writer: Takes the answers.
    """

    __slots__ = ("_fmle_commands", "_habits", "_tc_url", "_writer", "app", "events", "state")

    def __init__(self, habits: Habits, writer: ChunkWriter) -> None:
        self.state = ReceiveState.HANDSHAKE
        self.app = ""
        self.events: list[ReceiveEvent] = []  # the caller takes them away
        self._habits = habits
        self._writer = writer
        self._tc_url = ""
        self._fmle_commands = 0  # releaseStream and FCPublish seen

    def on_command(self, command: Command) -> None:
        """Answer a command.

        Raises:
            RemoteProtocolError: This server closes the connection on it.
        """
        if self.state is ReceiveState.CONNECT and command.name != "connect":
            raise RemoteProtocolError(f"a command before connect: {command.name[:32]!r}")
        if self.state is ReceiveState.PUBLISHING and self._habits.fmle_order and not self._fmle_commands:
            self._end_publish("a command came while publishing without FCPublish")
            return
        handler = self._COMMANDS.get((self.state, command.name))
        if handler is not None and command.name not in self._habits.mute:
            handler(self, command)

    def accept(self) -> None:
        """Grant the publish that was asked for.

        Raises:
            LocalProtocolError: None was asked for.
        """
        self._require_asked()
        self.state = ReceiveState.PUBLISHING
        self._start()

    def refuse(self, refusal: Refusal) -> None:
        """Refuse the publish that was asked for.

        Raises:
            LocalProtocolError: None was asked for, or this server would have kicked the old publisher.
        """
        self._require_asked()
        if refusal is Refusal.DENIED:
            self._deny()
        else:
            self._refuse_duplicate()

    def close(self, reason: str) -> None:
        """End everything; a second time does nothing."""
        if self.state is ReceiveState.PUBLISHING:
            self.events.append(PublishEnded(reason))
        if self.state is not ReceiveState.CLOSED:
            self.state = ReceiveState.CLOSED
            self.events.append(CloseConnection(reason))

    def send(self, value: Parsed) -> None:
        """Send a message of this side."""
        self._writer.message(serialise(value))

    # --- before the publish

    def _connect(self, command: Command) -> None:
        fields = command.values[0] if command.values and isinstance(command.values[0], dict) else {}
        app = _text(fields, "app")
        self.app, self._tc_url = app.partition("?")[0].rstrip("/"), _text(fields, "tcUrl")
        if self._habits.needs_tc_url and not self._tc_url:
            raise RemoteProtocolError("a connect without tcUrl")
        if self._habits.apps is not None and self.app not in self._habits.apps:
            raise RemoteProtocolError("no such application")
        rejection = self._habits.reject_connect(app) if self._habits.reject_connect else ""
        if rejection:
            info = _info("NetConnection.Connect.Rejected", rejection, level="error")
            self.send(Command("_error", command.transaction, (None, info)))
            self.close("the connect was rejected")
        else:
            self._accept_connect(command)

    def _accept_connect(self, command: Command) -> None:
        self.state = ReceiveState.READY
        self.send(WindowAcknowledgementSize(self._habits.window))
        self.send(PeerBandwidth(self._habits.window, 2))
        self.send(UserControl(UserEvent.STREAM_BEGIN, bytes(4)))
        if self._habits.chunk_size is not None:
            self._writer.set_chunk_size(self._habits.chunk_size)
        server: dict[str, Value] = {"fmsVer": "FMS/3,0,1,123", "capabilities": 31.0}
        info = _info("NetConnection.Connect.Success", "Connection succeeded.") | {"objectEncoding": 0.0}
        self.send(Command("_result", command.transaction, (server, info)))
        if self._habits.on_bw_done:
            self.send(Command("onBWDone", 0.0, (None,)))

    def _release_stream(self, command: Command) -> None:
        self._fmle_commands += 1
        if self._habits.answers_release_stream:
            self.send(Command("_result", command.transaction, (None, None)))

    def _fc_publish(self, command: Command) -> None:
        self._fmle_commands += 1
        if self._habits.fc_publish is FcPublish.RESULT:
            self.send(Command("_result", command.transaction, (None, None)))
        elif self._habits.fc_publish is FcPublish.ON_FC_PUBLISH:
            self.send(Command("onFCPublish", 0.0, (None, _info("NetStream.Publish.Start", "FCPublish"))))

    def _create_stream(self, command: Command) -> None:
        if self._habits.fmle_order and self._fmle_commands == 1:
            return  # it waits for FCPublish, and drops what else comes
        self.send(Command("_result", command.transaction, (None, float(_STREAM_ID))))

    # --- the publish

    def _publish(self, command: Command) -> None:
        match command.values:
            case [_, str(name), *_]:
                key, _, query = name.partition("?")
            case _:
                raise RemoteProtocolError("a publish without a name")
        if self._habits.start_then_close:
            self._start()
            self.close(Refusal.DENIED.value)
        elif not all(re.fullmatch(self._habits.names or ".*", part, re.DOTALL) for part in (self.app, key)):
            self._deny()
        else:
            self.state = ReceiveState.ASKED
            self.events.append(PublishRequested(self.app, key, query, self._tc_url))

    def _require_asked(self) -> None:
        if self.state is not ReceiveState.ASKED:
            raise LocalProtocolError("no publish waits for an answer")

    def _start(self) -> None:
        self.send(UserControl(UserEvent.STREAM_BEGIN, _STREAM_ID.to_bytes(4, "big")))
        self._status("NetStream.Publish.Start", "Start publishing")

    def _deny(self) -> None:
        if self._habits.denied is Denial.START_THEN_CLOSE:
            self._start()
        elif self._habits.denied is Denial.UNAUTHORIZED:
            self._status("NetStream.Publish.Unauthorized", "not allowed", level="error")
        self.close(Refusal.DENIED.value)

    def _refuse_duplicate(self) -> None:
        duplicate = self._habits.duplicate
        if duplicate is Duplicate.KICK_OLD:
            raise LocalProtocolError("this server kicks the old publisher and accepts the new one")
        if duplicate is Duplicate.BADNAME_OPEN:
            self._status("NetStream.Publish.BadName", "Already publishing", level="error")
            self.state = ReceiveState.SWALLOWING
            return
        if duplicate is not Duplicate.CLOSE:
            self._start()
        if duplicate is Duplicate.CLOSE_AT_MEDIA:
            self.state = ReceiveState.DOOMED
        else:
            self.close(Refusal.DUPLICATE.value)

    def _publish_twice(self, _command: Command) -> None:
        raise RemoteProtocolError("a second publish on one connection")

    def _play(self, _command: Command) -> None:
        raise RemoteProtocolError("only publishers are served here")

    # --- its end

    def _fc_unpublish(self, _command: Command) -> None:
        if self._habits.unpublish is Unpublish.FC_UNPUBLISH:
            info = _info("NetStream.Unpublish.Success", "Stop publishing stream.")
            self.send(Command("onFCUnpublish", 0.0, (None, info)))
            self._status("NetStream.Unpublish.Success", "Stream is now unpublished")
            self._end_publish("the publisher unpublished")

    def _delete_stream(self, _command: Command) -> None:
        if self._habits.unpublish is Unpublish.DELETE_STREAM:
            self._status("NetStream.Unpublish.Success", "Stop publishing")
        if self._habits.unpublish in {Unpublish.DELETE_STREAM, Unpublish.DELETE_STREAM_SILENT}:
            self._end_publish("the publisher unpublished")

    def _end_publish(self, reason: str) -> None:
        self.state = ReceiveState.READY
        self._fmle_commands = 0
        self.events.append(PublishEnded(reason))

    def _status(self, code: str, description: str, level: str = "status") -> None:
        self.send(Command("onStatus", 0.0, (None, _info(code, description, level)), _STREAM_ID))

    _COMMANDS: ClassVar[dict[tuple[ReceiveState, str], Callable[[Dialogue, Command], None]]] = {
        (ReceiveState.CONNECT, "connect"): _connect,
        (ReceiveState.READY, "releaseStream"): _release_stream,
        (ReceiveState.READY, "FCPublish"): _fc_publish,
        (ReceiveState.READY, "createStream"): _create_stream,
        (ReceiveState.READY, "publish"): _publish,
        (ReceiveState.READY, "play"): _play,
        (ReceiveState.PUBLISHING, "publish"): _publish_twice,
        (ReceiveState.PUBLISHING, "FCUnpublish"): _fc_unpublish,
        (ReceiveState.PUBLISHING, "deleteStream"): _delete_stream,
        (ReceiveState.PUBLISHING, "closeStream"): _delete_stream,
    }
    """What each command does in each state; every other one (``_checkbw`` and the like) is ignored, as servers do."""


def _text(fields: Mapping[str, Value], name: str) -> str:
    value = fields.get(name)
    return value if isinstance(value, str) else ""


def _info(code: str, description: str, level: str = "status") -> dict[str, Value]:
    return {"level": level, "code": code, "description": description}
