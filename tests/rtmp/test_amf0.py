"""AMF 0 is written as others write it, and read within limits."""

from __future__ import annotations

import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.errors import LocalProtocolError, RemoteProtocolError
from ftp_stream.rtmp.amf0 import MAX_DEPTH, MAX_VALUES, EcmaArray, Value, decode, encode

# Byte vectors of bluenviron/gortmplib, pkg/amf0/data_test.go (MIT): "all supported markers", "on metadata", "connect"
# and "play"; the last three were recorded from real clients.
ALL_MARKERS = bytes.fromhex(
    "0040a24c00000000000101020008 6d79737472696e67 0503 0005 6d796b6579 0200056d7976616c 000009 06"
    "0800000001 0005 6d796b6579 0200056d7976616c 000009 0a00000002 020006 72616e646f6d 004034000000000000"
)
METADATA = bytes.fromhex(
    "02000d40736574446174614672616d6502000a6f6e4d65746144617461080000000d00086475726174696f6e000000000000000000"
    "00057769647468004094000000000000000668656967687400408680000000000000"
    "0d766964656f6461746172617465000000000000000000"
    "00096672616d657261746500404df853e2556b28000c766964656f636f646563696400401c00000000000000"
    "0d617564696f6461746172617465004057589000000000000f617564696f73616d706c65726174650040e7700000000000"
    "000f617564696f73616d706c6573697a65004030000000000000000673746572656f0101000c617564696f636f6465636964"
    "0040240000000000000007656e636f64657202000d4c61766635362e33362e313030000866696c6573697a65000000000000000000"
    "000009"
)
CONNECT = bytes.fromhex(
    "020007636f6e6e656374003ff000000000000003000361707002000261700004747970650200 0a6e6f6e70726976617465"
    "0008666c61736856657202 0024464d4c452f332e302028636f6d70617469626c653b204c61766635362e31352e31303229"
    "000574635 5726c02001c72746d703a2f2f3139322e3136382e312e3233333a313933352f6170 000009".replace(" ", "")
)
PLAY = bytes.fromhex("020004706c61790040080000000000000502000131000000000000000000")

SCALARS = st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8"), max_size=20)
NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(NAMES, inner, max_size=4)
        | st.dictionaries(NAMES, inner, max_size=4).map(EcmaArray)
    ),
    max_leaves=20,
)


def test_every_marker_reads_as_gortmplib_reads_it() -> None:
    expected = [2342.0, True, "mystring", None, {"mykey": "myval"}, None, {"mykey": "myval"}, ["random", 20.0]]
    assert decode(ALL_MARKERS) == expected


def test_metadata_of_a_real_ffmpeg_reads_and_writes_back() -> None:
    values = decode(METADATA)
    assert values[:2] == ["@setDataFrame", "onMetaData"]
    array = values[2]
    assert isinstance(array, EcmaArray)
    assert (array["width"], array["framerate"], array["stereo"]) == (1280.0, 60000 / 1001, True)
    assert encode(*values) == METADATA


def test_connect_of_a_real_ffmpeg_is_what_we_would_write() -> None:
    properties = {
        "app": "ap",
        "type": "nonprivate",
        "flashVer": "FMLE/3.0 (compatible; Lavf56.15.102)",
        "tcUrl": "rtmp://192.168.1.233:1935/ap",
    }
    assert encode("connect", 1, properties) == CONNECT
    assert decode(CONNECT) == ["connect", 1.0, properties]


def test_play_of_a_real_client_is_what_we_would_write() -> None:
    assert encode("play", 3, None, "1", 0) == PLAY


@given(st.lists(VALUES, max_size=4))
def test_what_is_written_reads_back(values: list[Value]) -> None:
    assert decode(encode(*values)) == values


@given(st.lists(VALUES, max_size=3))
def test_what_reads_is_written_the_same_again(values: list[Value]) -> None:
    data = encode(*values)
    assert encode(*decode(data)) == data


