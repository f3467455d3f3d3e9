"""Any sound becomes the one configuration of a session, each clap where its white picture is, at the far end."""

from __future__ import annotations

import math
import struct
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from tests.support.claps import Far, Film, play, shoot
from tests.support.files import demux
from tests.support.prepared import prepare_file

from ftp_stream.core.aac import DEFAULT_AUDIO, parse_config, takes_plain_frames
from ftp_stream.core.timeline import Timeline
from ftp_stream.errors import EncodingNeeded
from ftp_stream.media import sound, soundtrack
from ftp_stream.model import Form, Source
from ftp_stream.rtmp.flv import AUDIO, tag

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.prepared import Prepared

    from ftp_stream.model import AudioConfig

WITHIN_FILE = 0.005  # seconds that a clap may be away from its picture
AT_SEAMS = 0.020
PRESET = Form(other_audio=DEFAULT_AUDIO)
EXPERIMENTAL = {"strict": "experimental"}  # FFmpeg's word for its own Vorbis encoder

# name, codec, rate, layout
CODECS = [
    ("a-law.mov", "pcm_alaw", 8000, "mono"),
    ("a-law-16k.avi", "pcm_alaw", 16_000, "mono"),
    ("a-law-48k.mov", "pcm_alaw", 48_000, "stereo"),
    ("mu-law.flv", "pcm_mulaw", 8000, "mono"),
    ("mu-law-11k.avi", "pcm_mulaw", 11_025, "mono"),
    ("s16.avi", "pcm_s16le", 22_050, "stereo"),
    ("s16.mkv", "pcm_s16le", 8000, "mono"),
    ("s16be.mov", "pcm_s16be", 32_000, "mono"),
    ("u8.avi", "pcm_u8", 8000, "mono"),
    ("s8.mov", "pcm_s8", 11_025, "mono"),
    ("s24.mov", "pcm_s24le", 96_000, "stereo"),
    ("f32.mkv", "pcm_f32le", 48_000, "mono"),
    ("g726.avi", "g726", 8000, "mono"),
    ("adpcm-ms.avi", "adpcm_ms", 8000, "mono"),
    ("adpcm-ima.avi", "adpcm_ima_wav", 16_000, "mono"),
    ("adpcm-ima.mov", "adpcm_ima_qt", 44_100, "mono"),
    ("adpcm-swf.flv", "adpcm_swf", 22_050, "mono"),
    ("mp2.ts", "mp2", 16_000, "mono"),
    ("mp2.mkv", "mp2", 48_000, "stereo"),
    ("mp3.mkv", "libmp3lame", 44_100, "stereo"),
    ("mp3.mp4", "libmp3lame", 16_000, "mono"),
    ("ac3.ts", "ac3", 48_000, "5.1(side)"),
    ("ac3.mkv", "ac3", 44_100, "stereo"),
    ("eac3.mp4", "eac3", 48_000, "mono"),
    ("opus.mkv", "libopus", 48_000, "stereo"),
    ("vorbis.mkv", "vorbis", 44_100, "stereo"),
    ("flac.mkv", "flac", 44_100, "mono"),
]


def asc(kind: int, rate_index: int, channels: int, *, extension: int | None = None, short: int = 0) -> bytes:
    """An AudioSpecificConfig; with the rate of an extension for SBR."""
    bits = f"{kind:05b}{rate_index:04b}{channels:04b}"
    bits += f"{extension:04b}{2:05b}" if extension is not None else ""
    bits += f"{short:b}00"
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


