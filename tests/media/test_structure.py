"""What containers say about their own completeness: whole, cut anywhere, with oddities, and any garbage."""

from __future__ import annotations

import os
import struct
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.files import FRAGMENTED, INDEX_FIRST, Clip, make

from ftp_stream.media import structure
from ftp_stream.media.structure import Kind, Structure, check

if TYPE_CHECKING:
    from pathlib import Path

SHORT = Clip(seconds=0.4)


def look(path: Path) -> Structure:
    fileno = os.open(path, os.O_RDONLY)
    try:
        return check(fileno)
    finally:
        os.close(fileno)


def look_at(path: Path, content: bytes) -> Structure:
    path.write_bytes(content)
    return look(path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


# --- whole files ------------------------------------------------------------------------------------------------------

WHOLE = [
    ("plain.mp4", {}, Kind.MP4),
    ("first.mp4", INDEX_FIRST, Kind.MP4),
    ("fragmented.mp4", FRAGMENTED, Kind.MP4),  # its index of fragments comes last
    ("movie.mov", {}, Kind.MP4),
    ("movie.avi", {}, Kind.AVI),
    ("movie.mkv", {}, Kind.MATROSKA),
    ("movie.flv", {}, Kind.FLV),  # FFmpeg ends it with an end of sequence
]
UNPROVABLE = [
    ("open.mp4", {"movflags": FRAGMENTED["movflags"] + "+skip_trailer"}, Kind.MP4),
    ("live.mkv", {"live": "1"}, Kind.MATROSKA),
    ("movie.ts", {}, Kind.TS),
    ("movie.m2ts", {"mpegts_m2ts_mode": "1"}, Kind.TS),
]


@pytest.mark.parametrize(("name", "options", "kind"), WHOLE)
def test_whole_files_are_proven_whole(tmp_path: Path, name: str, options: dict[str, str], kind: Kind) -> None:
    found = look(make(tmp_path / name, clip_for(name), **options))
    assert (found.kind, found.whole, found.problem) == (kind, True, "")


@pytest.mark.parametrize(("name", "options", "kind"), UNPROVABLE)
def test_some_kinds_cannot_prove_it(tmp_path: Path, name: str, options: dict[str, str], kind: Kind) -> None:
    container = {"m2ts": "mpegts"}.get(name.rsplit(".", 1)[1])
    found = look(make(tmp_path / name, clip_for(name), format=container, **options))
    assert (found.kind, found.whole, found.problem) == (kind, None, "")


def clip_for(name: str) -> Clip:
    return Clip(seconds=0.4, sample_rate=44_100) if name.endswith("flv") else SHORT


def test_raw_streams_are_unknown(tmp_path: Path) -> None:
    assert look(make(tmp_path / "x.h264", Clip(seconds=0.4, audio=""))) == Structure(Kind.UNKNOWN, None)


def test_only_an_index_that_tells_of_every_frame_is_named(tmp_path: Path) -> None:
    for name, options in (("a.mp4", {}), ("b.mp4", INDEX_FIRST)):
        path = make(tmp_path / name, SHORT, **options)
        position, length = look(path).index
        box = path.read_bytes()[position : position + length]
        assert (box[4:8], int.from_bytes(box[:4], "big")) == (b"moov", length)
    assert look(make(tmp_path / "c.mp4", SHORT, **FRAGMENTED)).index == (0, 0)


# --- cut files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain.mp4", "first.mp4", "movie.avi", "movie.mkv"])
def test_wherever_a_file_that_tells_its_length_is_cut_it_is_not_whole(tmp_path: Path, name: str) -> None:
    whole = make(tmp_path / name, SHORT, **(INDEX_FIRST if "first" in name else {})).read_bytes()
    cuts = [*range(64, len(whole), 701), len(whole) - 20, len(whole) - 1]
    for cut in cuts:
        found = look_at(tmp_path / "cut", whole[:cut])
        tolerated = "first" in name and len(whole) - cut <= 16  # as an mdat that counts its header twice
        assert found.whole is (None if tolerated else False), cut
        assert found.problem


def test_a_flv_cut_within_a_tag_is_not_whole_and_between_tags_unprovable(tmp_path: Path) -> None:
    whole = make(tmp_path / "x.flv", clip_for("x.flv")).read_bytes()
    at, ends = 13, set()
    while at < len(whole):
        at += 11 + int.from_bytes(whole[at + 1 : at + 4], "big")
        ends |= {at, at + 4}
        at += 4
    for cut in range(400, len(whole) - 30, 67):
        between = any(end <= cut <= end + 4 for end in ends if end + 4 in ends)
        assert look_at(tmp_path / "cut", whole[:cut]).whole is (None if between else False)


def test_a_fragmented_file_is_cut_within_a_fragment_or_unprovable(tmp_path: Path) -> None:
    whole = make(tmp_path / "x.mp4", Clip(seconds=1.5, gop=5), **FRAGMENTED).read_bytes()
    answers = {look_at(tmp_path / "cut", whole[:cut]).whole for cut in range(1600, len(whole), 211)}
    assert False in answers
    assert True not in answers
    assert whole.count(b"moof") > 4
    first = whole.index(b"moof", whole.index(b"moof") + 4) - 4
    assert look_at(tmp_path / "cut", whole[:first]).whole is None
    header = whole.index(b"mdat", first) - 4
    assert "last fragment" in look_at(tmp_path / "cut", whole[:header]).problem


def test_a_transport_stream_is_cut_within_a_packet_or_unprovable(tmp_path: Path) -> None:
    whole = make(tmp_path / "x.ts", SHORT).read_bytes()
    for cut in range(188 * 6, 188 * 7 + 2, 3):
        assert look_at(tmp_path / "cut", whole[:cut]).whole is (False if cut % 188 else None)


def test_a_live_matroska_file_cut_within_a_cluster_is_not_whole(tmp_path: Path) -> None:
    whole = make(tmp_path / "x.mkv", SHORT, live="1").read_bytes()
    assert look_at(tmp_path / "cut", whole[:-3]).whole is False


# --- ISO media oddities -----------------------------------------------------------------------------------------------


def box(name: bytes, payload: bytes = b"", *, claim: int | None = None) -> bytes:
    return struct.pack(">I4s", 8 + len(payload) if claim is None else claim, name) + payload


def long_box(name: bytes, payload: bytes, *, claim: int | None = None) -> bytes:
    return struct.pack(">I4sQ", 1, name, 16 + len(payload) if claim is None else claim) + payload


FTYP, MOOV, MDAT = box(b"ftyp", b"isom\0\0\0\0"), box(b"moov", bytes(20)), box(b"mdat", bytes(100))


@pytest.mark.parametrize(
    ("content", "whole", "problem"),
    [
        (FTYP + MOOV + MDAT, True, ""),
        (FTYP + MDAT + MOOV + box(b"free"), True, ""),
        (box(b"wide") + MDAT + MOOV, True, ""),
        (FTYP + MOOV + long_box(b"mdat", bytes(100)), True, ""),
        (FTYP + MOOV + long_box(b"mdat", bytes(100), claim=2**63), False, "mdat box needs"),
        (FTYP + MOOV + box(b"mdat", bytes(100), claim=0), None, ""),
        (FTYP + box(b"mdat", bytes(100), claim=0), False, "index (moov) is missing"),
        (FTYP + MDAT, False, "index (moov) is missing"),
        (FTYP + MOOV, False, "no media data"),
        (FTYP + MDAT + MOOV + bytes(50), True, "last 50 bytes belong to no box"),
        (FTYP + MDAT + MOOV + b"\xff\xd8garbage", True, "last 9 bytes belong to no box"),
        (FTYP + MDAT + MOOV + box(b"GPS ", bytes(9), claim=99999), True, "last 17 bytes belong to no box"),
        (FTYP + box(b"free", bytes(9), claim=99999), False, "index (moov) is missing"),
        (FTYP + MDAT + bytes(50), False, "index (moov) is missing"),
        (FTYP + MOOV + box(b"mdat", bytes(100), claim=108 + 16), None, "claims 16 bytes more"),
        (FTYP + MOOV + box(b"mdat", bytes(100), claim=108 + 17), False, "needs 17 more bytes"),
        (FTYP + box(b"mdat", bytes(100), claim=108 + 8), False, "needs 8 more bytes"),
        (FTYP + MDAT + box(b"moov", bytes(20), claim=29), False, "moov box needs 1 more"),
        (FTYP + MDAT + box(b"moov", claim=7), False, "index (moov) is missing"),
        (FTYP + MDAT + MOOV + long_box(b"free", b"", claim=15), True, "belong to no box"),
        (FTYP + MOOV + box(b"moof") + MDAT + box(b"moof"), False, "last fragment"),
        (FTYP + MOOV + box(b"moof") + MDAT, None, ""),
        (FTYP + MOOV + box(b"moof") + MDAT + box(b"mfra"), True, ""),
        (FTYP + MOOV + box(b"moof") + box(b"mdat", bytes(9), claim=18), False, "needs 1 more"),
    ],
)
def test_boxes(file: Path, content: bytes, whole: bool | None, problem: str) -> None:  # noqa: FBT001 - expected answer
    found = look_at(file, content)
    assert found.whole is whole
    assert problem in found.problem
    assert bool(problem) == bool(found.problem)


def test_more_boxes_than_are_looked_at(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(structure, "MAX_PARTS", 4)
    assert look_at(file, FTYP + MOOV + MDAT).whole is True
    assert look_at(file, FTYP + MOOV + MDAT + box(b"free")).whole is None


# --- RIFF, EBML and FLV oddities --------------------------------------------------------------------------------------


def riff(form: bytes, payload: bytes, claim: int | None = None) -> bytes:
    return b"RIFF" + struct.pack("<I", 4 + len(payload) if claim is None else claim) + form + payload


@pytest.mark.parametrize(
    ("content", "whole", "problem"),
    [
        (riff(b"AVI ", bytes(40)), True, ""),
        (riff(b"AVI ", bytes(41)), True, ""),  # the byte that would make it even may be missing
        (riff(b"AVI ", bytes(41)) + b"\0" + riff(b"AVIX", bytes(40)), True, ""),
        (riff(b"AVI ", bytes(40)) + riff(b"AVIX", bytes(40), claim=45), False, "1 more bytes"),
        (riff(b"AVI ", bytes(40)) + b"trailing", True, "last 8 bytes"),
        (riff(b"AVI ", bytes(40), claim=0), None, "did not finish"),
        (riff(b"AVI ", bytes(40), claim=0xFFFFFFFF), None, "did not finish"),
        (riff(b"AVI ", bytes(40), claim=45), False, "1 more bytes"),
    ],
)
def test_riff_lists(file: Path, content: bytes, whole: bool | None, problem: str) -> None:  # noqa: FBT001 - as above
    found = look_at(file, content)
    assert (found.kind, found.whole) == (Kind.AVI, whole)
    assert problem in found.problem


def test_a_riff_file_that_is_no_avi_is_unknown(file: Path) -> None:
    assert look_at(file, riff(b"WAVE", bytes(40))).kind is Kind.UNKNOWN


EBML = bytes.fromhex("1a45dfa3 84 00000000".replace(" ", ""))
SEGMENT, CLUSTER = bytes.fromhex("18538067"), bytes.fromhex("1f43b675")
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


@pytest.mark.parametrize(
    ("content", "whole", "problem"),
    [
        (EBML + SEGMENT + b"\x8a" + bytes(10), True, ""),
        (EBML + SEGMENT + b"\x40\x0a" + bytes(10), True, ""),
        (EBML + SEGMENT + b"\x8b" + bytes(10), False, "1 more bytes"),
        (EBML + SEGMENT + b"\x8a" + bytes(20), True, ""),  # tags or padding behind it
        (EBML + SEGMENT + UNKNOWN_SIZE + CLUSTER + b"\x84" + bytes(4), None, ""),
        (EBML + SEGMENT + UNKNOWN_SIZE + CLUSTER + UNKNOWN_SIZE + b"\xa3\x84" + bytes(4), None, ""),
        (EBML + SEGMENT + UNKNOWN_SIZE + CLUSTER + UNKNOWN_SIZE + b"\xa3\x85" + bytes(4), False, "1 more bytes"),
        (EBML + SEGMENT + UNKNOWN_SIZE + CLUSTER + b"\xff" + b"\0garbage", None, "no element"),
        (EBML, None, ""),
        (EBML + SEGMENT, None, "no element"),
    ],
)
def test_ebml_elements(file: Path, content: bytes, whole: bool | None, problem: str) -> None:  # noqa: FBT001 - as above
    found = look_at(file, content)
    assert (found.kind, found.whole) == (Kind.MATROSKA, whole)
    assert problem in found.problem
    assert bool(problem) == bool(found.problem)


FLV = b"FLV\x01\x05\0\0\0\x09\0\0\0\0"


def tag(kind: int, body: bytes) -> bytes:
    return bytes([kind]) + len(body).to_bytes(3, "big") + bytes(7) + body + (11 + len(body)).to_bytes(4, "big")


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (FLV + tag(9, b"\x17\x01\0\0\0"), None),
        (FLV + tag(9, b"\x17\x02\0\0\0"), True),  # AVC end of sequence
        (FLV + tag(9, b"\x92hvc1"), True),  # Enhanced RTMP SequenceEnd
        (FLV + tag(9, b"\x91hvc1"), None),
        (FLV + tag(9, b"\x17\x02\0\0\0") + tag(8, b"\xaf\x01"), None),
        (FLV + tag(8, b"\x17\x02"), None),
        (FLV + tag(9, b"\x17\x02\0\0\0")[:-4], True),
        (FLV + tag(9, b"\x17\x02\0\0\0")[:-5], False),
        (FLV + tag(9, b""), None),
        (FLV + tag(7, b"what"), None),
        (FLV, None),
        (FLV[:9], None),
    ],
)
def test_flv_tags(file: Path, content: bytes, whole: bool | None) -> None:  # noqa: FBT001 - as above
    found = look_at(file, content)
    assert (found.kind, found.whole) == (Kind.FLV, whole)


# --- anything ---------------------------------------------------------------------------------------------------------

STARTS = st.sampled_from([b"", FTYP, FTYP + MOOV, b"RIFF\x10\0\0\0AVI ", EBML + SEGMENT, FLV, b"G" + bytes(187)])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STARTS, st.binary(max_size=300), st.integers(1, 6))
def test_any_bytes_give_an_answer(file: Path, start: bytes, rest: bytes, times: int) -> None:
    found = look_at(file, (start + rest) * times)
    assert found.problem if found.whole is False else True


@pytest.mark.parametrize("content", [b"", b"\0", b"ftyp", b"\0\0\0\0ftyp", b"G" * 1024])
def test_tiny_and_empty_files(file: Path, content: bytes) -> None:
    look_at(file, content)
