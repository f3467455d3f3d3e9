"""What a publisher sets on, and reads from, its TCP socket (Linux)."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct

__all__ = ["reset_on_close", "tune", "unacknowledged"]

_SIOCOUTQ = 0x5411  # linux/sockios.h, tcp(7): bytes in the send queue that the peer has not acknowledged
_KEEPALIVE = ((socket.TCP_KEEPIDLE, 15), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 3))  # seconds, seconds, probes
_NOT_SENT = 1 << 18  # bytes that the kernel takes ahead of what the path takes; of its own it keeps megabytes
_INT = struct.Struct("i")


def tune(sock: socket.socket, user_timeout: float) -> None:
    """Send at once, keep what has to wait where it counts, and notice a peer that has gone.

    Args:
        sock: A TCP socket.
        user_timeout: Seconds that sent bytes may stay unacknowledged before the kernel gives up; its own default
            lets a silently broken path hold a publisher for a quarter of an hour.
    """
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _NOT_SENT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(user_timeout * 1000))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a stream that sends nothing must notice as well
    for option, value in _KEEPALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


def unacknowledged(sock: socket.socket) -> int:
    """Return how many bytes this kernel holds that the peer's kernel has not acknowledged.

    Raises:
        OSError: The socket is closed.
    """
    if sock.fileno() < 0:  # which ioctl itself takes for a wrong value
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return int(_INT.unpack(fcntl.ioctl(sock.fileno(), _SIOCOUTQ, bytes(_INT.size)))[0])


def reset_on_close(sock: socket.socket) -> None:
    """Make closing drop what is queued and tell the peer by a reset.

    A server that would first read megabytes of a dead session, then see its end, holds the stream's name until then.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
