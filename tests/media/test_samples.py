"""Public recordings of many makers: prepared as FFmpeg reads them, or refused with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.files import demux
from tests.support.prepared import prepare_file

from ftp_stream.errors import SegmentRefused
from ftp_stream.media import nal

SAMPLES = Path(__file__).resolve().parents[2].parent / "shared" / "samples"
REFUSED = {"sample_audio_only.mp4": "no video"}
FILES = sorted(path for path in SAMPLES.glob("*.*") if path.suffix in {".mp4", ".mkv", ".ts"})
PLAYED = [path for path in FILES if path.name not in REFUSED]

pytestmark = pytest.mark.skipif(not FILES, reason="the sample recordings are not here")


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


@pytest.mark.parametrize("path", PLAYED, ids=names(PLAYED))
def test_every_frame_is_there_as_ffmpeg_reads_it(path: Path) -> None:
    prepared = prepare_file(path)
    pictures = demux(path)
    form = nal.length_prefixed if path.suffix == ".ts" else bytes
    assert prepared.frames(audio=False) == [form(packet.payload) for packet in pictures]
    assert prepared.keys() == [packet.key for packet in pictures]
    if prepared.found.audio:
        heard = [packet for packet in demux(path, "audio") if not packet.discard]
        assert prepared.frames(audio=True) == [packet.payload for packet in heard]


@pytest.mark.parametrize("path", PLAYED, ids=names(PLAYED))
def test_every_frame_has_ffmpegs_time(path: Path) -> None:
    prepared = prepare_file(path)
    tracks = [(False, demux(path))]
    if prepared.found.audio:
        tracks.append((True, [packet for packet in demux(path, "audio") if not packet.discard]))
    first = min(packet.pts * packet.time_base for _, packets in tracks for packet in packets if packet.pts is not None)
    for audio, packets in tracks:
        for ours, packet in zip(prepared.shown(audio=audio), packets, strict=True):
            assert packet.pts is not None
            assert abs(ours - (packet.pts * packet.time_base - first) * 1_000_000) <= 1
        for ours, packet in zip(prepared.decoded(audio=audio), packets, strict=True):
            if packet.dts is not None:
                tolerance = 1 if path.suffix != ".mkv" else 1000  # FFmpeg guesses a decoding time in Matroska's ticks
                assert abs(ours - (packet.dts * packet.time_base - first) * 1_000_000) <= tolerance


def test_what_is_odd_is_told() -> None:
    for name, words in {
        "sample.mkv": "ac3",
        "sample_missing_stsd.mp4": "audio",
        "sample_video_only.mp4": "",
        "car-detection.mp4": "",
    }.items():
        assert words in prepare_file(SAMPLES / name).notes


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_played_is_refused(name: str) -> None:
    with pytest.raises(SegmentRefused, match=REFUSED[name]):
        prepare_file(SAMPLES / name)


def test_a_header_that_tells_another_length_is_no_matter() -> None:
    """sample_fragmented.mp4 holds a second, and its header tells something else."""
    assert prepare_file(SAMPLES / "sample_fragmented.mp4").table.duration_us == pytest.approx(1_068_118, abs=1000)
    assert prepare_file(SAMPLES / "sample_shorter_audio.mp4").table.audio_end_us == pytest.approx(766_000, abs=1000)
