"""FLV bodies: equal to FFmpeg's byte for byte, and read back as what they are."""

from __future__ import annotations

import io
import random
from dataclasses import dataclass
from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.errors import LocalProtocolError, RemoteProtocolError
from ftp_stream.model import VideoCodec
from ftp_stream.rtmp import flv
from ftp_stream.rtmp.flv import Kind

KEY, INTER = True, False
FRAMES = 23
ENCODERS = {"avc": "libx264", "hevc": "libx265"}


@dataclass(frozen=True, slots=True)
class Sample:
    """Coded packets as an MP4 holds them, and the tags FFmpeg's FLV muxer makes of the very same."""

    codec: str
    video_record: bytes
    audio_record: bytes
    video: list[tuple[bool, int, bytes]]  # key, composition offset in ms, payload
    audio: list[bytes]
    tags: list[flv.Tag]


def encode(codec: str, b_frames: int) -> io.BytesIO:
    """An MP4 in memory: noise that moves, so that B-frames are worth it, and a hiss."""
    noise = random.Random(b_frames)  # noqa: S311 - noise, the same at every run
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as out:
        video = out.add_stream(ENCODERS[codec], rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.options = {"preset": "ultrafast", "bf": str(b_frames), "g": "8", "b_strategy": "0", "sc_threshold": "0"}
        if codec == "hevc":
            video.options = {"x265-params": f"log-level=none:bframes={b_frames}:keyint=8:b-adapt=0:pools=none"}
        audio = out.add_stream("aac", rate=44100, layout="stereo")
        for number in range(FRAMES):
            picture = av.VideoFrame(96, 64, "yuv420p")
            for plane in picture.planes:
                plane.update(noise.randbytes(plane.buffer_size))
            picture.pts, picture.time_base = number, Fraction(1, 25)
            out.mux(video.encode(picture))
            sound = av.AudioFrame("fltp", "stereo", 1024)
            sound.sample_rate, sound.pts, sound.time_base = 44100, number * 1024, Fraction(1, 44100)
            for plane in sound.planes:
                plane.update(bytes(noise.choices(b"\x00\x3d\xbd", k=plane.buffer_size)))
            out.mux(audio.encode(sound))
        out.mux(video.encode(None))
        out.mux(audio.encode(None))
    file.seek(0)
    return file


def remux(codec: str, file: io.BytesIO) -> Sample:
    result = io.BytesIO()
    coded: dict[str, list] = {"video": [], "audio": []}
    with av.open(file) as source, av.open(result, "w", format="flv") as out:
        streams = {stream: out.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is None:
                continue
            if packet.stream.type == "video":
                cts_ms = (packet.pts - packet.dts) * packet.time_base * 1000
                assert cts_ms.denominator == 1
                coded["video"].append((packet.is_keyframe, int(cts_ms), bytes(packet)))
            else:
                coded["audio"].append(bytes(packet))
            packet.stream = streams[packet.stream]
            out.mux(packet)
        records = [bytes(source.streams.best(kind).codec_context.extradata) for kind in ("video", "audio")]
    return Sample(codec, *records, coded["video"], coded["audio"], list(flv.read_tags(result.getvalue())))


@pytest.fixture(scope="module", params=[(c, b) for c in ENCODERS for b in (0, 2)], ids=lambda p: f"{p[0]}-bf{p[1]}")
def sample(request) -> Sample:
    codec, b_frames = request.param
    made = remux(codec, encode(codec, b_frames))
    assert any(offset for _, offset, _ in made.video) == bool(b_frames)  # else the sample shows nothing
    return made


# --- AV1: FFmpeg's encoder puts a temporal delimiter before each frame, which no MP4 and no Matroska holds -----------

DELIMITER = b"\x12\x00"


def encode_av1(container: str) -> bytes:
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        video = out.add_stream("libsvtav1", rate=25)
        video.width, video.height, video.pix_fmt = 96, 64, "yuv420p"
        video.options = {"preset": "12", "svtav1-params": "keyint=8:lp=1"}
        noise = random.Random(1)  # noqa: S311 - the same noise in every container
        for number in range(FRAMES):
            picture = av.VideoFrame(96, 64, "yuv420p")
            for plane in picture.planes:
                plane.update(noise.randbytes(plane.buffer_size))
            picture.pts, picture.time_base = number, Fraction(1, 25)
            out.mux(video.encode(picture))
        out.mux(video.encode(None))
    return file.getvalue()


def test_av1_bodies_equal_ffmpegs():
    """Sequence header and every frame, as an MP4 holds them; FFmpeg's colorInfo is left out as for HEVC."""
    with av.open(io.BytesIO(encode_av1("mp4"))) as source:
        record = bytes(source.streams.video[0].codec_context.extradata)
        frames = [(packet.is_keyframe, bytes(packet)) for packet in source.demux() if packet.size]
    theirs = [tag.body for tag in flv.read_tags(encode_av1("flv")) if tag.type == flv.VIDEO]
    theirs = [body for body in theirs if not body.startswith(b"\xd4av01\x02\x00\x09colorInfo")]
    ours = [flv.av1_sequence_header(record)]
    ours += [flv.video_header("av1", key, 0) + DELIMITER + payload for key, payload in frames]
    assert len(frames) == FRAMES
    assert sum(key for key, _ in frames) == 3
    assert ours == theirs
    read = [flv.parse_video(body) for body in theirs]
    assert [(tag.kind, tag.codec, tag.key, tag.cts_ms) for tag in read[1:]] == [
        (Kind.FRAME, "av1", key, 0) for key, _ in frames
    ]


def test_av1_without_temporal_delimiters_is_the_same_to_ffmpeg():
    with av.open(io.BytesIO(encode_av1("mp4"))) as source:
        record = bytes(source.streams.video[0].codec_context.extradata)
        frames = [(packet.is_keyframe, bytes(packet)) for packet in source.demux() if packet.size]
    bodies = [flv.video_header("av1", key, 0) + payload for key, payload in frames]
    data = flv.file_header(audio=False) + flv.tag(flv.VIDEO, 0, flv.video_sequence_header("av1", record))
    data += b"".join(flv.tag(flv.VIDEO, 40 * number, body) for number, body in enumerate(bodies))
    with av.open(io.BytesIO(data), format="flv") as source:
        assert len(list(source.decode(video=0))) == FRAMES


@pytest.mark.parametrize("cts", [-1, 1])
def test_an_offset_of_av1_is_our_error(cts):
    with pytest.raises(LocalProtocolError, match=f"'av1'.* {cts} ms"):
        flv.video_header("av1", KEY, cts)


def test_every_codec_of_the_model_has_a_sequence_header():
    bodies = {codec: flv.video_sequence_header(codec, b"record") for codec in VideoCodec}
    assert {flv.parse_video(body)[:2] for body in bodies.values()} == {(Kind.CONFIG, str(codec)) for codec in bodies}
    with pytest.raises(LocalProtocolError, match="vp6"):
        flv.video_sequence_header("vp6", b"record")


def is_color_info(tag: flv.Tag) -> bool:
    return tag.type == flv.VIDEO and tag.body.startswith(b"\xd4hvc1\x02\x00\x09colorInfo")


def test_video_bodies_equal_ffmpegs(sample):
    """Sequence header, every frame, and for AVC the end of sequence; only HEVC's colorInfo is FFmpeg's alone."""
    theirs = [tag.body for tag in sample.tags if tag.type == flv.VIDEO and not is_color_info(tag)]
    header = {"avc": flv.avc_sequence_header, "hevc": flv.hevc_sequence_header}[sample.codec]
    ours = [header(sample.video_record)]
    ours += [flv.video_header(sample.codec, key, cts) + payload for key, cts, payload in sample.video]
    ours += [flv.AVC_END_OF_SEQUENCE] * (sample.codec == "avc")
    assert len(sample.video) == FRAMES
    assert ours == theirs


def test_only_hevc_has_ffmpegs_color_info(sample):
    assert sum(map(is_color_info, sample.tags)) == (sample.codec == "hevc")


def test_audio_bodies_equal_ffmpegs(sample):
    theirs = [tag.body for tag in sample.tags if tag.type == flv.AUDIO]
    ours = [flv.aac_sequence_header(sample.audio_record)]
    ours += [flv.audio_header() + payload for payload in sample.audio]
    assert ours == theirs


def test_ffmpegs_bodies_are_read_as_what_went_in(sample):
    videos = [(flv.parse_video(tag.body), tag.body) for tag in sample.tags if tag.type == flv.VIDEO]
    audios = [(flv.parse_audio(tag.body), tag.body) for tag in sample.tags if tag.type == flv.AUDIO]
    assert {tag.codec for tag, _ in videos} == {sample.codec}
    assert {tag.codec for tag, _ in audios} == {"aac"}
    assert [body[t.payload_at :] for t, body in videos if t.kind is Kind.CONFIG] == [sample.video_record]
    assert [body[t.payload_at :] for t, body in audios if t.kind is Kind.CONFIG] == [sample.audio_record]
    frames = [(t.key, t.cts_ms, body[t.payload_at :]) for t, body in videos if t.kind is Kind.FRAME]
    assert frames == sample.video
    assert [body[t.payload_at :] for t, body in audios if t.kind is Kind.FRAME] == sample.audio


def test_a_file_of_our_tags_is_ffmpegs_file_to_ffmpeg(sample):
    """What we write, FFmpeg's demuxer reads with the same packets, times and offsets."""
    data = flv.file_header() + b"".join(flv.tag(*tag) for tag in sample.tags)
    with av.open(io.BytesIO(data), format="flv") as source:
        packets = [
            (p.stream.type, p.is_keyframe, p.dts, p.pts - p.dts, bytes(p))
            for p in source.demux()
            if p.dts is not None and p.size
        ]
    video = [(key, cts, payload) for kind, key, _, cts, payload in packets if kind == "video"]
    audio = [(time_ms, payload) for kind, _, time_ms, _, payload in packets if kind == "audio"]
    sent = [tag.time_ms for tag in sample.tags if tag.type == flv.AUDIO][1:]
    assert video == sample.video
    assert audio == list(zip(sent, sample.audio, strict=True))


def test_metadata_has_ffmpegs_names_and_values(sample):
    """FFmpeg's object as bytes: each of our numbers stands in it behind its name."""
    body = next(tag.body for tag in sample.tags if tag.type == flv.DATA)
    values = flv.metadata(
        codec=sample.codec, width=96, height=64, frame_rate=25.0, sample_rate=44100, channels=2, encoder="x"
    )
    for name, value in values.items():
        key = len(name).to_bytes(2, "big") + name.encode()
        if isinstance(value, bool):
            assert key + bytes((1, value)) in body
        elif isinstance(value, float):
            assert key + flv.struct.pack(">Bd", 0, value) in body
        else:
            assert key + b"\x02" in body


def test_metadata_leaves_out_what_is_unknown():
    values = flv.metadata(codec="avc", width=0, height=2, frame_rate=0, sample_rate=8000, channels=1, encoder="e")
    assert values == {
        "height": 2.0,
        "videocodecid": 7.0,
        "audiosamplerate": 8000.0,
        "audiosamplesize": 16.0,
        "stereo": False,
        "audiocodecid": 10.0,
        "encoder": "e",
    }


def test_the_models_codecs_are_the_codecs_here():
    assert flv.video_header(VideoCodec.AVC, KEY, 1) == flv.video_header("avc", KEY, 1)
    assert flv.video_header(VideoCodec.HEVC, INTER, 0) == b"\xa3hvc1"


@pytest.mark.parametrize("codec", ["avc", "hevc"])
@pytest.mark.parametrize("cts", [-(1 << 23), -1, 0, 1, (1 << 23) - 1])
@pytest.mark.parametrize("key", [True, False])
def test_headers_read_back(codec, cts, key):
    body = flv.video_header(codec, key, cts) + b"payload"
    tag = flv.parse_video(body)
    assert tag == (Kind.FRAME, codec, key, cts, len(body) - len(b"payload"))


@pytest.mark.parametrize("cts", [-(1 << 23) - 1, 1 << 23])
@pytest.mark.parametrize("codec", ["avc", "hevc"])
def test_an_offset_beyond_24_bits_is_our_error(codec, cts):
    with pytest.raises(LocalProtocolError, match=str(cts)):
        flv.video_header(codec, KEY, cts)


@pytest.mark.parametrize("cts", [0, 5])
def test_an_unknown_codec_is_our_error(cts):
    with pytest.raises(LocalProtocolError, match="vp6"):
        flv.video_header("vp6", KEY, cts)


@pytest.mark.parametrize(
    ("body", "tag"),
    [
        (b"\x1c\x00\x00\x00\x00", (Kind.CONFIG, "hevc", True, 0, 5)),
        (b"\x2c\x01\xff\xff\xfe", (Kind.FRAME, "hevc", False, -2, 5)),
        (b"\x17\x02", (Kind.END, "avc", True, 0, 5)),
        (b"\x17\x09", (Kind.OTHER, "avc", True, 0, 5)),
        (b"\x57\x00", (Kind.OTHER, "avc", False, 0, 1)),
        (b"\x12", (Kind.OTHER, "codec 2", True, 0, 1)),
        (b"\x92hvc1", (Kind.END, "hevc", True, 0, 5)),
        (b"\x91av01\x01\x02\x03", (Kind.FRAME, "av1", True, 0, 5)),
        (b"\xa1av01\x0a", (Kind.FRAME, "av1", False, 0, 5)),
        (b"\x90av01\x81", (Kind.CONFIG, "av1", True, 0, 5)),
        (b"\x91vp09\x01\x02\x03", (Kind.FRAME, "vp09", True, 0, 5)),
        (b"\x91avc1\x01\x02\x03", (Kind.FRAME, "avc", True, 0x010203, 8)),
        (b"\x97\x00\x00\x00\x00", (Kind.OTHER, "\0\0\0\0", True, 0, 5)),
        (b"\xd4hvc1\x02", (Kind.OTHER, "hevc", False, 0, 5)),
    ],
)
def test_video_forms(body, tag):
    assert flv.parse_video(body) == tag
    assert flv.parse_video(memoryview(bytearray(body))) == tag


@pytest.mark.parametrize(
    ("body", "tag"),
    [
        (b"\xaf\x00", (Kind.CONFIG, "aac", 2)),
        (b"\xae\x01", (Kind.FRAME, "aac", 2)),
        (b"\x2f", (Kind.FRAME, "format 2", 1)),
        (b"\x90mp4a", (Kind.CONFIG, "aac", 5)),
        (b"\x91Opus", (Kind.FRAME, "Opus", 5)),
        (b"\x95Opus", (Kind.OTHER, "Opus", 5)),
    ],
)
def test_audio_forms(body, tag):
    assert flv.parse_audio(body) == tag
    assert flv.parse_audio(memoryview(bytearray(body))) == tag


@pytest.mark.parametrize("body", [b"", b"\x17", b"\x27\x01\x00\x00", b"\x90hvc", b"\x91hvc1\x00\x00"])
def test_a_video_body_shorter_than_its_header_is_refused(body):
    with pytest.raises(RemoteProtocolError, match=f"{len(body)} bytes"):
        flv.parse_video(body)


@pytest.mark.parametrize("body", [b"", b"\xaf"])
def test_an_audio_body_shorter_than_its_header_is_refused(body):
    with pytest.raises(RemoteProtocolError, match=f"{len(body)} bytes"):
        flv.parse_audio(body)


@given(st.binary(max_size=12))
def test_any_body_is_a_tag_or_refused(body):
    for parse in (flv.parse_video, flv.parse_audio):
        try:
            tag = parse(body)
        except RemoteProtocolError:
            continue
        assert 1 <= tag.payload_at <= 8


@given(
    st.lists(
        st.tuples(
            st.sampled_from([flv.AUDIO, flv.VIDEO, flv.DATA]), st.integers(0, 2**32 - 1), st.binary(max_size=300)
        ),
        max_size=5,
    )
)
def test_tags_read_back(tags):
    data = flv.file_header() + b"".join(flv.tag(*tag) for tag in tags)
    assert list(flv.read_tags(data)) == tags


def test_file_start_bytes():
    """E.2: signature, version 1, flags (audio 4, video 1), header of 9 bytes, size of no tag."""
    assert flv.file_header() == b"FLV\x01\x05\x00\x00\x00\x09\x00\x00\x00\x00"
    assert flv.file_header(audio=False)[4] == 1
    assert flv.file_header(video=False)[4] == 4


def test_tag_bytes():
    """E.4.1: type, size, time as low 24 and high 8 bits, stream 0, body, whole size."""
    expected = bytes.fromhex("09 000003 345678 12 000000 616263 0000000e")
    assert flv.tag(flv.VIDEO, 0x12345678, b"abc") == expected
    assert flv.tag(flv.VIDEO, 0x912345678, memoryview(b"abc")) == expected  # 32 bits of the time count


def test_a_tag_too_large_for_its_size_field_is_our_error():
    assert flv.tag(flv.VIDEO, 0, bytes((1 << 24) - 1))[1:4] == b"\xff\xff\xff"
    with pytest.raises(LocalProtocolError, match="24 bits"):
        flv.tag(flv.VIDEO, 0, bytes(1 << 24))


@pytest.mark.parametrize("data", [b"", b"FLV", b"RIFF" + bytes(20)])
def test_no_flv_file_is_refused(data):
    with pytest.raises(RemoteProtocolError, match="no FLV"):
        list(flv.read_tags(data))


def test_a_cut_file_yields_its_whole_tags_first():
    data = flv.file_header() + flv.tag(flv.AUDIO, 1, b"whole") + flv.tag(flv.VIDEO, 2, b"cut")
    for cut in range(1, 18):
        reader = flv.read_tags(data[:-cut])
        assert next(reader) == (flv.AUDIO, 1, b"whole")
        with pytest.raises(RemoteProtocolError, match="cut short"):
            next(reader)
