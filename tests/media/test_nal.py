"""NAL units: split as FFmpeg splits them, records as FFmpeg writes them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.files import Clip, demux, make

from ftp_stream.errors import SegmentRefused
from ftp_stream.media import nal
from ftp_stream.model import VideoCodec
from ftp_stream.rtmp import flv

if TYPE_CHECKING:
    from pathlib import Path

AVC, HEVC = VideoCodec.AVC, VideoCodec.HEVC
CLIPS = {
    "baseline.h264": Clip(audio="", seconds=0.4),
    "b-frames.ts": Clip(audio="", seconds=0.4, b_frames=2),
    "high.h264": Clip(audio="", seconds=0.4, video_options=(("profile", "high"), ("x264-params", "cabac=1:8x8dct=1"))),
    "slices.h264": Clip(audio="", seconds=0.4, video_options=(("x264-params", "slices=3:aud=1"),)),
    "h265.hevc": Clip(audio="", seconds=0.4, video="libx265"),
    "h265.ts": Clip(audio="", seconds=0.4, video="libx265", b_frames=2),
}


def through_ffmpeg(path: Path) -> tuple[bytes, list[bytes]]:
    """The record and the payloads that FFmpeg's FLV muxer makes of an Annex B file."""
    written = io.BytesIO()
    with av.open(str(path)) as source, av.open(written, "w", format="flv") as target:
        stream = source.streams.video[0]
        copy = target.add_stream_from_template(stream)
        for number, packet in enumerate(source.demux(stream)):
            if packet.size:
                packet.dts = packet.pts = number
                packet.time_base = 1 / stream.guessed_rate
                packet.stream = copy
                target.mux(packet)
    bodies = [tag.body for tag in flv.read_tags(written.getvalue()) if tag.type == 9]
    parsed = [(flv.parse_video(body), body) for body in bodies]
    record = next(body[tag.payload_at :] for tag, body in parsed if tag.kind is flv.Kind.CONFIG)
    return record, [body[tag.payload_at :] for tag, body in parsed if tag.kind is flv.Kind.FRAME]


