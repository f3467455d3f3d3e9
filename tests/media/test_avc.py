"""H.264 syntax: what other encoders write is read rightly, what is written here FFmpeg reads without a complaint."""

from __future__ import annotations

import itertools
from contextlib import suppress
from fractions import Fraction

import av
import pytest
from av.video.frame import VideoFrame
from hypothesis import example, given
from hypothesis import strategies as st

from ftp_stream.errors import SegmentRefused
from ftp_stream.media.avc import Like, configuration, parse_sps, skipped_picture, slice_format, sps_of
from ftp_stream.media.bits import BitReader, BitWriter, escaped, unescaped
from ftp_stream.media.nal import record_sets, split_annexb
from ftp_stream.model import VideoCodec

AVC = VideoCodec.AVC


# --- bits -------------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(["fixed", "unsigned", "signed"]), st.integers(-(2**20), 2**20))))
def test_what_is_written_is_read(values: list[tuple[str, int]]) -> None:
    writer = BitWriter()
    for kind, value in values:
        if kind == "fixed":
            writer.fixed(abs(value), 21)
        else:
            getattr(writer, kind)(value if kind == "signed" else abs(value))
    reader = BitReader(writer.closed().payload())
    for kind, value in values:
        expected = value if kind == "signed" else abs(value)
        assert (reader.fixed(21) if kind == "fixed" else getattr(reader, kind)()) == expected
    assert reader.rest() == (1, 1)


@pytest.mark.parametrize(
    ("written", "bits"),
    [
        (BitWriter().unsigned(0, 1, 2, 3, 7), "1 010 011 00100 0001000"),
        (BitWriter().signed(0).signed(1).signed(-1).signed(2).signed(-3), "1 010 011 00100 00111"),
        (BitWriter().fixed(5, 4).closed(), "0101 1"),
    ],
)
def test_codes_are_those_of_the_standard(written: BitWriter, bits: str) -> None:
    """Tables 9-2 and 9-3 of the standard."""
    bits = bits.replace(" ", "")
    assert written.payload() == int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


@given(st.lists(st.sampled_from([0, 0, 0, 1, 2, 3, 4, 255]), max_size=40).map(bytes))
@example(bytes(9))
@example(b"\0\0\3\0\0\3")
def test_no_start_code_stands_in_a_unit(payload: bytes) -> None:
    unit = escaped(b"\x65" + payload + b"\x80")
    assert unescaped(unit) == b"\x65" + payload + b"\x80"
    assert not any(code in unit for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))


@pytest.mark.parametrize("payload", [b"", b"\0", bytes(8)])
def test_a_payload_that_ends_too_early_is_refused(payload: bytes) -> None:
    with pytest.raises(SegmentRefused, match="decoder configuration"):
        BitReader(payload).unsigned()


# --- reading ----------------------------------------------------------------------------------------------------------


def encoded(width: int, height: int, aspect: tuple[int, int], options: dict[str, str], form: str) -> list[bytes]:
    """The NAL units of one picture by x264."""
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = width, height, form
    context.time_base = Fraction(1, 25)
    context.sample_aspect_ratio = Fraction(*aspect)
    context.thread_count = 1
    context.options = {"preset": "ultrafast"} | options
    frame = VideoFrame(width, height, form)
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    frame.pts = 0
    packets = itertools.chain(context.encode(frame), context.encode(None))
    return [*split_annexb(b"".join(map(bytes, packets)))]


@pytest.mark.parametrize(
    ("width", "height", "aspect", "options", "form", "profile"),
    [
        (640, 360, (1, 1), {"profile": "baseline"}, "yuv420p", 66),
        (704, 576, (16, 11), {"profile": "main", "x264-params": "cabac=1"}, "yuv420p", 77),
        (1920, 1080, (1, 1), {"x264-params": "8x8dct=1"}, "yuv420p", 100),
        (1920, 1080, (4, 3), {"x264-params": "8x8dct=1:interlaced=1"}, "yuv420p", 100),
        (854, 482, (7, 5), {"x264-params": "8x8dct=1:cqm=jvt"}, "yuv420p", 100),
        (322, 182, (1, 1), {}, "yuv422p", 122),
        (322, 182, (1, 1), {}, "yuv444p", 244),
        (320, 180, (1, 1), {"x264-params": "bframes=3:b-pyramid=normal"}, "yuv420p", 77),
    ],
)
def test_what_another_encoder_says_of_its_pictures_is_read(
    width: int, height: int, aspect: tuple[int, int], options: dict[str, str], form: str, profile: int
) -> None:
    units = encoded(width, height, aspect, options, form)
    like = parse_sps(next(unit for unit in units if unit[0] & 31 == 7))
    assert (like.width, like.height, like.aspect, like.profile) == (width, height, aspect, profile)


