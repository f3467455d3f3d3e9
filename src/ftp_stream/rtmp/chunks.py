"""The chunk stream: messages cut into chunks and put together again (Adobe RTMP 1.0, clause 5.3)."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from ftp_stream.errors import LocalProtocolError, RemoteProtocolError
from ftp_stream.rtmp.bytereader import ByteReader

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["DEFAULT_CHUNK_SIZE", "MAX_MESSAGE", "ChunkReader", "ChunkWriter", "Message", "MessageType"]

DEFAULT_CHUNK_SIZE = 128  # bytes, both ways, until a Set Chunk Size (5.4.1)
MAX_MESSAGE = 0xFFFFFF  # bytes: the length field has 24 bits
MAX_CHUNK_STREAMS = 64  # real peers use five; each costs memory for a message under way

_PIECE = 65536  # bytes read at once: what has come of a piece is copied with every arrival
_EXTENDED = 0xFFFFFF  # in the 24-bit field: the time stands in 32 bits after the header
_MASK = 0xFFFFFFFF
_HALF = 0x80000000


class MessageType(IntEnum):
    """Message type ids (clauses 5.4 and 7.1)."""

    SET_CHUNK_SIZE = 1
    ABORT = 2
    ACKNOWLEDGEMENT = 3
    USER_CONTROL = 4
    WINDOW_ACKNOWLEDGEMENT_SIZE = 5
    SET_PEER_BANDWIDTH = 6
    AUDIO = 8
    VIDEO = 9
    DATA_AMF3 = 15
    COMMAND_AMF3 = 17
    DATA = 18
    COMMAND = 20


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it stands on the wire, its body not yet understood."""

    csid: int  # chunk stream id
    type_id: int  # MessageType, or one that we do not know
    stream_id: int  # message stream id; 0 is the connection itself
    timestamp: int  # milliseconds modulo 2**32
    body: bytes


# --- reading --------------------------------------------------------------------------------------------------------


class _Incoming:
    """What the headers of one chunk stream have said so far."""

    __slots__ = ("body", "extended", "field", "length", "stream_id", "timestamp", "type_id")

    def __init__(self) -> None:
        self.timestamp = 0
        self.field = 0  # the last time field: absolute after a type 0 header, a delta after type 1 and 2
        self.extended = False  # the last header had an extended timestamp
        self.length = 0
        self.type_id = 0
        self.stream_id = 0
        self.body: bytearray | None = None  # of the message under way; None between messages


