"""What messages mean: frozen values, parsed from and turned into raw messages (Adobe RTMP 1.0, clauses 5.4 and 7)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

from ftp_stream.errors import RemoteProtocolError
from ftp_stream.rtmp import amf0
from ftp_stream.rtmp.chunks import Message, MessageType

if TYPE_CHECKING:
    from collections.abc import Callable

    from ftp_stream.rtmp.amf0 import Value

__all__ = [
    "CSID_AUDIO",
    "CSID_COMMAND",
    "CSID_CONTROL",
    "CSID_STREAM",
    "CSID_VIDEO",
    "Abort",
    "Acknowledgement",
    "Audio",
    "Command",
    "Data",
    "Other",
    "Parsed",
    "PeerBandwidth",
    "SetChunkSize",
    "UserControl",
    "UserEvent",
    "Video",
    "WindowAcknowledgementSize",
    "parse",
    "serialise",
]

# The chunk stream ids of FFmpeg. Audio and video apart keep each one's deltas positive; nginx-rtmp refuses ids over 31.
CSID_CONTROL = 2  # the specification's, for control messages on message stream 0
CSID_COMMAND = 3
CSID_AUDIO = 4
CSID_VIDEO = 6
CSID_STREAM = 8  # publish and metadata: whatever goes on the message stream and is not media

_U32 = struct.Struct(">I")


class UserEvent(IntEnum):
    """User control events (7.1.7) that matter to a publisher."""

    STREAM_BEGIN = 0
    PING_REQUEST = 6
    PING_RESPONSE = 7


@dataclass(frozen=True, slots=True)
class SetChunkSize:
    """The sender's chunks have this size from now on (5.4.1); the chunk reader has obeyed it already."""

    size: int  # bytes


@dataclass(frozen=True, slots=True)
class Abort:
    """The unfinished message of a chunk stream is void (5.4.2); the chunk reader has obeyed it already."""

    csid: int


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """How much the sender of this has received (5.4.3); every server counts otherwise, see confirm.py."""

    value: int  # bytes, modulo 2**32


@dataclass(frozen=True, slots=True)
class WindowAcknowledgementSize:
    """After how many bytes the sender of this wants to be acknowledged (5.4.4)."""

    size: int  # bytes


@dataclass(frozen=True, slots=True)
class PeerBandwidth:
    """A limit on unacknowledged bytes (5.4.5), which no publisher obeys: it deadlocks where counts wrap."""

    size: int  # bytes
    limit_type: int  # 0 hard, 1 soft, 2 dynamic


@dataclass(frozen=True, slots=True)
class UserControl:
    """A user control event (5.4, 7.1.7) with its data as it came."""

    event: int  # UserEvent, or one that we do not know
    data: bytes  # four bytes mostly: a stream id, or what a ping carries


@dataclass(frozen=True, slots=True)
class Command:
    """A command or the answer to one (7.2)."""

    name: str
    transaction: float  # 0 where no answer is wanted
    values: tuple[Value, ...] = ()  # the command object, or None, and then the arguments
    stream_id: int = 0


@dataclass(frozen=True, slots=True)
class Data:
    """A data message (7.1.2), such as @setDataFrame."""

    values: tuple[Value, ...]
    stream_id: int = 0
    timestamp: int = 0  # milliseconds modulo 2**32


@dataclass(frozen=True, slots=True)
class Audio:
    """One audio message: the body of an FLV audio tag."""

    timestamp: int  # milliseconds modulo 2**32
    body: bytes
    stream_id: int = 0


@dataclass(frozen=True, slots=True)
class Video:
    """One video message: the body of an FLV video tag."""

    timestamp: int  # milliseconds modulo 2**32
    body: bytes
    stream_id: int = 0


@dataclass(frozen=True, slots=True)
class Other:
    """A message of a type that we have no use for (shared objects, aggregates)."""

    type_id: int


Parsed: TypeAlias = (
    SetChunkSize
    | Abort
    | Acknowledgement
    | WindowAcknowledgementSize
    | PeerBandwidth
    | UserControl
    | Command
    | Data
    | Audio
    | Video
    | Other
)


# --- parsing --------------------------------------------------------------------------------------------------------


def parse(message: Message) -> Parsed:
    """Return the meaning of a message.

    Raises:
        RemoteProtocolError: Its body is too short or no AMF 0.
    """
    parser = _PARSERS.get(message.type_id)
    return Other(message.type_id) if parser is None else parser(message)


def _word(message: Message) -> int:
    if len(message.body) < _U32.size:
        raise RemoteProtocolError(f"a control message of type {message.type_id} has {len(message.body)} bytes")
    return int(_U32.unpack_from(message.body)[0])


