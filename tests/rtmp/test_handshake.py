"""The simple handshake, both sides, however the bytes arrive."""

from __future__ import annotations

from hashlib import shake_256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.errors import RemoteProtocolError
from ftp_stream.rtmp.bytereader import ByteReader
from ftp_stream.rtmp.handshake import PACKET, RANDOM, client_handshake, server_handshake


def noise(seed: int, length: int) -> bytes:
    return shake_256(bytes([seed])).digest(length)


class Side:
    """One side, driven by hand."""

    def __init__(self, run, seed: int) -> None:
        self.random = noise(seed, RANDOM)
        self.reader = ByteReader()
        self.sent: list[bytes] = []
        self.done = False
        self.generator = run(self.reader, self.random, self.sent.append)
        self.feed(b"")

    def feed(self, data: bytes) -> None:
        self.reader.feed(data)
        if not self.done:
            self.done = next(self.generator, self) is self

    def take(self) -> bytes:
        data = b"".join(self.sent)
        self.sent.clear()
        return data


@given(st.integers(1, 4000))
def test_both_sides_shake_hands_and_leave_the_rest_alone(step: int) -> None:
    client, server = Side(client_handshake, 1), Side(server_handshake, 2)
    to_server, to_client = client.take(), b""
    for _ in range(20_000):
        server.feed(to_server[:step])
        client.feed(to_client[:step])
        to_server, to_client = to_server[step:] + client.take(), to_client[step:] + server.take()
        if client.done and server.done:
            break
    assert client.done
    assert server.done
    server.feed(to_server + b"rest")
    assert len(server.reader) == 4


def test_a_client_sends_version_3_and_announces_no_digest() -> None:
    client = Side(client_handshake, 1)
    assert client.take() == b"\3" + bytes(8) + client.random


def test_a_client_echoes_s1_and_does_not_care_for_s2() -> None:
    client = Side(client_handshake, 1)
    client.take()
    s1 = noise(5, PACKET)
    client.feed(b"\3" + s1 + bytes(PACKET - 1))
    assert not client.done
    client.feed(b"\0")
    assert client.done
    assert client.take() == s1


def test_a_server_echoes_c1_and_waits_for_c2() -> None:
    server = Side(server_handshake, 1)
    assert not server.take()
    c1 = noise(5, PACKET)
    server.feed(b"\3" + c1)
    assert server.take() == b"\3" + bytes(8) + server.random + c1
    server.feed(bytes(PACKET - 1))
    assert not server.done
    server.feed(b"\0")
    assert server.done


@pytest.mark.parametrize("run", [client_handshake, server_handshake])
@pytest.mark.parametrize(
    ("first", "words"),
    [
        (b"H", "HTTP"),
        (b"G", "HTTP"),
        (b"\x15", "rtmps"),
        (b"\x16", "rtmps"),
        (b"S", "SSH"),
        (b"\6", "RTMPE"),
        (b"\4", "4"),
    ],
)
def test_who_speaks_something_else_is_told_apart(run, first: bytes, words: str) -> None:
    with pytest.raises(RemoteProtocolError, match=words):
        Side(run, 1).feed(first)


@pytest.mark.parametrize("run", [client_handshake, server_handshake])
@pytest.mark.parametrize("length", [0, RANDOM - 1, RANDOM + 1])
def test_the_random_part_has_its_length(run, length: int) -> None:
    with pytest.raises(ValueError, match=str(RANDOM)):
        next(run(ByteReader(), bytes(length), lambda _: None))