LC_44_STEREO = parse_config(asc(2, 4, 2))
CONFIGURATIONS = {
    "LC 44.1 kHz stereo": LC_44_STEREO,
    "LC 48 kHz mono": parse_config(asc(2, 3, 1)),
    "LC 16 kHz mono": parse_config(asc(2, 8, 1)),
    "LC 8 kHz mono": parse_config(asc(2, 11, 1)),
    "LC 7350 Hz stereo": parse_config(asc(2, 12, 2)),
    "LC 96 kHz mono": parse_config(asc(2, 0, 1)),
    "LC 3.0": parse_config(asc(2, 3, 3)),
    "LC 5.1": parse_config(asc(2, 3, 6)),
    "LC 7.1": parse_config(asc(2, 3, 7)),
    "Main": parse_config(asc(1, 4, 2)),
    "LTP": parse_config(asc(4, 5, 1)),
    "HE-AAC": parse_config(asc(5, 7, 2, extension=4)),
    "HE-AAC mono": parse_config(asc(5, 6, 1, extension=3)),
    "HE-AAC v2": parse_config(asc(29, 7, 1, extension=4)),
    "HE-AAC told behind": parse_config(asc(2, 7, 2) + bytes.fromhex("56e5a0")),
}


def prepare(path: Path, film: Film, config: AudioConfig = DEFAULT_AUDIO) -> Prepared:
    return prepare_file(shoot(path, film), Form(audio=config))


def in_place(prepared: Prepared, config: AudioConfig, claps: int = 3, within: float = WITHIN_FILE) -> Far:
    far = play(prepared, config)
    offsets = far.offsets()
    assert len(offsets) == claps
    assert max(map(abs, offsets)) <= within, offsets
    return far


def check_extent(prepared: Prepared, config: AudioConfig, seconds: float = 2.4) -> None:
    """The sound neither begins before the pictures nor passes their end by more than half a frame."""
    times = prepared.decoded(audio=True)
    shown = prepared.shown(audio=False)
    assert times[0] >= min(shown)
    assert times[-1] + config.frame_us <= min(shown) + seconds * 1e6 + config.frame_us / 2 + 1
    steps = {(after - before) / config.frame_us for before, after in pairwise(times)}
    assert all(abs(step - round(step)) < 0.001 for step in steps)  # an even grid


# --- what it is made of -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "codec", "rate", "layout"), CODECS, ids=[case[0] for case in CODECS])
def test_any_codec_becomes_what_the_destination_takes(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str
) -> None:
    options = EXPERIMENTAL if codec == "vorbis" else {}
    film = Film(audio=codec, rate=rate, layout=layout, audio_options=options)
    prepared = prepare_file(shoot(tmp_path / name, film), PRESET)
    assert prepared.notes == ""
    assert (prepared.found.audio_record, prepared.found.encoded_audio) == (DEFAULT_AUDIO.record, True)
    assert len(prepared.rows(audio=True)) == 103
    far = in_place(prepared, DEFAULT_AUDIO)
    check_extent(prepared, DEFAULT_AUDIO)
    assert far.loudest(1.19, 1.22) > 0.4
    assert far.loudest(0.8, 1.1) < 0.05


@pytest.mark.parametrize("config", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [("a.mov", "pcm_mulaw", 8000, "mono"), ("a.mp4", "aac", 48_000, "stereo"), ("a.ts", "ac3", 48_000, "5.1(side)")],
)
def test_any_configuration_that_is_fixed_is_met(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str, config: AudioConfig
) -> None:
    """Decoded under that very record, SBR and its delay as well."""
    prepared = prepare(tmp_path / name, Film(audio=codec, rate=rate, layout=layout), config)
    assert prepared.notes == ""
    assert (prepared.found.audio_record, prepared.found.encoded_audio) == (config.record, True)
    far = in_place(prepared, config)
    check_extent(prepared, config)
    assert far.loudest(1.19, 1.22) > 0.3


@pytest.mark.parametrize("config", [asc(3, 4, 2), asc(2, 4, 2, short=1)], ids=["SSR", "960 samples"])
def test_what_the_encoder_cannot_make_is_silence(tmp_path: Path, config: bytes) -> None:
    assert not takes_plain_frames(config)
    prepared = prepare(tmp_path / "a.mov", Film(), parse_config(config))
    assert prepared.rows(audio=True) == []
    assert not prepared.found.encoded_audio
    assert "what this stream began with: silence" in prepared.notes


