"""The receiver as a whole: the listening socket, and all that is behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from ftp_stream.errors import ConfigError
from ftp_stream.rtmp.habits import Habits
from ftp_stream.shell.receiver.connection import GOODBYE, Connection
from ftp_stream.shell.receiver.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from ssl import SSLContext

    from ftp_stream.rtmp.audit import StreamAudit
    from ftp_stream.rtmp.receive import PublishRequested
    from ftp_stream.shell.receiver.events import ReceiverEvent

__all__ = ["Receiver"]

_BACKLOG = 1024  # a benchmark connects hundreds of publishers at once


class Receiver:
    """Receives any number of publishes while it is entered (``async with``).

    Args:
        host: Address to listen on.
        port: 0 for a free one.
        habits: Which server to play.
        ssl: For RTMPS: a server's context.
        record: FLV file of the first publish; later ones get a number before the suffix.
        hashes: Audit with the hash of every frame; see ``StreamAudit``.
        admit: Whether a publish is allowed; all are, unless given. Duplicate names are the habits' matter.
        on_event: Is told what happens, in the event loop: must return at once. Not told of media.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        habits: Habits | None = None,
        ssl: SSLContext | None = None,
        record: Path | None = None,
        hashes: bool = False,
        admit: Callable[[PublishRequested], bool] | None = None,
        on_event: Callable[[ReceiverEvent], None] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._ssl = ssl
        self._server: asyncio.Server | None = None
        self._registry = Registry(
            habits=habits or Habits(), hashes=hashes, record=record, admit=admit, on_event=on_event
        )

    async def __aenter__(self) -> Self:
        """Begin to listen.

        Raises:
            ConfigError: The address cannot be listened on.
        """
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                lambda: Connection(self._registry), self._host, self._port, ssl=self._ssl, backlog=_BACKLOG
            )
        except OSError as error:
            raise ConfigError(f"cannot listen on {self._host}, port {self._port}: {error.strerror or error}") from error
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._server is not None:
            self._server.close()
        gone = [member.gone for member in self._registry.members]
        self.drop()
        if gone:
            await asyncio.wait(gone, timeout=2 * GOODBYE)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    def url(self, app: str = "live", key: str = "test") -> str:
        """What a publisher on this machine would be given."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'rtmps' if self._ssl else 'rtmp'}://{host}:{self._port}/{app}/{key}"

    @property
    def audits(self) -> Mapping[str, StreamAudit]:
        """What was seen of each stream, by app/key (a secret), in the order of their first publishes."""
        return self._registry.audits

    @property
    def publishing(self) -> int:
        """How many publishes there are now."""
        return len(self._registry.publishers)

    @property
    def connections(self) -> int:
        """How many connections there are now, publishing or not."""
        return len(self._registry.members)

    def drop(self, *, reset: bool = False) -> None:
        """End all connections: with the bytes that wait and FIN, or by a TCP reset, as when a server dies."""
        for member in list(self._registry.members):
            member.drop("the receiver ended it", reset=reset)

    def read_at(self, bytes_per_second: float | None) -> None:
        """Read each connection so fast from its next read on, whatever the habits say; None: as fast as it comes."""
        self._registry.reads_per_second = bytes_per_second

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds; it is looked at whenever something was received or has ended.

        Waits for ever: to be used within ``asyncio.timeout``.
        """
        await self._registry.until(condition)
