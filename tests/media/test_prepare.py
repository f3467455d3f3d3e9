"""Every container a camera may write becomes the frames FFmpeg finds in it, with their times; the rest is refused."""

from __future__ import annotations

import secrets
import struct
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import av
import pytest
from tests.support.files import FRAGMENTED, INDEX_FIRST, Clip, demux, make, record
from tests.support.prepared import prepare_file

from ftp_stream.core.aac import parse_config
from ftp_stream.errors import SegmentRefused
from ftp_stream.media import index, nal
from ftp_stream.model import Source, VideoCodec

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.files import Packet

B = Clip(b_frames=2)
H265 = Clip(video="libx265", b_frames=2)
FLV = Clip(sample_rate=44_100, b_frames=2)

# name, clip, muxer options: by reference, or in a sidecar (Annex B, ADTS)
BY_REFERENCE: list[tuple[str, Clip, dict[str, str]]] = [
    ("plain.mp4", Clip(), {}),
    ("first.mp4", Clip(), INDEX_FIRST),
    ("b-frames.mp4", B, {}),
    ("fragmented.mp4", B, FRAGMENTED),
    ("h265.mp4", H265, {}),
    ("movie.mov", B, {}),
    ("movie.mkv", B, {}),
    ("plain.mkv", Clip(), {}),
    ("live.mkv", B, {"live": "1"}),
    ("h265.mkv", H265, {}),
    ("movie.flv", FLV, {}),
    ("h265.flv", replace(H265, b_frames=0, sample_rate=44_100), {}),
    ("silent.mp4", Clip(audio=""), {}),
    ("stereo.mp4", Clip(layout="stereo", sample_rate=44_100), {}),
]
REWRITTEN: list[tuple[str, Clip, dict[str, str]]] = [
    ("movie.ts", Clip(), {}),
    ("b-frames.ts", B, {}),
    ("h265.ts", H265, {}),
    ("raw.h264", Clip(audio=""), {}),
    ("raw-b.h264", replace(B, audio=""), {}),
    ("raw.hevc", replace(H265, audio="", b_frames=0), {}),
    ("raw-b.hevc", replace(H265, audio=""), {}),
    ("movie.avi", Clip(), {}),
    ("b-frames.avi", B, {}),
]


def ids(cases: list[tuple[str, Clip, dict[str, str]]]) -> list[str]:
    return [name for name, _, _ in cases]


def microseconds(packet: Packet, ticks: int) -> float:
    return float(ticks * packet.time_base * 1_000_000)


# --- the bytes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "clip", "options"), BY_REFERENCE, ids=ids(BY_REFERENCE))
def test_frames_stand_in_the_file_itself(tmp_path: Path, name: str, clip: Clip, options: dict[str, str]) -> None:
    path = make(tmp_path / name, clip, **options)
    prepared = prepare_file(path)
    assert prepared.sources() == {Source.FILE}
    assert prepared.found.sidecar_size == 0
    packets = demux(path)
    assert prepared.frames(audio=False) == [packet.payload for packet in packets]
    assert prepared.keys() == [packet.key for packet in packets]
    if clip.audio:
        heard = [packet.payload for packet in demux(path, "audio")]
        lead = len(heard) - len(prepared.rows(audio=True))
        assert 0 <= lead <= 1  # the encoder's own start, which nobody is to hear
        assert prepared.frames(audio=True) == heard[lead:]


@pytest.mark.parametrize(("name", "clip", "options"), REWRITTEN, ids=ids(REWRITTEN))
def test_annexb_and_adts_are_rewritten_beside_it(
    tmp_path: Path, name: str, clip: Clip, options: dict[str, str]
) -> None:
    path = make(tmp_path / name, clip, **options)
    prepared = prepare_file(path)
    packets = demux(path)
    assert prepared.frames(audio=False) == [nal.length_prefixed(packet.payload) for packet in packets]
    assert prepared.keys() == [packet.key for packet in packets]
    if clip.audio:
        heard = [packet.payload for packet in demux(path, "audio")]
        adts = 7 if name.endswith("ts") else 0
        assert prepared.frames(audio=True) == [payload[adts:] for payload in heard]