def test_a_rate_that_the_encoder_does_not_know_is_silence(tmp_path: Path) -> None:
    config = parse_config(bytes.fromhex("17802ee688"))  # 24,013 Hz, written out
    assert (config.sample_rate, config.channels) == (24_013, 1)
    prepared = prepare(tmp_path / "a.mov", Film(), config)
    assert prepared.rows(audio=True) == []
    assert "cannot be made AAC" in prepared.notes
    assert prepared.shown(audio=False)[-1] == 2_360_000


# --- what is copied ---------------------------------------------------------------------------------------------------


def test_aac_goes_as_it_is_while_none_is_fixed(tmp_path: Path) -> None:
    path = shoot(tmp_path / "a.mp4", Film(audio="aac", rate=16_000))
    prepared = prepare_file(path, PRESET)
    assert not prepared.found.encoded_audio
    assert prepared.sources() == {Source.FILE}
    assert prepared.frames(audio=True) == [packet.payload for packet in demux(path, "audio") if not packet.discard]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.flv"])
def test_aac_that_is_what_was_fixed_goes_as_it_is(tmp_path: Path, name: str) -> None:
    """FFmpeg's encoder says that there is no SBR, ADTS cannot: that is no difference."""
    film = Film(audio="aac", rate=44_100, layout="stereo")
    as_it_is = prepare_file(shoot(tmp_path / name, film))
    prepared = prepare_file(tmp_path / name, Form(audio=LC_44_STEREO))
    assert not prepared.found.encoded_audio
    assert prepared.found.audio_record == LC_44_STEREO.record
    assert prepared.frames(audio=True) == as_it_is.frames(audio=True)
    in_place(prepared, LC_44_STEREO)


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.flv"])
@pytest.mark.parametrize(("rate", "layout"), [(44_100, "mono"), (22_050, "stereo")])
def test_other_aac_than_was_fixed_is_encoded(tmp_path: Path, name: str, rate: int, layout: str) -> None:
    prepared = prepare(tmp_path / name, Film(audio="aac", rate=rate, layout=layout), LC_44_STEREO)
    assert prepared.found.encoded_audio
    assert prepared.notes == ""
    in_place(prepared, LC_44_STEREO)


def test_aac_that_no_server_takes_is_encoded(tmp_path: Path) -> None:
    """Channels told by a program configuration element: configuration 0."""
    path = shoot(tmp_path / "a.mp4", Film(audio="aac", rate=44_100, layout="5.1(side)"))
    prepared = prepare_file(path)
    assert prepared.rows(audio=True) == []
    assert "channel configuration 0" in prepared.notes
    prepared = prepare_file(path, PRESET)
    assert prepared.found.encoded_audio
    in_place(prepared, DEFAULT_AUDIO)


def test_sound_that_is_not_wanted_as_aac_is_silence(tmp_path: Path) -> None:
    prepared = prepare_file(shoot(tmp_path / "a.mov", Film()), Form())
    assert prepared.rows(audio=True) == []
    assert prepared.notes == "its audio is pcm_mulaw, not AAC: silence is sent instead"


def test_a_file_without_sound_is_silence_without_a_word(tmp_path: Path) -> None:
    prepared = prepare_file(shoot(tmp_path / "a.mp4", Film(audio="")), Form(audio=LC_44_STEREO))
    assert (prepared.found.audio, prepared.found.encoded_audio, prepared.notes) == (None, False, "")


@pytest.mark.parametrize("name", ["a.mov", "a.mp4", "a.mkv", "a.avi"])
def test_pictures_stay_where_they_are(tmp_path: Path, name: str) -> None:
    codec = "aac" if name == "a.mp4" else "pcm_s16le"
    path = shoot(tmp_path / name, Film(audio=codec, rate=16_000))
    silent = prepare_file(path, Form())
    prepared = prepare_file(path, Form(audio=LC_44_STEREO))
    assert prepared.found.video == silent.found.video
    assert prepared.found.sidecar_size - silent.found.sidecar_size == sum(map(len, prepared.frames(audio=True)))


