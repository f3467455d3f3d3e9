"""Messages survive the cutting into chunks, whatever the sizes, the times and the reads; broken ones are refused."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftp_stream.errors import LocalProtocolError, RemoteProtocolError
from ftp_stream.rtmp import flv
from ftp_stream.rtmp.bytereader import ByteReader
from ftp_stream.rtmp.chunks import MAX_CHUNK_STREAMS, MAX_MESSAGE, ChunkReader, ChunkWriter, Message, MessageType
from ftp_stream.rtmp.timestamp import MODULUS

GOLDEN = Path(__file__).parent / "golden"

BORDERS = [0, 0xFFFFFE, 0xFFFFFF, 0x1000000, 1 << 31, (1 << 31) - 1, (1 << 32) - 1]
TIMES = st.sampled_from(BORDERS) | st.integers(0, MODULUS - 1)
MESSAGES = st.builds(
    Message,
    csid=st.integers(2, 5),
    type_id=st.sampled_from([8, 9, 18, 20]),
    stream_id=st.sampled_from([0, 1, 0xFFFFFFFF]),
    timestamp=TIMES,
    body=st.binary(max_size=300) | st.integers(0, 3000).map(bytes),
)


def written(writer: ChunkWriter) -> bytes:
    return b"".join(writer.take())


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


@given(st.lists(MESSAGES, max_size=8), st.integers(1, 400), st.lists(st.integers(0, 10_000), max_size=20))
def test_messages_come_out_as_they_went_in(messages: list[Message], chunk_size: int, cuts: list[int]) -> None:
    """Any chunk size, any cut of the bytes into reads, times across every border, steps forward and back."""
    writer = ChunkWriter()
    writer.set_chunk_size(chunk_size)
    for message in messages:
        writer.message(message)
    data = written(writer)
    reader = ChunkReader()
    read = [message for piece in pieces(data, cuts) for message in reader.feed(piece)]
    assert read[1:] == messages
    assert reader.chunk_size == chunk_size
    assert writer.total == writer.taken == len(data)


@given(st.binary(max_size=20), st.binary(max_size=300), st.integers(1, 64))
def test_a_head_and_a_payload_are_one_body(head: bytes, payload: bytes, chunk_size: int) -> None:
    writer = ChunkWriter(chunk_size)
    writer.write(6, 9, 1, 0, head, memoryview(payload))
    data = written(writer)
    assert writer.total == len(data)
    reader = ChunkReader()
    reader.chunk_size = chunk_size
    assert [message.body for message in reader.feed(data)] == [head + payload]


def test_payloads_are_handed_on_by_reference() -> None:
    payload = bytes(range(256)) * 600
    writer = ChunkWriter(65536)
    writer.write(6, 9, 1, 0, b"head", memoryview(payload))
    writer.write(4, 8, 1, 0, b"", payload[:100])
    parts = writer.take()
    views = [part for part in parts if isinstance(part, memoryview)]
    assert sum(map(len, views)) == len(payload)
    assert all(view.obj is payload for view in views)


def test_a_reader_keeps_what_no_one_has_taken_for_later() -> None:
    writer = ChunkWriter()
    writer.message(Message(3, 20, 0, 0, b"x"))
    assert writer.total == 13
    assert writer.taken == 0
    assert written(writer)
    assert writer.taken == 13
    assert not writer.take()


# --- headers, byte by byte ------------------------------------------------------------------------------------------


def headers(*times: int, chunk_size: int = 128, size: int = 2) -> list[str]:
    writer = ChunkWriter(chunk_size)
    found = []
    for time in times:
        writer.write(6, 9, 1, time, b"", bytes(size))
        found.append(written(writer).hex(" "))
    return found


def test_the_first_header_is_whole_and_the_next_ones_carry_deltas() -> None:
    assert headers(1000, 1040, 1040) == [
        "06 00 03 e8 00 00 02 09 01 00 00 00 00 00",
        "46 00 00 28 00 00 02 09 00 00",
        "46 00 00 00 00 00 02 09 00 00",
    ]


def test_a_step_back_takes_a_whole_header() -> None:
    assert headers(1000, 960)[1] == "06 00 03 c0 00 00 02 09 01 00 00 00 00 00"


def test_another_message_stream_takes_a_whole_header() -> None:
    writer = ChunkWriter()
    writer.write(6, 9, 1, 0, b"", b"")
    writer.write(6, 9, 2, 0, b"", b"")
    assert written(writer).hex(" ") == "06 00 00 00 00 00 00 09 01 00 00 00 06 00 00 00 00 00 00 09 02 00 00 00"


def test_an_absolute_time_above_24_bits_is_extended_and_repeated_in_every_chunk() -> None:
    assert headers(0xFFFFFE, chunk_size=1) == ["06 ff ff fe 00 00 02 09 01 00 00 00 00 c6 00"]
    assert headers(0xFFFFFF, chunk_size=1) == ["06 ff ff ff 00 00 02 09 01 00 00 00 00 ff ff ff 00 c6 00 ff ff ff 00"]


def test_a_delta_is_extended_only_when_it_is_large_itself() -> None:
    assert headers(0x1000000, 0x1000001, chunk_size=1)[1] == "46 00 00 01 00 00 02 09 00 c6 00"
    assert headers(0, 0xFFFFFF, chunk_size=1)[1] == "46 ff ff ff 00 00 02 09 00 ff ff ff 00 c6 00 ff ff ff 00"


def test_the_clock_comes_round_with_a_delta() -> None:
    assert headers(MODULUS - 1, MODULUS + 4)[1] == "46 00 00 05 00 00 02 09 00 00"


def test_half_the_circle_forward_is_a_step_back() -> None:
    assert headers(0, (1 << 31) - 1)[1].startswith("46")
    assert headers(0, 1 << 31)[1].startswith("06")


def test_a_body_that_fills_its_chunks_exactly_starts_no_further_one() -> None:
    assert headers(0, chunk_size=2, size=4) == ["06 00 00 00 00 00 04 09 01 00 00 00 00 00 c6 00 00"]


@pytest.mark.parametrize("csid", [-1, 0, 1, 64])
def test_chunk_streams_that_servers_refuse_are_not_written(csid: int) -> None:
    with pytest.raises(LocalProtocolError, match="chunk stream"):
        ChunkWriter().message(Message(csid, 20, 0, 0, b""))


def test_a_message_longer_than_24_bits_is_not_written() -> None:
    writer = ChunkWriter(MAX_MESSAGE)
    writer.message(Message(3, 20, 0, 0, bytes(MAX_MESSAGE)))
    with pytest.raises(LocalProtocolError, match="longer"):
        writer.message(Message(4, 20, 0, 0, bytes(MAX_MESSAGE + 1)))


# --- golden bytes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ffmpeg-plain", "ffmpeg-extended"])
def test_what_ffmpeg_publishes_is_what_its_muxer_writes(name: str) -> None:
    """Every audio and video message is the tag of FFmpeg's own FLV file, times over 24 bits included."""
    messages = ChunkReader().feed((GOLDEN / f"{name}.bin").read_bytes())
    tags = list(flv.read_tags((GOLDEN / f"{name}.flv").read_bytes()))
    media = [(m.type_id, m.timestamp, m.body) for m in messages if m.type_id in {flv.AUDIO, flv.VIDEO}]
    assert media == [(tag[0], tag[1], bytes(tag[2])) for tag in tags if tag[0] in {flv.AUDIO, flv.VIDEO}]
    assert len(media) > 50
    assert any(message.timestamp > 0xFFFFFF for message in messages) == (name == "ffmpeg-extended")


