"""Reports of a child: told and believed in the same words, and nothing else is believed."""

from __future__ import annotations

import json
import struct
from array import array
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.core.frames import Columns, build
from ftp_stream.core.inspection import (
    PREFIX_BYTES,
    Inspection,
    decode,
    decode_encoding_needed,
    decode_failure,
    decode_ready,
    encode,
    encode_encoding_needed,
    encode_failure,
    encode_ready,
    lengths,
)
from ftp_stream.errors import EncodingNeeded, FtpStreamError, SegmentRefused, StorageError
from ftp_stream.model import Row, VideoCodec, VideoConfig

DAMAGED = "damaged report"
VIDEO = Columns(
    flags=bytes([int(Row.KEY), 0, 1]),
    dts_us=array("q", [0, 40_000, 80_000]),
    cts_us=array("q", [40_000, 80_000, 0]),
    position=array("q", [0, 30, 5]),
    size=array("q", [30, 10, 20]),
    last_us=40_000,
)
AUDIO = Columns(bytes(2), array("q", [0, 21_333]), array("q"), array("q", [40, 50]), array("q", [10, 10]))
KEY = int(Row.KEY)
KEYS = replace(  # pictures of which three are key frames
    VIDEO,
    flags=bytes([KEY, KEY, 0, KEY]),
    dts_us=array("q", [0, 40_000, 80_000, 120_000]),
    cts_us=array("q", [0] * 4),
    position=array("q", [0, 30, 5, 60]),
    size=array("q", [30, 10, 20, 10]),
)
FOUND = Inspection(
    container="mov",
    whole=True,
    codec=VideoCodec.AVC,
    record=b"\x01\x42\xc0\x0a\xff",
    width=640,
    height=360,
    frame_rate=29.97,
    audio_record=b"\x11\x88",
    video=VIDEO,
    audio=AUDIO,
    sidecar_size=25,
    notes=("its audio is odd",),
)


def told(buffers: list[bytes | memoryview]) -> tuple[bytes, bytes]:
    report = b"".join(buffers)
    header, columns = lengths(report[:PREFIX_BYTES])
    assert len(report) == PREFIX_BYTES + header + columns
    return report[PREFIX_BYTES : PREFIX_BYTES + header], report[PREFIX_BYTES + header :]


def read(header: bytes, columns: bytes):  # the answer's type is the code's own affair
    return decode(header, columns, file_size=100, sidecar_limit=25)


def test_what_is_told_is_what_is_read() -> None:
    header, columns = told(encode(FOUND))
    assert decode_failure(header) is None
    got = read(header, columns)
    assert (got.container, got.whole, got.notes, got.sidecar_size) == ("mov", True, ("its audio is odd",), 25)
    video = got.video
    assert (video.codec, video.record, video.width, video.height) == (VideoCodec.AVC, FOUND.record, 640, 360)
    assert video.frame_rate == 29.97
    assert (got.audio.record, got.audio.sample_rate) == (b"\x11\x88", 48_000)
    assert got.table == build(VIDEO, AUDIO, config=got.audio, file_size=100, sidecar_size=25)


def test_a_file_without_audio() -> None:
    header, columns = told(encode(replace(FOUND, audio=None, audio_record=b"")))
    got = read(header, columns)
    assert got.audio is None
    assert got.table == build(VIDEO, file_size=100, sidecar_size=25)


def test_what_was_encoded_is_told() -> None:
    got = read(*told(encode(FOUND)))
    assert (got.encoded_video, got.encoded_audio, got.encoding_seconds) == (False, False, 0.0)
    made = replace(FOUND, encoded_video=True, encoding_seconds=2.5)
    got = read(*told(encode(made)))
    assert (got.encoded_video, got.encoded_audio, got.encoding_seconds) == (True, False, 2.5)
    assert read(*told(encode(replace(FOUND, encoded_audio=True)))).encoded_audio is True


def test_what_it_was_encoded_from_is_told() -> None:
    got = read(*told(encode(FOUND)))
    assert (got.video_from, got.audio_from) == ("", "")
    made = replace(FOUND, video_from="mjpeg\x1b", audio_from="pcm_mulaw 8000 Hz")
    got = read(*told(encode(made)))
    assert (got.video_from, got.audio_from) == ("mjpeg?", "pcm_mulaw 8000 Hz")
    for name in ("video_from", "audio_from"):
        header, columns = told(encode(replace(FOUND, **{name: "x" * 65})))
        with pytest.raises(SegmentRefused, match=DAMAGED):
            read(header, columns)
        header = json.dumps(json.loads(told(encode(FOUND))[0]) | {name: 5}).encode()
        with pytest.raises(SegmentRefused, match=DAMAGED):
            read(header, columns)


