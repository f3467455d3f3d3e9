"""Pictures of any codec become H.264: the same pictures at the same times, under parameter sets that a shape fixes."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import av
import pytest
from av.filter import Graph
from tests.support.files import Clip, demux, make
from tests.support.prepared import prepare_file

from ftp_stream.errors import EncodingNeeded, SegmentRefused
from ftp_stream.media import decoding, nal
from ftp_stream.media.encoder import Target, choose
from ftp_stream.model import Encoder, Form, Shape, Source, VideoCodec

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from av.video.frame import VideoFrame
    from tests.support.prepared import Prepared

ENCODED = Form(encoded=True)
ALWAYS = Form(copied=frozenset(), encoded=True)
SHAPE = Shape(320, 180, 25.0)
SECONDS = 1.0
WHITE = ",drawbox=c=white:t=fill"
FULL_RANGE = ",scale=out_range=full:out_color_matrix=bt601"  # as cameras write JPEG


def prepare(path: Path, form: Form = ALWAYS) -> Prepared:
    return prepare_file(path, form, may_encode=True)


# --- made files: FFmpeg's own test picture, which is smooth enough to be compared -------------------------------------


def pictures(description: str) -> Iterator[VideoFrame]:
    graph = Graph()
    names = [part.partition("=")[::2] for part in description.split(",")]
    nodes = [graph.add(name, arguments) for name, arguments in names]
    graph.link_nodes(*nodes, graph.add("buffersink")).configure()
    while True:
        try:
            yield graph.vpull()
        except (av.error.EOFError, av.error.BlockingIOError):
            return


def film(
    path: Path,
    codec: str,
    *,
    size: tuple[int, int] = (160, 120),
    rate: int = 25,
    seconds: float = SECONDS,
    pixels: str = "yuv420p",
    filters: str = "",
    aspect: Fraction | None = None,
    times: list[int] | None = None,  # milliseconds
    options: dict[str, str] | None = None,
) -> Path:
    source = f"testsrc2=size={size[0]}x{size[1]}:rate={rate}:duration={seconds}{filters},format={pixels}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = *size, pixels
        stream.codec_context.thread_count = 1
        if aspect:
            stream.codec_context.sample_aspect_ratio = aspect
        if times:
            stream.codec_context.time_base = stream.time_base = Fraction(1, 1000)
        for number, frame in enumerate(pictures(source)):
            frame.pict_type = 0
            if times:
                if number >= len(times):
                    break
                frame.pts, frame.time_base = times[number], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


# --- what came out, as a server decodes it ----------------------------------------------------------------------------


def decoded(prepared: Prepared) -> list[VideoFrame]:
    assert prepared.found.codec is VideoCodec.AVC
    decoder = av.VideoCodecContext.create("h264", "r")
    decoder.extradata, decoder.options = prepared.found.record, {"err_detect": "explode"}
    frames = []
    for payload, time in zip(prepared.frames(audio=False), prepared.shown(audio=False), strict=True):
        packet = av.Packet(payload)
        packet.pts = time
        frames += decoder.decode(packet)
    return frames + decoder.decode(None)


def luma(frame: VideoFrame) -> bytes:
    plane = frame.planes[0]
    rows = bytes(plane)
    return b"".join(rows[at : at + frame.width] for at in range(0, plane.line_size * frame.height, plane.line_size))


def psnr(ours: VideoFrame, theirs: VideoFrame) -> float:
    """Likeness of two pictures in dB; 30 is a good likeness, 15 another picture of the same kind."""
    one, two = luma(ours), luma(theirs.reformat(ours.width, ours.height, "yuv420p", dst_color_range="MPEG"))
    error = sum((a - b) ** 2 for a, b in zip(one, two, strict=True)) / len(one)
    return 10 * math.log10(255**2 / error) if error else 99.0


def assert_same_pictures(prepared: Prepared, path: Path, least: float = 30.0) -> None:
    with av.open(str(path)) as container:
        source = list(container.decode(video=0))
    ours = decoded(prepared)
    assert len(ours) == len(source)
    assert [frame.pts for frame in ours] == prepared.shown(audio=False)
    for at in (0, len(ours) // 2, -1):
        assert psnr(ours[at], source[at]) > least
    assert psnr(ours[0], source[-1]) < least - 5  # else the comparison says nothing


# --- pictures and times -----------------------------------------------------------------------------------------------

CODECS: list[tuple[str, str, dict[str, str]]] = [
    ("a.avi", "mjpeg", {"pixels": "yuvj420p"}),
    ("a.mkv", "mjpeg", {"pixels": "yuvj422p"}),
    ("a.mov", "mjpeg", {"pixels": "yuvj420p"}),
    ("b.mp4", "mpeg4", {}),
    ("b.avi", "mpeg4", {}),
    ("c.ts", "mpeg2video", {}),
    ("d.mp4", "libx265", {"options": {"x265-params": "log-level=none:bframes=2"}}),
    ("d.mkv", "libx265", {"pixels": "yuv420p10le", "options": {"x265-params": "log-level=none"}}),
    ("e.mkv", "libvpx", {"options": {"crf": "4", "b": "4M"}}),
    ("e.mkv", "libvpx-vp9", {"options": {"crf": "10", "b": "4M"}}),
    ("f.avi", "h263", {"size": (176, 144)}),
    ("g.mp4", "libx264", {"options": {"bf": "2"}}),
    ("g.ts", "libx264", {"options": {"bf": "2"}}),
    ("h.mp4", "libsvtav1", {"options": {"preset": "10", "crf": "20"}}),
    ("i.avi", "rawvideo", {"pixels": "yuv422p"}),
    ("i.mov", "png", {"pixels": "rgb24"}),
]


@pytest.mark.parametrize(("name", "codec", "how"), CODECS, ids=[f"{codec}-{name}" for name, codec, _ in CODECS])
def test_pictures_of_any_codec_are_encoded_at_their_own_times(
    tmp_path: Path, name: str, codec: str, how: dict[str, object]
) -> None:
    options = {"q:v": "2", "qmin": "2", "qmax": "3"} if codec in {"mjpeg", "mpeg4", "mpeg2video", "h263"} else {}
    path = film(tmp_path / name, codec, **{"options": options, **how})
    prepared = prepare(path)
    found = prepared.found
    assert found.encoded_video
    assert found.encoding_seconds > 0
    assert (found.codec, found.changes, prepared.sources()) == (VideoCodec.AVC, (), {Source.SIDECAR})
    assert "encoded to H.264" in prepared.notes
    assert_same_pictures(prepared, path)
    assert set(prepared.table.cts_us) == {0}
    shown = sorted(packet.pts * packet.time_base for packet in demux(path) if packet.pts is not None)
    if shown and len(shown) == len(prepared.rows(audio=False)):
        wanted = [round((time - shown[0]) * 1_000_000) for time in shown]
        assert prepared.shown(audio=False) == pytest.approx(wanted, abs=1)
    assert prepared.table.duration_us == pytest.approx(SECONDS * 1e6, abs=1000)


def test_odd_times_are_kept_to_the_microsecond(tmp_path: Path) -> None:
    """A camera that slows down at night and stumbles: no picture is moved, dropped or doubled."""
    chance = random.Random(4)  # noqa: S311 - test data
    times = [0]
    while len(times) < 60:
        times.append(times[-1] + chance.choice([1, 7, 33, 34, 40, 200, 1500]))
    path = film(tmp_path / "a.mkv", "mjpeg", pixels="yuvj420p", times=times, seconds=3)
    prepared = prepare(path)
    assert prepared.shown(audio=False) == [1000 * time for time in times]
    assert_same_pictures(prepared, path, 25.0)


def test_sound_keeps_its_distance_to_pictures_that_are_encoded(tmp_path: Path) -> None:
    path = make(tmp_path / "a.mp4", Clip(seconds=1.0))
    copied, encoded = prepare_file(path), prepare(path)
    assert encoded.frames(audio=True) == copied.frames(audio=True)
    assert encoded.decoded(audio=True) == copied.decoded(audio=True)
    assert encoded.shown(audio=False) == copied.shown(audio=False)
    assert encoded.found.audio_record == copied.found.audio_record


# --- groups of pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [4, 10, 15, 25, 30])
def test_groups_last_two_seconds_whatever_the_rate(tmp_path: Path, rate: int) -> None:
    prepared = prepare(film(tmp_path / "a.avi", "mjpeg", pixels="yuvj420p", rate=rate, seconds=5))
    assert [at for at, key in enumerate(prepared.keys()) if key] == [0, 2 * rate, 4 * rate]


def test_groups_follow_the_clock_and_not_the_count(tmp_path: Path) -> None:
    times = [*range(0, 3000, 40), *range(3000, 9000, 1000)]
    path = film(tmp_path / "a.mkv", "mjpeg", pixels="yuvj420p", times=times, seconds=4)
    prepared = prepare(path)
    keys = [time for time, key in zip(prepared.shown(audio=False), prepared.keys(), strict=True) if key]
    assert keys == [0, 2_000_000, 4_000_000, 6_000_000, 8_000_000]


def test_a_group_may_begin_a_little_early(tmp_path: Path) -> None:
    """Cameras stamp with jitter: the picture meant for the second 2 may stand at 1.997."""
    times = [40 * at - 3 * (at % 50 == 0 and at > 0) for at in range(110)]
    prepared = prepare(film(tmp_path / "a.mkv", "mjpeg", pixels="yuvj420p", times=times, seconds=5))
    assert [at for at, key in enumerate(prepared.keys()) if key] == [0, 50, 100]


def test_a_decoder_can_begin_with_every_group(tmp_path: Path) -> None:
    """Each is closed, begins with an IDR picture, and needs the record alone: no frame has parameter sets in it."""
    prepared = prepare(film(tmp_path / "a.avi", "mjpeg", pixels="yuvj420p", seconds=5))
    frames, keys = prepared.frames(audio=False), prepared.keys()
    assert all(prepared.table.gops[at] == row for at, row in enumerate(row for row, key in enumerate(keys) if key))
    for payload, key in zip(frames, keys, strict=True):
        kinds = [nal.unit_type(unit, VideoCodec.AVC) for unit in nal.split_prefixed(payload)]
        assert (5 in kinds) == key
        assert not {7, 8, 9} & set(kinds)
    decoder = av.VideoCodecContext.create("h264", "r")
    decoder.extradata, decoder.options = prepared.found.record, {"err_detect": "explode"}
    last = [frame for payload in frames[keys.index(True, 60) :] for frame in decoder.decode(av.Packet(payload))]
    assert len(last + decoder.decode(None)) == 25


# --- one shape, one sequence header -----------------------------------------------------------------------------------


def test_all_segments_of_one_shape_have_the_same_record(tmp_path: Path) -> None:
    """Of any codec, size, rate, aspect, colour and length: byte for byte, in the size that was asked for."""
    films = [
        film(tmp_path / "1.avi", "mjpeg", pixels="yuvj420p", size=(320, 240), rate=5, seconds=3),
        film(tmp_path / "2.mp4", "mpeg4", size=(640, 360), rate=30),
        film(tmp_path / "3.mkv", "libx265", pixels="yuv420p10le", options={"x265-params": "log-level=none"}),
        film(tmp_path / "4.ts", "mpeg2video", size=(352, 288), aspect=Fraction(12, 11), seconds=0.2),
        film(tmp_path / "5.mkv", "libvpx", size=(90, 160), filters=",noise=alls=60:allf=t"),
        film(tmp_path / "6.mp4", "libx264", size=(1280, 720), seconds=0.08),
    ]
    found = [prepare(path, replace(ALWAYS, shape=SHAPE)).found for path in films]
    assert len({each.record for each in found}) == 1
    assert {(each.width, each.height, each.frame_rate, each.aspect) for each in found} == {(320, 180, 25.0, (1, 1))}


@pytest.mark.parametrize("other", [Shape(320, 192, 25.0), Shape(320, 180, 25.0, (4, 3)), Shape(320, 180, 15.0)])
def test_another_shape_has_another_record(tmp_path: Path, other: Shape) -> None:
    path = film(tmp_path / "a.avi", "mjpeg", pixels="yuvj420p", seconds=0.2)
    one, two = (prepare(path, replace(ALWAYS, shape=shape)).found.record for shape in (SHAPE, other))
    assert one != two


def test_the_record_is_ffmpegs_own(tmp_path: Path) -> None:
    """As FFmpeg's muxer makes it of the same parameter sets."""
    path = film(tmp_path / "a.avi", "mjpeg", pixels="yuvj420p", seconds=0.2)
    record = prepare(path).found.record
    sets = nal.record_sets(record, VideoCodec.AVC)
    with av.open(str(make(tmp_path / "b.mp4", Clip()))) as template:
        assert nal.make_record(sets, VideoCodec.AVC, template.streams.video[0]) == record


