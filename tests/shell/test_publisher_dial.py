"""Names, addresses, TCP and TLS: each failure is a fault of its own step, in time, with words that help."""

from __future__ import annotations

import asyncio
import secrets
import socket
import ssl
import threading
import time
from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.support.authority import Authority, Certificate

from ftp_stream.errors import DestinationFault, FaultKind
from ftp_stream.rtmp.url import parse_url
from ftp_stream.shell.publisher import Limits, connect, dial
from ftp_stream.shell.publisher.dial import Address, connect_tcp, resolve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

KEY = secrets.token_hex(8)
QUICK = Limits(resolve=0.3, tcp=0.3, tls=0.3)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port whose host drops every request to connect: its queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.settimeout(0)
            waiting.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def local(port: int) -> Address:
    return Address(socket.AF_INET, ("127.0.0.1", port))


async def fault_of(url: str, **options: object) -> DestinationFault:
    with pytest.raises(DestinationFault) as raised:
        await connect(parse_url(url), **options)
    assert KEY not in f"{raised.value} {raised.value.cure} {raised.value.description}"
    return raised.value


# --- names ----------------------------------------------------------------------------------------------------------


async def test_a_name_that_does_not_resolve_is_said_with_the_name() -> None:
    name = f"{secrets.token_hex(6)}.invalid"
    fault = await fault_of(f"rtmp://{name}/live/{KEY}")
    assert (fault.step, fault.kind) == ("resolve", FaultKind.NAME_UNKNOWN)
    assert name in fault.reason
    assert fault.cure


@pytest.mark.parametrize("host", ["a" * 64, "a..b"])
async def test_what_cannot_be_a_host_name_is_a_fault_and_no_crash(host) -> None:
    assert (await fault_of(f"rtmp://{host}/live/{KEY}")).step == "resolve"


async def test_a_silent_name_server_holds_up_nobody_else(monkeypatch) -> None:
    """The wait ends at its deadline, and neither the threads for files nor the end of the program wait for it."""
    released = threading.Event()
    real = socket.getaddrinfo

    def silent(*arguments: object, **options: int) -> list[object]:
        if options.get("flags"):
            return real(*arguments, **options)
        released.wait(20)
        raise socket.gaierror(socket.EAI_AGAIN, "no answer")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    before = time.monotonic()
    faults = await asyncio.gather(*(fault_of(f"rtmp://nobody/live/{KEY}", limits=QUICK) for _ in range(40)))
    assert {(fault.step, fault.kind) for fault in faults} == {("resolve", FaultKind.NAME_UNKNOWN)}
    await asyncio.to_thread(lambda: None)
    assert time.monotonic() - before < 3
    asking = [thread for thread in threading.enumerate() if thread.name == "resolve nobody"]
    assert all(thread.daemon for thread in asking)
    released.set()
    for thread in asking:
        await asyncio.to_thread(thread.join, 5)


async def test_an_address_in_digits_asks_no_name_server(monkeypatch) -> None:
    monkeypatch.setattr(threading, "Thread", None)
    assert [str(address) for address in await resolve("127.0.0.1", 1935, 1)] == ["127.0.0.1"]
    assert [str(address) for address in await resolve("::1", 1935, 1)] == ["::1"]


async def test_families_take_turns_beginning_with_the_first(monkeypatch) -> None:
    """RFC 8305: one broken family costs a quarter of a second and not its whole list."""
    rows = [(socket.AF_INET6, name) for name in ("6a", "6b", "6c")] + [(socket.AF_INET, "4a")]

    def answer(_host: str, port: int, *, flags: int, **_: int) -> list[tuple[object, ...]]:
        if flags:
            raise socket.gaierror(socket.EAI_NONAME, "not in digits")
        return [(family, socket.SOCK_STREAM, 6, "", (name, port)) for family, name in rows]

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    assert [str(address) for address in await resolve("two", 1935, 1)] == ["6a", "4a", "6b", "6c"]


# --- TCP ------------------------------------------------------------------------------------------------------------


async def test_a_port_where_nobody_listens_is_refused_at_once() -> None:
    fault = await fault_of(f"rtmp://127.0.0.1:{free_port()}/live/{KEY}")
    assert (fault.step, fault.kind) == ("tcp", FaultKind.REFUSED_CONNECTION)
    assert "refused" in fault.reason
    assert fault.cure


