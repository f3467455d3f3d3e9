"""`destinations` lists the kinds of servers with their facts, in every width of terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ftp_stream.core.destinations import PRESETS

if TYPE_CHECKING:
    from tests.cli.conftest import Command


def test_each_kind_has_a_row_with_its_facts(command: Command) -> None:
    said = command("destinations")
    assert said.status == 0
    rows = {line.split()[0]: " ".join(line.split()[1:]) for line in said.out.splitlines()[2 : 2 + len(PRESETS)]}
    assert list(rows) == list(PRESETS)
    assert rows["youtube"] == "H.264 H.265 AV1 needed 44.1 kHz stereo 2 s, up to 4 yes 8-35 60 s no 23 d 1-15 s"
    assert rows["twitch"] == "H.264 needed 44.1 kHz stereo 2 s yes 6 - no 47.5 h 1-30 s"
    assert rows["ovenmediaengine"] == "H.264 needed 44.1 kHz stereo 2 s, up to 10 no - 3 s yes 23 d 1-30 s"
    assert rows["mediamtx"] == "H.264 H.265 AV1 - 44.1 kHz stereo 2 s, up to 10 yes - 10 s H.264 only 23 d 1-30 s"


def test_notes_hosts_and_bitrates_stand_below(command: Command) -> None:
    said = " ".join(command("destinations").out.split())
    for preset in PRESETS.values():
        assert " ".join(preset.note.split()) in said
        assert all(host in said for host in preset.hosts)
    assert "up to 1080p, 30 a second 10 8" in said


@pytest.mark.parametrize("width", [40, 60, 80, 112])
def test_a_narrow_terminal_loses_nothing(command: Command, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    """Where the table has no room each kind has lines of its own, and words are folded, not cut."""
    monkeypatch.setattr("ftp_stream.cli.common.out._width", width)
    said = command("destinations").out
    assert max(len(line) for line in said.splitlines()) <= width
    assert said.count("key frames") == len(PRESETS) + 1
    words = set(said.split())
    for preset in PRESETS.values():
        assert preset.name in words
    assert "…" not in said


@pytest.mark.parametrize("name", ["youtube", "SRS"])
def test_one_kind_can_be_asked_for_by_its_name(command: Command, name: str) -> None:
    said = command("destinations", name).out
    assert said.split()[0] == name.lower()
    assert said.count("key frames") == 2
    assert ("Bitrates of" in said) == (name == "youtube")
    assert "twitch" not in said


def test_an_unknown_name_is_told_with_those_that_are_known(command: Command) -> None:
    said = command("destinations", "yuotube")
    assert said.status == 2
    assert said.out == ""
    assert f"no preset 'yuotube': name one of {', '.join(PRESETS)}" in " ".join(said.err.split())


def test_what_the_settings_use_is_marked(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTMP_URL", "rtmp://192.0.2.1/app/key")
    monkeypatch.setenv("RTMP_PRESET", "srs")
    lines = command("destinations").out.splitlines()
    assert [line.split()[0] for line in lines if line.split()[1:2] == ["*"]] == ["srs"]
    assert [line.split()[-1] for line in lines if line.startswith("*")] == ["camera/192.0.2.1"]
    assert "*" not in command("destinations", "youtube").out
    assert "srs *" in command("destinations", "srs").out


@pytest.mark.parametrize("setting", ["RTMP_URL", "MAX_LAG"])
def test_without_usable_settings_nothing_is_marked(
    command: Command, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """Neither where no destination is set, nor where the settings are refused, which `check` tells."""
    monkeypatch.setenv(setting, "" if setting == "RTMP_URL" else "much")
    said = command("destinations")
    assert said.status == 0
    assert "*" not in said.out


def test_no_line_ends_in_spaces_in_a_pipe(command: Command) -> None:
    assert all(line == line.rstrip() for line in command("destinations").out.split("\n"))