def test_changes_are_told_by_picture_and_read_by_gop() -> None:
    """Pictures are what a walk counts; groups of pictures are what a session starts with."""
    night = VideoConfig(VideoCodec.AVC, b"\x01\x64\x00\x0b\xff", 320, 240, 12.5)
    later = VideoConfig(VideoCodec.HEVC, b"\x01\x01", 1920, 1080, 25.0)
    got = read(*told(encode(replace(FOUND, video=KEYS, changes=((1, night), (3, later))))))
    assert got.changes == ((1, night), (2, later))
    assert len(got.table.gops) == 3


def test_pictures_before_the_first_key_frame_are_no_gop() -> None:
    late = replace(KEYS, flags=bytes([0, KEY, 0, KEY]))
    night = VideoConfig(VideoCodec.AVC, b"\x01\x64", 320, 240, 12.5)
    got = read(*told(encode(replace(FOUND, video=late, changes=((3, night),)))))
    assert got.changes == ((1, night),)
    assert len(got.table.gops) == 2


def test_that_pictures_must_be_encoded_is_an_answer_of_its_own() -> None:
    header, columns = told(
        encode_encoding_needed(EncodingNeeded("its video is mjpeg", codec="mjpeg", width=640, height=480))
    )
    needed = decode_encoding_needed(header)
    assert isinstance(needed, EncodingNeeded)
    assert (needed.codec, needed.width, needed.height) == ("mjpeg", 640, 480)
    assert (str(needed), columns) == ("its video is mjpeg", b"")
    assert decode_failure(header) is None
    for other in (encode(FOUND), encode_failure("no video"), encode_ready([])):
        assert decode_encoding_needed(told(other)[0]) is None


@pytest.mark.parametrize("truncated", [True, False])
def test_refusals_are_told(truncated: bool) -> None:  # noqa: FBT001 - both answers
    header, columns = told(encode_failure("it is no video", truncated=truncated))
    failure = decode_failure(header)
    assert isinstance(failure, SegmentRefused)
    assert (failure.reason, failure.truncated, columns) == ("it is no video", truncated, b"")


def test_a_failed_disk_is_no_refusal() -> None:
    failure = decode_failure(told(encode_failure("disk full", storage=True))[0])
    assert isinstance(failure, StorageError)
    assert str(failure) == "disk full"


def test_a_child_tells_which_rights_it_kept() -> None:
    assert decode_ready(told(encode_ready(["network: no"]))[0]) == ("network: no",)
    assert decode_ready(told(encode_ready([]))[0]) == ()
    with pytest.raises(SegmentRefused, match=DAMAGED):
        decode_ready(b"{}")


# --- what is not believed ---------------------------------------------------------------------------------------------


def change(**values: object) -> bytes:
    header, _ = told(encode(FOUND))
    return json.dumps(json.loads(header) | values).encode()


COLUMNS = told(encode(FOUND))[1]


@pytest.mark.parametrize(
    "values",
    [
        {"width": -1},
        {"width": 16_385},
        {"width": 640.0},
        {"height": None},
        {"height": True},
        {"codec": "vp9"},
        {"codec": None},
        {"record": ""},
        {"record": "00" * 5},
        {"record": "zz"},
        {"record": 5},
        {"record": "01" * (64 * 1024 + 1)},
        {"frame_rate": -1},
        {"frame_rate": "25"},
        {"notes": "words"},
        {"notes": [5]},
        {"container": 5},
        {"sidecar_size": 26},
        {"sidecar_size": -1},
        {"video_rows": 4},
        {"video_rows": -1},
        {"video_rows": 2**40},
        {"audio_rows": 3},
        {"audio_rows": "2"},
        {"last_us": 2**64},
        {"audio_record": None},
        {"changes": None},
        {"changes": [5]},
        {"changes": [{}]},
        {"changes": [{"picture": 0}]},
        {"encoding_seconds": -0.1},
        {"encoding_seconds": "2"},
        {"encoding_seconds": None},
    ],
)
def test_one_wrong_value_makes_a_report_worthless(values: dict[str, object]) -> None:
    with pytest.raises(SegmentRefused, match=DAMAGED):
        read(change(**values), COLUMNS)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
@pytest.mark.parametrize("name", ["frame_rate", "encoding_seconds"])
def test_numbers_that_are_none(name: str, number: str) -> None:
    with pytest.raises(SegmentRefused, match=DAMAGED):
        read(change(**{name: 0}).replace(f'"{name}": 0'.encode(), f'"{name}": {number}'.encode()), COLUMNS)


NIGHT = {"codec": "avc", "record": "0164", "width": 320, "height": 240, "frame_rate": 12.5}