async def test_a_host_that_does_not_answer_is_given_up_at_the_deadline(deaf_port) -> None:
    before = time.monotonic()
    fault = await fault_of(f"rtmp://127.0.0.1:{deaf_port}/live/{KEY}", limits=QUICK)
    assert 0.3 <= time.monotonic() - before < 2
    assert (fault.step, fault.kind) == ("tcp", FaultKind.UNREACHABLE)
    assert "127.0.0.1" in fault.reason


async def test_the_next_address_is_tried_while_the_first_is_silent(deaf_port) -> None:
    with socket.create_server(("127.0.0.1", 0)) as good:
        port = good.getsockname()[1]
        before = time.monotonic()
        sock = await connect_tcp([local(deaf_port), local(port)], 5)
        with sock:
            assert sock.getpeername()[1] == port
            assert time.monotonic() - before < 2
        await asyncio.sleep(0.05)
        assert asyncio.all_tasks() == {asyncio.current_task()}  # the other attempt is given up


async def test_the_next_address_is_tried_at_once_when_the_first_refuses() -> None:
    with socket.create_server(("127.0.0.1", 0)) as good:
        before = time.monotonic()
        with await connect_tcp([local(free_port()), local(good.getsockname()[1])], 5):
            assert time.monotonic() - before < 0.2


async def test_of_two_that_answer_at_once_one_is_let_go(monkeypatch) -> None:
    """A server must not be left with a connection that nobody uses."""
    real, both = dial._attempt, asyncio.Barrier(2)

    async def attempt(address: Address) -> socket.socket:
        sock = await real(address)
        await both.wait()
        return sock

    monkeypatch.setattr(dial, "_STAGGER", 0)
    monkeypatch.setattr(dial, "_attempt", attempt)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        used = await connect_tcp([local(server.getsockname()[1]) for server in (one, two)], 5)
        await asyncio.sleep(0.05)
        with used, one.accept()[0] as first, two.accept()[0] as second:
            ends = [side.recv(1) for side in (first, second) if side.getpeername() != used.getsockname()]
    assert ends == [b""]


async def test_every_address_that_failed_is_named() -> None:
    addresses = [local(free_port()), Address(socket.AF_INET, ("127.0.0.2", free_port()))]
    with pytest.raises(DestinationFault) as raised:
        await connect_tcp(addresses, 5)
    assert "127.0.0.1" in raised.value.reason
    assert "127.0.0.2" in raised.value.reason


async def test_of_several_addresses_one_that_refuses_shows_that_the_path_is_there() -> None:
    """The other has no path at all: what helps is to look at the server."""
    nowhere = Address(socket.AF_INET, ("255.255.255.255", 1))
    for addresses in ([nowhere, local(free_port())], [local(free_port()), nowhere]):
        with pytest.raises(DestinationFault) as raised:
            await connect_tcp(addresses, 5)
        assert raised.value.kind is FaultKind.REFUSED_CONNECTION
        assert "that the server runs" in raised.value.cure
    with pytest.raises(DestinationFault) as raised:
        await connect_tcp([nowhere], 5)
    assert raised.value.kind is FaultKind.UNREACHABLE


async def test_a_cancelled_attempt_leaves_no_socket_behind(deaf_port) -> None:
    """A socket that is left behind would raise a ResourceWarning, which is an error here."""
    attempt = asyncio.create_task(connect_tcp([local(deaf_port)] * 3, 5))
    await asyncio.sleep(0.6)
    attempt.cancel()
    with pytest.raises(asyncio.CancelledError):
        await attempt


# --- TLS ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    if missing := Authority.missing():
        pytest.skip(missing)
    return Authority(tmp_path_factory.mktemp("authority"))