def test_encoded_sound_goes_with_encoded_pictures(tmp_path: Path) -> None:
    path = shoot(tmp_path / "a.avi", Film(claps=(0.4, 1.2, 2.0)))
    form = Form(copied=frozenset(), encoded=True, audio=LC_44_STEREO)
    prepared = prepare_file(path, form, may_encode=True)
    assert (prepared.found.encoded_video, prepared.found.encoded_audio) == (True, True)
    assert prepared.sources() == {Source.SIDECAR}
    in_place(prepared, LC_44_STEREO)
    check_extent(prepared, LC_44_STEREO)


# --- when it is heard -------------------------------------------------------------------------------------------------

PCM = Film(audio="pcm_s16le")


def silences(prepared: Prepared, config: AudioConfig) -> list[tuple[float, float]]:
    """The holes in the sound, in seconds from the first picture; slots without a frame."""
    ends = [0.0, *((time + config.frame_us) / 1e6 for time in prepared.decoded(audio=True))]
    starts = [*(time / 1e6 for time in prepared.decoded(audio=True)), 2.4]
    return [(end, start) for end, start in zip(ends, starts, strict=True) if start - end > config.frame_us / 1e6]


@pytest.mark.parametrize("config", [LC_44_STEREO, CONFIGURATIONS["LC 16 kHz mono"]])
@pytest.mark.parametrize(("name", "codec"), [("a.mkv", "pcm_s16le"), ("a.mkv", "aac"), ("a.flv", "pcm_mulaw")])
def test_a_hole_stays_a_hole_and_nothing_behind_it_moves(
    tmp_path: Path, name: str, codec: str, config: AudioConfig
) -> None:
    prepared = prepare(tmp_path / name, Film(audio=codec, holes=((0.6, 0.9),)), config)
    in_place(prepared, config)
    [(begin, end)] = silences(prepared, config)
    frame, packet = config.frame_us / 1e6, 0.128  # one that ends or begins within the hole
    assert 0.6 <= begin <= 0.6 + packet + frame
    assert 0.9 - 2 * frame <= end <= 0.9 + packet  # one more frame prepares the decoder
    assert prepared.notes == ""


def test_sound_that_begins_late(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "a.mkv", Film(audio="pcm_s16le", begins=0.7, claps=(1.2, 1.8)))
    in_place(prepared, DEFAULT_AUDIO, claps=2)
    [(begin, end)] = silences(prepared, DEFAULT_AUDIO)
    assert begin == 0
    assert 0.65 <= end <= 0.7


def test_sound_that_ends_early(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "a.mkv", Film(audio="pcm_s16le", ends=1.5, claps=(0.4, 1.2)))
    in_place(prepared, DEFAULT_AUDIO, claps=2)
    [(begin, end)] = silences(prepared, DEFAULT_AUDIO)
    assert 1.5 <= begin <= 1.55
    assert end == 2.4


@pytest.mark.parametrize("film", [replace(PCM, begins=-1.0), replace(PCM, begins=-70.0), replace(PCM, ends=5.0)])
def test_sound_without_pictures_is_left_out(tmp_path: Path, film: Film) -> None:
    """Else each seam would put the stream further behind."""
    prepared = prepare(tmp_path / "a.mkv", film)
    in_place(prepared, DEFAULT_AUDIO)
    check_extent(prepared, DEFAULT_AUDIO)
    assert prepared.table.duration_us <= 2_400_000 + DEFAULT_AUDIO.frame_us / 2 + 1000