class ChunkReader:
    """Puts messages together.

    Set Chunk Size and Abort are obeyed here, and returned like all others.

    Args:
        max_message: Longest message accepted, in bytes. All unfinished messages together may have twice that.
        reader: Where the bytes arrive, where the caller has a :class:`ByteReader` of its own (after a handshake).
    """

    def __init__(self, max_message: int = MAX_MESSAGE, reader: ByteReader | None = None) -> None:
        self.chunk_size = DEFAULT_CHUNK_SIZE
        self._max_message = max_message
        self._reader = ByteReader() if reader is None else reader
        self._streams: dict[int, _Incoming] = {}
        self._pending = 0  # bytes of unfinished messages
        self._fed: list[Message] = []
        self._parser = self._run()

    def feed(self, data: bytes) -> list[Message]:
        """Take bytes as they arrive and return the messages that they complete.

        Raises:
            RemoteProtocolError: The bytes break the protocol or a limit; nothing more can be read.
        """
        self._reader.feed(data)
        next(self._parser, None)
        messages, self._fed = self._fed, []
        return messages

    def _run(self) -> Generator[None, None, None]:
        while True:
            message = yield from self.read_message()
            self._fed.append(message)

    def read_message(self) -> Generator[None, None, Message]:
        """Return the next complete message; a generator that yields when it needs more bytes.

        Raises:
            RemoteProtocolError: The bytes break the protocol or a limit; nothing more can be read.
        """
        while True:
            message = yield from self._read_chunk()
            if message is not None:
                self._obey(message)
                return message

    def _read_chunk(self) -> Generator[None, None, Message | None]:
        read = self._reader.read
        first = (yield from read(1))[0]
        kind, csid = first >> 6, first & 0x3F
        if csid == 0:  # 5.3.1.1: ids 64 to 319 in one further byte
            csid = 64 + (yield from read(1))[0]
        elif csid == 1:  # ids 64 to 65599 in two, the low byte first
            csid = 64 + int.from_bytes((yield from read(2)), "little")
        stream = self._stream(csid, kind)
        yield from self._read_header(stream, kind)
        body = stream.body
        if body is None:
            body = stream.body = self._begin(stream)
        count = min(self.chunk_size, stream.length - len(body))
        self._count(count)
        end = len(body) + count
        while len(body) < end:
            body += yield from read(min(end - len(body), _PIECE))
        return self._finish(csid, stream, body) if end == stream.length else None

    def _stream(self, csid: int, kind: int) -> _Incoming:
        stream = self._streams.get(csid)
        if stream is None:
            if kind > 1:  # librtmp begins chunk stream 2 with a type 1 header, on message stream 0
                raise RemoteProtocolError(f"chunk stream {csid} begins with a type {kind} header")
            if len(self._streams) >= MAX_CHUNK_STREAMS:
                raise RemoteProtocolError(f"more than {MAX_CHUNK_STREAMS} chunk streams")
            stream = self._streams[csid] = _Incoming()
        elif stream.body is not None and kind != 3:  # noqa: PLR2004 - header type 3, as the clause names it
            raise RemoteProtocolError(f"a message on chunk stream {csid} is cut by a type {kind} header")
        return stream

    def _read_header(self, stream: _Incoming, kind: int) -> Generator[None, None, None]:
        """Read a message header (5.3.1.2) and the extended timestamp (5.3.1.3), and set the message's time."""
        read = self._reader.read
        if kind < 3:  # noqa: PLR2004 - header type 3, as the clause names it
            header = yield from read((11, 7, 3)[kind])
            stream.field = int.from_bytes(header[:3], "big")
            stream.extended = stream.field == _EXTENDED
            if kind < 2:  # noqa: PLR2004 - header type 2, as the clause names it
                stream.length = int.from_bytes(header[3:6], "big")
                stream.type_id = header[6]
            if kind == 0:
                stream.stream_id = int.from_bytes(header[7:], "little")
        if stream.extended:
            extended = int.from_bytes((yield from read(4)), "big")
            if stream.body is None:  # in the chunks of one message it is only repeated
                stream.field = extended
        if stream.body is None:
            # 5.3.1.2.4: a new message with a type 3 header goes on by the last field, even where that was absolute.
            stream.timestamp = stream.field if kind == 0 else (stream.timestamp + stream.field) & _MASK

    def _begin(self, stream: _Incoming) -> bytearray:
        if stream.length > self._max_message:
            raise RemoteProtocolError(f"a message of {stream.length} bytes is over the limit of {self._max_message}")
        return bytearray()

    def _count(self, count: int) -> None:
        self._pending += count
        if self._pending > 2 * self._max_message:
            raise RemoteProtocolError("too many unfinished messages at once")

    def _finish(self, csid: int, stream: _Incoming, body: bytearray) -> Message:
        stream.body = None
        self._pending -= len(body)
        return Message(csid, stream.type_id, stream.stream_id, stream.timestamp, bytes(body))

    def _obey(self, message: Message) -> None:
        if message.type_id == MessageType.SET_CHUNK_SIZE:
            size = _word(message)
            if not 0 < size < _HALF:  # 5.4.1: the top bit must be zero, and the size at least 1
                raise RemoteProtocolError(f"chunk size {size}")
            self.chunk_size = min(size, MAX_MESSAGE)
        elif message.type_id == MessageType.ABORT:
            stream = self._streams.get(_word(message))
            if stream is not None and stream.body is not None:
                self._pending -= len(stream.body)
                stream.body = None


def _word(message: Message) -> int:
    if len(message.body) < 4:  # noqa: PLR2004 - a 32-bit field
        raise RemoteProtocolError(f"a control message of type {message.type_id} has {len(message.body)} bytes")
    return int.from_bytes(message.body[:4], "big")


# --- writing --------------------------------------------------------------------------------------------------------

_TYPE_1 = struct.Struct(">II")  # basic header and time field, length and type
_STREAM_ID = struct.Struct("<I")
_CSID_MIN, _CSID_MAX = 2, 63  # ids with a one-byte basic header; some servers refuse all others


class _Outgoing:
    """The last message of one chunk stream, which the next header may refer to."""

    __slots__ = ("stream_id", "timestamp")

    def __init__(self, stream_id: int, timestamp: int) -> None:
        self.stream_id = stream_id
        self.timestamp = timestamp