@pytest.mark.parametrize(("name", "clip", "options"), [*BY_REFERENCE, *REWRITTEN], ids=ids([*BY_REFERENCE, *REWRITTEN]))
def test_the_frames_decode_with_the_records_alone(
    tmp_path: Path, name: str, clip: Clip, options: dict[str, str]
) -> None:
    """What a server gets is enough: every picture and every sound comes out, in order."""
    prepared = prepare_file(make(tmp_path / name, clip, **options))
    found = prepared.found
    assert (found.width, found.height) == (clip.width, clip.height)
    decoder = av.VideoCodecContext.create("hevc" if found.codec is VideoCodec.HEVC else "h264", "r")
    decoder.extradata = found.record
    decoder.options = {"err_detect": "explode"}
    frames = []
    for payload, time in zip(prepared.frames(audio=False), prepared.shown(audio=False), strict=True):
        packet = av.Packet(payload)
        packet.pts = time
        frames += decoder.decode(packet)
    frames += decoder.decode(None)
    assert len(frames) == len(prepared.rows(audio=False)) == round(clip.seconds * clip.rate)
    assert [frame.pts for frame in frames] == sorted(prepared.shown(audio=False))
    if clip.audio:
        config = parse_config(found.audio_record)
        assert config.sample_rate == clip.sample_rate
        listener = av.AudioCodecContext.create("aac", "r")
        listener.extradata = found.audio_record
        samples = sum(
            frame.samples for payload in prepared.frames(audio=True) for frame in listener.decode(av.Packet(payload))
        )
        assert samples == 1024 * len(prepared.rows(audio=True))


# --- the times --------------------------------------------------------------------------------------------------------

TIMED = [case for case in [*BY_REFERENCE, *REWRITTEN] if not case[0].endswith(("h264", "hevc", "avi"))]


@pytest.mark.parametrize(("name", "clip", "options"), TIMED, ids=ids(TIMED))
def test_times_are_ffmpegs_but_for_where_they_begin(
    tmp_path: Path, name: str, clip: Clip, options: dict[str, str]
) -> None:
    path = make(tmp_path / name, clip, **options)
    prepared = prepare_file(path)
    packets = demux(path)
    shift = prepared.shown(audio=False)[0] - microseconds(packets[0], packets[0].pts or 0)
    for ours, packet in zip(prepared.shown(audio=False), packets, strict=True):
        assert packet.pts is not None
        assert abs(ours - shift - microseconds(packet, packet.pts)) <= 1
    for ours, packet in zip(prepared.decoded(audio=False), packets, strict=True):
        if packet.dts is not None:  # in Matroska FFmpeg guesses, and not for the first pictures
            assert abs(ours - shift - microseconds(packet, packet.dts)) <= 1
    if clip.audio:
        heard = demux(path, "audio")[-len(prepared.rows(audio=True)) :]
        for ours, packet in zip(prepared.decoded(audio=True), heard, strict=True):
            assert abs(ours - shift - microseconds(packet, packet.pts or 0)) <= 1


UNTIMED = [case for case in REWRITTEN if case[0].endswith(("h264", "hevc", "avi"))]


@pytest.mark.parametrize(("name", "clip", "options"), UNTIMED, ids=ids(UNTIMED))
def test_pictures_without_times_are_shown_at_an_even_pace_in_their_own_order(
    tmp_path: Path, name: str, clip: Clip, options: dict[str, str]
) -> None:
    prepared = prepare_file(make(tmp_path / name, clip, **options))
    steps = {after - before for before, after in pairwise(sorted(prepared.shown(audio=False)))}
    assert steps <= {40_000, 80_000}  # FFmpeg's AVI writer leaves a hole where the sound starts before the pictures
    assert all(before < after for before, after in pairwise(prepared.decoded(audio=False)))
    assert min(prepared.table.cts_us) >= 0
    reference = prepare_file(make(tmp_path / "reference.mp4", replace(clip, audio="")))
    assert order(prepared.shown(audio=False)) == order(reference.shown(audio=False))


def order(times: list[int]) -> list[int]:
    ranks = {time: rank for rank, time in enumerate(sorted(times))}
    return [ranks[time] for time in times]


