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
    assert rows["youtube"] == "H.264 H.265 AV1 needed 2 s, up to 4 yes 8-35 60 s no 23 d"
    assert rows["twitch"] == "H.264 needed 2 s yes 6 - no 47.5 h"
    assert rows["ovenmediaengine"] == "H.264 needed 2 s, up to 10 no - 3 s yes 23 d"
    assert rows["mediamtx"] == "H.264 H.265 AV1 - 2 s, up to 10 yes - 10 s H.264 only 23 d"


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