class ChunkWriter:
    """Cuts messages into chunks; payloads are handed on by reference, never copied.

    Headers: type 0 for the first message of a chunk stream and for a step back in time, else type 1 with the delta.

    Attributes:
        chunk_size: Bytes of a chunk's payload; changed by :meth:`set_chunk_size`.
        total: Bytes written since the connection began, the handshake included.
        taken: How many of them :meth:`take` has handed out.
    """

    __slots__ = ("_last", "_out", "chunk_size", "taken", "total")

    def __init__(self, chunk_size: int = DEFAULT_CHUNK_SIZE) -> None:
        self.chunk_size = chunk_size
        self.total = 0
        self.taken = 0
        self._out: list[bytes | memoryview] = []
        self._last: dict[int, _Outgoing] = {}

    def take(self) -> list[bytes | memoryview]:
        """Return what is to be sent, in order, and forget it."""
        out, self._out = self._out, []
        self.taken = self.total
        return out

    def raw(self, data: bytes) -> None:
        """Write bytes that are not chunks: the handshake."""
        self._out.append(data)
        self.total += len(data)

    def set_chunk_size(self, size: int) -> None:
        """Tell the far end of a new chunk size and use it from then on."""
        self.message(Message(2, MessageType.SET_CHUNK_SIZE, 0, 0, size.to_bytes(4, "big")))
        self.chunk_size = size

    def message(self, message: Message) -> None:
        """Write a message that is at hand as a whole."""
        self.write(message.csid, message.type_id, message.stream_id, message.timestamp, b"", message.body)

    def write(  # noqa: PLR0917 - keywords would cost time at every packet
        self, csid: int, type_id: int, stream_id: int, timestamp: int, head: bytes, payload: bytes | memoryview
    ) -> None:
        """Write a message whose body is ``head`` (copied: keep it short) and then ``payload`` (by reference).

        Args:
            csid: Chunk stream id, 2 to 63.
            type_id: MessageType.
            stream_id: Message stream id.
            timestamp: Milliseconds; taken modulo 2**32.
            head: First bytes of the body, such as the header of an FLV tag body.
            payload: The rest of it; must not change until it is sent.

        Raises:
            LocalProtocolError: The message is longer than RTMP can say, or the chunk stream id is out of range.
        """
        timestamp &= _MASK
        size = len(head) + len(payload)
        if size > MAX_MESSAGE:
            raise LocalProtocolError(f"a message of {size} bytes is longer than RTMP can say")
        last = self._last.get(csid)
        extended = b""
        if last is not None and last.stream_id == stream_id and (delta := timestamp - last.timestamp & _MASK) < _HALF:
            last.timestamp = timestamp
            if delta >= _EXTENDED:
                extended = delta.to_bytes(4, "big")
                delta = _EXTENDED
            header = _TYPE_1.pack(0x40000000 | csid << 24 | delta, size << 8 | type_id) + extended
        else:
            self._last[csid] = _Outgoing(stream_id, timestamp)
            if timestamp >= _EXTENDED:
                extended = timestamp.to_bytes(4, "big")
            header = _type_0(csid, min(timestamp, _EXTENDED), size, type_id, stream_id) + extended
        if size <= self.chunk_size:
            self._out += (header + head, payload)
            self.total += len(header) + size
        else:
            self._split(csid, header, extended, head, payload)

    def _split(self, csid: int, header: bytes, extended: bytes, head: bytes, payload: bytes | memoryview) -> None:
        """Write the chunks of a long message; type 3 headers repeat the extended timestamp (5.3.1.3)."""
        size = len(head) + len(payload)
        if len(head) > self.chunk_size:
            head, payload = b"", head + payload
        view = memoryview(payload)
        middle = bytes([0xC0 | csid]) + extended
        start = self.chunk_size - len(head)
        self._out += (header + head, view[:start])
        for position in range(start, len(view), self.chunk_size):
            self._out += (middle, view[position : position + self.chunk_size])
        self.total += len(header) + size + len(middle) * ((size - 1) // self.chunk_size)


def _type_0(csid: int, field: int, size: int, type_id: int, stream_id: int) -> bytes:
    if not _CSID_MIN <= csid <= _CSID_MAX:
        raise LocalProtocolError(f"chunk stream id {csid} is not 2 to 63")
    return _TYPE_1.pack(csid << 24 | field, size << 8 | type_id) + _STREAM_ID.pack(stream_id)
