"""`status` shows what the running service told last."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ftp_stream.core.status import CameraStatus, Phase, Status, StreamStatus
from ftp_stream.shell import statusfile

if TYPE_CHECKING:
    from tests.cli.conftest import Command

STREAM = StreamStatus("gate/tv", "rtmp://tv/live/***", Phase.PLAYING, file="10-31.mp4", frames_sent=30)


@pytest.fixture
def running(place: Path) -> Status:
    """A service that runs: this process."""
    now = time.time()
    status = Status("1.2", os.getpid(), now - 60, now, (CameraStatus("gate", "/in", (STREAM,)),))
    (place / "state").mkdir()
    statusfile.write(place / "state", status)
    return status


def test_the_running_service_is_shown(command: Command, running: Status) -> None:
    said = command("status")
    assert said.status == 0
    assert f"pid {running.pid}" in said.out
    assert "playing" in said.out


def test_json_has_every_field(command: Command, running: Status) -> None:
    said = command("status", "--json")
    told = json.loads(said.out)
    assert said.status == 0
    assert told["running"] is True
    assert told["cameras"][0]["streams"][0]["frames_sent"] == 30
    assert told["pid"] == running.pid


def test_without_a_service_it_says_so_and_ends_with_1(command: Command) -> None:
    said = command("status")
    assert said.status == 1
    assert "no service runs" in said.out
    told = command("status", "--json")
    assert told.status == 1
    assert json.loads(told.out)["running"] is False


def test_watching_goes_on_until_ctrl_c(command: Command, running: Status, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look reads the file again, also after the service is gone."""
    looks: list[float] = []
    state = Path(os.environ["STATE_DIR"])
    module = import_module("ftp_stream.cli.status")  # its name in the package is the command's

    def sleep(seconds: float) -> None:
        looks.append(seconds)
        statusfile.write(state, replace(running, version=f"1.{len(looks)}", at=time.time()))
        if len(looks) == 2:
            statusfile.remove(state)
        if len(looks) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(module.time, "sleep", sleep)
    said = command("status", "--watch", "--json")
    assert said.status == 0
    told = [json.loads(line) for line in said.out.splitlines()]
    assert [each.get("version") for each in told] == ["1.2", "1.1", None]
