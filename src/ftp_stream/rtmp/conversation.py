"""The publisher's talk with the server: handshake, commands and their answers, up to the end of the publish."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftp_stream.errors import FaultKind, RemoteProtocolError
from ftp_stream.rtmp import auth, messages
from ftp_stream.rtmp.chunks import ChunkReader, ChunkWriter
from ftp_stream.rtmp.events import (
    AuthNeeded,
    Event,
    Fault,
    PublishStarted,
    ReconnectRequested,
    ServerStatus,
    StepDone,
    Unpublished,
)
from ftp_stream.rtmp.faults import Status, cure, kind_of_refusal, read_status
from ftp_stream.rtmp.handshake import client_handshake
from ftp_stream.rtmp.lifecycle import STEPS, Happening, PublishState, follow
from ftp_stream.rtmp.messages import Command, Parsed, UserControl, UserEvent, WindowAcknowledgementSize

if TYPE_CHECKING:
    from collections.abc import Generator

    from ftp_stream.rtmp.amf0 import Value
    from ftp_stream.rtmp.bytereader import ByteReader
    from ftp_stream.rtmp.confirm import Confirmations
    from ftp_stream.rtmp.url import RtmpUrl

__all__ = ["CHUNK_SIZE", "Conversation"]

CHUNK_SIZE = 65536  # bytes, MediaMTX's own; all servers take it, and most frames then need one header
MAX_MESSAGE = 256 * 1024  # bytes: no server has that much to tell a publisher
FLASH_VERSION = "FMLE/3.0 (compatible; ftp-stream)"  # the form of FFmpeg and OBS; old servers look for its beginning


class Transaction:
    """The transaction numbers of our commands, FFmpeg's."""

    CONNECT = 1.0
    RELEASE_STREAM = 2.0
    FC_PUBLISH = 3.0
    CREATE_STREAM = 4.0
    PUBLISH = 5.0
    FC_UNPUBLISH = 6.0
    DELETE_STREAM = 7.0


_OPTIONAL = frozenset({Transaction.RELEASE_STREAM, Transaction.FC_PUBLISH})  # relics: many servers refuse them


