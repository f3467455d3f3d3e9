"""The demo's verdict holds only for a perfect run."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import pytest
from rich.console import Console
from tests.support.files import Clip, demux, make

from ftp_stream.cli.verdict import SEAMS_WANTED, frames_of, judge
from ftp_stream.core.aac import silent_frame
from ftp_stream.core.status import StreamStatus
from ftp_stream.rtmp import flv
from ftp_stream.rtmp.audit import StreamAudit, payload_hash

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ftp_stream.cli.verdict import Verdict

FRAMES = [secrets.token_bytes(20) for _ in range(30)]
RECORDED = {track: [payload_hash(frame) for frame in FRAMES] for track in ("video", "audio")}
STREAM = StreamStatus("demo/receiver", "x", seams=SEAMS_WANTED, segments=SEAMS_WANTED, rung="pong", lag=3.0)


def seen(video: Sequence[bytes], audio: Sequence[bytes], *, step: int = 40) -> StreamAudit:
    audit = StreamAudit(hashes=True)
    audit.started(0.0)
    for number, frame in enumerate(video):
        audit.video(number * step, flv.video_header("avc", frame == FRAMES[0], 0) + frame, 0.0)
    for number, frame in enumerate(audio):
        audit.audio(number * step, flv.audio_header() + frame, 0.0)
    return audit


def bad(verdict: Verdict) -> set[str]:
    return {point.name for point in verdict.points if not point.good}


def test_all_frames_once_in_order_is_good() -> None:
    verdict = judge(RECORDED, seen(FRAMES, FRAMES), STREAM)
    assert verdict.good
    assert not bad(verdict)


def test_what_was_recorded_after_the_end_is_no_fault() -> None:
    verdict = judge(RECORDED, seen(FRAMES[:20], FRAMES[:20]), STREAM)
    assert verdict.good
    assert any("10 not sent yet" in point.words for point in verdict.points)


def test_filled_silence_and_a_held_picture_are_no_fault() -> None:
    audio = [*FRAMES[:9], silent_frame(2), *FRAMES[9:]]
    assert judge(RECORDED, seen([FRAMES[0], *FRAMES], audio), STREAM).good


@pytest.mark.parametrize("track", ["video", "audio"])
@pytest.mark.parametrize(
    ("frames", "word"),
    [
        ([*FRAMES[:5], *FRAMES[6:]], "1 missing"),
        ([*FRAMES[:5], FRAMES[4], *FRAMES[5:]], "1 repeated"),
        ([*FRAMES[:5], FRAMES[6], FRAMES[5], *FRAMES[7:]], "1 out of order"),
        ([*FRAMES[:5], b"stranger", *FRAMES[5:]], "1 unknown"),
        ([], "0 as recorded"),
    ],
)
def test_every_kind_of_wrong_frame_is_a_fault(track: str, frames: list[bytes], word: str) -> None:
    tracks = {"video": FRAMES, "audio": FRAMES} | {track: frames}
    verdict = judge(RECORDED, seen(**tracks), STREAM)
    assert bad(verdict) == {f"{track} frames"}
    assert any(word in point.words for point in verdict.points)


def test_a_second_publish_is_a_fault() -> None:
    audit = seen(FRAMES, FRAMES)
    audit.ended(1.0)
    audit.started(2.0)
    assert bad(judge(RECORDED, audit, STREAM)) == {"publish"}


@pytest.mark.parametrize(("seams", "good"), [(0, False), (SEAMS_WANTED - 1, False), (SEAMS_WANTED, True)])
def test_few_seams_prove_nothing(seams: int, *, good: bool) -> None:
    stream = StreamStatus("demo/receiver", "x", seams=seams)
    verdict = judge(RECORDED, seen(FRAMES, FRAMES), stream)
    assert verdict.good is good
    assert verdict.short is not good
    assert not judge(RECORDED, seen(FRAMES[1:], FRAMES), stream).short


@pytest.mark.parametrize("step", [0, -40])
def test_times_that_do_not_rise_are_a_fault(step: int) -> None:
    audit = seen(FRAMES, FRAMES)
    audit.video(29 * 40 + step, flv.video_header("avc", key=False, cts_ms=0) + FRAMES[0], 0.0)
    assert "times" in bad(judge(RECORDED, audit, STREAM))


def test_nobody_at_the_receiver_is_a_fault() -> None:
    assert bad(judge(RECORDED, None, STREAM)) == {"publish"}
    assert bad(judge(RECORDED, seen(FRAMES, FRAMES), None)) == {"publish"}


@pytest.mark.parametrize("good", [True, False])
def test_the_verdict_can_be_read(capsys: pytest.CaptureFixture[str], *, good: bool) -> None:
    Console(width=80).print(judge(RECORDED, seen(FRAMES, FRAMES if good else []), STREAM))
    said = capsys.readouterr().out
    assert ("All of it holds" in said) is good
    assert ("Not all of it holds" in said) is not good
    assert "5 files delivered and confirmed (pong), 3 s behind" in said


async def test_recorded_frames_are_those_that_ffmpeg_reads(tmp_path: Path) -> None:
    """File after file, in the order given."""
    files = [make(tmp_path / f"{name}.mp4", Clip(gop=gop)) for name, gop in (("b", 5), ("a", 10))]
    found = await frames_of(files)
    for track in ("video", "audio"):
        assert found[track] == [payload_hash(packet.payload) for path in files for packet in demux(path, track)]
        assert len(found[track]) > 20


async def test_a_file_that_cannot_be_read_makes_the_verdict_bad(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").write_text("no film")
    found = await frames_of([tmp_path / "a.mp4"])
    assert found == {"video": [], "audio": []}
    assert not judge(found, seen(FRAMES, FRAMES), STREAM).good
