"""Settings that move mean what they meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream.config import load
from ftp_stream.install.takeover import moved, unmovable

HOME, CLONE, STATE = Path("/home/tech"), Path("/home/tech/ftp-stream"), Path("/var/lib/ftp-stream")
TOP = Path(__file__).resolve().parents[2]


def read(text: str, place: Path, home: Path) -> tuple[Path, Path | None, Path]:
    """Return inbox, archive and state as the program reads them from a file in ``place``."""
    (place / ".env").write_text(text, encoding="utf-8")
    settings = load({"HOME": str(home)}, place)
    return settings.cameras[0].watch_dir, settings.cameras[0].archive_dir, settings.state_dir


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("WATCH_DIR=~/camera_data", "WATCH_DIR=/home/tech/camera_data"),
        ("WATCH_DIR=videos", "WATCH_DIR=/home/tech/ftp-stream/videos"),
        ("WATCH_DIR=../videos", "WATCH_DIR=/home/tech/videos"),
        ("WATCH_DIR=/srv/gate", "WATCH_DIR=/srv/gate"),
        ("export WATCH_DIR='~/my cameras'  # here", "WATCH_DIR='/home/tech/my cameras'"),
        ("ARCHIVE_DIR=${HOME}/kept", "ARCHIVE_DIR=/home/tech/kept"),
        ("BASE=/srv\nWATCH_DIR=${BASE}/gate", "BASE=/srv\nWATCH_DIR=/srv/gate"),
        ("RTMP_CA_FILE=our.pem", "RTMP_CA_FILE=/home/tech/ftp-stream/our.pem"),
        ("SLATE_IMAGE=~/slate.png", "SLATE_IMAGE=/home/tech/slate.png"),
        ("RTMP_URL=rtmp://h/a/~k", "RTMP_URL=rtmp://h/a/~k"),
        ("WATCH_DIR=rtmp://h/a/k", "WATCH_DIR=rtmp://h/a/k"),
        ("ARCHIVE_DIR=", "ARCHIVE_DIR="),
        ("#WATCH_DIR=~/x", "#WATCH_DIR=~/x"),
    ],
)
def test_paths_are_written_in_full_and_nothing_else_changes(line: str, expected: str) -> None:
    text = f"# before\n\n{line}\n\n# after\nSTATE_DIR=/var/x\n"
    assert moved(text, CLONE, HOME, STATE) == f"# before\n\n{expected}\n\n# after\nSTATE_DIR=/var/x\n"


@pytest.mark.parametrize("text", ["", "MAX_LAG=1", "MAX_LAG=1\n"])
def test_the_place_of_the_journal_is_added(text: str) -> None:
    begin = "" if not text else "MAX_LAG=1\n"
    assert moved(text, CLONE, HOME, STATE) == f"{begin}\n# Journal and prepared files\nSTATE_DIR={STATE}\n"


def test_one_that_is_named_is_kept() -> None:
    assert moved("STATE_DIR=state\n", CLONE, HOME, STATE) == f"STATE_DIR={CLONE}/state\n"


def test_the_example_moves_as_it_is() -> None:
    text = (TOP / ".env.example").read_text(encoding="utf-8")
    expected = text.replace("~/camera_data", "/home/tech/camera_data")
    assert moved(text, CLONE, HOME, STATE).startswith(expected)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters="/$~"), min_size=1)


@given(name=NAMES, relative=st.booleans())
def test_any_name_leads_where_it_led(tmp_path_factory: pytest.TempPathFactory, name: str, *, relative: bool) -> None:
    """Read before and after the move, from another place and by another user."""
    place, other = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("etc")
    quoted = name.replace("\\", "\\\\").replace("'", "\\'")
    text = f"WATCH_DIR='{'' if relative else '~/'}{quoted}'\nARCHIVE_DIR=kept\n"
    before = read(text, place, HOME)
    after = read(moved(text, place, HOME, STATE), other, Path("/nonexistent"))
    assert after == (*before[:2], STATE)


def test_paths_of_the_tables_that_would_lead_elsewhere_are_told() -> None:
    toml = """
state_dir = "state"
[[camera]]
name = "gate"
watch_dir = "~/gate"
archive_dir = "/srv/kept"
[[camera.destination]]
url = "rtmp://h/a/k"
ca_file = "our.pem"
"""
    assert unmovable(toml, same_home=True) == ["state_dir = 'state'", "ca_file = 'our.pem'"]
    assert unmovable(toml, same_home=False) == ["state_dir = 'state'", "watch_dir = '~/gate'", "ca_file = 'our.pem'"]
