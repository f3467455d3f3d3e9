"""The simple handshake, both sides (Adobe RTMP 1.0, clause 5.2). No server needs the digest form from a publisher."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ftp_stream.errors import RemoteProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from ftp_stream.rtmp.bytereader import ByteReader

__all__ = ["PACKET", "RANDOM", "client_handshake", "server_handshake"]

VERSION = 3
PACKET = 1536  # bytes of C1, C2, S1, S2
RANDOM = 1528  # bytes of the random part of C1 and S1
_HEAD = bytes(8)  # time 0, and version 0: an Adobe version here would announce the digest form


def client_handshake(reader: ByteReader, random: bytes, send: Callable[[bytes], None]) -> Generator[None, None, None]:
    """Run the client's side; the generator returns when the connection may carry chunks.

    Args:
        reader: Where the server's bytes arrive.
        random: 1528 bytes for C1.
        send: Takes what goes out, in order.

    Raises:
        RemoteProtocolError: The far end does not speak RTMP.
    """
    send(bytes([VERSION]) + _HEAD + _checked(random))
    _check_version((yield from reader.read(1))[0])
    s1 = yield from reader.read(PACKET)
    yield from reader.read(PACKET)  # S2 should echo C1; several servers send something else, and nobody checks it
    send(s1)  # C2


def server_handshake(reader: ByteReader, random: bytes, send: Callable[[bytes], None]) -> Generator[None, None, None]:
    """Run the server's side; the generator returns when the connection may carry chunks.

    Args:
        reader: Where the client's bytes arrive.
        random: 1528 bytes for S1.
        send: Takes what goes out, in order.

    Raises:
        RemoteProtocolError: The far end does not speak RTMP.
    """
    _checked(random)
    _check_version((yield from reader.read(1))[0])
    c1 = yield from reader.read(PACKET)
    send(bytes([VERSION]) + _HEAD + random + c1)
    yield from reader.read(PACKET)  # C2


def _checked(random: bytes) -> bytes:
    if len(random) != RANDOM:
        raise ValueError(f"the handshake takes {RANDOM} random bytes, not {len(random)}")
    return random


_FOREIGN = {
    0x15: "it speaks TLS: use rtmps://",
    0x16: "it speaks TLS: use rtmps://",
    ord("H"): "it speaks HTTP: is the port right?",
    ord("G"): "it speaks HTTP: is the port right?",
    ord("P"): "it speaks HTTP: is the port right?",
    ord("S"): "it speaks SSH: is the port right?",
    6: "it asks for RTMPE, which is not supported",
}


def _check_version(version: int) -> None:
    if version != VERSION:
        raise RemoteProtocolError(f"not RTMP version 3 but {version}" + _reason(version))


def _reason(version: int) -> str:
    return f" ({_FOREIGN[version]})" if version in _FOREIGN else ""
