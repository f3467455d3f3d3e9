"""A configuration that changes within a file is told with the key frame from which it holds; a repetition is none."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import av
import pytest
from tests.support.files import Clip, demux, make
from tests.support.prepared import prepare_file

from ftp_stream.core.inspection import PREFIX_BYTES, decode, encode
from ftp_stream.errors import SegmentRefused
from ftp_stream.media import configuration, index, nal
from ftp_stream.model import Form, Source, VideoCodec, VideoConfig

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.prepared import Prepared

SMALL, LARGE = Clip(audio=""), Clip(audio="", width=96, height=64, rate=20, seconds=1.5)
SMALL_265, LARGE_265 = (replace(clip, video="libx265") for clip in (SMALL, LARGE))
REPEATED = (("x264-params", "repeat-headers=1"),)


def sizes_by_headers(prepared: Prepared) -> list[tuple[int, int]]:
    """The sizes of all pictures as a player sees them that begins anew with each sequence header."""
    found = prepared.found
    changes = {0: found.record} | {at: config.record for at, config in found.changes}
    name = {VideoCodec.AVC: "h264", VideoCodec.HEVC: "hevc", VideoCodec.AV1: "libdav1d"}[found.codec]
    sizes: list[tuple[int, int]] = []
    decoder = None
    for at, payload in enumerate(prepared.frames(audio=False)):
        if at in changes:
            sizes += [(frame.width, frame.height) for frame in decoder.decode(None)] if decoder else []
            assert prepared.keys()[at]
            decoder = av.CodecContext.create(name, "r")
            decoder.extradata, decoder.options = changes[at], {"err_detect": "explode"}
        sizes += [(frame.width, frame.height) for frame in decoder.decode(av.Packet(payload))]
    return sizes + [(frame.width, frame.height) for frame in decoder.decode(None)]


def assert_small_then_large(prepared: Prepared) -> None:
    found = prepared.found
    assert (found.width, found.height) == (64, 48)
    [(at, config)] = found.changes
    assert (at, config.codec, config.width, config.height) == (25, found.codec, 96, 64)
    assert config.frame_rate == pytest.approx(20, rel=0.02)
    assert config.record != found.record
    assert sizes_by_headers(prepared) == [(64, 48)] * 25 + [(96, 64)] * 30
    assert told(prepared) == [(prepared.keys()[:25].count(True), config)]


def told(prepared: Prepared) -> list[tuple[int, VideoConfig]]:
    """The changes as the service gets them: with the GOP in place of the picture."""
    header, *columns = encode(prepared.found)
    got = decode(bytes(header)[PREFIX_BYTES:], b"".join(columns), file_size=2**40, sidecar_limit=2**40)
    return list(got.changes)


def join(path: Path, *parts: Path) -> Path:
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


# --- byte streams -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "first", "second"),
    [
        ("h264", SMALL, LARGE),
        ("h264", replace(SMALL, b_frames=2), LARGE),
        ("hevc", SMALL_265, LARGE_265),
        ("ts", SMALL, LARGE),
        ("ts", SMALL_265, LARGE_265),
    ],
)
def test_recordings_of_two_encoders_in_one_file(tmp_path: Path, suffix: str, first: Clip, second: Clip) -> None:
    offset = {"output_ts_offset": "1"} if suffix == "ts" else {}
    parts = make(tmp_path / f"1.{suffix}", first), make(tmp_path / f"2.{suffix}", second, **offset)
    prepared = prepare_file(join(tmp_path / f"joined.{suffix}", *parts))
    if suffix != "ts":  # these have no times, so no rate of their own for a part
        assert [at for at, _ in prepared.found.changes] == [25]
        assert sizes_by_headers(prepared) == [(64, 48)] * 25 + [(96, 64)] * 30
        assert (prepared.found.width, prepared.found.height) == (64, 48)
        return
    assert_small_then_large(prepared)


@pytest.mark.parametrize("suffix", ["h264", "ts", "mp4", "mkv", "flv", "avi"])
def test_sets_that_are_only_repeated_are_no_change(tmp_path: Path, suffix: str) -> None:
    prepared = prepare_file(make(tmp_path / f"a.{suffix}", replace(SMALL, video_options=REPEATED)))
    assert prepared.keys().count(True) == 3
    assert prepared.found.changes == ()


def test_there_and_back_again_are_two_changes(tmp_path: Path) -> None:
    one, two = make(tmp_path / "1.h264", SMALL), make(tmp_path / "2.h264", replace(SMALL, width=96))
    found = prepare_file(join(tmp_path / "joined.h264", one, two, one)).found
    assert [at for at, _ in found.changes] == [25, 50]
    assert found.changes[1][1].record == found.record
    assert [config.width for _, config in found.changes] == [96, 64]


def test_damaged_sets_replace_no_others(tmp_path: Path) -> None:
    """A transport stream that lost bytes: no server gets a header that no decoder can read."""
    path = make(tmp_path / "a.h264", SMALL)
    whole = prepare_file(path).found
    payloads = [packet.payload for packet in demux(path)]
    [sps, *_] = nal.record_sets(whole.record, VideoCodec.AVC)
    for damaged in (sps[:4] + b"\xff" * 8, sps[:2]):
        path.write_bytes(b"".join(payloads[:10]) + payloads[10].replace(sps, damaged) + b"".join(payloads[11:]))
        prepared = prepare_file(path)
        assert len(prepared.rows(audio=False)) == 25
        assert (prepared.found.record, prepared.found.changes) == (whole.record, ())


# Found by chance: FFmpeg 8 counts for minutes when it makes a configuration record of it
ENDLESS_SPS = bytes.fromhex(
    "4201010160000003009000006f88254b48da63eb9fb029741b4dda6504fc6a86cf2e6bdcc103000003001ea02083165ba4a4c2e680"
    "80000003008000000c84"
)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("at", [0, 10])
def test_damaged_sets_do_not_hang_ffmpeg(tmp_path: Path, at: int) -> None:
    """In the first key frame too: the next one tells what is needed."""
    path = make(tmp_path / "a.hevc", SMALL_265)
    payloads = [packet.payload for packet in demux(path)]
    repeated = b"".join(
        b"\0\0\0\1" + unit for unit in nal.record_sets(prepare_file(path).found.record, VideoCodec.HEVC)
    )
    sps = nal.record_sets(prepare_file(path).found.record, VideoCodec.HEVC)[1]
    damaged = payloads[0].replace(sps, ENDLESS_SPS) if at == 0 else repeated.replace(sps, ENDLESS_SPS) + payloads[10]
    payloads[at] = damaged
    payloads[20] = repeated + payloads[20]
    path.write_bytes(b"".join(payloads))
    prepared = prepare_file(path)
    assert len(prepared.rows(audio=False)) == 25
    assert prepared.found.changes == ()
    assert nal.record_sets(prepared.found.record, VideoCodec.HEVC)[1] == sps


def test_more_changes_than_any_camera_makes_are_counted_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(configuration, "_MOST", 2)
    one, two = make(tmp_path / "1.h264", SMALL), make(tmp_path / "2.h264", replace(SMALL, width=96))
    prepared = prepare_file(join(tmp_path / "joined.h264", one, two, one, two, one))
    assert [at for at, _ in prepared.found.changes] == [25, 50]
    assert "changes 2 times more" in prepared.notes


# --- sequence headers and sample entries ------------------------------------------------------------------------------


@pytest.fixture
def two_headers(tmp_path: Path) -> Path:
    """An FLV with a second sequence header on the way."""
    one, two = (make(tmp_path / f"{number}.flv", clip) for number, clip in enumerate((SMALL, LARGE)))
    shifted = bytearray(two.read_bytes()[13:])
    at = 0
    while at < len(shifted):
        size = int.from_bytes(shifted[at + 1 : at + 4], "big")
        time = int.from_bytes(shifted[at + 4 : at + 7], "big") + 1000
        shifted[at + 4 : at + 7] = time.to_bytes(3, "big")
        at += 15 + size
    path = tmp_path / "joined.flv"
    path.write_bytes(one.read_bytes() + shifted)
    return path


def test_a_second_sequence_header_is_a_change(two_headers: Path) -> None:
    prepared = prepare_file(two_headers)
    assert_small_then_large(prepared)
    assert prepared.sources() == {Source.FILE}


def test_a_second_sample_entry_is_a_change(two_headers: Path, tmp_path: Path) -> None:
    """ISO/IEC 14496-12, 8.5.2: each sample names the entry that it needs; the frames have no sets in them."""
    path = tmp_path / "entries.mp4"
    with av.open(str(two_headers)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    assert path.read_bytes().count(b"avcC") == 2
    prepared = prepare_file(path)
    assert_small_then_large(prepared)
    assert prepared.sources() == {Source.FILE}


# --- parameter sets in the frames of a file that has a record ---------------------------------------------------------


def mux_under_one_record(path: Path, first: Path, second: Path) -> Path:
    """Both videos in one track under the record of the first; only the frames can tell of the second."""
    with av.open(str(path), "w") as target, av.open(str(first)) as one, av.open(str(second)) as two:
        stream = target.add_stream_from_template(one.streams.video[0])
        for start, source in ((0, one), (2, two)):
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = stream
                    packet.pts += round(start / packet.time_base)
                    packet.dts += round(start / packet.time_base)
                    target.mux(packet)
    return path


@pytest.mark.parametrize(("suffix", "b_frames"), [("mp4", 0), ("mp4", 2), ("mkv", 0)])
def test_sets_in_the_frames_hold_before_those_of_the_container(
    tmp_path: Path, suffix: str, b_frames: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, large = SMALL, replace(LARGE, b_frames=b_frames, video_options=REPEATED)
    parts = make(tmp_path / f"1.{suffix}", small), make(tmp_path / f"2.{suffix}", large)
    prepared = prepare_file(mux_under_one_record(tmp_path / f"joined.{suffix}", *parts))
    assert_small_then_large(prepared)
    assert prepared.sources() == {Source.FILE}
    assert nal.length_size(prepared.found.changes[0][1].record, VideoCodec.AVC) == 4
    monkeypatch.setattr(index, "take_all", lambda *_: False)
    assert prepare_file(tmp_path / f"joined.{suffix}").found == prepared.found


def test_sets_of_the_first_frame_hold_before_those_of_the_container(tmp_path: Path) -> None:
    """Some cameras keep writing the record of the size that they had when they were switched on."""
    stale, true = make(tmp_path / "1.mp4", SMALL), make(tmp_path / "2.mp4", replace(LARGE, video_options=REPEATED))
    path = tmp_path / "stale.mp4"
    with av.open(str(path), "w") as target, av.open(str(stale)) as one, av.open(str(true)) as two:
        stream = target.add_stream_from_template(one.streams.video[0])
        for packet in two.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    prepared = prepare_file(path)
    assert prepared.found.changes == ()
    assert prepared.found.record == prepare_file(true).found.record
    assert sizes_by_headers(prepared) == [(96, 64)] * 30


# --- AV1 --------------------------------------------------------------------------------------------------------------

AV1 = Clip(video="libsvtav1", audio="", width=96, height=64, video_options=(("preset", "12"),))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_av1_is_copied_as_it_stands(tmp_path: Path, suffix: str) -> None:
    path = make(tmp_path / f"a.{suffix}", AV1)
    prepared = prepare_file(path)
    found, packets = prepared.found, demux(path)
    assert (found.codec, found.record[0], found.changes) == (VideoCodec.AV1, 0x81, ())
    assert (found.width, found.height, found.frame_rate) == (96, 64, 25.0)
    assert prepared.sources() == {Source.FILE}
    assert prepared.frames(audio=False) == [packet.payload for packet in packets]
    assert prepared.keys() == [packet.key for packet in packets]
    assert prepared.keys().count(True) == 3
    assert set(prepared.table.cts_us) == {0}
    assert prepared.shown(audio=False) == pytest.approx([40_000 * at for at in range(25)], abs=1)
    assert sizes_by_headers(prepared) == [(96, 64)] * 25


def test_av1_without_a_record_is_encoded(tmp_path: Path) -> None:
    """RTMP wants a configuration record (av1C); made of an MP4 whose record is not one."""
    path = make(tmp_path / "a.mp4", AV1)
    content = path.read_bytes()
    at = content.index(b"av1C") + 4
    path.write_bytes(content[:at] + b"\x01" + content[at + 1 :])
    with pytest.raises(SegmentRefused, match="av1"):
        prepare_file(path)
    found = prepare_file(path, Form(encoded=True), may_encode=True).found
    assert (found.codec, found.encoded_video) == (VideoCodec.AVC, True)
