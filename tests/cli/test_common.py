"""What holds for all commands."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ftp_stream import __version__
from ftp_stream.cli import app

if TYPE_CHECKING:
    from tests.cli.conftest import Command

COMMANDS = ["run", "demo", "plan", "check", "destinations", "status", "inspect", "receive", "test-stream", "version"]


def test_help_has_a_whole_line_for_every_command(command: Command) -> None:
    said = command("--help")
    assert said.status == 0
    lines = {line.split()[0]: line for line in said.out.partition("Commands:")[2].splitlines() if line.strip()}
    assert sorted(lines) == sorted(COMMANDS)
    assert all(line.endswith(".") and not line.endswith("...") for line in lines.values())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(command: Command, name: str) -> None:
    said = command(name, "-h")
    assert said.status == 0
    assert f"ftp-stream {name}" in said.out


def test_version_names_what_runs(command: Command) -> None:
    assert command("version").out.startswith(f"ftp-stream {__version__} (Python 3.")


@pytest.mark.parametrize("arguments", [["fly"], ["plan", "--fly"], ["inspect"]])
def test_a_wrong_call_ends_with_2(command: Command, arguments: list[str]) -> None:
    said = command(*arguments)
    assert said.status == 2
    assert said.err


@pytest.mark.parametrize("name", ["run", "plan", "check", "status", "test-stream"])
def test_a_bad_setting_ends_with_2_and_clear_words(
    command: Command, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """No traceback: the setting, its value and what is allowed."""
    monkeypatch.setenv("MAX_LAG", "soon")
    said = command(name)
    assert said.status == 2
    assert "MAX_LAG = 'soon'" in said.err
    assert "number of seconds" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("name", ["run", "check", "plan"])
def test_a_bad_url_is_told_without_its_key(command: Command, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    key = secrets.token_hex(8)
    monkeypatch.setenv("RTMP_URL", f"http://tv.example/live/{key}")
    said = command(name)
    assert said.status == 2
    assert "RTMP_URL" in said.err
    assert key not in said.out + said.err


def test_the_entry_points_are_one_program() -> None:
    """`python -m ftp_stream`, `streamer.py` and the installed command."""
    root = Path(__file__).parents[2]
    bad = [[sys.executable, "-m", "ftp_stream", "run", "--fly"], [sys.executable, "streamer.py", "--fly"]]
    said = [subprocess.run(each, cwd=root, capture_output=True, text=True, check=False) for each in bad]
    assert {each.returncode for each in said} == {2}
    assert all("--fly" in each.stderr and "ftp-stream run" in each.stderr for each in said)
    assert app.registered_commands
