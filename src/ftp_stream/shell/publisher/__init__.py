"""One RTMP publish over TCP or TLS: the sockets and timers round a `PublishProtocol`."""

from ftp_stream.shell.publisher.connection import Connection, Limits
from ftp_stream.shell.publisher.open import connect

__all__ = ["Connection", "Limits", "connect"]
