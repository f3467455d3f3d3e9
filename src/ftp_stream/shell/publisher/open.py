"""Opening a publish step by step, each with its deadline: resolve, tcp, tls, handshake, connect, publish."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from ftp_stream.errors import DestinationFault, FaultKind
from ftp_stream.rtmp.events import StepDone
from ftp_stream.shell.publisher.connection import Connection, Limits
from ftp_stream.shell.publisher.dial import connect_tcp, resolve
from ftp_stream.shell.publisher.trust import NOT_TLS, tls_context, tls_fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ftp_stream.rtmp.events import Event
    from ftp_stream.rtmp.url import RtmpUrl

__all__ = ["connect"]

_CONNECTIONS = 3  # a challenge takes two more: the server names its scheme, then its salt, then judges the answer
_DEFAULTS = Limits()


async def connect(
    url: RtmpUrl,
    *,
    ca_file: Path | None = None,
    on_step: Callable[[str, float], None] | None = None,
    on_event: Callable[[Event], None] | None = None,
    limits: Limits = _DEFAULTS,
) -> Connection:
    """Open a publish and return when the server says that it has begun, which is not yet a promise to keep it.

    Args:
        url: The destination; with user and password where it challenges (adobe, llnw).
        ca_file: PEM certificates of a private authority, for `rtmps`; or `None` for the system's.
        on_step: Called with each step that is done and the seconds it took: resolve, tcp, tls, handshake, connect,
            publish; from the first again where the server wants a proof of identity.
        on_event: Called with every event of the protocol, in order, also later on; must not raise.
        limits: How long each wait may take.

    Raises:
        DestinationFault: A step failed.
    """
    steps, tell = _Steps(on_step), on_event or _nothing
    for _ in range(_CONNECTIONS):
        connection = await _open(url, ca_file, steps, tell, limits)
        try:
            retry = await connection.accepted()
            if retry is None:
                return connection
        except BaseException:
            await connection.close(clean=False)
            raise
        await connection.close(clean=False)
        url = retry
    reason = "the server asks for a proof of identity again and again"
    raise DestinationFault("connect", reason, kind=FaultKind.REFUSED)


async def _open(
    url: RtmpUrl, ca_file: Path | None, steps: _Steps, on_event: Callable[[Event], None], limits: Limits
) -> Connection:
    """Return a connection that has begun its handshake."""
    context = tls_context(ca_file) if url.secure else None
    addresses = await resolve(url.host, url.port, limits.resolve)
    steps.done("resolve")
    sock = await connect_tcp(addresses, limits.tcp)
    steps.done("tcp")
    loop = asyncio.get_running_loop()
    made = partial(Connection, url, sock, limits, steps.watching(on_event))
    tcp, connection = await loop.create_connection(made, sock=sock)
    if context is None:
        connection.begin(tcp)
        return connection
    try:
        async with asyncio.timeout(limits.tls):
            tls = await loop.start_tls(tcp, connection, context, server_hostname=url.host)
    except TimeoutError:
        reason = f"no answer within {limits.tls:g} s"
        raise DestinationFault("tls", reason, kind=FaultKind.NO_ANSWER, cure=NOT_TLS) from None
    except OSError as error:
        raise tls_fault(error) from error
    assert tls is not None  # noqa: S101 - only where the transport is closing at once, which raises above
    steps.done("tls")
    connection.begin(tls)
    return connection


class _Steps:
    """Times the steps, those of the sockets and those of the protocol."""

    def __init__(self, on_step: Callable[[str, float], None] | None) -> None:
        self._on_step = on_step
        self._clock = asyncio.get_running_loop().time
        self._since = self._clock()

    def done(self, step: str) -> None:
        now = self._clock()
        if self._on_step:
            self._on_step(step, now - self._since)
        self._since = now

    def watching(self, on_event: Callable[[Event], None]) -> Callable[[Event], None]:
        """Return a callback that also takes the steps from the events."""

        def tell(event: Event) -> None:
            if isinstance(event, StepDone) and event.step != "createStream":  # a part of publishing, to a technician
                self.done(event.step)
            on_event(event)

        return tell


def _nothing(_event: Event) -> None:
    """Stand in where nobody wants to hear of events."""