def _peer_bandwidth(message: Message) -> PeerBandwidth:
    return PeerBandwidth(_word(message), message.body[4] if len(message.body) > _U32.size else 2)


def _user_control(message: Message) -> UserControl:
    if len(message.body) < 2:  # noqa: PLR2004 - a 16-bit event type
        raise RemoteProtocolError("a user control message without an event type")
    return UserControl(int.from_bytes(message.body[:2], "big"), message.body[2:])


def _command(message: Message) -> Command:
    match amf0.decode(message.body):
        case [str(name), float(transaction), *values]:
            return Command(name, transaction, tuple(values), message.stream_id)
        case [str(name)]:  # some servers send onBWDone and the like bare
            return Command(name, 0.0, (), message.stream_id)
    raise RemoteProtocolError("a command without a name and a transaction number")


def _data(message: Message) -> Data:
    return Data(tuple(amf0.decode(message.body)), message.stream_id, message.timestamp)


def _without_format(message: Message) -> Message:
    """Drop the format byte before the AMF 0 values of a message of the AMF 3 kind (7.1.1: "17 for AMF3")."""
    return Message(message.csid, message.type_id, message.stream_id, message.timestamp, message.body[1:])


_PARSERS: dict[int, Callable[[Message], Parsed]] = {
    MessageType.SET_CHUNK_SIZE: lambda m: SetChunkSize(_word(m)),
    MessageType.ABORT: lambda m: Abort(_word(m)),
    MessageType.ACKNOWLEDGEMENT: lambda m: Acknowledgement(_word(m)),
    MessageType.USER_CONTROL: _user_control,
    MessageType.WINDOW_ACKNOWLEDGEMENT_SIZE: lambda m: WindowAcknowledgementSize(_word(m)),
    MessageType.SET_PEER_BANDWIDTH: _peer_bandwidth,
    MessageType.AUDIO: lambda m: Audio(m.timestamp, m.body, m.stream_id),
    MessageType.VIDEO: lambda m: Video(m.timestamp, m.body, m.stream_id),
    MessageType.DATA_AMF3: lambda m: _data(_without_format(m)),
    MessageType.COMMAND_AMF3: lambda m: _command(_without_format(m)),
    MessageType.DATA: _data,
    MessageType.COMMAND: _command,
}


# --- serialising ----------------------------------------------------------------------------------------------------


def serialise(value: Parsed, csid: int | None = None) -> Message:
    """Return the raw message of a value, for :meth:`ftp_stream.rtmp.chunks.ChunkWriter.message`.

    Args:
        value: Anything but :class:`Other`.
        csid: The chunk stream id, where it is not the usual one of this kind.
    """
    message = _raw(value)
    if csid is None or csid == message.csid:
        return message
    return Message(csid, message.type_id, message.stream_id, message.timestamp, message.body)


def _raw(value: Parsed) -> Message:  # noqa: C901, PLR0911 - one case per kind of message
    match value:
        case SetChunkSize(size):
            return _control(MessageType.SET_CHUNK_SIZE, _U32.pack(size))
        case Abort(csid):
            return _control(MessageType.ABORT, _U32.pack(csid))
        case Acknowledgement(count):
            return _control(MessageType.ACKNOWLEDGEMENT, _U32.pack(count))
        case WindowAcknowledgementSize(size):
            return _control(MessageType.WINDOW_ACKNOWLEDGEMENT_SIZE, _U32.pack(size))
        case PeerBandwidth(size, limit_type):
            return _control(MessageType.SET_PEER_BANDWIDTH, _U32.pack(size) + bytes([limit_type]))
        case UserControl(event, data):
            return _control(MessageType.USER_CONTROL, event.to_bytes(2, "big") + data)
        case Command(name, transaction, values, stream_id):
            csid = CSID_STREAM if stream_id else CSID_COMMAND
            return Message(csid, MessageType.COMMAND, stream_id, 0, amf0.encode(name, transaction, *values))
        case Data(values, stream_id, timestamp):
            return Message(CSID_STREAM, MessageType.DATA, stream_id, timestamp, amf0.encode(*values))
        case Audio(timestamp, body, stream_id):
            return Message(CSID_AUDIO, MessageType.AUDIO, stream_id, timestamp, body)
        case Video(timestamp, body, stream_id):
            return Message(CSID_VIDEO, MessageType.VIDEO, stream_id, timestamp, body)
        case Other(type_id):
            raise ValueError(f"a message of type {type_id} has no form of its own")


def _control(type_id: MessageType, body: bytes) -> Message:
    """Control messages go on chunk stream 2 and message stream 0 (5.4); OvenMediaEngine closes on any other."""
    return Message(CSID_CONTROL, type_id, 0, 0, body)