@asynccontextmanager
async def tls_server(certificate: Certificate) -> AsyncIterator[int]:
    """A server that ends each connection as soon as TLS stands."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)

    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_a_certificate_of_the_private_authority_is_believed(authority) -> None:
    """The connection gets past TLS: what fails is the RTMP handshake, which this server does not do."""
    steps = []
    async with tls_server(authority.certificate("DNS:localhost")) as port:
        url = f"rtmps://localhost:{port}/live/{KEY}"
        fault = await fault_of(url, ca_file=authority.pem, on_step=lambda step, _: steps.append(step))
    assert steps == ["resolve", "tcp", "tls"]
    assert fault.step == "handshake"


async def test_the_name_goes_to_the_server(authority) -> None:
    """SNI: without it a host of many names cannot choose its certificate; YouTube refuses."""
    names = []
    certificate = authority.certificate("DNS:localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        await fault_of(f"rtmps://localhost:{server.sockets[0].getsockname()[1]}/live/{KEY}", ca_file=authority.pem)
    assert names == ["localhost"]


@pytest.mark.parametrize(
    ("names", "host", "trusted", "words"),
    [
        (["DNS:localhost"], "localhost", False, "not trusted"),
        (["DNS:other.example"], "localhost", True, "another name"),
        (["DNS:localhost"], "127.0.0.1", True, "not for this address"),
    ],
)
async def test_a_server_that_cannot_prove_its_name_gets_nothing(authority, names, host, trusted, words) -> None:
    async with tls_server(authority.certificate(*names)) as port:
        options = {"ca_file": authority.pem} if trusted else {}
        fault = await fault_of(f"rtmps://{host}:{port}/live/{KEY}", **options)
    assert (fault.step, fault.kind) == ("tls", FaultKind.TLS_UNTRUSTED)
    assert words in fault.reason
    assert fault.cure


async def test_an_expired_certificate_is_said_to_be_expired(authority) -> None:
    async with tls_server(authority.expired("DNS:localhost")) as port:
        fault = await fault_of(f"rtmps://localhost:{port}/live/{KEY}", ca_file=authority.pem)
    assert "expired" in fault.reason
    assert fault.kind is FaultKind.TLS_EXPIRED


def write(path: Path, content: bytes | None) -> Path:
    if content is not None:
        path.write_bytes(content)
    return path


@pytest.mark.parametrize("content", [None, b"", b"no certificate"])
async def test_an_unusable_authority_file_is_said_before_anything_is_sent(tmp_path, content) -> None:
    path = write(tmp_path / secrets.token_hex(4), content)
    fault = await fault_of(f"rtmps://127.0.0.1:{free_port()}/live/{KEY}", ca_file=path)
    assert (fault.step, fault.kind) == ("tls", FaultKind.TLS_UNTRUSTED)
    assert str(path) in fault.reason
    assert "RTMP_CA_FILE" in fault.cure


async def test_a_renewed_authority_file_counts_at_the_next_connection(authority, tmp_path) -> None:
    path = write(tmp_path / "ca.pem", Authority(tmp_path / "former").pem.read_bytes())
    async with tls_server(authority.certificate("DNS:localhost")) as port:
        url = f"rtmps://localhost:{port}/live/{KEY}"
        assert (await fault_of(url, ca_file=path)).step == "tls"
        write(path, authority.pem.read_bytes())
        assert (await fault_of(url, ca_file=path)).step == "handshake"


async def test_a_server_that_says_nothing_to_tls_is_given_up_at_the_deadline() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        fault = await fault_of(f"rtmps://127.0.0.1:{silent.getsockname()[1]}/live/{KEY}", limits=QUICK)
    assert (fault.step, fault.kind) == ("tls", FaultKind.NO_ANSWER)
    assert "rtmp://" in fault.cure


async def test_a_server_that_hangs_up_on_tls_is_a_fault_of_tls() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        fault = await fault_of(f"rtmps://127.0.0.1:{server.sockets[0].getsockname()[1]}/live/{KEY}")
    assert (fault.step, fault.kind) == ("tls", FaultKind.TLS_FAILED)
    assert "rtmp://" in fault.cure


async def test_a_server_that_answers_something_else_than_tls_is_a_fault_of_tls() -> None:
    def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        fault = await fault_of(f"rtmps://127.0.0.1:{server.sockets[0].getsockname()[1]}/live/{KEY}")
    assert (fault.step, fault.kind) == ("tls", FaultKind.TLS_FAILED)
    assert "rtmp://" in fault.cure
