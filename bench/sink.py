"""The RTMP server that all contenders publish to: accepts everything, keeps nothing but when each message came.

Runs in a process of its own: ``python -m bench.sink DIRECTORY`` prints its port, ends when its standard input does, and
writes what it saw to the directory (see ``bench.seen``). It reads headers and skips payloads, so that it can follow
hundreds of publishers without being what is measured.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import select
import socket
import struct
import sys
import time
from array import array
from dataclasses import dataclass, field
from pathlib import Path

from ftp_stream.rtmp import amf0

AUDIO, VIDEO = 8, 9
KEY, IS_VIDEO = 1, 2  # flags of a logged message
_SET_CHUNK_SIZE, _ACKNOWLEDGEMENT, _USER_CONTROL, _WINDOW, _BANDWIDTH, _COMMAND = 1, 3, 4, 5, 6, 20
_PING, _PONG = 6, 7
_CHUNK_SIZE = 60_000
_ACK_WINDOW = 2_500_000
_HANDSHAKE = 1536
_FEW = 4096  # bytes: longer messages that are not media are skipped
_SEQUENCE_HEADER = 200  # bytes: a shorter "key frame" is the decoder's configuration
_HEADER_SIZES = (11, 7, 3, 0)
_LONGEST_HEADER = 15


@dataclass(slots=True)
class _ChunkStream:
    """What the headers on one chunk stream left out refers to, and the message under way."""

    timestamp: int = 0
    delta: int = 0
    length: int = 0
    kind: int = 0
    remaining: int = 0
    extended: bool = False
    first: int = 0  # the first byte of the body
    body: bytearray | None = None  # of a message that is read, not skipped


@dataclass(slots=True)
class Publish:
    """One publish, as it is written down."""

    key: str
    connected: float  # monotonic seconds, as all times here
    published: float
    ended: float = 0.0
    log: array[float] = field(
        default_factory=lambda: array("d")
    )  # arrival, timestamp in ms, size * 4 + flags; repeated


class Connection:
    """One publisher."""

    def __init__(self, sock: socket.socket, now: float, publishes: list[Publish]) -> None:
        self._socket = sock
        self._publishes = publishes
        self._connected = now
        self._publish: Publish | None = None
        self._handshake = bytearray()
        self._shaken = False
        self._carry = b""
        self._chunk_size = 128
        self._streams: dict[int, _ChunkStream] = {}
        self._current = _ChunkStream()
        self._left = 0  # bytes of the chunk under way
        self._received = 0
        self._acknowledged = 0

    def feed(self, data: memoryview, now: float) -> None:
        """Takes what came."""
        self._received += len(data)
        if not self._shaken:
            data = self._shake_hands(data)
        if self._carry:
            data = memoryview(self._carry + data)
            self._carry = b""
        at, end = 0, len(data)
        while at < end:
            if self._left:
                at = self._payload(data, at, end, now)
                continue
            after = self._header(data, at, end)
            if not after:
                self._carry = bytes(data[at:])
                break
            at = after
        self._acknowledge()

    def ended(self, now: float) -> None:
        """The publisher has gone."""
        if self._publish and not self._publish.ended:
            self._publish.ended = now

    def _shake_hands(self, data: memoryview) -> memoryview:
        before = len(self._handshake)
        self._handshake += data
        hello = 1 + _HANDSHAKE
        if before < hello <= len(self._handshake):
            self._socket.sendall(b"\x03" + bytes(_HANDSHAKE) + self._handshake[1:hello])
        if len(self._handshake) < hello + _HANDSHAKE:
            return memoryview(b"")
        self._shaken = True
        return memoryview(bytes(self._handshake[hello + _HANDSHAKE :]))

    def _header(self, data: memoryview, at: int, end: int) -> int:
        """Reads a chunk's header; returns where its payload starts, 0 where the header is not all there."""
        form, number = data[at] >> 6, data[at] & 63
        at += 1
        if number < 2:
            raise ValueError("chunk streams above 63 are not expected here")
        if end - at < _LONGEST_HEADER and not self._is_whole(data, at, end):
            return 0
        return self._read_header(data, at, form, number)

    def _is_whole(self, data: memoryview, at: int, end: int) -> bool:
        """Whether a header near the end of what came is all there, with its extended timestamp if it has one."""
        form, number = data[at - 1] >> 6, data[at - 1] & 63
        size = _HEADER_SIZES[form]
        if end - at < size:
            return False
        stream = self._streams.get(number)
        extended = data[at] == data[at + 1] == data[at + 2] == 0xFF if form < 3 else bool(stream and stream.extended)
        return not extended or end - at >= size + 4

    def _read_header(self, data: memoryview, at: int, form: int, number: int) -> int:
        stream = self._streams.get(number)
        if stream is None:
            stream = self._streams[number] = _ChunkStream()
        if form < 3:
            time_field = data[at] << 16 | data[at + 1] << 8 | data[at + 2]
            stream.extended = time_field == 0xFFFFFF
            if form < 2:
                stream.length = data[at + 3] << 16 | data[at + 4] << 8 | data[at + 5]
                stream.kind = data[at + 6]
        else:
            time_field = stream.delta
        at += _HEADER_SIZES[form]
        if stream.extended:
            extended = int.from_bytes(data[at : at + 4], "big")
            time_field = extended if form < 3 else time_field
            at += 4
        if not stream.remaining:
            self._begin(stream, form, time_field)
        self._current = stream
        self._left = min(stream.remaining, self._chunk_size)
        return at

    def _begin(self, stream: _ChunkStream, form: int, time_field: int) -> None:
        stream.timestamp = time_field if form == 0 else stream.timestamp + time_field
        stream.delta = time_field
        stream.remaining = stream.length
        stream.first = -1
        media = stream.kind in {AUDIO, VIDEO}
        stream.body = None if media or stream.length > _FEW else bytearray()

    def _payload(self, data: memoryview, at: int, end: int, now: float) -> int:
        stream = self._current
        taken = min(self._left, end - at)
        if stream.first < 0:
            stream.first = data[at]
        if stream.body is not None:
            stream.body += data[at : at + taken]
        self._left -= taken
        stream.remaining -= taken
        if not stream.remaining:
            self._message(stream, now)
        return at + taken

    def _message(self, stream: _ChunkStream, now: float) -> None:
        if stream.kind == VIDEO:
            key = stream.first >> 4 & 7 == 1 and stream.length > _SEQUENCE_HEADER
            self._log(now, stream, IS_VIDEO | KEY if key else IS_VIDEO)
        elif stream.kind == AUDIO:
            self._log(now, stream, 0)
        elif stream.body is not None:
            self._control(stream.kind, bytes(stream.body), now)

    def _log(self, now: float, stream: _ChunkStream, flags: int) -> None:
        if self._publish:
            self._publish.log.extend((now, stream.timestamp, stream.length * 4 + flags))

    def _control(self, kind: int, body: bytes, now: float) -> None:
        if kind == _SET_CHUNK_SIZE:
            self._chunk_size = int.from_bytes(body[:4], "big")
        elif kind == _USER_CONTROL and body[:2] == _PING.to_bytes(2, "big"):
            self._send(_USER_CONTROL, _PONG.to_bytes(2, "big") + body[2:6])
        elif kind == _COMMAND:
            self._command(amf0.decode(body), now)

    def _command(self, values: list[amf0.Value], now: float) -> None:
        name, transaction, *rest = values
        if name == "connect":
            self._send(_WINDOW, struct.pack(">I", _ACK_WINDOW))
            self._send(_BANDWIDTH, struct.pack(">IB", _ACK_WINDOW, 2))
            self._send(_SET_CHUNK_SIZE, struct.pack(">I", _CHUNK_SIZE))
            status = {
                "level": "status",
                "code": "NetConnection.Connect.Success",
                "description": "",
                "objectEncoding": 0,
            }
            self._send_command("_result", transaction, {"fmsVer": "FMS/3,0,1,123", "capabilities": 31}, status)
        elif name == "createStream":
            self._send_command("_result", transaction, None, 1)
        elif name == "publish":
            self._publish = Publish(str(rest[1]), self._connected, now)
            self._publishes.append(self._publish)
            self._status("NetStream.Publish.Start")
        elif name == "deleteStream":
            self.ended(now)
            self._status("NetStream.Unpublish.Success")

    def _status(self, code: str) -> None:
        self._send_command("onStatus", 0, None, {"level": "status", "code": code, "description": ""}, stream=1)

    def _send_command(self, *values: object, stream: int = 0) -> None:
        self._send(_COMMAND, amf0.encode(*values), chunk_stream=3, stream=stream)

    def _send(self, kind: int, body: bytes, *, chunk_stream: int = 2, stream: int = 0) -> None:
        header = struct.pack(">B3x3sB", chunk_stream, len(body).to_bytes(3, "big"), kind)
        self._socket.sendall(header + stream.to_bytes(4, "little") + body)

    def _acknowledge(self) -> None:
        if self._received - self._acknowledged >= _ACK_WINDOW:
            self._acknowledged = self._received
            self._send(_ACKNOWLEDGEMENT, struct.pack(">I", self._received & 0xFFFFFFFF))


