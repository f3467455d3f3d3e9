"""Commands run in this process, in an empty directory with no settings of the machine."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import pytest
import structlog

from ftp_stream.cli import main
from ftp_stream.config.variables import NAMES
from ftp_stream.logs import masking

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """What a command said, and how it ended."""

    status: int
    out: str
    err: str


class Command(Protocol):
    def __call__(self, *arguments: str) -> Result: ...


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory with an inbox, where the commands run."""
    for name in NAMES:
        monkeypatch.delenv(name.upper(), raising=False)
    (tmp_path / "inbox").mkdir()
    monkeypatch.setenv("WATCH_DIR", str(tmp_path / "inbox"))
    monkeypatch.setenv("STATE_DIR", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(masking, "_secrets", masking.Secrets())
    hook = sys.excepthook
    yield tmp_path
    sys.excepthook = hook
    structlog.reset_defaults()


@pytest.fixture
def command(place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Runs ``ftp-stream ARGUMENTS`` and returns what it said."""
    assert place.is_dir()
    monkeypatch.setattr("ftp_stream.cli.common.out._width", 200)

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        said = capsys.readouterr()
        return Result(int(ended.value.code or 0), said.out, said.err)

    return run