@given(st.binary(max_size=200))
def test_arbitrary_bytes_read_or_are_refused(data: bytes) -> None:
    with suppress(RemoteProtocolError):
        decode(data)


@given(st.lists(VALUES, min_size=1, max_size=3), st.data())
def test_cut_short_anywhere_inside_a_value_is_refused(values: list[Value], data: st.DataObject) -> None:
    last = encode(values[-1])
    cut = data.draw(st.integers(1, len(last) - 1)) if len(last) > 1 else 1
    if len(last) > 1:
        with pytest.raises(RemoteProtocolError):
            decode(encode(*values[:-1]) + last[:cut])


@pytest.mark.parametrize(("length", "marker"), [(0, 2), (1, 2), (0xFFFF, 2), (0x10000, 12)])
def test_a_string_that_outgrows_16_bits_goes_as_a_long_string(length: int, marker: int) -> None:
    text = "k" * length
    assert encode(text)[0] == marker
    assert decode(encode(text)) == [text]


@pytest.mark.parametrize("nest", [lambda value: [value], lambda value: {"a": value}])
def test_nesting_is_read_to_the_limit_and_no_deeper(nest) -> None:
    value: object = 1.0
    for _ in range(MAX_DEPTH):
        value = nest(value)
    assert decode(encode(value)) == [value]
    with pytest.raises(RemoteProtocolError, match="levels"):
        decode(encode(nest(value)))


def test_a_bottomless_nest_of_arrays_is_refused() -> None:
    with pytest.raises(RemoteProtocolError, match="levels"):
        decode(bytes.fromhex("0a00000001") * 100_000)


def test_values_are_read_to_the_limit_and_no_further() -> None:
    assert len(decode(b"\5" * MAX_VALUES)) == MAX_VALUES
    with pytest.raises(RemoteProtocolError, match="values"):
        decode(b"\5" * (MAX_VALUES + 1))


def test_a_false_count_of_an_array_costs_nothing() -> None:
    with pytest.raises(RemoteProtocolError, match="short"):
        decode(bytes.fromhex("0affffffff05"))


def test_the_count_of_an_ecma_array_is_only_a_hint() -> None:
    body = bytes.fromhex("000161 0500 0009".replace(" ", ""))
    assert decode(b"\x08\0\0\0\0" + body) == decode(b"\x08\0\0\0\7" + body) == [{"a": None}]


def test_an_empty_property_name_is_a_name_where_no_end_follows() -> None:
    assert decode(bytes.fromhex("03 0000 0101 000009".replace(" ", ""))) == [{"": True}]


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b"\x0b" + struct.pack(">dh", 1.5e12, 0), 1.5e12),  # date
        (b"\x0f\0\0\0\4<a/>", "<a/>"),  # XML document
        (b"\x10\0\5Point\0\1x\5\0\0\x09", {"x": None}),  # typed object
        (b"\x0d", None),  # unsupported
        (b"\2\0\2\xff\xfe", "��"),  # no UTF-8
        (b"\1\2", True),
    ],
)
def test_rare_forms_read_as_plain_values(data: bytes, value: object) -> None:
    assert decode(data) == [value]


@pytest.mark.parametrize("marker", [0x04, 0x07, 0x09, 0x0E, 0x11, 0x12, 0xFF])
def test_markers_that_no_rtmp_peer_uses_are_refused(marker: int) -> None:
    with pytest.raises(RemoteProtocolError, match=f"0x{marker:02x}"):
        decode(bytes([marker]) + bytes(8))


@pytest.mark.parametrize("value", [object(), b"bytes", {"": 1}, {"k" * 0x10000: 1}, "\udc80", [{"a": {1, 2}}]])
def test_what_has_no_form_is_our_own_mistake(value: object) -> None:
    with pytest.raises(LocalProtocolError):
        encode(value)