def test_a_picture_is_fitted_into_the_shape_with_black_around_it(tmp_path: Path) -> None:
    path = film(
        tmp_path / "a.avi", "mjpeg", size=(120, 120), pixels="yuvj420p", filters=f",format=rgb24{WHITE}{FULL_RANGE}"
    )
    frame = decoded(prepare(path, replace(ALWAYS, shape=SHAPE)))[0]
    assert (frame.width, frame.height) == (320, 180)
    rows = luma(frame)
    row = rows[90 * 320 : 91 * 320]
    assert max(row[:66]) < 24
    assert min(row[74:246]) > 225
    assert max(row[254:]) < 24
    assert min(rows[160::320]) > 225  # no bars above and below


# --- sizes, aspects, colours ------------------------------------------------------------------------------------------


def test_odd_sides_lose_their_last_line(tmp_path: Path) -> None:
    path = film(tmp_path / "a.avi", "mjpeg", size=(161, 121), pixels="yuvj444p", options={"q:v": "2", "qmax": "2"})
    prepared = prepare(path)
    assert (prepared.found.width, prepared.found.height) == (160, 120)
    with av.open(str(path)) as container:
        source = luma(next(container.decode(video=0)).reformat(format="yuv444p", dst_color_range="MPEG"))
    cut = b"".join(source[at : at + 160] for at in range(0, 161 * 120, 161))
    ours = luma(decoded(prepared)[0])
    assert 10 * math.log10(255**2 / (sum((a - b) ** 2 for a, b in zip(cut, ours, strict=True)) / len(cut))) > 30


