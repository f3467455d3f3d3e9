"""The server's side of a publish, sans-IO, with the habits of whichever server is to be played."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftp_stream.errors import RemoteProtocolError
from ftp_stream.rtmp.acknowledge import Acknowledger
from ftp_stream.rtmp.bytereader import ByteReader
from ftp_stream.rtmp.chunks import ChunkReader, ChunkWriter, Message, MessageType
from ftp_stream.rtmp.dialogue import (
    CloseConnection,
    Dialogue,
    PublishEnded,
    PublishRequested,
    ReceiveEvent,
    ReceiveState,
    Refusal,
)
from ftp_stream.rtmp.handshake import server_handshake
from ftp_stream.rtmp.harm import Harm, Harmed, HarmWatch
from ftp_stream.rtmp.messages import (
    CSID_CONTROL,
    Acknowledgement,
    Command,
    SetChunkSize,
    UserControl,
    UserEvent,
    WindowAcknowledgementSize,
    parse,
)
from ftp_stream.rtmp.patience import Patience, TrackSet

if TYPE_CHECKING:
    from collections.abc import Generator

    from ftp_stream.rtmp.habits import Habits

__all__ = [
    "CloseConnection",
    "Harmed",
    "PublishEnded",
    "PublishRequested",
    "ReceiveEvent",
    "ReceiveProtocol",
    "ReceiveState",
    "Refusal",
]

_MEDIA = frozenset({MessageType.AUDIO, MessageType.VIDEO, MessageType.DATA, MessageType.DATA_AMF3})
_HELD_LIMIT = 1 << 20  # bytes that may lie unread while a publish waits for its answer


class ReceiveProtocol:
    """One publisher's connection: bytes in; bytes and events out.

    After every call send ``data_to_send``, then look at the events; call ``check`` when ``deadline`` has come. Nothing
    that the far end sends raises: what breaks the protocol or a limit is a ``CloseConnection`` with the reason.

    Args:
        habits: Which server to play.
        random: 1528 bytes for the handshake.
        now: Monotonic seconds; here and in all calls.
    """

    def __init__(self, habits: Habits, *, random: bytes, now: float) -> None:
        self.habits = habits
        self._now = now
        self._received = 0  # bytes
        self._reader = ByteReader()
        self._chunks = ChunkReader(habits.max_message, self._reader)
        self._writer = ChunkWriter()
        self._dialogue = Dialogue(habits, self._writer)
        self._acknowledger = Acknowledger(habits)
        self._patience = Patience(habits, now)
        self._tracks: TrackSet | None = None  # None: every media message is taken
        self._harm: HarmWatch | None = None  # None: all that is taken is passed on as it came
        self._parser = self._run(random)

    @property
    def state(self) -> ReceiveState:
        """Where the connection stands."""
        return self._dialogue.state

    def receive(self, data: bytes, now: float) -> list[ReceiveEvent]:
        """Take bytes as they arrive."""
        self._now = now
        read_size = self.habits.read_size or len(data) or 1
        for start in range(0, len(data), read_size):
            if self.state is not ReceiveState.CLOSED:
                self._read(data[start : start + read_size])
        return self._take_events()

    def data_to_send(self) -> list[bytes | memoryview]:
        """What is to be sent, in order; it is handed out once."""
        return self._writer.take()

    def accept(self, now: float) -> list[ReceiveEvent]:
        """Grant the publish that was asked for; return what came behind the request.

        Raises:
            LocalProtocolError: None was asked for.
        """
        self._now = now
        self._dialogue.accept()
        self._patience.publish_began(now)
        tracks = TrackSet(self.habits)
        self._tracks = None if tracks.settled else tracks
        self._harm = HarmWatch.of(self.habits)
        if tracks.settled:
            self._patience.settled()
        self._parse()
        return self._take_events()

    def refuse(self, refusal: Refusal, now: float) -> list[ReceiveEvent]:
        """Refuse the publish that was asked for, in the way of this server; return what came behind the request.

        Raises:
            LocalProtocolError: None was asked for, or this server would have kicked the old publisher.
        """
        self._now = now
        self._dialogue.refuse(refusal)
        self._parse()
        return self._take_events()

    def close(self, reason: str, now: float) -> list[ReceiveEvent]:
        """End the connection: the server stops, another publisher takes the name, or the far end is gone."""
        self._now = now
        self._dialogue.close(reason)
        return self._take_events()

    def deadline(self) -> float | None:
        """When ``check`` is to be called next; None: never. It moves with what is received."""
        return None if self.state is ReceiveState.CLOSED else self._patience.deadline()

    def check(self, now: float) -> list[ReceiveEvent]:
        """Close the connection, or ping the publisher, when it has been silent for too long."""
        self._now = now
        if self.state is ReceiveState.CLOSED:
            return []
        reason = self._patience.expired(now)
        if reason is not None:
            self._dialogue.close(reason)
        elif self._patience.ping_due(now):
            self._patience.pinged(now)
            stamp = int(now * 1000) & 0xFFFFFFFF  # 7.1.7: the time at which the server sent it
            self._dialogue.send(UserControl(UserEvent.PING_REQUEST, stamp.to_bytes(4, "big")))
        return self._take_events()

    # --- bytes

    def _read(self, data: bytes) -> None:
        for count in self._acknowledger.received(len(data)):
            self._dialogue.send(Acknowledgement(count))
        self._received += len(data)
        self._reader.feed(data)
        self._parse()

    def _parse(self) -> None:
        try:
            next(self._parser, None)
        except RemoteProtocolError as error:
            self._dialogue.close(str(error))

    def _take_events(self) -> list[ReceiveEvent]:
        events, self._dialogue.events = self._dialogue.events, []
        return events

    def _run(self, random: bytes) -> Generator[None, None, None]:
        if "handshake" in self.habits.mute:
            while True:
                yield from self._reader.read(max(1, len(self._reader)))
        yield from server_handshake(self._reader, random, self._writer.raw)
        self._dialogue.state = ReceiveState.CONNECT
        while self.state is not ReceiveState.CLOSED:
            self._on_message((yield from self._chunks.read_message()))
            while self.state is ReceiveState.ASKED:
                if len(self._reader) > _HELD_LIMIT:
                    raise RemoteProtocolError("too much behind a publish that is not answered yet")
                yield

    # --- messages

    def _on_message(self, message: Message) -> None:
        self._patience.heard(self._now)
        if self.habits.deaf_after is not None and self._received > self.habits.deaf_after:
            return
        if message.csid > self.habits.max_csid:
            raise RemoteProtocolError(f"chunk stream {message.csid} is over the limit of {self.habits.max_csid}")
        if message.type_id in _MEDIA:
            self._on_media(message)
        else:
            self._on_control(message)

    def _on_media(self, message: Message) -> None:
        state = self.state
        if state is ReceiveState.PUBLISHING:
            if (self._tracks is None or self._admits(self._tracks, message)) and (
                self._harm is None or self._passes(self._harm, message)
            ):
                self._dialogue.events.append(message)
        elif state is ReceiveState.DOOMED and message.type_id in {MessageType.AUDIO, MessageType.VIDEO}:
            self._dialogue.close(Refusal.DUPLICATE.value)

    def _admits(self, tracks: TrackSet, message: Message) -> bool:
        admitted = tracks.admits(message)
        if tracks.settled:
            self._patience.settled()
        if tracks.complete:
            self._tracks = None
        if not admitted:
            self._dialogue.events.append(Harmed(Harm.TRACK, message.timestamp))
        return admitted

    def _passes(self, watch: HarmWatch, message: Message) -> bool:
        passed, harms = watch.look(message)
        self._dialogue.events += [Harmed(harm, message.timestamp) for harm in harms]
        return passed

    def _on_control(self, message: Message) -> None:
        match parse(message):
            case SetChunkSize(size):
                if not self.habits.min_chunk_size <= size <= self.habits.max_chunk_size:
                    raise RemoteProtocolError(f"a chunk size of {size} bytes is not accepted")
            case WindowAcknowledgementSize(size):
                self._acknowledger.window(size)
            case UserControl(event, data):
                self._on_user_control(message, event, data)
            case Command() as command:
                self._on_command(command)

    def _on_user_control(self, message: Message, event: int, data: bytes) -> None:
        if self.habits.strict_control and (message.csid, message.stream_id) != (CSID_CONTROL, 0):
            raise RemoteProtocolError(f"user control on chunk stream {message.csid}, stream {message.stream_id}")
        if event == UserEvent.PING_REQUEST and self.habits.answers_pings:
            self._dialogue.send(UserControl(UserEvent.PING_RESPONSE, data[:4]))

    def _on_command(self, command: Command) -> None:
        before = self.state
        self._dialogue.on_command(command)
        if before is ReceiveState.CONNECT and self.state is ReceiveState.READY:
            self._acknowledger.connected(len(self._reader))
        elif before is ReceiveState.PUBLISHING and self.state is ReceiveState.READY:
            self._patience.publish_ended(self._now)
