"""`inspect` says what preparing makes of files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.files import Clip, make

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command


def told(out: str) -> dict[str, str]:
    lines = [line.strip() for line in out.splitlines() if line.startswith("  ")]
    return {name: words.strip() for name, _, words in (line.partition("  ") for line in lines)}


def test_what_matters_of_a_file_is_told(command: Command, place: Path) -> None:
    path = make(place / "a.mp4", Clip(seconds=2.0, rate=25, gop=10, width=64, height=48, sample_rate=48_000))
    said = command("inspect", str(path))
    assert said.status == 0
    facts = told(said.out)
    assert facts["video"].startswith("AVC 64x48, 25.00 pictures")
    assert facts["audio"].startswith("AAC 48 kHz, mono")
    assert facts["duration"].startswith("2.0")
    assert facts["GOPs"].startswith("5, of 0.40 / 0.40 / 0.4")
    assert facts["bytes"].endswith("read from the file itself")
    assert "container" in facts
    assert "Mbit/s" in facts["bitrate"]


def test_a_file_without_audio_and_one_that_is_made_over_are_told(command: Command, place: Path) -> None:
    said = command("inspect", str(make(place / "a.ts", Clip(audio=""))))
    assert said.status == 0
    assert "silence" in told(said.out)["audio"]
    assert "made into what RTMP carries" in told(said.out)["bytes"]


def test_other_audio_is_made_into_aac_as_the_service_does(command: Command, place: Path) -> None:
    path = make(place / "a.mov", Clip(audio="pcm_mulaw", sample_rate=8000))
    said = command("inspect", str(path))
    assert said.status == 0
    assert told(said.out)["audio"].startswith("pcm_mulaw 8000 Hz: made into AAC 44.1 kHz, stereo, ")
    assert told(said.out)["video"].startswith("AVC 64x48")


MJPEG = Clip(video="mjpeg", pixels="yuvj420p", audio="pcm_s16le", width=160, height=120)


@pytest.mark.parametrize("settings", ["", "VIDEO=auto\n", "VIDEO=h264\n", "MAX_LAG=never\n"])
def test_other_video_is_told_to_be_made_into_h264_as_the_service_does(
    command: Command, place: Path, settings: str
) -> None:
    """Also where the settings cannot be used."""
    (place / ".env").write_text(settings)
    said = command("inspect", str(make(place / "a.avi", MJPEG)), str(make(place / "b.mp4")))
    assert said.status == 0
    first, _, second = said.out.partition("b.mp4")
    assert told(first)["video"] == "MJPEG 160x120: made into H.264 (VIDEO=auto)"
    assert told(second)["video"].startswith("AVC 64x48")


def test_other_video_is_refused_where_everything_is_copied(command: Command, place: Path) -> None:
    (place / ".env").write_text("VIDEO=copy\n")
    said = command("inspect", str(make(place / "a.avi", MJPEG)))
    assert said.status == 1
    assert "refused: its video is mjpeg, which is not sent as it is: VIDEO=auto encodes it to H.264" in said.out


@pytest.mark.parametrize("bad", ["empty", "text", "missing", "directory", "audio"])
def test_one_bad_file_ends_with_1_and_the_others_are_told(command: Command, place: Path, bad: str) -> None:
    path = place / "bad.mp4"
    match bad:
        case "empty":
            path.touch()
        case "text":
            path.write_text("no film")
        case "directory":
            path.mkdir()
        case "audio":
            make(path, Clip(video=""))
    said = command("inspect", str(path), str(make(place / "good.mp4")))
    assert said.status == 1
    assert said.out.count("✖") == 1
    assert "AVC 64x48" in said.out
    assert not list((place).glob("state*"))


def test_names_cannot_command_the_terminal(command: Command, place: Path) -> None:
    path = place / "\x1b[2J.mp4"
    path.touch()
    assert "\x1b" not in command("inspect", str(path)).out