@pytest.fixture(params=CLIPS)
def annexb(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return make(tmp_path / request.param, CLIPS[request.param])


def test_frames_and_record_are_those_of_ffmpegs_muxer(annexb: Path) -> None:
    codec = HEVC if CLIPS[annexb.name].video == "libx265" else AVC
    record, payloads = through_ffmpeg(annexb)
    packets = demux(annexb)
    assert [nal.length_prefixed(packet.payload) for packet in packets] == payloads
    assert all(nal.is_annexb(packet.payload, b"") for packet in packets)
    assert not any(nal.is_annexb(payload, record) for payload in payloads)
    with av.open(str(annexb)) as container:
        template = container.streams.video[0]
        sets = nal.parameter_sets(nal.split_annexb(template.codec_context.extradata or b""), codec)
        assert sets
        assert nal.make_record(sets, codec, template) == record
        in_band = nal.parameter_sets(nal.split_annexb(packets[0].payload), codec)
        assert nal.make_record(in_band, codec, template) == record
    assert nal.record_sets(record, codec) == sets
    assert nal.length_size(record, codec) == 4


@pytest.mark.parametrize(
    ("payload", "units"),
    [
        (b"\0\0\1a\0\0\1bc", [b"a", b"bc"]),
        (b"\0\0\0\1a\0\0\0\1b", [b"a", b"b"]),
        (b"\0\0\0\0\0\1a\0\0\0\0\1b\0\0", [b"a\0", b"b\0\0"]),
        (b"lead\0\0\1a", [b"a"]),
        (b"\0\0\1\0\0\1a", [b"a"]),
        (b"\0\0\1", []),
        (b"nothing", []),
        (b"", []),
    ],
)
def test_start_codes(payload: bytes, units: list[bytes]) -> None:
    assert list(nal.split_annexb(payload)) == units
    assert nal.length_prefixed(payload) == b"".join(len(unit).to_bytes(4, "big") + unit for unit in units)


UNITS = st.lists(st.binary(min_size=1, max_size=8).filter(lambda unit: b"\0\0" not in unit and unit[-1]), max_size=5)


@given(UNITS, st.sampled_from([b"\0\0\1", b"\0\0\0\1"]))
def test_units_survive_either_form(units: list[bytes], start: bytes) -> None:
    annexb = b"".join(start + unit for unit in units)
    assert list(nal.split_annexb(annexb)) == units
    assert list(nal.split_prefixed(nal.length_prefixed(annexb))) == units
    assert list(nal.split_prefixed(b"".join(nal.prefixed(unit, 2) for unit in units), 2)) == units


@pytest.mark.parametrize(
    ("payload", "record", "answer"),
    [
        (b"\0\0\0\1\x67", b"", True),
        (b"\0\0\1\x67", b"", True),
        (b"\0\0\0\0\1\x67", b"", True),
        (b"\0\0\0\x05\x67", b"", False),
        (b"\0\0\0\1\x67", b"\1avcC", True),
        (b"\0\0\1\x67", b"\1avcC", False),  # a NAL unit of 359 bytes
        (b"", b"", False),
    ],
)
def test_what_has_start_codes(payload: bytes, record: bytes, answer: bool) -> None:  # noqa: FBT001 - expected answer
    assert nal.is_annexb(payload, record) is answer


def test_damaged_records_hold_no_sets() -> None:
    avc = bytes.fromhex("0142c00affe1001467") + bytes(19) + bytes.fromhex("01000468ce0fc8")
    assert [unit[0] & 0x1F for unit in nal.record_sets(avc, AVC)] == [7, 8]
    assert nal.record_sets(b"\0" + avc[1:], AVC) == []
    for cut in range(len(avc)):
        assert len(nal.record_sets(avc[:cut], AVC)) <= 2
        nal.record_sets(avc[:cut], HEVC)


@given(st.binary(max_size=60), st.sampled_from([AVC, HEVC]))
def test_any_bytes_may_be_a_record(record: bytes, codec: VideoCodec) -> None:
    for unit in nal.record_sets(b"\1" + record, codec):
        assert unit in record


@pytest.mark.parametrize("sets", [[], [b"\x67"], [b"\x67\x42", b"\x68"]])
def test_no_record_is_made_of_damaged_sets(tmp_path: Path, sets: list[bytes]) -> None:
    with (
        av.open(str(make(tmp_path / "x.h264", CLIPS["baseline.h264"]))) as container,
        pytest.raises(SegmentRefused, match="decoder configuration"),
    ):
        nal.make_record(sets, AVC, container.streams.video[0])


@pytest.mark.parametrize(
    ("kind", "codec", "is_slice", "is_key"),
    [
        (1, AVC, True, False),
        (5, AVC, True, True),
        (6, AVC, False, False),
        (9, AVC, False, False),
        (1, HEVC, True, False),
        (19, HEVC, True, True),
        (21, HEVC, True, True),
        (33, HEVC, False, False),
        (-1, AVC, False, False),
    ],
)
def test_types_of_units(kind: int, codec: VideoCodec, is_slice: bool, is_key: bool) -> None:  # noqa: FBT001 - expected
    assert (nal.is_slice(kind, codec), nal.is_random_access(kind, codec)) == (is_slice, is_key)


# --- sets that change -------------------------------------------------------------------------------------------------

SPS, OTHER_SPS = b"\x67\x64\x00\x1e\xac\xb4", b"\x67\x64\x00\x1f\xac\xb4"
PPS = {number: b"\x68" + start for number, start in ((0, b"\xef"), (1, b"\x5f"), (2, b"\x6f"))}  # ue(v) comes first
OTHER_PPS_1 = b"\x68\x5b"
VPS_265, SPS_265, OTHER_SPS_265 = b"\x40\x01\x0c", b"\x42\x01\x01", b"\x42\x01\x02"
PPS_265 = {0: b"\x44\x01\xc1", 1: b"\x44\x01\x5c"}


@pytest.mark.parametrize(
    ("codec", "known", "told", "holds"),
    [
        (VideoCodec.AVC, [SPS, PPS[0]], [PPS[1]], [SPS, PPS[0], PPS[1]]),
        (VideoCodec.AVC, [SPS, PPS[0], PPS[1]], [OTHER_PPS_1], [SPS, PPS[0], OTHER_PPS_1]),
        (VideoCodec.AVC, [SPS, PPS[0], PPS[1]], [SPS, OTHER_PPS_1], [PPS[0], SPS, OTHER_PPS_1]),
        (VideoCodec.AVC, [SPS, PPS[0], PPS[1]], [OTHER_SPS, PPS[2]], [OTHER_SPS, PPS[2]]),
        (VideoCodec.AVC, [], [SPS, PPS[0]], [SPS, PPS[0]]),
        (VideoCodec.HEVC, [VPS_265, SPS_265, PPS_265[0]], [PPS_265[1]], [VPS_265, SPS_265, PPS_265[0], PPS_265[1]]),
        (
            VideoCodec.HEVC,
            [VPS_265, SPS_265, PPS_265[0]],
            [OTHER_SPS_265, PPS_265[1]],
            [VPS_265, OTHER_SPS_265, PPS_265[1]],
        ),
    ],
)
def test_sets_that_are_told_replace_those_of_their_number(
    codec: VideoCodec, known: list[bytes], told: list[bytes], holds: list[bytes]
) -> None:
    """Another SPS begins a sequence of its own: of the old one's PPS none is left."""
    assert nal.renewed(known, told, codec) == holds


def test_sets_behind_a_slice_are_not_a_key_frames_own() -> None:
    units = [b"\x09\xf0", SPS + b"\0\0", PPS[0], b"\x65\x88", PPS[1]]
    assert nal.leading_sets(units, VideoCodec.AVC) == [SPS, PPS[0]]


@pytest.mark.parametrize("size", [1, 2, 4])
def test_a_record_says_how_long_its_lengths_are(size: int) -> None:
    record = nal.avc_record([SPS, PPS[0]])
    assert nal.length_size(record, VideoCodec.AVC) == 4
    other = nal.with_length_size(record, VideoCodec.AVC, size)
    assert nal.length_size(other, VideoCodec.AVC) == size
    assert nal.record_sets(other, VideoCodec.AVC) == [SPS, PPS[0]]


@pytest.mark.parametrize("sets", [[], [SPS], [PPS[0]]])
def test_no_record_without_both_kinds_of_sets(sets: list[bytes]) -> None:
    with pytest.raises(SegmentRefused, match="SPS, PPS"):
        nal.avc_record(sets)
