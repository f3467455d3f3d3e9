"""Messages mean what the clauses say, and go out where servers want them."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.errors import RemoteProtocolError
from ftp_stream.rtmp.chunks import ChunkReader, Message, MessageType
from ftp_stream.rtmp.messages import (
    Abort,
    Acknowledgement,
    Audio,
    Command,
    Data,
    Other,
    Parsed,
    PeerBandwidth,
    SetChunkSize,
    UserControl,
    UserEvent,
    Video,
    WindowAcknowledgementSize,
    parse,
    serialise,
)

GOLDEN = Path(__file__).parent / "golden"

WORDS = st.integers(0, (1 << 32) - 1)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
ARGUMENTS = st.lists(st.none() | st.booleans() | st.floats(allow_nan=False) | TEXT, max_size=3).map(tuple)
VALUES: st.SearchStrategy[Parsed] = st.one_of(
    st.builds(SetChunkSize, WORDS),
    st.builds(Abort, WORDS),
    st.builds(Acknowledgement, WORDS),
    st.builds(WindowAcknowledgementSize, WORDS),
    st.builds(PeerBandwidth, WORDS, st.integers(0, 2)),
    st.builds(UserControl, st.integers(0, 0xFFFF), st.binary(max_size=8)),
    st.builds(Command, TEXT, st.floats(allow_nan=False), ARGUMENTS, WORDS),
    st.builds(Data, ARGUMENTS, WORDS, WORDS),
    st.builds(Audio, WORDS, st.binary(max_size=9), WORDS),
    st.builds(Video, WORDS, st.binary(max_size=9), WORDS),
)


@given(VALUES)
def test_what_is_serialised_parses_back(value: Parsed) -> None:
    assert parse(serialise(value)) == value


@given(VALUES, st.integers(2, 63))
def test_a_chunk_stream_can_be_chosen_and_changes_nothing_else(value: Parsed, csid: int) -> None:
    message = serialise(value, csid)
    assert message.csid == csid
    assert parse(message) == value


@given(st.integers(0, 255), st.binary(max_size=40))
def test_arbitrary_bodies_parse_or_are_refused(type_id: int, body: bytes) -> None:
    try:
        parse(Message(3, type_id, 0, 0, body))
    except RemoteProtocolError:
        return


@pytest.mark.parametrize(
    ("value", "where", "body"),
    [
        (SetChunkSize(65536), (2, 1, 0), "00010000"),
        (Abort(5), (2, 2, 0), "00000005"),
        (Acknowledgement(0xFFFFFFFF), (2, 3, 0), "ffffffff"),
        (UserControl(UserEvent.PING_REQUEST, b"\0\0\0\7"), (2, 4, 0), "0006 00000007"),
        (WindowAcknowledgementSize(2500000), (2, 5, 0), "002625a0"),
        (PeerBandwidth(2500000, 2), (2, 6, 0), "002625a0 02"),
        (Audio(1, b"\xaf", 9), (4, 8, 9), "af"),
        (Video(1, b"\x17", 9), (6, 9, 9), "17"),
        (Data((None,), 9), (8, 18, 9), "05"),
        (Command("a", 0.0), (3, 20, 0), "02000161 000000000000000000"),
        (Command("a", 0.0, (), 9), (8, 20, 9), "02000161 000000000000000000"),
    ],
)
def test_each_kind_has_its_type_body_and_place(value: Parsed, where: tuple[int, int, int], body: str) -> None:
    """Control messages on chunk stream 2 and message stream 0; audio and video apart."""
    message = serialise(value)
    assert (message.csid, message.type_id, message.stream_id) == where
    assert message.body == bytes.fromhex(body)


def test_what_nginx_tells_a_publisher_parses() -> None:
    parsed = [parse(message) for message in ChunkReader().feed((GOLDEN / "nginx-publish.bin").read_bytes())]
    assert parsed[:3] == [WindowAcknowledgementSize(5000000), PeerBandwidth(5000000, 2), SetChunkSize(4096)]
    assert UserControl(UserEvent.PING_RESPONSE, b"\0\0\0\7") in parsed
    assert any(isinstance(value, Acknowledgement) for value in parsed)
    commands = [value for value in parsed if isinstance(value, Command)]
    assert [command.name for command in commands] == ["_result", "_result", "onStatus", "onStatus"]
    assert commands[1].values == (None, 1.0)


def test_messages_of_the_amf3_kind_carry_amf0_behind_a_format_byte() -> None:
    command = serialise(Command("connect", 1.0, (None,)))
    assert parse(Message(3, MessageType.COMMAND_AMF3, 0, 0, b"\0" + command.body)) == Command("connect", 1.0, (None,))
    data = serialise(Data(("onMetaData",)))
    assert parse(Message(3, MessageType.DATA_AMF3, 0, 7, b"\0" + data.body)) == Data(("onMetaData",), 0, 7)


def test_a_bare_command_name_is_a_command() -> None:
    assert parse(Message(3, MessageType.COMMAND, 0, 0, b"\2\0\1a")) == Command("a", 0.0)


def test_types_that_mean_nothing_to_us_are_named_and_left() -> None:
    aggregate = 22
    assert parse(Message(3, aggregate, 1, 0, b"anything")) == Other(aggregate)
    with pytest.raises(ValueError, match="no form"):
        serialise(Other(22))


def test_a_peer_bandwidth_without_its_type_is_dynamic() -> None:
    assert parse(Message(2, 6, 0, 0, bytes(4))) == PeerBandwidth(0, 2)


@pytest.mark.parametrize(
    ("type_id", "body"),
    [
        (1, bytes(3)),
        (2, b""),
        (3, bytes(3)),
        (4, b"\0"),
        (5, bytes(3)),
        (6, bytes(3)),
        (20, b""),
        (20, b"\5"),
        (17, b""),
    ],
)
def test_bodies_too_short_are_refused(type_id: int, body: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        parse(Message(2, type_id, 0, 0, body))