@pytest.mark.parametrize(("name", "codec"), [("a.mp4", "libx265"), ("a.ts", "mpeg2video"), ("a.mkv", "mpeg4")])
def test_pixels_that_are_not_square_stay_so(tmp_path: Path, name: str, codec: str) -> None:
    """960x1080 is seen as 1920x1080: the parameter sets say it, and the picture is not scaled."""
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = film(tmp_path / name, codec, size=(96, 108), aspect=Fraction(2), options=options, seconds=0.2)
    prepared = prepare(path)
    assert (prepared.found.width, prepared.found.height) == (96, 108)
    decoder = av.VideoCodecContext.create("h264", "r")
    decoder.extradata = prepared.found.record
    decoder.decode(av.Packet(prepared.frames(audio=False)[0]))
    decoder.decode(None)
    assert decoder.sample_aspect_ratio == 2
    assert (
        prepared.found.aspect
        == prepare_file(path, Form(copied=frozenset(VideoCodec), encoded=True), may_encode=True).found.aspect
        == (2, 1)
    )


@pytest.mark.parametrize(("size", "matrix"), [((160, 120), 6), ((1280, 720), 1)])
def test_full_range_becomes_limited_and_colours_are_labelled(
    tmp_path: Path, size: tuple[int, int], matrix: int
) -> None:
    """What JPEG calls white is 235 in video. Its colours are BT.601 at any size; players believe it of small ones."""
    boxes = f",format=rgb24{WHITE},drawbox=c=red:t=fill:x={size[0] // 2}{FULL_RANGE}"
    options = {"q:v": "2", "qmax": "2"}
    path = film(tmp_path / "a.avi", "mjpeg", size=size, pixels="yuvj420p", filters=boxes, seconds=0.08, options=options)
    frame = decoded(prepare(path))[0]
    assert (frame.color_range, frame.colorspace) == (1, matrix)
    assert (frame.color_primaries, frame.color_trc) == (matrix, matrix)
    at = frame.planes[0].line_size * (size[1] // 2)
    assert abs(bytes(frame.planes[0])[at + size[0] // 4] - 235) <= 2
    red = bytes(frame.planes[0])[at + size[0] * 3 // 4]
    assert abs(red - (63 if matrix == 1 else 81)) <= 3  # the luma of red by either matrix


def test_interlaced_pictures_are_deinterlaced_and_others_left_alone(tmp_path: Path) -> None:
    half = "floor((n+1)/2)"  # the upper field of one picture and the lower one of the next
    fields = f",separatefields,select=1-({half}-2*floor({half}/2)),weave=top,setfield=tff"
    options = {"flags": "+ilme+ildct", "q:v": "2", "qmax": "2"}
    path = film(tmp_path / "a.ts", "mpeg2video", size=(160, 120), rate=50, filters=fields, options=options, seconds=2)
    with av.open(str(path)) as container:
        source = [frame for frame in container.decode(video=0) if frame.interlaced_frame]
    assert len(source) > 20
    prepared = prepare(path)
    assert "deinterlaced" in prepared.notes
    ours = decoded(prepared)
    assert len(ours) == len(source)
    assert prepared.shown(audio=False) == pytest.approx([40_000 * at for at in range(len(ours))], abs=12)
    assert combing(source[10]) > 2 * combing(ours[10])
    plain = film(tmp_path / "b.ts", "mpeg2video", options={"q:v": "2", "qmax": "2"})
    assert "interlaced" not in prepare(plain).notes


def combing(frame: VideoFrame) -> float:
    """How much each line differs from its neighbours more than these from each other."""
    rows, width = luma(frame), frame.width
    total = 0
    for at in range(width, len(rows) - width):
        between = (rows[at - width] + rows[at + width]) // 2
        total += max(0, abs(rows[at] - between) - abs(rows[at - width] - rows[at + width]))
    return total / len(rows)


def test_pictures_that_change_their_size_stay_in_the_first_ones_shape(tmp_path: Path) -> None:
    parts = [film(tmp_path / f"{at}.ts", "libx264", size=size) for at, size in enumerate([(160, 120), (320, 180)])]
    raw = []
    for part in parts:
        with av.open(str(part)) as container:
            raw.append(b"".join(bytes(packet) for packet in container.demux(video=0)))
    path = tmp_path / "joined.h264"
    path.write_bytes(b"".join(raw))
    prepared = prepare(path)
    assert (prepared.found.width, prepared.found.height, prepared.found.changes) == (160, 120, ())
    frames = decoded(prepared)
    assert {(frame.width, frame.height) for frame in frames} == {(160, 120)}
    assert len(frames) == 50
    assert max(luma(frames[-1])[:160]) < 24  # a wide picture in a narrow one has bars


# --- bits -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [5, 50])
def test_the_bitrate_is_bounded_whatever_is_filmed(tmp_path: Path, rate: int) -> None:
    """Noise, at other rates than the shape tells: a second of it never takes much more than a second's bits."""
    path = film(
        tmp_path / "a.avi",
        "mjpeg",
        size=(320, 180),
        pixels="yuvj420p",
        rate=rate,
        seconds=6,
        filters=",noise=alls=90:allf=t",
    )
    prepared = prepare(path, replace(ALWAYS, shape=SHAPE, bitrate=400_000))
    sizes = [len(payload) for payload in prepared.frames(audio=False)]
    assert sum(sizes) * 8 / 6 < 1.15 * 400_000
    for start in range(len(sizes) - rate):
        assert sum(sizes[start : start + rate]) * 8 < 2.1 * 400_000  # the buffer holds a second


# --- what cannot be decoded -------------------------------------------------------------------------------------------


def spoil(path: Path, numbers: set[int]) -> int:
    """Put nonsense in place of some pictures; return how many there are."""
    packets = demux(path)
    content = bytearray(path.read_bytes())
    for number in numbers:
        at = content.index(packets[number].payload)
        content[at : at + len(packets[number].payload)] = b"\x55" * len(packets[number].payload)
    path.write_bytes(content)
    return len(packets)


def test_pictures_that_cannot_be_decoded_are_left_out_and_told(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", "mjpeg", pixels="yuvj420p")
    whole = prepare(path).shown(audio=False)
    spoil(path, {3, 4, 20})
    prepared = prepare(path)
    assert "3 pictures cannot be decoded" in prepared.notes
    assert prepared.shown(audio=False) == [time for at, time in enumerate(whole) if at not in {3, 4, 20}]


def test_a_file_of_which_nothing_can_be_decoded_is_refused(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mkv", "mjpeg", pixels="yuvj420p")
    count = len(demux(path))
    spoil(path, set(range(count)))
    with pytest.raises(SegmentRefused, match="none of its pictures can be decoded"):
        prepare(path)


def test_pictures_before_the_first_key_frame_are_left_out(tmp_path: Path) -> None:
    path = film(tmp_path / "a.ts", "mpeg2video", options={"g": "10"}, seconds=2)
    first = demux(path)[3].position
    assert first
    path.write_bytes(path.read_bytes()[: 188 * 3] + path.read_bytes()[first:])
    assert not demux(path)[0].key
    prepared = prepare(path)
    assert "does not begin with a key frame" in prepared.notes
    assert prepared.shown(audio=False)[0] == 0
    assert len(decoded(prepared)) == len(prepared.rows(audio=False)) == 40


def test_a_picture_too_large_for_memory_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "a.mkv", "mjpeg", pixels="yuvj420p", seconds=0.08)
    monkeypatch.setattr(decoding, "_MAX_PIXELS", 160 * 120 - 1)
    with pytest.raises(SegmentRefused, match="none of its pictures can be decoded"):
        prepare(path)


# --- what is asked for ------------------------------------------------------------------------------------------------


def test_encoding_happens_only_where_it_is_wanted_and_allowed(tmp_path: Path) -> None:
    path = film(tmp_path / "a.avi", "mjpeg", pixels="yuvj420p", seconds=0.2)
    with pytest.raises(SegmentRefused, match="mjpeg, which is not sent as it is: VIDEO=auto encodes it"):
        prepare_file(path, Form(), may_encode=True)
    with pytest.raises(EncodingNeeded, match="mjpeg: it must be encoded"):
        prepare_file(path, ENCODED)
    assert prepare(path, ENCODED).found.encoded_video


@pytest.mark.parametrize(("codec", "kind"), [("libx264", VideoCodec.AVC), ("libx265", VideoCodec.HEVC)])
def test_what_a_destination_takes_is_copied(tmp_path: Path, codec: str, kind: VideoCodec) -> None:
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    path = film(tmp_path / "a.mp4", codec, options=options, seconds=0.2)
    copied = prepare(path, Form(copied=frozenset({kind}), encoded=True))
    assert (copied.found.codec, copied.found.encoded_video, copied.sources()) == (kind, False, {Source.FILE})
    other = prepare(path, Form(copied=frozenset(VideoCodec) - {kind}, encoded=True))
    assert (other.found.codec, other.found.encoded_video) == (VideoCodec.AVC, True)


def test_a_cover_is_no_video(tmp_path: Path) -> None:
    with av.open(str(film(tmp_path / "cover.avi", "mjpeg", pixels="yuvj420p", seconds=0.04))) as source:
        cover = next(bytes(packet) for packet in source.demux(video=0))
    for name, clip, shown in (("a.mp4", Clip(video=""), False), ("b.mp4", Clip(), True)):
        sound, path = make(tmp_path / f"plain-{name}", clip), tmp_path / name
        with av.open(str(sound)) as source, av.open(str(path), "w") as target:
            streams = {stream: target.add_stream_from_template(stream) for stream in source.streams}
            picture = target.add_stream("mjpeg", rate=25)
            picture.width, picture.height, picture.pix_fmt = 160, 120, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            packet = av.Packet(cover)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = picture, 0, 0, True
            for each in source.demux():
                if each.size:
                    each.stream = streams[each.stream]
                    target.mux(each)
            target.mux(packet)
        if shown:
            assert not prepare(path, ENCODED).found.encoded_video
        else:
            with pytest.raises(SegmentRefused, match="no video"):
                prepare(path, ENCODED)


# --- hardware ---------------------------------------------------------------------------------------------------------

HARDWARE = [Encoder.NVENC, Encoder.QSV, Encoder.VAAPI, Encoder.V4L2M2M]


@pytest.mark.parametrize("encoder", HARDWARE)
def test_x264_takes_the_place_of_an_encoder_that_is_not_there(tmp_path: Path, encoder: Encoder) -> None:
    """On a machine that has one, it is used, and says nothing."""
    kind, why = choose(encoder, Target(Shape(160, 120, 25.0)))
    path = film(tmp_path / "a.avi", "mjpeg", pixels="yuvj420p", seconds=0.2)
    prepared = prepare(path, replace(ALWAYS, encoder=encoder))
    assert why in prepared.notes
    assert len(decoded(prepared)) == 5
    if kind.codec == "libx264":
        assert why.startswith(f"ENCODER={encoder.value}: ")
        assert f"h264_{encoder.value}" in why
        assert why.endswith("; x264 is used")
        assert prepared.found.record == prepare(path).found.record


@pytest.mark.parametrize("encoder", [Encoder.AUTO, Encoder.X264])
def test_x264_needs_no_trial(encoder: Encoder) -> None:
    kind, why = choose(encoder, Target(SHAPE))
    assert (kind.codec, why) == ("libx264", "")
