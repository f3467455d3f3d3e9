"""A connection that publishes: moves bytes between a transport and its `PublishProtocol`, and watches over both."""

from __future__ import annotations

import asyncio
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ftp_stream.errors import DestinationFault, FaultKind, RemoteProtocolError
from ftp_stream.rtmp.events import AuthNeeded, Fault, PublishStarted, Unpublished
from ftp_stream.rtmp.handshake import RANDOM
from ftp_stream.rtmp.lifecycle import PublishState
from ftp_stream.rtmp.publish import PublishProtocol
from ftp_stream.shell.publisher.outflow import Outflow
from ftp_stream.shell.publisher.tcp import reset_on_close, tune
from ftp_stream.shell.publisher.words import ended_in, fault_of, kind_of, without_secrets, words_of

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterable

    from ftp_stream.core.uplink import Flow
    from ftp_stream.rtmp.events import Event
    from ftp_stream.rtmp.url import RtmpUrl

__all__ = ["Connection", "Limits"]

_LEAST = 0.2  # seconds for a socket to be let go after a goodbye that took all its time
_BY_US = DestinationFault("media", "this side closed the connection")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long each wait may take, in seconds, and how much may wait to be sent."""

    resolve: float = 10.0
    tcp: float = 10.0
    tls: float = 10.0
    progress: float = 15.0  # without the peer's kernel taking one byte of what waits
    goodbye: float = 2.0  # for the server's word on an orderly end
    tick: float = 1.0  # at most, between two looks at deadlines and at what TCP has delivered
    write_buffer: int = 1 << 20  # bytes above what the kernel holds; two seconds of 4 Mbit/s


class Connection(asyncio.Protocol):
    """One publish over one TCP connection, plain or in TLS.

    Whoever plays into it calls the methods of `protocol`, then `flush`, and looks at `fault`; it awaits `writable`
    before it sends more. A connection fails once and for good, and says so at once to everybody: in `fault`,
    `writable` and `wait_lost`. In the end `close` must be called, after a fault as well.
    """

    def __init__(self, url: RtmpUrl, sock: socket.socket, limits: Limits, on_event: Callable[[Event], None]) -> None:
        self.protocol: PublishProtocol  # set by `begin`
        self._url = url
        self._sock = sock
        self._limits = limits
        self._on_event = on_event
        self._loop = asyncio.get_running_loop()
        self._tcp: asyncio.Transport  # set when asyncio has connected it
        self._transport: asyncio.Transport | None = None  # what RTMP goes through: TCP, or TLS over it
        self._timer: asyncio.TimerHandle | None = None
        self._waiters: list[asyncio.Future[None]] = []
        self._lost = self._loop.create_future()  # done when the socket is let go
        self._fault: DestinationFault | None = None
        self._retry: RtmpUrl | None = None
        self._full = self._unpublished = False
        self._started_at: float | None = None  # when the server said that the publish has begun
        self._outflow = Outflow(sock, self._loop.time())

    # --- for whoever plays into it ----------------------------------------------------------------------------------

    @property
    def fault(self) -> DestinationFault | None:
        """Why the connection has failed, once it has."""
        return self._fault

    @property
    def has_room(self) -> bool:
        """Whether more is to be sent now: less than `Limits.write_buffer` waits already."""
        return not self._full

    def flush(self) -> None:
        """Hand what the protocol wants sent to the transport in one write; never blocks; nothing after a fault. HOT."""
        buffers = self.protocol.data_to_send()
        if buffers and self._fault is None and self._transport is not None:
            data = b"".join(buffers)
            self._outflow.write(len(data), self._loop.time())
            self._transport.write(data)

    async def writable(self) -> None:
        """Return when less than `Limits.write_buffer` waits to be sent.

        Raises:
            DestinationFault: The connection has failed, also because the server takes nothing any more.
        """
        if self._full:
            await self._until(lambda: not self._full)
        if self._fault is not None:
            raise self._fault

    async def wait_lost(self) -> DestinationFault:
        """Return the fault when the connection has failed, or this side has closed it."""
        await self._until(lambda: False)
        assert self._fault is not None  # noqa: S101 - nothing else ends the wait
        return self._fault

    async def accepted(self) -> RtmpUrl | None:
        """Wait for the server's word on the publish; return the URL to try instead where it wants a proof of identity.

        Raises:
            DestinationFault: The server refused, or the connection failed.
        """
        await self._until(lambda: self._started_at is not None or self._retry is not None)
        if self._fault is not None and self._retry is None:  # with a challenge the server may close as well
            raise self._fault
        return self._retry

    def measure(self) -> None:
        """Tell the protocol what TCP has delivered; done every `Limits.tick` without being asked."""
        now = self._loop.time()
        self.protocol.transmitted(self._outflow.look(now), now)

    def flow(self) -> Flow:
        """Return what has gone through this connection until now."""
        return self._outflow.flow(self._loop.time())

    async def close(self, *, clean: bool) -> None:
        """End the connection and let go of its socket; harmless when done again.

        Args:
            clean: Say goodbye and wait at most `Limits.goodbye` for the server's answer, which confirms all that was
                sent. Else the server is left to find out: some keep the viewers for a while then.
        """
        latest = self._loop.time() + self._limits.goodbye
        try:
            if clean and self._fault is None:
                await self._say_goodbye()
        finally:
            self.end(_BY_US)
        await asyncio.wait({self._lost}, timeout=max(latest - self._loop.time(), _LEAST))
        self._tcp.abort()

    def end(self, fault: DestinationFault) -> None:
        """Fail for this reason, unless failed before, and drop the connection with all that waits in it."""
        if self._fault is None:
            self._settle(fault)
            with suppress(OSError):
                reset_on_close(self._sock)
            self._tcp.abort()

    # --- for whoever opens it ---------------------------------------------------------------------------------------

    def begin(self, transport: asyncio.Transport) -> None:
        """Begin the handshake over a transport that is ready for RTMP, and the watch over it."""
        self.protocol = PublishProtocol(self._url, random=os.urandom(RANDOM), now=self._loop.time())
        self._transport = transport
        self._outflow.transports = {self._tcp, transport}
        transport.set_write_buffer_limits(self._limits.write_buffer)
        if self._fault is None:
            self._tick()

    # --- called by asyncio ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the TCP transport, to measure it and to end it."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - asyncio makes no other for a stream socket
        self._tcp = transport
        tune(self._sock, self._limits.progress)

    def data_received(self, data: bytes) -> None:
        """Take what the server says, and answer."""
        if self._transport is None:
            self._fail("the server spoke before we did, which no RTMP server does", self._state, FaultKind.NOT_RTMP)
            return
        state = self._state
        try:
            events = self.protocol.receive(data, self._loop.time())
        except RemoteProtocolError as error:
            self._fail(f"the server does not speak RTMP as it should: {error}", state, FaultKind.NOT_RTMP)
            return
        self._handle(events)
        self.flush()

    def eof_received(self) -> bool:
        """End at once: no server needs half a connection."""
        self._fail("the server closed the connection", self._state)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail, unless it has failed before or this side wanted it."""
        if exc is not None:
            self._hear_last_words()
        self._fail(words_of(exc), self._state, kind_of(exc))
        if not self._lost.done():
            self._lost.set_result(None)

    def pause_writing(self) -> None:
        """Take note that the buffer is full."""
        self._full = True

    def resume_writing(self) -> None:
        """Let go whoever waits for room."""
        self._full = False
        self._wake()

    # --- watching ---------------------------------------------------------------------------------------------------

    def _tick(self) -> None:
        """Look at every deadline, and plan the next look."""
        self._handle(self.protocol.check(self._loop.time()))
        if self._fault is None:
            self.flush()
            self.measure()
            self._check_progress()
        if self._fault is None:
            now = self._loop.time()
            deadline = self.protocol.deadline()
            latest = now + self._limits.tick
            self._timer = self._loop.call_at(latest if deadline is None else min(deadline, latest), self._tick)

    def _check_progress(self) -> None:
        still = self._loop.time() - self._outflow.progress_at
        if still >= self._limits.progress:
            self._fail(f"the server took nothing for {still:.0f} s", self._state, FaultKind.TAKES_NOTHING)

    def _handle(self, events: Iterable[Event]) -> None:
        for event in events:
            match event:
                case Fault():
                    self.end(fault_of(event))
                case PublishStarted():
                    self._started_at = self._loop.time()
                    self._wake()
                case AuthNeeded():
                    self._retry = event.url
                    self._wake()
                case Unpublished():
                    self._unpublished = True
                    self._wake()
            self._on_event(event)

    @property
    def _state(self) -> PublishState:
        return PublishState.HANDSHAKE if self._transport is None else self.protocol.state

    # --- the end ----------------------------------------------------------------------------------------------------

    async def _say_goodbye(self) -> None:
        self.protocol.close()
        self.flush()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.goodbye):
                await self._until(lambda: self._unpublished)
        if self._fault is None:
            self.measure()
            if self._outflow.unsent() == 0:  # the server has all and will read it: no reset, which could overtake it
                self.protocol.delivered()
                self._settle(_BY_US)
                (self._transport or self._tcp).close()

    def _settle(self, fault: DestinationFault) -> None:
        """From here on nothing is watched or sent, and everybody who waits is told why."""
        if self._fault is None:
            self._fault = without_secrets(fault, self._url)
            if self._timer:
                self._timer.cancel()
            self._wake()

    def _fail(self, reason: str, state: PublishState, kind: FaultKind = FaultKind.LOST) -> None:
        """End for this reason, with the step and the likely cure that belong to the state it happened in."""
        lasted = None if self._started_at is None else self._loop.time() - self._started_at
        proven = lasted is not None and self.protocol.confirmed > 0
        self.end(ended_in(state, reason, kind, lasted=lasted, proven=proven))

    def _hear_last_words(self) -> None:
        """Take what the server said before it reset the connection: a write that fails hides why it was refused."""
        if self._fault is None and self._transport is self._tcp:
            with suppress(OSError):
                if said := self._sock.recv(1 << 16):
                    self.data_received(said)

    # --- waiting ----------------------------------------------------------------------------------------------------

    async def _until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds or the connection has failed."""
        while self._fault is None and not condition():
            waiter = self._loop.create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                self._waiters.remove(waiter)

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