@pytest.mark.parametrize("name", ["ffmpeg-plain.bin", "ffmpeg-extended.bin", "nginx-publish.bin", "ffmpeg-listen.bin"])
@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 20_000), max_size=30))
def test_golden_bytes_read_the_same_however_they_arrive(name: str, cuts: list[int]) -> None:
    data = (GOLDEN / name).read_bytes()
    reader = ChunkReader()
    assert [m for piece in pieces(data, cuts) for m in reader.feed(piece)] == ChunkReader().feed(data)


# Cases of bluenviron/gortmplib, pkg/rawmessage/reader_test.go (MIT), as bytes: chunks of 128, chunk stream 27
GORTMPLIB = {
    "0, then 1": (
        "1b 004890 000040 06 330c0000" + "03" * 64 + "5b 00000f 000040 05" + "04" * 64,
        [(18576, 6, b"\3" * 64), (18591, 5, b"\4" * 64)],
    ),
    "0, then 2, then 3": (
        "1b 004890 000040 06 330c0000" + "03" * 64 + "9b 00000f" + "04" * 64 + "db" + "05" * 64,
        [(18576, 6, b"\3" * 64), (18591, 6, b"\4" * 64), (18606, 6, b"\5" * 64)],
    ),
    "each continued by 3": (
        "1b 004890 0000be 06 330c0000" + "03" * 128 + "db" + "03" * 62
        + "5b 000000 0000c0 06" + "04" * 128 + "db" + "04" * 64
        + "9b 00000f" + "05" * 128 + "db" + "05" * 64
        + "db" + "06" * 128 + "db" + "06" * 64,
        [(18576, 6, b"\3" * 190), (18576, 6, b"\4" * 192), (18591, 6, b"\5" * 192), (18606, 6, b"\6" * 192)],
    ),
    "extended": (
        "1b ffffff 0000a0 06 330c0000 ff123456" + "05" * 128 + "db ff123456" + "05" * 32,
        [(0xFF123456, 6, b"\5" * 160)],
    ),
    "back and on again": (
        "1b 003e80 000002 06 330c0000 0102 9b 0003e8 0304 1b 003e80 000002 06 330c0000 0506 9b 0003e8 0708",
        [(16000, 6, b"\1\2"), (17000, 6, b"\3\4"), (16000, 6, b"\5\6"), (17000, 6, b"\7\x08")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("chunks", "expected"), GORTMPLIB.values(), ids=GORTMPLIB.keys())
def test_chunks_read_as_gortmplib_reads_them(chunks: str, expected: list[tuple[int, int, bytes]]) -> None:
    messages = ChunkReader().feed(bytes.fromhex(chunks.replace(" ", "")))
    assert [(m.timestamp, m.type_id, m.body) for m in messages] == expected
    assert {(m.csid, m.stream_id) for m in messages} == {(27, 3123)}


# --- reading by the clauses -----------------------------------------------------------------------------------------


def read(text: str, reader: ChunkReader | None = None) -> list[Message]:
    return (reader or ChunkReader()).feed(bytes.fromhex(text.replace(" ", "")))


@pytest.mark.parametrize(
    ("basic", "csid"), [("02", 2), ("3f", 63), ("00 00", 64), ("00 ff", 319), ("01 00 00", 64), ("01 ff ff", 65599)]
)
def test_chunk_stream_ids_have_one_two_or_three_bytes(basic: str, csid: int) -> None:
    assert [message.csid for message in read(basic + "000000 000001 14 00000000 aa")] == [csid]


def test_after_an_absolute_time_a_bare_header_goes_on_by_it() -> None:
    """5.3.1.2.4: the delta of a type 3 header after a type 0 header is the type 0 header's time."""
    assert [message.timestamp for message in read("03 0003e8 000001 14 00000000 aa c3 bb")] == [1000, 2000]


def test_a_bare_header_repeats_an_extended_delta() -> None:
    messages = read("03 000000 000001 14 00000000 aa 43 ffffff 000001 14 01000000 bb c3 01000000 cc")
    assert [message.timestamp for message in messages] == [0, 0x1000000, 0x2000000]


def test_messages_on_several_chunk_streams_interleave() -> None:
    messages = read("04 000000 000081 08 01000000" + "aa" * 128 + "06 000000 000001 09 01000000 bb" + "c4 aa")
    assert [(message.csid, len(message.body)) for message in messages] == [(6, 1), (4, 129)]


def test_a_new_chunk_size_counts_from_the_next_chunk() -> None:
    messages = read("02 000000 000004 01 00000000 00000002 03 000000 000003 14 00000000 aaaa c3 aa")
    assert [message.body for message in messages] == [bytes([0, 0, 0, 2]), b"\xaa\xaa\xaa"]


def test_an_abort_drops_what_has_come_of_a_message() -> None:
    start = "04 000000 000081 08 01000000" + "aa" * 128
    again = "04 000005 000001 08 01000000 cc"
    messages = read(start + "02 000000 000004 02 00000000 00000004" + again)
    assert [(message.type_id, message.body) for message in messages] == [(2, bytes([0, 0, 0, 4])), (8, b"\xcc")]


@pytest.mark.parametrize("csid", [0, 3, 5, 0xFFFFFFFF])
def test_an_abort_of_what_is_not_under_way_changes_nothing(csid: int) -> None:
    messages = read("03 000000 000001 14 00000000 aa 02 000000 000004 02 00000000" + f"{csid:08x}" + "c3 bb")
    assert messages[-1].body == b"\xbb"


def test_librtmp_begins_the_control_stream_with_a_short_header() -> None:
    assert [(m.type_id, m.stream_id, m.timestamp) for m in read("42 000007 000001 04 aa")] == [(4, 0, 7)]


# --- limits ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chunks", "words"),
    [
        ("83 000000", "type 2"),
        ("c3", "type 3"),
        ("02 000000 000004 01 00000000 00000000", "chunk size 0"),
        ("02 000000 000004 01 00000000 80000000", "chunk size"),
        ("02 000000 000003 01 00000000 000001", "3 bytes"),
        ("02 000000 000000 02 00000000", "0 bytes"),
        ("04 000000 000081 08 01000000" + "aa" * 128 + "04 000000 000001 08 01000000 bb", "cut by a type 0"),
        ("04 000000 000081 08 01000000" + "aa" * 128 + "44 000000 000001 08 bb", "cut by a type 1"),
        ("04 000000 000081 08 01000000" + "aa" * 128 + "84 000000", "cut by a type 2"),
    ],
)
def test_broken_chunks_are_refused(chunks: str, words: str) -> None:
    with pytest.raises(RemoteProtocolError, match=words):
        read(chunks)


@pytest.mark.parametrize("over", [0, 1])
def test_messages_are_read_to_the_limit_and_refused_before_their_body(over: int) -> None:
    reader = ChunkReader(max_message=1000)
    header = f"03 000000 {1000 + over:06x} 14 00000000"
    if over:
        with pytest.raises(RemoteProtocolError, match="over the limit"):
            read(header, reader)
    else:
        assert not read(header, reader)


@pytest.mark.parametrize("over", [0, 1])
def test_only_so_many_chunk_streams_are_kept(over: int) -> None:
    reader = ChunkReader()
    for number in range(MAX_CHUNK_STREAMS):
        assert len(read(f"00 {number:02x} 000000 000001 14 00000000 aa", reader)) == 1
    if over:
        with pytest.raises(RemoteProtocolError, match="more than 64"):
            read("03 000000 000001 14 00000000 aa", reader)
    assert over or len(read("00 00 000000 000001 14 00000000 aa", reader)) == 1


def test_unfinished_messages_together_are_bounded() -> None:
    reader = ChunkReader(max_message=200)
    for csid in range(2, 2 + 3):
        read(f"{csid:02x} 000000 0000c8 14 00000000" + "aa" * 128, reader)
    with pytest.raises(RemoteProtocolError, match="unfinished"):
        read("05 000000 0000c8 14 00000000" + "aa" * 128, reader)


def test_aborted_messages_do_not_count_as_unfinished() -> None:
    reader = ChunkReader(max_message=200)
    for _ in range(50):
        assert read("03 000000 0000c8 14 00000000" + "aa" * 128 + "02 000000 000004 02 00000000 00000003", reader)


def test_finished_messages_do_not_count_as_unfinished() -> None:
    reader = ChunkReader(max_message=200)
    for _ in range(50):
        assert len(read("03 000000 000080 14 00000000" + "aa" * 128, reader)) == 1


@given(st.binary(max_size=600), st.integers(1, 500))
def test_arbitrary_bytes_are_read_or_refused(data: bytes, max_message: int) -> None:
    reader = ChunkReader(max_message)
    try:
        messages = reader.feed(data)
    except RemoteProtocolError:
        return
    assert all(len(message.body) <= max_message for message in messages)


@given(st.lists(st.binary(min_size=1, max_size=12) | st.sampled_from([b"\2", b"\3", b"\x42", b"\xc2"]), max_size=60))
def test_almost_chunks_are_read_or_refused(parts: list[bytes]) -> None:
    """Small alphabets find the odd states that random bytes never reach."""
    reader = ChunkReader(300)
    for part in parts:
        try:
            reader.feed(part)
        except RemoteProtocolError:
            return


def test_a_reader_of_ones_own_is_used_even_when_it_is_empty() -> None:
    mine = ByteReader()
    reader = ChunkReader(reader=mine)
    parser = reader.read_message()
    next(parser)
    mine.feed(bytes.fromhex("030000000000011400000000aa"))
    with pytest.raises(StopIteration) as end:
        next(parser)
    assert end.value.value == Message(3, MessageType.COMMAND, 0, 0, b"\xaa")
    assert mine.consumed == 13