def test_sound_that_another_clock_stamped_begins_with_the_pictures(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "a.mkv", replace(PCM, begins=100.0, ends=102.4, claps=(100.4, 101.2)))
    assert "its audio lies 100.0 s from its video" in prepared.notes
    assert len(prepared.rows(audio=True)) == 103
    far = play(prepared, DEFAULT_AUDIO)
    assert far.loudest(0.39, 0.41) > 0.4
    assert far.loudest(1.19, 1.21) > 0.4


def test_sound_that_is_all_without_pictures_is_told(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "a.mkv", Film(audio="pcm_s16le", begins=3.0, ends=4.0, claps=()))
    assert prepared.rows(audio=True) == []
    assert prepared.notes == "none of its audio (pcm_s16le) can be heard beside its pictures: silence is sent instead"


def test_sound_before_the_first_key_frame_is_left_out(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "a.mkv", Film(audio="pcm_s16le", key_after=5, claps=(0.12, 0.52, 1.8)))
    in_place(prepared, DEFAULT_AUDIO, claps=2)
    check_extent(prepared, DEFAULT_AUDIO, seconds=2.0)


def test_sound_that_an_edit_list_hides_is_not_heard(tmp_path: Path) -> None:
    """Beside hidden pictures, which are shown all the same; as it is with AAC that goes as it is."""
    path = shoot(tmp_path / "a.mp4", Film(audio="aac", rate=16_000))
    content = bytearray(path.read_bytes())
    at = 0
    for rate in (12_800, 16_000):
        at = content.index(b"elst", at + 4)
        duration, start = struct.unpack_from(">ii", content, at + 12)
        struct.pack_into(">ii", content, at + 12, duration - 600, start + rate * 6 // 10)
    path.write_bytes(content)
    prepared = prepare_file(path, Form(audio=LC_44_STEREO))
    assert prepared.found.encoded_audio
    assert "edit list hides" in prepared.notes
    offsets = play(prepared, LC_44_STEREO).offsets()
    assert [round(offset, 2) for offset in offsets] == [math.inf, 0, 0]


@pytest.mark.parametrize("ends", [2.39, 2.4, 2.41])
@pytest.mark.parametrize("config", [LC_44_STEREO, CONFIGURATIONS["LC 8 kHz mono"]], ids=["23 ms", "128 ms"])
def test_no_frame_passes_the_end_by_more_than_half_of_itself(tmp_path: Path, config: AudioConfig, ends: float) -> None:
    for seconds in (2.0, 2.04, 2.08, 2.12):
        film = Film(audio="pcm_s16le", seconds=seconds, ends=ends - 2.4 + seconds, claps=(0.4,))
        prepared = prepare(tmp_path / f"{seconds}.mkv", film, config)
        check_extent(prepared, config, seconds)
        assert prepared.table.duration_us - seconds * 1e6 <= config.frame_us / 2 + 1000
        assert prepared.table.audio_end_us >= seconds * 1e6 - config.frame_us / 2 - 15_000


LONG = (1.0, 5.0, 10.0, 15.0, 19.0)


@pytest.mark.parametrize("pace", [7990 / 8000, 8010 / 8000, 0.97, 1.03, 2.0])
@pytest.mark.parametrize(("name", "codec"), [("a.flv", "pcm_mulaw"), ("a.mkv", "aac")])
def test_a_clock_that_runs_wrong_does_not_drift_from_the_pictures(
    tmp_path: Path, name: str, codec: str, pace: float
) -> None:
    """The last one is a rate that is told wrong altogether: 16 kHz in a file that says 8."""
    prepared = prepare(tmp_path / name, Film(audio=codec, pace=pace, seconds=20.0, claps=LONG))
    in_place(prepared, DEFAULT_AUDIO, claps=5)
    assert len(prepared.rows(audio=True)) == 861  # without a break


def test_packets_that_are_stamped_late_now_and_then_are_heard_in_time(tmp_path: Path) -> None:
    film = Film(seconds=20.0, claps=LONG, jitter=(0, 0.03, 0.01, 0, 0.05, 0, 0))
    prepared = prepare(tmp_path / "a.flv", film)
    in_place(prepared, DEFAULT_AUDIO, claps=5)
    assert len(prepared.rows(audio=True)) == 861


# --- what is damaged --------------------------------------------------------------------------------------------------


def test_damaged_packets_are_holes_with_one_note(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "a.mkv", Film(audio="ac3", rate=48_000, damaged=(22, 23, 24, 47, 48)))
    in_place(prepared, DEFAULT_AUDIO)
    assert prepared.notes == "5 of 75 packets of its audio are damaged: silence in their place"
    holes = silences(prepared, DEFAULT_AUDIO)
    assert [round(begin, 1) for begin, _ in holes] == [0.7, 1.5]


def test_a_transport_packet_that_was_lost_moves_nothing(tmp_path: Path) -> None:
    path = shoot(tmp_path / "a.ts", Film(audio="mp2", rate=48_000, layout="stereo"))
    content = path.read_bytes()
    packets = [content[at : at + 188] for at in range(0, len(content), 188)]
    sound = [number for number, packet in enumerate(packets) if packet[1] & 0x1F == 1 and packet[2] == 1]
    del packets[next(number for number in sound[len(sound) // 3 :] if not packets[number][1] & 0x40)]
    path.write_bytes(b"".join(packets))
    prepared = prepare_file(path, PRESET)
    in_place(prepared, DEFAULT_AUDIO)
    assert len(prepared.rows(audio=True)) >= 100


def test_sound_of_nothing_but_damage_is_silence(tmp_path: Path) -> None:
    prepared = prepare(tmp_path / "a.mkv", Film(audio="ac3", rate=48_000, damaged=tuple(range(100))))
    assert prepared.rows(audio=True) == []
    assert not prepared.found.encoded_audio
    assert "75 of 75 packets of its audio are damaged" in prepared.notes
    assert "none of its audio (ac3) can be heard beside its pictures: silence is sent instead" in prepared.notes
    assert len(prepared.rows(audio=False)) == 60


def wave_format(content: bytearray) -> int:
    """Where the WAVEFORMATEX of an AVI stands: the second strf."""
    return content.index(b"strf", content.index(b"strf") + 4) + 8


@pytest.mark.parametrize(
    ("at", "form", "value"),
    [(4, "<I", 1), (4, "<I", 2**31 - 1), (2, "<H", 0), (2, "<H", 255), (2, "<H", 65_535)],
    ids=["1 Hz", "2 GHz", "no channel", "255 channels", "65,535 channels"],
)
@pytest.mark.parametrize("codec", ["pcm_s16le", "g726", "adpcm_ima_wav"])
def test_absurd_headers_cost_the_sound_and_not_the_file(
    tmp_path: Path, codec: str, at: int, form: str, value: int
) -> None:
    path = shoot(tmp_path / "a.avi", Film(audio=codec))
    content = bytearray(path.read_bytes())
    struct.pack_into(form, content, wave_format(content) + at, value)
    path.write_bytes(content)
    prepared = prepare_file(path, PRESET)
    assert len(prepared.rows(audio=False)) == 60
    assert len(prepared.rows(audio=True)) <= 104
    assert prepared.rows(audio=True) or "silence" in prepared.notes


def test_a_packet_of_absurd_size_is_damage(tmp_path: Path) -> None:
    path = shoot(tmp_path / "a.flv", Film())
    huge = tag(AUDIO, 600, b"\x82" + bytes(2 * 1024**2))
    content = path.read_bytes()
    path.write_bytes(content + huge)
    prepared = prepare_file(path, PRESET)
    in_place(prepared, DEFAULT_AUDIO)
    assert "1 of 49 packets of its audio are damaged" in prepared.notes


def test_sound_in_pieces_is_held_only_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a transport stream splits is kept in memory until it is decoded; in an AVI it stays where it is."""
    monkeypatch.setattr(soundtrack, "_MAX_HELD", 0)
    prepared = prepare(tmp_path / "a.ts", Film(audio="ac3", rate=48_000))
    assert prepared.rows(audio=True) == []
    assert "stand in pieces: silence" in prepared.notes
    assert prepare(tmp_path / "a.avi", Film()).found.encoded_audio


def test_sound_that_takes_too_long_is_made_where_no_other_file_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shoot(tmp_path / "a.mov", Film(seconds=20.0))
    monkeypatch.setattr(sound, "_GLIMPSE", 0.0)
    monkeypatch.setattr(sound, "_QUICK", 1e-6)
    with pytest.raises(EncodingNeeded, match="audio takes long"):
        prepare_file(path, PRESET)
    assert prepare_file(path, PRESET, may_encode=True).found.encoded_audio
    monkeypatch.setattr(sound, "_PATIENT", 1e-6)
    prepared = prepare_file(path, PRESET, may_encode=True)
    assert prepared.rows(audio=True) == []
    assert "too long to encode: silence" in prepared.notes


# --- seams ------------------------------------------------------------------------------------------------------------

MIXED = {  # sound of odd lengths, of which some is copied
    "1.mp4": Film("aac", 44_100, "stereo", (0.12, 0.88), 1.0, ends=1.013),
    "2.mov": Film("pcm_mulaw", 8000, "mono", (0.16, 0.8), 0.92),
    "3.mkv": Film("aac", 16_000, "mono", (0.2, 0.96), 1.08, ends=1.2),
    "4.avi": Film("pcm_s16le", 22_050, "stereo", (0.2, 0.84), 0.96, ends=0.9),
    "5.ts": Film("aac", 44_100, "stereo", (0.12, 0.76), 0.88, ends=0.871),
    "6.ts": Film("mp2", 48_000, "stereo", (0.24, 0.68), 1.04, ends=0.77),
    "7.mp4": Film("", claps=(), seconds=0.6),
    "8.mkv": Film("libopus", 48_000, "mono", (0.32, 0.72), 0.84, begins=0.25),
    "9.flv": Film("pcm_mulaw", 8000, "mono", (0.12, 0.8), 0.92, pace=1.02),
}


@pytest.mark.parametrize("config", [LC_44_STEREO, CONFIGURATIONS["HE-AAC"]], ids=["LC", "HE-AAC"])
def test_lips_move_with_the_sound_over_500_seams(tmp_path: Path, config: AudioConfig) -> None:
    films = [prepare(tmp_path / name, film, config) for name, film in MIXED.items()]
    assert sum(film.found.encoded_audio for film in films) == (6 if config is LC_44_STEREO else 8)
    timeline, far = Timeline(config), Far(config)
    for number in range(501):
        film = films[number * 7 % len(films)]
        timeline, placed = timeline.lay(film.table)
        far.take(film, placed)
    offsets = far.decode().offsets()
    assert len(offsets) == sum(len(list(MIXED.values())[number * 7 % len(films)].claps) for number in range(501))
    assert max(map(abs, offsets)) <= AT_SEAMS, max(offsets, key=abs)


def test_encoded_sound_puts_a_stream_no_further_behind_than_half_frames(tmp_path: Path) -> None:
    """Of what is encoded, on the average no seam takes longer than an eighth of a frame more than its pictures."""
    lengths = [0.8 + 0.04 * number for number in range(12)]
    excess = [
        prepare(
            tmp_path / f"{number}.mkv", Film("pcm_s16le", seconds=length, ends=length + 0.1, claps=())
        ).table.duration_us
        - round(length * 1e6)
        for number, length in enumerate(lengths)
    ]
    assert max(excess) <= DEFAULT_AUDIO.frame_us / 2 + 1000
    assert sum(excess) / len(excess) <= DEFAULT_AUDIO.frame_us / 6