@pytest.mark.parametrize(
    "changes",
    [
        [{**NIGHT, "picture": 0}],  # what holds from the start is no change
        [{**NIGHT, "picture": 2}],  # no key frame
        [{**NIGHT, "picture": 4}],  # no picture
        [{**NIGHT, "picture": -1}],
        [{**NIGHT, "picture": 1.0}],
        [{**NIGHT, "picture": True}],
        [{**NIGHT, "picture": 1}, {**NIGHT, "picture": 1}],
        [{**NIGHT, "picture": 3}, {**NIGHT, "picture": 1}],
        [{**NIGHT, "picture": 1, "codec": "vp9"}],
        [{**NIGHT, "picture": 1, "record": "0264"}],
        [{**NIGHT, "picture": 1, "width": 16_385}],
        [{**NIGHT, "picture": 1, "frame_rate": -1}],
        [{**NIGHT, "picture": 1}] * 1001,
        {"picture": 1},
        "changes",
    ],
)
def test_a_change_stands_at_a_later_key_frame(changes: object) -> None:
    header, columns = told(encode(replace(FOUND, video=KEYS)))
    with pytest.raises(SegmentRefused, match=DAMAGED):
        read(json.dumps(json.loads(header) | {"changes": changes}).encode(), columns)


def test_why_pictures_must_be_encoded_is_told_in_words() -> None:
    assert str(decode_encoding_needed(told(encode_encoding_needed(EncodingNeeded("a\x1bb")))[0])) == "a?b"
    with pytest.raises(SegmentRefused, match=DAMAGED):
        decode_encoding_needed(b'{"needs_encoding": 5}')
    for wrong in ({"codec": "x" * 65}, {"codec": None}, {"width": -1}, {"height": 16_385}, {"height": "5"}):
        told_wrong = {"needs_encoding": "", "codec": "", "width": 0, "height": 0} | wrong
        with pytest.raises(SegmentRefused, match=DAMAGED):
            decode_encoding_needed(json.dumps(told_wrong).encode())


def test_an_audio_record_of_another_kind_is_refused() -> None:
    with pytest.raises(SegmentRefused, match="AAC"):
        read(change(audio_record="ff"), COLUMNS)


def test_frames_must_stand_in_what_there_is() -> None:
    with pytest.raises(SegmentRefused, match="outside the prepared frames"):
        read(change(sidecar_size=24), COLUMNS)
    with pytest.raises(SegmentRefused, match="outside the file"):
        decode(change(), COLUMNS, file_size=39, sidecar_limit=25)


@pytest.mark.parametrize("header", [b"", b"[]", b"5", b"{", b"\xff", b"[" * 100_000])
def test_headers_that_are_no_object(header: bytes) -> None:
    for function in (decode_failure, decode_ready, decode_encoding_needed, lambda value: read(value, COLUMNS)):
        with pytest.raises(SegmentRefused, match=DAMAGED):
            function(header)


@pytest.mark.parametrize("columns", [b"", COLUMNS[:-1], COLUMNS + b"\0"])
def test_columns_of_another_length(columns: bytes) -> None:
    with pytest.raises(SegmentRefused, match=DAMAGED):
        read(change(), columns)


def test_words_cannot_move_a_terminals_cursor() -> None:
    got = read(change(container="a\x1b[2Jb", notes=["x\r\ny", "ü\u202e", "w" * 1000]), COLUMNS)
    assert got.container == "a?[2Jb"
    assert got.notes[:2] == ("x??y", "ü?")
    assert len(got.notes[2]) == 500
    failure = decode_failure(told(encode_failure("a\nb"))[0])
    assert str(failure) == "a?b"
    assert len(read(change(notes=["x"] * 1000), COLUMNS).notes) == 32


@pytest.mark.parametrize(("header", "columns"), [(256 * 1024 + 1, 0), (0, 2_000_000 * 58 + 1), (2**32 - 1, 2**64 - 1)])
def test_no_more_is_read_than_a_file_can_give(header: int, columns: int) -> None:
    with pytest.raises(SegmentRefused, match=DAMAGED):
        lengths(struct.pack("=IQ", header, columns))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(json.loads(told(encode(FOUND))[0]))), VALUES)
def test_any_value_is_read_or_refused(name: str, value: object) -> None:
    try:
        got = read(change(**{name: value}), COLUMNS)
    except FtpStreamError:
        return
    assert len(got.table) == 5


@given(st.binary(max_size=len(COLUMNS)))
def test_any_columns_are_laid_out_or_refused(columns: bytes) -> None:
    try:
        got = read(change(), columns.ljust(len(COLUMNS), b"\0"))
    except SegmentRefused:
        return
    assert got.table.gops[0] == 0