def test_a_raw_stream_without_a_rate_plays_at_25_pictures(tmp_path: Path) -> None:
    options = (("x264-params", "force-cfr=0:vfr-input=1:timebase=1/1000"),)
    path = make(tmp_path / "x.h264", Clip(audio="", video_options=options, rate=10))
    shown = prepare_file(path).shown(audio=False)
    assert len({after - before for before, after in pairwise(shown)}) == 1


@pytest.mark.parametrize("rate", [10, 15, 30])
def test_a_raw_stream_plays_at_the_rate_it_tells(tmp_path: Path, rate: int) -> None:
    prepared = prepare_file(make(tmp_path / "x.h264", Clip(audio="", rate=rate)))
    assert prepared.table.duration_us == pytest.approx(1_000_000, abs=20)
    assert prepared.found.frame_rate == pytest.approx(rate, rel=1e-3)


def test_the_tracks_keep_their_distance(tmp_path: Path) -> None:
    """In every container the sound starts where it did, to the container's own tick."""
    for name in ("a.mp4", "a.mkv", "a.ts", "a.flv", "a.mov", "f.mp4"):
        options = FRAGMENTED if name == "f.mp4" else {}
        prepared = prepare_file(make(tmp_path / name, Clip(sample_rate=44_100), **options))
        apart = prepared.shown(audio=False)[0] - prepared.decoded(audio=True)[0]
        lead = round(1024e6 / 44_100)  # the encoder's own start, where the container does not mark it
        assert min(abs(apart), abs(apart - lead)) <= 1000, name


def test_time_begins_at_the_first_picture_wherever_the_clock_stands(tmp_path: Path) -> None:
    """Uptime of a day, negative times, and the wrap of the 33 bits of a transport stream."""
    day = make(tmp_path / "day.mkv", Clip(), output_ts_offset="86400")
    wrap = make(tmp_path / "wrap.ts", Clip(b_frames=2), output_ts_offset=str((2**33 - 45_000) / 90_000))
    plain = prepare_file(make(tmp_path / "plain.ts", Clip(b_frames=2)))
    assert demux(wrap)[-1].pts != demux(make(tmp_path / "p.ts", Clip(b_frames=2)))[-1].pts
    assert prepare_file(day).shown(audio=False)[0] == 0
    wrapped = prepare_file(wrap)
    assert wrapped.notes == plain.notes == ""
    for ours, theirs in zip(wrapped.table.dts_us, plain.table.dts_us, strict=True):
        assert abs(ours - theirs) <= 12  # a tick


# --- the sound --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "clip", "codec"),
    [
        ("a.mov", Clip(audio="pcm_alaw", sample_rate=8000), "pcm_alaw"),
        ("a.avi", Clip(audio="pcm_s16le", sample_rate=16_000), "pcm_s16le"),
        ("a.mkv", Clip(audio="ac3"), "ac3"),
        ("a.ts", Clip(audio="mp2"), "mp2"),
        ("a.mp4", Clip(audio="libmp3lame"), "mp3"),
        ("a.mkv", Clip(audio="libopus"), "opus"),
    ],
)
def test_other_sound_than_aac_is_named_and_left_out(tmp_path: Path, name: str, clip: Clip, codec: str) -> None:
    prepared = prepare_file(make(tmp_path / name, clip))
    assert prepared.rows(audio=True) == []
    assert prepared.found.audio_record == b""
    assert codec in prepared.notes
    assert "silence" in prepared.notes


def test_a_file_without_sound_needs_no_word(tmp_path: Path) -> None:
    prepared = prepare_file(make(tmp_path / "a.mp4", Clip(audio="")))
    assert (prepared.found.audio, prepared.notes) == (None, "")


@pytest.mark.parametrize("seconds", [0.3, 1.7])
def test_sound_may_be_shorter_or_longer_than_the_pictures(tmp_path: Path, seconds: float) -> None:
    prepared = prepare_file(make(tmp_path / "a.mp4", Clip(audio_seconds=seconds)))
    assert prepared.table.audio_end_us == pytest.approx(seconds * 1e6, abs=22_000)
    assert prepared.table.duration_us == pytest.approx(max(1.0, seconds) * 1e6, abs=22_000)