class Server:
    """Takes all publishers in one loop over ``epoll``."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.publishes: list[Publish] = []
        self._connections: dict[int, tuple[socket.socket, Connection]] = {}
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._buffer = bytearray(1 << 20)
        self._view = memoryview(self._buffer)

    def run(self, until: int) -> None:
        """Serves until the file ``until`` ends."""
        self._poll.register(until, select.EPOLLIN)
        while True:
            for number, _ in self._poll.poll():
                if number == until:
                    return
                if number == self._listener.fileno():
                    self._accept()
                else:
                    self._read(number)

    def end(self) -> None:
        """Closes the books on whoever is still there."""
        for number in list(self._connections):
            self._drop(number)

    def _accept(self) -> None:
        sock, _ = self._listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[sock.fileno()] = sock, Connection(sock, time.monotonic(), self.publishes)
        self._poll.register(sock, select.EPOLLIN)

    def _read(self, number: int) -> None:
        sock, connection = self._connections[number]
        try:
            count = sock.recv_into(self._buffer)
            if count:
                connection.feed(self._view[:count], time.monotonic())
                return
        except OSError:
            pass  # reset by the publisher: as good as an end
        self._drop(number)

    def _drop(self, number: int) -> None:
        sock, connection = self._connections.pop(number)
        self._poll.unregister(number)
        connection.ended(time.monotonic())
        sock.close()


def save(publishes: list[Publish], directory: Path) -> None:
    """Writes the books: one JSON file, and the logs one after the other as raw doubles."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    rows = [[each.key, each.connected, each.published, each.ended, len(each.log)] for each in publishes]
    with (directory / "log.bin").open("wb") as file:
        for each in publishes:
            each.log.tofile(file)
    (directory / "publishes.json").write_text(json.dumps({"cpu": usage.ru_utime + usage.ru_stime, "publishes": rows}))


def main() -> None:
    """Serves until standard input ends."""
    server = Server()
    gc.disable()  # a pause of ours would look like one of the publisher
    print(server.port, flush=True)
    server.run(sys.stdin.fileno())
    server.end()
    save(server.publishes, Path(sys.argv[1]))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
