"""The publisher over real loopback sockets: what a healthy server gets, and every way in which a server fails."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import re
import secrets
import socket
import ssl
import struct
import threading
import time
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
from tests.support.authority import Authority

from ftp_stream.errors import DestinationFault, FaultKind
from ftp_stream.rtmp import confirm, publish
from ftp_stream.rtmp.audit import payload_hash
from ftp_stream.rtmp.chunks import ChunkWriter
from ftp_stream.rtmp.events import Confirmed, PublishStarted, StepDone, Unpublished
from ftp_stream.rtmp.habits import NGINX_RTMP, NODE_MEDIA_SERVER, PRESETS, Duplicate, Habits
from ftp_stream.rtmp.messages import Command, serialise
from ftp_stream.rtmp.url import parse_url
from ftp_stream.shell.publisher import Connection, Limits, connect
from ftp_stream.shell.publisher.tcp import unacknowledged
from ftp_stream.shell.receiver import Left, Receiver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from ftp_stream.rtmp.messages import Parsed

KEY = secrets.token_hex(8)
QUICK = Limits(progress=0.5, goodbye=0.4, tick=0.1)


@asynccontextmanager
async def publishing(url: str, limits: Limits = QUICK, **options: object) -> AsyncIterator[Connection]:
    connection = await connect(parse_url(url), limits=limits, **options)
    try:
        yield connection
    finally:
        await connection.close(clean=False)


async def fault_of(url: str, **options: object) -> DestinationFault:
    """The fault of a publish that fails before it has begun."""
    with pytest.raises(DestinationFault) as raised:
        await connect(parse_url(url), limits=QUICK, **options)
    return raised.value


async def lost(connection: Connection, seconds: float = 5) -> DestinationFault:
    async with asyncio.timeout(seconds):
        return await connection.wait_lost()


async def until(condition: Callable[[], bool], seconds: float = 5) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - looks at what has no event of its own
            await asyncio.sleep(0.005)


def send_gop(connection: Connection, number: int, size: int = 1000) -> bytes:
    payload = secrets.token_bytes(size)
    connection.protocol.send_video("avc", True, number * 1000, 0, payload)  # noqa: FBT003 - as the player calls it
    connection.protocol.mark(number, time.monotonic())
    connection.flush()
    return payload


# --- a healthy server -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PRESETS)
async def test_every_kind_of_server_gets_every_frame(name) -> None:
    """Byte for byte, in order, in one publish; the steps are told as they are taken."""
    steps: dict[str, float] = {}
    async with Receiver(habits=PRESETS[name], hashes=True) as receiver:
        async with publishing(receiver.url(key=KEY), Limits(), on_step=steps.__setitem__) as connection:
            sent = [send_gop(connection, number, size) for number, size in enumerate((1, 70_000, 200_000), 1)]
            audit = receiver.audits[f"live/{KEY}"]
            await until(lambda: audit.publishes[0].video.frames == 3)
        assert audit.publishes[0].video.hashes == [payload_hash(payload) for payload in sent]
        assert audit.publish_count == 1
    assert list(steps) == ["resolve", "tcp", "handshake", "connect", "publish"]
    assert all(seconds >= 0 for seconds in steps.values())
    assert sum(steps.values()) < 2  # each answer is answered at once, not at the next look at the clock


async def test_the_kernel_is_told_to_send_at_once_and_to_notice_a_dead_peer() -> None:
    """Its own defaults hold small packets back, and hold on to a silently broken path for many minutes."""
    async with Receiver() as receiver, publishing(receiver.url(key=KEY), Limits(progress=7)) as connection:
        options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY), (socket.SOL_SOCKET, socket.SO_KEEPALIVE)]
        assert all(connection._sock.getsockopt(*option) for option in options)
        assert connection._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 7000
        assert connection._sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) < 60


async def test_events_come_in_order_and_confirmations_among_them() -> None:
    events: list[object] = []
    async with Receiver() as receiver, publishing(receiver.url(key=KEY), on_event=events.append) as connection:
        send_gop(connection, 1)
        await until(lambda: connection.protocol.confirmed == 1)
    steps = [event.step for event in events if isinstance(event, StepDone)]
    assert steps == ["handshake", "connect", "createStream", "publish"]
    assert [event for event in events if not isinstance(event, StepDone)] == [PublishStarted(), Confirmed(1)]


async def test_a_clean_end_waits_for_the_servers_word() -> None:
    """The word confirms what was sent; the server sees an orderly end, and nothing is left of the connection."""
    events: list[object] = []
    async with Receiver(habits=NGINX_RTMP) as receiver:
        async with publishing(receiver.url(key=KEY), on_event=events.append) as connection:
            for number in range(1, 4):
                send_gop(connection, number, 100_000)
            await connection.close(clean=True)
            assert Unpublished() in events
            assert connection.protocol.confirmed == 3
            assert "this side" in (await lost(connection)).reason
        await until(lambda: receiver.connections == 0)


async def test_a_clean_end_without_an_answer_takes_no_longer_than_allowed() -> None:
    """And it is an orderly end for the server, with everything that was sent."""
    events: list[object] = []
    receiver = Receiver(habits=NODE_MEDIA_SERVER, on_event=events.append)
    async with receiver, publishing(receiver.url(key=KEY)) as connection:
        send_gop(connection, 1, 500_000)
        begun = time.monotonic()
        await connection.close(clean=True)
        assert QUICK.goodbye <= time.monotonic() - begun < QUICK.goodbye + 0.5
        await until(lambda: receiver.connections == 0)
        assert receiver.audits[f"live/{KEY}"].publishes[0].video.frames == 1
        [left] = [event for event in events if isinstance(event, Left)]
        assert left.reason == "the publisher closed the connection"


async def test_where_a_server_answers_nothing_the_word_of_its_kernel_counts(monkeypatch) -> None:
    """Once its silence is certain, which takes some pings, some bytes and some time."""
    monkeypatch.setattr(confirm, "PING_TRIAL", 0.1)
    async with Receiver(habits=NODE_MEDIA_SERVER) as receiver, publishing(receiver.url(key=KEY)) as connection:
        for number in range(1, 6):
            send_gop(connection, number, 500_000)
        await until(lambda: connection.protocol.rung == "tcp")
        await until(lambda: connection.protocol.confirmed == 5)


async def test_closing_twice_is_harmless() -> None:
    async with Receiver() as receiver, publishing(receiver.url(key=KEY)) as connection:
        await connection.close(clean=True)
        await connection.close(clean=True)
        await connection.close(clean=False)


async def test_sending_after_the_end_does_nothing() -> None:
    """The player may find out a turn later that the connection has failed."""
    async with Receiver() as receiver, publishing(receiver.url(key=KEY)) as connection:
        connection.protocol.send_audio(0, b"late")
        await connection.close(clean=False)
        connection.flush()
        with pytest.raises(DestinationFault):
            await connection.writable()


async def test_a_cancelled_connect_leaves_nothing_behind() -> None:
    async with Receiver(habits=Habits(mute=frozenset({"publish"}))) as receiver:
        opening = asyncio.create_task(connect(parse_url(receiver.url(key=KEY)), limits=QUICK))
        await until(lambda: receiver.connections == 1)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await until(lambda: receiver.connections == 0)


@pytest.fixture
def private(tmp_path) -> tuple[ssl.SSLContext, Path]:
    """A server's TLS context for localhost, and the authority that signed it."""
    if missing := Authority.missing():
        pytest.skip(missing)
    authority = Authority(tmp_path)
    certificate = authority.certificate("DNS:localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    return context, authority.pem


async def test_rtmps_carries_the_same(private) -> None:
    """More than TLS and the kernel hold at once, so that every buffer on the way is used."""
    context, ca_file = private
    async with Receiver("localhost", habits=NGINX_RTMP, hashes=True, ssl=context) as receiver:
        async with publishing(receiver.url(key=KEY), ca_file=ca_file) as connection:
            sent = []
            for number in range(1, 21):
                sent.append(send_gop(connection, number, 500_000))
                await connection.writable()
            await connection.close(clean=True)
            assert connection.protocol.confirmed == 20
        assert receiver.audits[f"live/{KEY}"].publishes[0].video.hashes == [payload_hash(payload) for payload in sent]


async def test_what_waits_inside_tls_counts_as_not_sent(private) -> None:
    """Else a server that has stopped reading would be believed to have it."""
    context, ca_file = private
    server = Receiver("localhost", habits=Habits(stops_reading_after=5000), ssl=context)
    async with server, publishing(server.url(key=KEY), Limits(), ca_file=ca_file) as connection:
        for number in range(1, 41):
            send_gop(connection, number, 1 << 20)
        kernels = 20 << 20  # bytes; more than both kernels keep for a connection
        assert connection._outflow.unsent() > connection._outflow.written - kernels


async def test_a_challenge_counts_although_the_server_closes_with_it(private) -> None:
    """In TLS the end comes in the same breath as the last words."""
    context, ca_file = private
    user, password = secrets.token_hex(4), secrets.token_hex(8)
    habits = Habits(reject_connect=Adobe(password))
    async with Receiver("localhost", habits=habits, ssl=context) as receiver:
        url = receiver.url(key=KEY).replace("rtmps://", f"rtmps://{user}:{password}@")
        async with publishing(url, ca_file=ca_file) as connection:
            assert connection.fault is None


# --- pressure back --------------------------------------------------------------------------------------------------


async def test_writable_waits_while_the_buffer_is_full_and_no_longer() -> None:
    """The buffer stays near its limit however fast the player is, and everything arrives."""
    limit, gop = 1 << 20, 1 << 17
    limits = Limits(write_buffer=limit, tick=0.1)
    async with Receiver() as receiver, publishing(receiver.url(key=KEY), limits=limits) as connection:
        largest = 0
        for number in range(1, 201):
            send_gop(connection, number, gop)
            largest = max(largest, connection._tcp.get_write_buffer_size())
            await connection.writable()
            assert connection._tcp.get_write_buffer_size() <= limit
        assert limit - gop < largest < limit + 2 * gop
        await until(lambda: connection.protocol.confirmed == 200, 20)


async def test_what_has_to_wait_waits_before_the_kernel() -> None:
    """On a slow line the kernel would take megabytes: many seconds that nobody can pass over any more."""
    habits = Habits(stops_reading_after=5000)
    async with Receiver(habits=habits) as receiver, publishing(receiver.url(key=KEY), Limits()) as connection:
        for number in range(1, 21):
            send_gop(connection, number, 1 << 20)
        await until(lambda: not connection.has_room)
        assert connection.flow().written > 20 << 20
        assert unacknowledged(connection._sock) < 1 << 20


async def test_it_is_told_when_nothing_waited_last() -> None:
    """Looked at before each write and whenever it is asked: what a path bears has left by then."""
    now = asyncio.get_running_loop().time
    habits, limits = Habits(reads_per_second=2e6), Limits(write_buffer=1 << 18)
    async with Receiver(habits=habits) as receiver, publishing(receiver.url(key=KEY), limits=limits) as connection:
        begun = now()
        assert connection.has_room
        assert connection.flow().clear_at >= begun
        send_gop(connection, 1, 3 << 20)
        clear_at = connection.flow().clear_at
        await asyncio.sleep(0.2)
        assert not connection.has_room
        send_gop(connection, 2, 1 << 20)
        assert connection.flow().clear_at == clear_at
        await connection.writable()
        assert connection.has_room
        assert connection.flow().taken < connection.flow().written
        receiver.read_at(None)
        await until(lambda: connection.flow().taken == connection.flow().written)
        assert connection.flow().clear_at > clear_at


async def test_what_moved_can_be_asked_for_after_the_end() -> None:
    """The socket is closed a moment before whoever looks at the path hears of it."""
    async with Receiver() as receiver, publishing(receiver.url(key=KEY)) as connection:
        send_gop(connection, 1)
        await until(lambda: connection.protocol.confirmed == 1)
        before = connection.flow()
        receiver.drop(reset=True)
        await lost(connection)
        await connection.close(clean=False)
        assert connection._sock.fileno() < 0
        assert connection.flow()[:2] == before[:2]


async def test_a_server_that_stops_reading_is_given_up() -> None:
    """Whoever waits for room is told, although the connection stands."""

    async def send_for_ever(connection: Connection) -> None:
        for number in itertools.count(1):
            send_gop(connection, number, 1 << 18)
            await connection.writable()

    habits = Habits(stops_reading_after=100_000)
    async with Receiver(habits=habits) as receiver, publishing(receiver.url(key=KEY)) as connection:
        begun = time.monotonic()
        with pytest.raises(DestinationFault) as raised:
            await send_for_ever(connection)
        assert QUICK.progress <= time.monotonic() - begun < 5
        assert raised.value is connection.fault
        assert (raised.value.step, raised.value.kind) == ("media", FaultKind.TAKES_NOTHING)
        assert "took nothing" in raised.value.reason
        assert raised.value.cure


async def test_a_slow_server_is_no_faulty_one() -> None:
    """One that takes a little all the time is waited for, however long it takes over what is in hand."""
    stop = threading.Event()

    def read_slowly(sock: socket.socket) -> None:
        while not stop.wait(0.02):
            sock.recv(1 << 16)

    with scripted(*ACCEPTING, (b"", read_slowly)) as port:
        async with publishing(f"rtmp://127.0.0.1:{port}/live/{KEY}") as connection:
            for number in range(1, 31):
                send_gop(connection, number, 1 << 20)
            waiting = connection._outflow.unsent()
            await asyncio.sleep(3 * QUICK.progress)
            assert connection.fault is None
            assert 0 < connection._outflow.unsent() < waiting
        stop.set()


# --- servers that fail ----------------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch) -> float:
    """The protocol's deadline for an answer, shortened; everything else is as it is."""
    monkeypatch.setattr(publish, "COMMAND_TIMEOUT", 0.3)
    return 0.3


@pytest.mark.parametrize(
    ("mute", "step"),
    [("handshake", "handshake"), ("connect", "connect"), ("createStream", "connect"), ("publish", "publish")],
)
async def test_a_server_that_accepts_and_never_answers(impatient, mute, step) -> None:
    """Its deadline ends each step of the way."""
    async with Receiver(habits=Habits(mute=frozenset({mute}))) as receiver:
        begun = time.monotonic()
        fault = await fault_of(receiver.url(key=KEY))
        assert impatient <= time.monotonic() - begun < impatient + 1
        assert (fault.step, fault.kind) == (step, FaultKind.NO_ANSWER)
        assert "no answer" in fault.reason
        await until(lambda: receiver.connections == 0)


async def test_a_server_that_says_start_and_closes_is_noticed_at_once() -> None:
    """Publish.Start is not acceptance: the fault comes to whoever waits, with what it mostly means."""
    async with Receiver(habits=Habits(start_then_close=True)) as receiver:
        try:
            async with publishing(receiver.url(key=KEY)) as connection:
                fault = await lost(connection)
                assert connection.fault is fault
        except DestinationFault as early:  # the end came with the start
            fault = early
    assert (fault.step, fault.kind) == ("media", FaultKind.REFUSED_LATE)
    assert "key" in fault.cure


async def test_a_taken_name_is_told_with_the_servers_own_code_and_words() -> None:
    habits = Habits(duplicate=Duplicate.BADNAME_OPEN)
    async with Receiver(habits=habits) as receiver, publishing(receiver.url(key=KEY)) as first:
        fault = await fault_of(receiver.url(key=KEY))
        assert first.fault is None
    assert (fault.step, fault.code) == ("publish", "NetStream.Publish.BadName")
    assert fault.kind is FaultKind.NAME_TAKEN
    assert fault.description
    assert fault.cure


@pytest.mark.parametrize("duplicate", [Duplicate.CLOSE, Duplicate.START_THEN_CLOSE, Duplicate.CLOSE_AT_MEDIA])
async def test_a_taken_name_is_noticed_in_every_way_of_refusing(duplicate) -> None:
    async with Receiver(habits=Habits(duplicate=duplicate)) as receiver, publishing(receiver.url(key=KEY)) as first:
        try:
            async with publishing(receiver.url(key=KEY)) as second:
                if second.fault is None:
                    send_gop(second, 1)
                fault = await lost(second)
        except DestinationFault as early:
            fault = early
        assert (fault.step, fault.kind) in {("publish", FaultKind.REFUSED), ("media", FaultKind.REFUSED_LATE)}
        assert "in use" in fault.cure or "key" in fault.cure
        assert first.fault is None


async def test_a_publisher_that_is_kicked_out_is_told() -> None:
    async with Receiver(habits=Habits(duplicate=Duplicate.KICK_OLD)) as receiver:
        url = receiver.url(key=KEY)
        async with publishing(url) as old, publishing(url) as new:
            fault = await lost(old)
            assert new.fault is None
    assert fault.step == "media"


async def test_an_unknown_application_is_a_fault_of_connect() -> None:
    async with Receiver(habits=Habits(apps=frozenset({"live"}))) as receiver:
        fault = await fault_of(receiver.url(app="other", key=KEY))
    assert (fault.step, fault.kind) == ("connect", FaultKind.REFUSED)
    assert "application" in fault.cure


async def test_a_reset_in_the_middle_is_noticed_at_once() -> None:
    """By the waiting and by the hot loop alike, with one and the same fault."""
    async with Receiver() as receiver, publishing(receiver.url(key=KEY)) as connection:
        waiting = asyncio.create_task(connection.wait_lost())
        send_gop(connection, 1)
        await until(lambda: connection.protocol.confirmed == 1)
        receiver.drop(reset=True)
        fault = await asyncio.wait_for(waiting, 2)
        assert fault is connection.fault
        assert (fault.step, fault.kind) == ("media", FaultKind.LOST)  # it had taken media: that is no refusal
        assert "reset" in fault.reason


async def test_a_server_that_goes_away_in_good_order_is_noticed_at_once() -> None:
    async with Receiver() as receiver, publishing(receiver.url(key=KEY)) as connection:
        receiver.drop()
        assert "closed" in (await lost(connection, 2)).reason


async def test_what_a_server_said_before_a_reset_is_heard() -> None:
    """Our write fails first, and behind it lies the reason why we were thrown out."""
    words, go, gone = secrets.token_hex(6), threading.Event(), threading.Event()

    def throw_out(sock: socket.socket) -> None:
        go.wait(5)
        sock.sendall(wire(status("NetStream.Publish.Denied", words, "error")))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
        gone.set()

    with scripted(*ACCEPTING, (b"", throw_out)) as port:
        async with publishing(f"rtmp://127.0.0.1:{port}/live/{KEY}") as connection:
            go.set()
            assert gone.wait(5)  # the loop stands still meanwhile, so it writes before it reads
            send_gop(connection, 1)
            fault = await lost(connection)
    assert (fault.step, fault.code, fault.description) == ("media", "NetStream.Publish.Denied", words)
    assert fault.kind is FaultKind.REFUSED


async def test_a_server_that_speaks_something_else_is_told_apart() -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(speak, "127.0.0.1", 0) as server:
        fault = await fault_of(f"rtmp://127.0.0.1:{server.sockets[0].getsockname()[1]}/live/{KEY}")
    assert (fault.step, fault.kind) == ("handshake", FaultKind.NOT_RTMP)
    assert "HTTP" in fault.reason


async def test_a_server_that_breaks_the_protocol_later_is_left() -> None:
    marker = secrets.token_bytes(16)
    with scripted(*ACCEPTING, (marker, b"\xc0" * 64)) as port:
        async with publishing(f"rtmp://127.0.0.1:{port}/live/{KEY}") as connection:
            connection.protocol.send_audio(0, marker)
            connection.flush()
            fault = await lost(connection)
    assert fault.step == "media"
    assert "does not speak RTMP as it should" in fault.reason


async def test_half_a_connection_is_none() -> None:
    """A server that ends its side is left at once, and not when it has read what waits for it."""
    marker = secrets.token_bytes(16)
    stop = threading.Event()

    def end_one_side(sock: socket.socket) -> None:
        sock.shutdown(socket.SHUT_WR)
        stop.wait(10)

    with scripted(*ACCEPTING, (marker, end_one_side)) as port:
        async with publishing(f"rtmp://127.0.0.1:{port}/live/{KEY}", Limits()) as connection:
            connection.protocol.send_audio(0, marker)
            for number in range(1, 21):
                send_gop(connection, number, 1 << 20)
            fault = await lost(connection, 2)
        stop.set()
    assert "closed" in fault.reason


# --- secrets --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["error", "status"])
async def test_a_server_that_repeats_the_key_does_not_get_it_shown(level) -> None:
    """Neither in a fault nor in an event, in no field and in no form of an exception."""
    user, password, token = (secrets.token_hex(8) for _ in range(3))
    echo = f"{KEY} of {user}:{password} with {token}"
    events: list[object] = []
    replies = wire(status("NetStream.Publish." + KEY, echo, level), status("NetStream.Publish.BadName", echo, "error"))
    with scripted(*ACCEPTING[:-1], (b"\x00\x07publish", replies)) as port:
        url = f"rtmp://{user}:{password}@127.0.0.1:{port}/live/{KEY}?sign={token}"
        fault = await fault_of(url, on_event=events.append)
    assert fault.code.startswith("NetStream.Publish.")
    shown = f"{fault!r} {fault.args} {fault.code} {fault.description} {fault.reason} {fault.cure} {events!r}"
    assert all(secret not in shown for secret in (KEY, password, token))
    assert "***" in fault.description


async def test_our_own_words_are_cleaned_as_well() -> None:
    """What the protocol says of a broken message may hold bytes of it."""
    async with Receiver() as receiver, publishing(receiver.url(key=KEY)) as connection:
        connection.end(DestinationFault("media", f"reason {KEY}", code=f"code {KEY}", description=f"words {KEY}"))
        fault = await lost(connection)
    assert KEY not in f"{fault} {fault.args} {fault.reason} {fault.code} {fault.description}"


# --- challenges -----------------------------------------------------------------------------------------------------


class Adobe:
    """The server's side of the adobe challenge, as it is described in FFmpeg's sources."""

    def __init__(self, password: str) -> None:
        self.salt, self.opaque, self.password = secrets.token_hex(4), secrets.token_hex(4), password
        self.asked = 0

    def __call__(self, app: str) -> str:
        self.asked += 1
        query = dict(re.findall(r"[?&](\w+)=([^&]*)", app))
        if not query:
            return "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : "
        prefix = "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason="
        user = query["user"]
        if "response" not in query:
            return f"{prefix}needauth&user={user}&salt={self.salt}&challenge={self.opaque}&opaque={self.opaque}"
        secret = self._digest(user + self.salt + self.password)
        wanted = self._digest(secret + self.opaque + query["challenge"])
        return "" if query["response"] == wanted else f"{prefix}authfailed&opaque={self.opaque}"

    @staticmethod
    def _digest(text: str) -> str:
        return base64.b64encode(hashlib.md5(text.encode()).digest()).decode()  # noqa: S324 - the scheme's own


async def test_a_challenge_is_answered_over_three_connections() -> None:
    user, password = secrets.token_hex(4), secrets.token_hex(8)
    adobe, steps = Adobe(password), []
    async with Receiver(habits=Habits(reject_connect=adobe)) as receiver:
        url = receiver.url(key=KEY).replace("rtmp://", f"rtmp://{user}:{password}@")
        async with publishing(url, on_step=lambda step, _: steps.append(step)) as connection:
            send_gop(connection, 1)
            await until(lambda: connection.protocol.confirmed == 1)
        assert receiver.audits[f"live/{KEY}"].publish_count == 1
    assert adobe.asked == 3
    assert steps == ["resolve", "tcp", "handshake"] * 3 + ["connect", "publish"]


async def test_a_wrong_password_is_a_fault_of_connect_and_is_not_tried_again() -> None:
    user, password = secrets.token_hex(4), secrets.token_hex(8)
    adobe = Adobe(secrets.token_hex(8))
    async with Receiver(habits=Habits(reject_connect=adobe)) as receiver:
        fault = await fault_of(receiver.url(key=KEY).replace("rtmp://", f"rtmp://{user}:{password}@"))
    assert fault.step == "connect"
    assert "password" in fault.cure
    assert adobe.asked == 3
    assert password not in f"{fault} {fault.description}"


async def test_a_server_that_never_has_enough_is_left_after_three_connections() -> None:
    asked = 0

    def reject(_app: str) -> str:
        nonlocal asked
        asked += 1
        return f"authmod={'adobe' if asked % 2 else 'llnw'}"

    async with Receiver(habits=Habits(reject_connect=reject)) as receiver:
        fault = await fault_of(receiver.url(key=KEY).replace("rtmp://", "rtmp://a:b@"))
    assert fault.step == "connect"
    assert asked <= 3


# --- a server in a thread, which says and does exactly what it is told ----------------------------------------------


def wire(*values: Parsed) -> bytes:
    writer = ChunkWriter()
    for value in values:
        writer.message(serialise(value))
    return b"".join(writer.take())


def status(code: str, description: str, level: str = "status") -> Command:
    return Command("onStatus", 0.0, (None, {"level": level, "code": code, "description": description}), 1)


ACCEPTING = (
    (b"connect", wire(Command("_result", 1.0, (None, {"level": "status"})))),
    (b"createStream", wire(Command("_result", 4.0, (None, 1.0)))),
    (b"\x00\x07publish", wire(status("NetStream.Publish.Start", ""))),
)


@contextmanager
def scripted(*steps: tuple[bytes, bytes | Callable[[socket.socket], object]]) -> Iterator[int]:
    """Serve one connection: after the handshake each step waits for some bytes, then says or does something."""

    def serve() -> None:
        sock, _ = listener.accept()
        with sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            seen = b""
            while len(seen) < 1537:
                seen += sock.recv(1 << 16)
            sock.sendall(b"\x03" + bytes(2 * 1536))
            for needle, action in steps:
                while needle not in seen and (data := sock.recv(1 << 16)):
                    seen += data
                if isinstance(action, bytes):
                    sock.sendall(action)
                else:
                    action(sock)
            while sock.fileno() != -1 and sock.recv(1 << 16):
                pass

    def served() -> None:
        with suppress(OSError):
            serve()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=served)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            thread.join(10)
            assert not thread.is_alive()
