"""One publisher's TCP connection: moves bytes between a transport and its ``ReceiveProtocol``, and keeps its time."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING

from ftp_stream.rtmp import flv
from ftp_stream.rtmp.chunks import Message
from ftp_stream.rtmp.receive import (
    CloseConnection,
    Harmed,
    PublishEnded,
    PublishRequested,
    ReceiveEvent,
    ReceiveProtocol,
)
from ftp_stream.shell.receiver.events import PublishBegan, PublishOver, Refused
from ftp_stream.shell.receiver.recording import Recording

if TYPE_CHECKING:
    from ftp_stream.rtmp.audit import StreamAudit
    from ftp_stream.shell.receiver.registry import Registry

__all__ = ["GOODBYE", "Connection"]

GOODBYE = 1.0  # seconds for the last bytes of a connection that we close
_UNREAD = 1 << 16  # bytes of our answers that a publisher may leave unread before it is read no further
_NARROW = 1 << 16  # bytes that the kernel keeps for a connection that is read slowly, and as much for its own use
_RANDOM = 1528  # bytes for the handshake
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER with 0 s: close sends RST


class Connection(asyncio.Protocol):
    """One publisher's TCP connection."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._habits = registry.habits
        self._loop = asyncio.get_running_loop()
        self._rtmp = ReceiveProtocol(self._habits, random=os.urandom(_RANDOM), now=self._loop.time())
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._publish: PublishBegan | None = None  # the one that lasts
        self._audit: StreamAudit | None = None  # of it
        self._recording: Recording | None = None  # of it
        self._received = 0  # bytes
        self._hangs = False  # it has stopped reading for good
        self._unread = False  # the publisher does not read our answers
        self._rest: asyncio.TimerHandle | None = None  # ends the rest after a read, where reading is slow
        self._rests_until = 0.0
        self._reason = "the publisher closed the connection"
        self.peer = ""
        self.gone: asyncio.Future[None] = self._loop.create_future()

    # --- called by asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to wait for the publisher's handshake."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio makes no other for a stream socket
        self._transport = transport
        transport.set_write_buffer_limits(_UNREAD)
        host, port, *_ = transport.get_extra_info("peername") or ("?", 0)
        self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        if self._registry.enter(self):
            self._watch()
        else:
            self.drop("too many connections", reset=True)

    def data_received(self, data: bytes) -> None:
        """Take what the publisher sends, and answer."""
        now = self._loop.time()
        self._received += len(data)
        self._take(self._rtmp.receive(data, now), now)
        self._watch()
        limit = self._habits.stops_reading_after
        if limit is not None and self._received >= limit:
            self._hang()
        if self._registry.reads_per_second is not None:
            self._rest_after(len(data) / self._registry.reads_per_second, now)
        self._registry.wake()

    def pause_writing(self) -> None:
        """Read none of the publisher's questions while it does not read our answers."""
        self._unread = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Read on."""
        self._unread = False
        self._read_on()

    def connection_lost(self, exc: Exception | None) -> None:
        """End what lasts, and be forgotten."""
        if exc is not None:
            self._reason = f"the connection failed: {exc}"
        now = self._loop.time()
        self._take(self._rtmp.close(self._reason, now), now)
        for timer in filter(None, (self._timer, self._rest)):
            timer.cancel()
        self.gone.set_result(None)
        self._registry.leave(self, self._reason)

    # --- called by whoever holds it

    def drop(self, reason: str, *, reset: bool = False) -> None:
        """End this connection."""
        now = self._loop.time()
        self._reason = reason
        if reset:
            self._reset()
        self._take(self._rtmp.close(reason, now), now)

    # --- time

    def _watch(self) -> None:
        """Set the timer, where the next deadline is earlier than it; a later one is found when it fires."""
        deadline = self._rtmp.deadline()
        if deadline is None or self._hangs:
            return
        if self._timer is None or deadline < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(deadline, self._check)

    def _check(self) -> None:
        self._timer = None
        now = self._loop.time()
        self._take(self._rtmp.check(now), now)
        self._watch()

    def _hang(self) -> None:
        """Stop reading, and look at no clock: what was received last is all that this server ever sees."""
        self._hangs = True
        self._transport.pause_reading()
        if self._timer is not None:
            self._timer.cancel()

    def _rest_after(self, seconds: float, now: float) -> None:
        """Read nothing for as long as what was read should have taken."""
        # A buffer of the kernel's own choice would take megabytes at once, and a slow server look like a quick one
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _NARROW)
        self._transport.pause_reading()
        self._rests_until = max(self._rests_until, now) + seconds
        if self._rest is not None:
            self._rest.cancel()
        self._rest = self._loop.call_at(self._rests_until, self._end_rest)

    def _end_rest(self) -> None:
        self._rest = None
        self._read_on()

    def _read_on(self) -> None:
        if not (self._hangs or self._unread or self._rest):
            self._transport.resume_reading()

    def _reset(self) -> None:
        with suppress(OSError):  # it is closed already
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        self._transport.abort()

    # --- events

    def _take(self, events: list[ReceiveEvent], now: float) -> None:
        """Carry events out, and those that follow from them; send what there is to send."""
        while events:
            following: list[ReceiveEvent] = []
            for event in events:
                if type(event) is Message:
                    self._on_media(event, now)
                else:
                    following += self._on_event(event, now)
            events = following
        self._flush()

    def _on_media(self, message: Message, now: float) -> None:
        audit = self._audit
        if audit is None:
            return
        if message.type_id == flv.VIDEO:
            audit.video(message.timestamp, message.body, now)
        elif message.type_id == flv.AUDIO:
            audit.audio(message.timestamp, message.body, now)
        else:
            audit.data(message.body)
        if self._recording is not None:
            self._recording.add(message)

    def _on_event(self, event: ReceiveEvent, now: float) -> list[ReceiveEvent]:
        """Carry out one event, and return what follows."""
        match event:
            case PublishRequested():
                return self._on_request(event, now)
            case Harmed(harm) if self._audit is not None:
                self._audit.harmed(harm)
            case PublishEnded(reason):
                self._on_end(reason, now)
            case CloseConnection(reason):
                self._on_close(reason)
        return []

    def _on_request(self, request: PublishRequested, now: float) -> list[ReceiveEvent]:
        stream = f"{request.app}/{request.key}"
        refusal = self._registry.decide(stream, request)
        if refusal is not None:
            events = self._rtmp.refuse(refusal, now)
            self._registry.tell(Refused(stream, request.app, self.peer, refusal.value))
            return events
        events = self._rtmp.accept(now)
        self._begin(PublishBegan(stream, request.app, self.peer), now)
        return events

    def _begin(self, publish: PublishBegan, now: float) -> None:
        self._publish = publish
        self._audit = self._registry.began(publish.stream, self, now)
        path = self._registry.next_recording()
        if path is not None:
            self._recording = Recording(path)
        if self._habits.reset_after is not None:
            self._loop.call_later(self._habits.reset_after, self._reset)
        self._registry.tell(publish)

    def _on_end(self, reason: str, now: float) -> None:
        publish, self._publish = self._publish, None
        audit, self._audit = self._audit, None
        recording, self._recording = self._recording, None
        assert publish is not None  # noqa: S101 - an end comes once for every publish accepted
        assert audit is not None  # noqa: S101 - the same
        audit.ended(now)
        self._registry.over(publish.stream)
        if recording is not None:
            self._registry.tell(recording.close())
        self._registry.tell(PublishOver(publish.stream, publish.app, publish.peer, reason))

    def _on_close(self, reason: str) -> None:
        self._reason = reason
        self._flush()
        self._transport.close()
        self._loop.call_later(GOODBYE, self._transport.abort)  # a peer that reads nothing must not keep us

    def _flush(self) -> None:
        buffers = self._rtmp.data_to_send()
        if buffers and not self._transport.is_closing():
            self._transport.write(b"".join(buffers))
