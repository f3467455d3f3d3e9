"""A clone and a machine of our own to install on: every place of the layout lies in a directory of the test."""

from __future__ import annotations

import os
import pwd
from typing import TYPE_CHECKING

import pytest

from ftp_stream.install import layout

if TYPE_CHECKING:
    from pathlib import Path

PLACES = (
    "UNIT",
    "DROP_INS",
    "SETTINGS",
    "DOTENV",
    "TABLES",
    "KEPT_UNIT",
    "STATE",
    "PROGRAM",
    "CURRENT",
    "MADE_USER",
    "COMMAND",
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where / is."""
    made = tmp_path / "root"
    for name in PLACES:
        place = made / getattr(layout, name).relative_to("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        monkeypatch.setattr(layout, name, place)
    layout.SETTINGS.rmdir()
    layout.PROGRAM.rmdir()
    return made


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    made = tmp_path / "clone"
    made.mkdir()
    return made


@pytest.fixture
def me() -> str:
    return pwd.getpwuid(os.geteuid()).pw_name