class Conversation:
    """What is said, and where the publish stands. The clock, the media and the bytes are its owner's.

    Attributes:
        state: Where the publish stands.
        now: Monotonic time, seconds; set by the owner before anything happens.
        since: When the state began.
        events: What has happened; taken by the owner.
        stream_id: The message stream that the server gave us.
        peer_window: After how many bytes the server wants to be acknowledged; 0 for never.
        peer_bandwidth: The server's limit in bytes, kept for whoever asks. Never obeyed: it deadlocks where counts
            wrap.
    """

    def __init__(self, url: RtmpUrl, writer: ChunkWriter, confirmations: Confirmations, now: float) -> None:
        self.state = PublishState.HANDSHAKE
        self.now = self.since = now
        self.events: list[Event] = []
        self.stream_id = 0
        self.peer_window = 0
        self.peer_bandwidth: int | None = None
        self._url = url
        self._writer = writer
        self._confirmations = confirmations
        self._nonce = ""

    def run(self, reader: ByteReader, random: bytes) -> Generator[None, None, None]:
        """Talk from the handshake to the end; yields when it needs more bytes.

        Raises:
            RemoteProtocolError: The server broke the protocol or a limit.
        """
        self._nonce = random[:4].hex()
        yield from client_handshake(reader, random, self._writer.raw)
        self._done("handshake", Happening.SHAKEN)
        self._connect()
        chunks = ChunkReader(MAX_MESSAGE, reader)
        while self.state is not PublishState.CLOSED:
            message = yield from chunks.read_message()
            self._on_message(messages.parse(message))

    def _connect(self) -> None:
        self._writer.set_chunk_size(CHUNK_SIZE)
        self.control(WindowAcknowledgementSize(self._confirmations.window))
        properties: dict[str, Value] = {
            "app": self._url.connect_app,
            "type": "nonprivate",
            "flashVer": FLASH_VERSION,
            "tcUrl": self._url.tc_url,
            "fourCcList": ["hvc1", "av01"],  # Enhanced RTMP v2, "Enhancing NetConnection connect Command"
        }
        self._command("connect", Transaction.CONNECT, properties)

    def _on_message(self, message: Parsed) -> None:
        match message:
            case Command():
                self._on_command(message)
            case UserControl(UserEvent.PING_REQUEST, data):
                self.control(UserControl(UserEvent.PING_RESPONSE, data))
            case UserControl(UserEvent.PING_RESPONSE, data):
                self._confirmations.pong(int.from_bytes(data[:4], "big"), self.now)
            case messages.Acknowledgement(value):
                self._confirmations.acknowledged(value, self._writer.total, self.now)
            case WindowAcknowledgementSize(size):
                self.peer_window = size
            case messages.PeerBandwidth(size):
                self.peer_bandwidth = size

    def _on_command(self, command: Command) -> None:
        status = read_status(command.values, self._url.mask)
        match command.name:
            case "_result":
                self._on_result(command, status)
            case "_error":
                self._on_error(command, status)
            case "onStatus":
                self._on_status(status)
            case "onFCUnpublish" if self.state is PublishState.CLOSING:
                self._finish()
            case "onFCPublish" | "onFCUnpublish":  # OvenMediaEngine's has code Publish.Start, before any check
                self._tell(status)
            case "close":
                self.fail("the server said that it closes", status=status)
            case _:
                pass  # onBWDone and whatever else servers invent: none of it needs an answer

    def _on_result(self, command: Command, status: Status) -> None:
        if status.fatal:
            self._on_error(command, status)
        elif (self.state, command.transaction) == (PublishState.CONNECT, Transaction.CONNECT):
            self._done("connect", Happening.CONNECTED)
            self._command("releaseStream", Transaction.RELEASE_STREAM, None, self._url.key)
            self._command("FCPublish", Transaction.FC_PUBLISH, None, self._url.key)
            self._command("createStream", Transaction.CREATE_STREAM, None)
        elif (self.state, command.transaction) == (PublishState.CREATE, Transaction.CREATE_STREAM):
            self.stream_id = _stream_id(command)
            self._done("createStream", Happening.CREATED)
            self._command("publish", Transaction.PUBLISH, None, self._url.key, "live", stream_id=self.stream_id)

    def _on_error(self, command: Command, status: Status) -> None:
        if command.transaction in _OPTIONAL or self.state is PublishState.CLOSING:
            return
        challenge = auth.parse_challenge(status.raw) if self.state is PublishState.CONNECT else None
        if challenge is None:
            self._refuse(status)
        else:
            self._on_challenge(challenge, status)

    def _on_challenge(self, challenge: auth.Challenge, status: Status) -> None:
        tried = "response=" in self._url.auth if challenge.reason else bool(self._url.auth)
        if not (self._url.user and self._url.password):
            self._refuse(status, "the server wants a password: rtmp://USER:PASSWORD@HOST/APP/KEY")
        elif challenge.reason not in {"", "needauth"} or tried:
            self._refuse(status, "check user and password in RTMP_URL")
        else:
            answer = auth.answer(challenge, self._url, self._nonce)
            self.events.append(AuthNeeded(self._url.with_auth(answer)))
            self.advance(Happening.END)

    def _on_status(self, status: Status) -> None:
        if status.code == "NetStream.Unpublish.Success" and self.state is PublishState.CLOSING:
            self._finish()
        elif status.fatal or status.code == "NetStream.Unpublish.Success":
            self._refuse(status)
        elif status.code == "NetStream.Publish.Start" and self.state is PublishState.PUBLISH:
            self._done("publish", Happening.STARTED)
            self.events.append(PublishStarted())
        elif status.code == "NetConnection.Connect.ReconnectRequest":
            self._on_reconnect_request(status)
        else:
            self._tell(status)

    def _on_reconnect_request(self, status: Status) -> None:
        """Enhanced RTMP v2, "Reconnect Request": the server goes on reading until we leave."""
        try:
            url = self._url.redirected(status.tc_url)
        except RemoteProtocolError as error:
            self.events.append(ServerStatus(status.code, "warning", str(error)))
        else:
            self.events.append(ReconnectRequested(url.masked if status.tc_url else "", url))

    def _tell(self, status: Status) -> None:
        if status.code or status.description:
            self.events.append(ServerStatus(status.code, status.level, status.description))

    # --- ends and small parts ---------------------------------------------------------------------------------------

    def close(self) -> None:
        """Say that the publish ends, where it has begun."""
        if self.state is PublishState.PUBLISHING:
            self._command("FCUnpublish", Transaction.FC_UNPUBLISH, None, self._url.key)
            self._command("deleteStream", Transaction.DELETE_STREAM, None, float(self.stream_id))
        self.advance(Happening.CLOSE)

    def fail(
        self,
        reason: str,
        *,
        kind: FaultKind = FaultKind.LOST,
        step: str = "",
        status: Status | None = None,
        remedy: str = "",
    ) -> None:
        """End with a fault of the step at hand."""
        code, description = (status.code, status.description) if status else ("", "")
        self.events.append(Fault(step or STEPS[self.state], code, description, reason, remedy, kind))
        self.advance(Happening.END)

    def advance(self, happening: Happening) -> None:
        """Follow the table of the life cycle."""
        self.state = follow(self.state, happening)
        self.since = self.now

    def control(self, value: Parsed) -> None:
        """Send a control message."""
        self._writer.message(messages.serialise(value))

    def _refuse(self, status: Status, remedy: str = "") -> None:
        remedy = remedy or cure(status.code, STEPS[self.state])
        kind = kind_of_refusal(status.code)
        self.fail(f"the server refused: {status.words}", kind=kind, status=status, remedy=remedy)

    def _done(self, step: str, happening: Happening) -> None:
        self.advance(happening)
        self.events.append(StepDone(step))

    def _finish(self) -> None:
        self._confirmations.finished()
        self.events.append(Unpublished())
        self.advance(Happening.END)

    def _command(self, name: str, transaction: float, *values: Value, stream_id: int = 0) -> None:
        self._writer.message(messages.serialise(Command(name, transaction, values, stream_id)))


def _stream_id(command: Command) -> int:
    match command.values:
        case (_, float(number), *_) if number.is_integer() and 0 <= number < 1 << 32:
            return int(number)
    raise RemoteProtocolError("an answer to createStream without a stream id")