def test_slices_that_cannot_be_put_together_are_refused() -> None:
    """CABAC begins at a whole byte, which no other header leaves where it was."""
    units = encoded(320, 180, (1, 1), {"x264-params": "cabac=1"}, "yuv420p")
    sps, pps = (next(unit for unit in units if unit[0] & 31 == kind) for kind in (7, 8))
    with pytest.raises(SegmentRefused, match="another kind"):
        slice_format(sps, pps)


@pytest.mark.parametrize("record", [b"", b"\1", b"\1\x64\0\x1f\xff\xe0\0", b"\1" + bytes(30)])
def test_a_record_without_an_sps_is_refused(record: bytes) -> None:
    with pytest.raises(SegmentRefused, match="no sequence parameter set"):
        sps_of(record)


@given(st.binary(min_size=1, max_size=60))
def test_nonsense_is_refused_or_bounded(body: bytes) -> None:
    with suppress(SegmentRefused):
        like = parse_sps(b"\x67" + body)
        assert 0 < like.width <= 16384
        assert 0 < like.height <= 16384


# --- writing ----------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from([66, 77, 100]),
    st.integers(80, 2000),
    st.integers(45, 1200),
    st.sampled_from([(0, 0), (1, 1), (12, 11), (4, 3), (7, 5), (2, 1), (1, 2)]),
    st.integers(1, 60),
)
def test_a_configuration_says_what_pictures_are_like(
    profile: int, width: int, height: int, aspect: tuple[int, int], rate: int
) -> None:
    like = Like(profile, 0, 10, 2 * width, 2 * height, aspect)
    record = configuration(like, rate, 6)
    read = parse_sps(sps_of(record))
    assert (read.profile, read.width, read.height, read.aspect) == (profile, 2 * width, 2 * height, aspect)
    assert record[1:4] == bytes((read.profile, read.constraints, read.level))
    assert len(record_sets(record, AVC)) == 2


@pytest.mark.parametrize(
    ("profile", "constraints", "expected"),
    [
        (66, 0xC0, (66, 0xC0)),
        (66, 0x10, (66, 0)),  # level 1b
        (77, 0x40, (77, 0x40)),
        (100, 0x0C, (100, 0x0C)),
        (88, 0xA0, (77, 0)),
        (110, 0x10, (100, 0)),  # 10 bits
        (244, 0, (100, 0)),  # 4:4:4
    ],
)
def test_the_cameras_profile_is_taken_where_the_pictures_keep_to_it(
    profile: int, constraints: int, expected: tuple[int, int]
) -> None:
    assert tuple(configuration(Like(profile, constraints, 31, 640, 360, (1, 1)), 25, 6)[1:3]) == expected


@pytest.mark.parametrize(
    ("width", "height", "rate", "told", "level"),
    [
        (1920, 1080, 30, 40, 40),
        (1920, 1080, 60, 40, 42),
        (1920, 1080, 25, 42, 42),
        (1280, 720, 30, 10, 31),
        (640, 360, 25, 9, 30),
        (160, 90, 15, 10, 10),
        (3840, 2160, 30, 30, 51),
        (3840, 2160, 60, 30, 52),
        (160, 16, 1, 10, 10),
        (4096, 16, 1, 10, 40),
    ],
)
def test_a_level_is_enough_for_the_pictures_and_not_below_the_cameras(
    width: int, height: int, rate: int, told: int, level: int
) -> None:
    assert configuration(Like(100, 0, told, width, height, (1, 1)), rate, 6)[3] == level


def test_a_skipped_picture_is_some_bytes_and_counts_itself() -> None:
    like = Like(100, 0, 40, 1920, 1080, (1, 1))
    pictures = [skipped_picture(like, number) for number in range(1, 60)]
    assert len(set(pictures)) == 59
    assert {len(picture) for picture in pictures} <= {8, 9}
    assert {picture[0] for picture in pictures} == {0x41}