def test_the_second_track_is_taken_where_the_first_is_not_aac(tmp_path: Path) -> None:
    path = tmp_path / "two.mkv"
    first, second = make(tmp_path / "1.mkv", Clip(audio="ac3")), make(tmp_path / "2.mkv", Clip())
    with av.open(str(first)) as one, av.open(str(second)) as two, av.open(str(path), "w") as target:
        streams = [one.streams.video[0], one.streams.audio[0], two.streams.audio[0]]
        copies = {stream: target.add_stream_from_template(stream) for stream in streams}
        for source in (one, two):
            for packet in source.demux([stream for stream in streams if stream.container is source]):
                if packet.size:
                    packet.stream = copies[packet.stream]
                    target.mux(packet)
    prepared = prepare_file(path)
    assert prepared.notes == ""
    assert prepared.frames(audio=True) == [packet.payload for packet in demux(second, "audio")][1:]


# --- where a file begins ----------------------------------------------------------------------------------------------


def cut_start(source: Path, path: Path, seconds: float) -> Path:
    """A copy that begins ``seconds`` later, in the middle of a GOP."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        copies = {stream: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.size and packet.dts is not None and packet.dts * packet.time_base >= seconds:
                packet.stream = copies[packet.stream]
                new.mux(packet)
    return path


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.flv", "a.mp4"])
def test_a_file_that_begins_within_a_gop_begins_with_its_first_key_frame(tmp_path: Path, name: str) -> None:
    whole = make(tmp_path / f"whole-{name}", Clip(seconds=2, sample_rate=44_100))
    path = cut_start(whole, tmp_path / name, 0.5)
    packets = demux(path)
    first = next(number for number, packet in enumerate(packets) if packet.key)
    assert first > 0
    prepared = prepare_file(path)
    assert len(prepared.rows(audio=False)) == len(packets) - first
    assert prepared.keys()[0]
    assert f"first {first} pictures" in prepared.notes
    assert prepared.decoded(audio=True)[0] >= prepared.decoded(audio=False)[0] - round(1024e6 / 44_100)


def test_pictures_that_an_edit_list_hides_are_shown_and_told(tmp_path: Path) -> None:
    """They are real footage, the pictures after them need them, and RTMP cannot hide them."""
    path = make(tmp_path / "a.mp4", Clip(seconds=2, audio=""))
    content = bytearray(path.read_bytes())
    at = content.index(b"elst")
    assert struct.unpack_from(">I", content, at + 8)[0] == 1
    duration, start = struct.unpack_from(">ii", content, at + 12)
    struct.pack_into(">ii", content, at + 12, duration - 600, start + 12_800 * 6 // 10)
    path.write_bytes(content)
    packets = demux(path)
    hidden = sum(packet.discard for packet in packets)
    assert hidden
    prepared = prepare_file(path)
    assert prepared.frames(audio=False) == [packet.payload for packet in packets]
    assert f"hides {hidden} pictures" in prepared.notes
    assert prepared.shown(audio=False)[0] == 0


def test_fragments_that_overlap_are_sent_once(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip(audio="", gop=5), **FRAGMENTED)
    once = prepare_file(path)
    content = path.read_bytes()
    starts = [at - 4 for at in range(len(content)) if content[at : at + 4] == b"moof"]
    second = content[starts[1] : starts[2]]
    path.write_bytes(content[: starts[2]] + second + content[starts[2] :])
    assert len(demux(path)) == 30
    prepared = prepare_file(path)
    assert "5 pictures of overlapping fragments" in prepared.notes
    assert prepared.frames(audio=False) == once.frames(audio=False)
    assert prepared.table.dts_us == once.table.dts_us


# --- what is refused --------------------------------------------------------------------------------------------------


def refuse(path: Path, reason: str, *, truncated: bool = False) -> None:
    with pytest.raises(SegmentRefused, match=reason) as caught:
        prepare_file(path)
    assert caught.value.truncated is truncated


def test_files_without_pictures_that_can_be_sent(tmp_path: Path) -> None:
    refuse(make(tmp_path / "a.mp4", Clip(video="")), "no video")
    refuse(
        make(tmp_path / "b.avi", Clip(video="mjpeg", pixels="yuvj420p")),
        "mjpeg, which is not sent as it is: VIDEO=auto encodes it",
    )
    refuse(make(tmp_path / "c.mp4", Clip(video="mpeg4")), "mpeg4, which is not sent as it is: VIDEO=auto encodes it")


def test_encrypted_files_are_refused(tmp_path: Path) -> None:
    options = {
        "encryption_scheme": "cenc-aes-ctr",
        "encryption_key": secrets.token_hex(16),
        "encryption_kid": secrets.token_hex(16),
    }
    refuse(make(tmp_path / "a.mp4", Clip(), **options), "its video is encrypted")


@pytest.mark.parametrize("name", ["plain.mp4", "first.mp4", "a.avi", "a.mkv", "a.flv"])
@pytest.mark.parametrize("keep", [0.3, 0.6, 0.95])
def test_cut_files_are_refused_as_such(tmp_path: Path, name: str, keep: float) -> None:
    path = make(tmp_path / name, Clip(sample_rate=44_100), **(INDEX_FIRST if "first" in name else {}))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    refuse(path, "more bytes|is missing", truncated=True)


@pytest.mark.parametrize("missing", [1, 10, 16])
def test_a_last_frame_that_lacks_some_bytes_is_left_out(tmp_path: Path, missing: int) -> None:
    """Too little is missing to say that the file was cut: some writers claim so much too much."""
    path = make(tmp_path / "a.mp4", Clip(audio=""), **INDEX_FIRST)
    packets = demux(path)
    path.write_bytes(path.read_bytes()[:-missing])
    prepared = prepare_file(path)
    assert prepared.frames(audio=False) == [packet.payload for packet in packets[:-1]]
    assert "1 pictures are cut off" in prepared.notes
    assert f"claims {missing} bytes more" in prepared.notes


def test_a_stream_that_appears_on_the_way_is_no_matter(tmp_path: Path) -> None:
    """A transport stream whose table of programmes changes, further on than FFmpeg looks when it opens a file."""
    silent = Clip(audio="")
    one, two, three = (
        make(tmp_path / f"{at}.ts", clip, output_ts_offset=str(at)).read_bytes()
        for at, clip in enumerate((silent, Clip(), silent))
    )
    padding = (b"\x47\x1f\xff\x10" + bytes(184)) * 30_000
    path = tmp_path / "x.ts"
    path.write_bytes(one + padding + two + padding + three)
    with av.open(str(path)) as container:
        assert len(container.streams) == 1
    assert len(prepare_file(path).rows(audio=False)) == 75


@pytest.mark.parametrize("content", [b"\0", b"hello world" * 100, b"\xff\xd8\xff\xe0" + bytes(5000), bytes(100_000)])
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.mp4"
    path.write_bytes(content)
    refuse(path, "FFmpeg cannot read it")


@pytest.mark.parametrize(
    "content",
    [
        "ffconcat version 1.0\nfile {other}\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_playlist_does_not_lead_to_other_files(tmp_path: Path, content: str) -> None:
    other = make(tmp_path / "other.ts", Clip())
    path = tmp_path / "x.ts"
    path.write_text(content.format(other=other))
    refuse(path, "FFmpeg cannot read it")


def test_a_file_that_lost_bytes_in_the_middle_is_played_as_far_as_it_can_be(tmp_path: Path) -> None:
    path = make(tmp_path / "a.ts", Clip(seconds=2))
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 188 * 188
    content[middle : middle + 188 * 5] = b""
    path.write_bytes(content)
    prepared = prepare_file(path)
    assert len(prepared.rows(audio=False)) > 40


def test_words_in_a_file_may_be_in_any_alphabet(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "TITLE"
        record(container, Clip())
    path.write_bytes(path.read_bytes().replace(b"TITLE", b"T\xe9T\xffE"))
    assert prepare_file(path).notes == ""


def test_a_size_that_no_picture_has_is_not_told(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip(audio=""))
    path.write_bytes(path.read_bytes().replace(struct.pack(">HH", 64, 48), struct.pack(">HH", 65_000, 48)))
    found = prepare_file(path).found
    assert (found.width, found.height) == (0, 48)


def test_tracks_of_different_clocks_begin_together(tmp_path: Path) -> None:
    """The camera's uptime in one track and zero in the other."""
    source, path = make(tmp_path / "source.mkv", Clip()), tmp_path / "apart.mkv"
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        copies = {stream: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if packet.size:
                if packet.stream.type == "audio":
                    packet.pts, packet.dts = packet.pts + 500_000, packet.pts + 500_000
                packet.stream = copies[packet.stream]
                new.mux(packet)
    prepared = prepare_file(path)
    assert "begin together" in prepared.notes
    assert prepared.decoded(audio=True)[0] == prepared.shown(audio=False)[0] == 0
    assert prepared.table.duration_us == pytest.approx(1_000_000, abs=30_000)


@pytest.mark.parametrize("container", ["ts", "flv"])
def test_a_clock_that_steps_back_within_a_file_is_played_on_and_told(tmp_path: Path, container: str) -> None:
    """Two recordings in one file; FFmpeg takes the step for the wrap of a counter."""
    clip = Clip(seconds=2, b_frames=2, sample_rate=44_100)
    first = make(tmp_path / f"first.{container}", clip, output_ts_offset="100").read_bytes()
    second = make(tmp_path / f"second.{container}", clip).read_bytes()
    path = tmp_path / f"both.{container}"
    path.write_bytes(first + (second[13:] if container == "flv" else second))
    prepared = prepare_file(path)
    assert all(f"{track}: its clock jumps 1 times" in prepared.notes for track in ("video", "audio"))
    assert prepared.table.duration_us == pytest.approx(4_000_000, abs=100_000)
    steps = [after - before for before, after in pairwise(prepared.decoded(audio=False))]
    assert len(steps) == 99
    assert max(steps) <= 80_000
    apart = prepared.shown(audio=False)[50] - min(prepared.decoded(audio=True), key=lambda time: abs(time - 2_000_000))
    assert abs(apart) < 80_000


# --- parameter sets ---------------------------------------------------------------------------------------------------


def test_sets_that_stand_only_in_the_frames_make_the_record(tmp_path: Path) -> None:
    """An MP4 whose avcC holds no sets, as some recorders write it (avc3)."""
    path = make(tmp_path / "a.mp4", Clip(audio="", video_options=(("x264-params", "repeat-headers=1"),)))
    expected = prepare_file(path).found.record
    content = bytearray(path.read_bytes())
    at = content.index(b"avcC") + 4
    content[at + 5] &= 0xE0  # no SPS
    path.write_bytes(content)
    prepared = prepare_file(path)
    assert nal.record_sets(prepared.found.record, VideoCodec.AVC) == nal.record_sets(expected, VideoCodec.AVC)


def test_without_any_sets_there_is_nothing_to_decode_with(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip(audio=""))
    content = bytearray(path.read_bytes())
    content[content.index(b"avcC") + 9] &= 0xE0
    path.write_bytes(content)
    refuse(path, "decoder configuration")


# --- the index --------------------------------------------------------------------------------------------------------

INDEXED = [case for case in BY_REFERENCE if case[0].endswith(("mp4", "mov"))]


@pytest.mark.parametrize(("name", "clip", "options"), INDEXED, ids=ids(INDEXED))
def test_the_index_tells_what_the_packets_tell(
    tmp_path: Path, name: str, clip: Clip, options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path / name, clip, **options)
    by_index = prepare_file(path)
    taken = []
    monkeypatch.setattr(index, "take_all", lambda *_: taken.append(1) or False)
    by_packets = prepare_file(path)
    assert bool(taken) == (clip.b_frames == 0)  # composition offsets are not in FFmpeg's index
    assert by_index.found == by_packets.found


def test_a_key_frame_is_believed_only_where_a_decoder_can_begin(tmp_path: Path) -> None:
    """An MP4 without a table of key frames calls every frame one."""
    path = make(tmp_path / "a.mp4", Clip(audio=""))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"stss", b"free"))
    assert all(packet.key for packet in demux(path)) is False
    assert prepare_file(path).keys() == [number % 10 == 0 for number in range(25)]
