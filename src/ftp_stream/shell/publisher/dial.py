"""From a host name to a connected TCP socket."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING

from ftp_stream.errors import DestinationFault, FaultKind

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Address", "connect_tcp", "resolve"]

_STAGGER = 0.25  # seconds before the next address is tried beside the first: RFC 8305, 5
_CURES = {
    errno.ECONNREFUSED: "nothing listens there: check host and port, and that the server runs",
    errno.ENETUNREACH: "check this machine's network",
    errno.EHOSTUNREACH: "check this machine's network and the address",
    errno.ETIMEDOUT: "check the address, and any firewall between",
}


@dataclass(frozen=True, slots=True)
class Address:
    """Where to connect to."""

    family: socket.AddressFamily
    sockaddr: tuple[str | int | bytes, ...]  # as socket.connect takes it

    def __str__(self) -> str:
        return str(self.sockaddr[0])


async def resolve(host: str, port: int, deadline: float) -> list[Address]:
    """Return the addresses of a host, families in turn (RFC 8305, 4).

    Raises:
        DestinationFault: The name has no address, or nobody answered within `deadline` seconds.
    """
    try:
        async with asyncio.timeout(deadline):
            found = await _getaddrinfo(host, port)
    except TimeoutError:
        cure = "check the name servers of this machine"
        words = f"no answer about {host} within {deadline:g} s"
        raise DestinationFault("resolve", words, kind=FaultKind.NAME_UNKNOWN, cure=cure) from None
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or "not a host name"
        cure = "check the host in RTMP_URL, and the name servers of this machine"
        reason = f"cannot find {host}: {words}"
        raise DestinationFault("resolve", reason, kind=FaultKind.NAME_UNKNOWN, cure=cure) from error
    return _in_turn(found)


async def _getaddrinfo(host: str, port: int) -> list[Address]:
    with suppress(socket.gaierror):  # an address in digits asks nobody
        return _ask(host, port, socket.AI_NUMERICHOST)
    # A thread of its own, and a daemon: a name server that does not answer would otherwise use up the threads that
    # read files for all other streams, and hold up the end of the program.
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[Address]] = loop.create_future()

    def settle(found: list[Address] | Exception) -> None:
        if answer.done():  # nobody waits any more
            return
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def ask() -> None:
        found: list[Address] | Exception
        try:
            found = _ask(host, port, 0)
        except (OSError, UnicodeError) as error:
            found = error
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=ask, name=f"resolve {host}", daemon=True).start()
    return await answer


def _ask(host: str, port: int, flags: int) -> list[Address]:
    rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return [Address(family, sockaddr) for family, _, _, _, sockaddr in rows]


def _in_turn(found: Sequence[Address]) -> list[Address]:
    """Put the families in turn, beginning with the one that the system puts first."""
    first = [address for address in found if address.family == found[0].family]
    other = [address for address in found if address.family != found[0].family]
    return [address for pair in zip_longest(first, other) for address in pair if address]


async def connect_tcp(addresses: Sequence[Address], deadline: float) -> socket.socket:
    """Return a connected, non-blocking socket to the first address that answers; the caller owns it.

    Raises:
        DestinationFault: No address took the connection within `deadline` seconds.
    """
    try:
        async with asyncio.timeout(deadline):
            return await _race(addresses)
    except TimeoutError:
        where = ", ".join(map(str, addresses))
        words, cure = f"no answer from {where} within {deadline:g} s", _CURES[errno.ETIMEDOUT]
        raise DestinationFault("tcp", words, kind=FaultKind.UNREACHABLE, cure=cure) from None


async def _race(addresses: Sequence[Address]) -> socket.socket:
    waiting, running = deque(addresses), set[asyncio.Task[socket.socket]]()
    failures: dict[str, OSError] = {}
    try:
        while waiting or running:
            if waiting:
                address = waiting.popleft()
                running.add(asyncio.create_task(_attempt(address), name=str(address)))
            patience = _STAGGER if waiting else None
            done, _ = await asyncio.wait(running, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                running.discard(task)
                error = task.exception()
                if error is None:
                    return task.result()
                if not isinstance(error, OSError):
                    raise error
                failures[task.get_name()] = error
    finally:
        _abandon(running)
    raise _refused(failures)


def _abandon(attempts: set[asyncio.Task[socket.socket]]) -> None:
    for task in attempts:
        task.cancel()
        task.add_done_callback(_close_result)


def _close_result(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _attempt(address: Address) -> socket.socket:
    sock = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        sock.settimeout(0)
        await asyncio.get_running_loop().sock_connect(sock, address.sockaddr)
    except BaseException:
        sock.close()
        raise
    return sock


def _refused(failures: dict[str, OSError]) -> DestinationFault:
    words = "; ".join(f"{address}: {_words(error)}" for address, error in failures.items())
    known = [error.errno for error in failures.values() if error.errno in _CURES]
    # Where one of several addresses answers, if only with a no, the path is there
    refused = errno.ECONNREFUSED in known
    kind = FaultKind.REFUSED_CONNECTION if refused else FaultKind.UNREACHABLE
    cure = _CURES[errno.ECONNREFUSED if refused else known[0]] if known else ""
    return DestinationFault("tcp", words, kind=kind, cure=cure)


def _words(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
