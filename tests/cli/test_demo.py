"""`demo` shows the whole way at work, and its exit status can be believed."""

from __future__ import annotations

import signal
import tempfile
from importlib import import_module
from typing import TYPE_CHECKING

import pytest
from tests.cli.program import Program

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command


@pytest.fixture
def demo_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the demo makes its directories."""
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def test_a_run_over_five_seams_is_perfect_and_leaves_nothing(
    command: Command, demo_place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With files of two seconds instead of five, to save time."""
    monkeypatch.setattr(import_module("ftp_stream.cli.demo"), "_SEGMENT", 2)
    picture = demo_place / "inbox" / "demo.svg"
    said = command("demo", "--seconds", "20", "--picture", str(picture))
    assert said.status == 0, said.out + said.err
    for part in ("1 publish", "All of it holds", "none missing, none repeated, none out of order", "confirmed (pong)"):
        assert part in said.out
    drawn = picture.read_text()
    assert "All&#160;of&#160;it&#160;holds" in drawn
    assert "playing" in drawn
    assert "url(http" not in drawn
    assert list(demo_place.iterdir()) == [demo_place / "inbox"]


def test_ctrl_c_ends_it_with_what_was_proven_so_far(tmp_path: Path) -> None:
    with Program(tmp_path, "demo", TMPDIR=str(tmp_path)) as program:
        program.until(lambda: len(list(tmp_path.glob("ftp-stream-demo-*/inbox/*.mp4"))) > 0, "the first file")
        assert program.end(signal.SIGINT) == 1
        assert "nothing arrived at the receiver" in program.said or "Too short" in program.said
    assert not list(tmp_path.glob("ftp-stream-demo-*"))


def test_a_run_that_is_too_short_proves_nothing(command: Command, demo_place: Path) -> None:
    said = command("demo", "--seconds", "1")
    assert said.status == 1
    assert "Not all of it holds" in said.out
    assert "What the service said" in said.err
    assert list(demo_place.iterdir()) == [demo_place / "inbox"]
