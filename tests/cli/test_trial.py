"""`test-stream` tells each step, and what is wrong where one fails."""

from __future__ import annotations

import os
import secrets
import socket
import time
from typing import TYPE_CHECKING

from tests.cli.test_check import receiving

from ftp_stream.core.status import CameraStatus, Status, StreamStatus
from ftp_stream.rtmp.habits import MEDIAMTX
from ftp_stream.shell import statusfile

if TYPE_CHECKING:
    from pathlib import Path

    import pytest
    from tests.cli.conftest import Command

    from ftp_stream.shell.receiver import ReceiverEvent

STEPS = [
    "test picture made",
    "name resolved",
    "TCP connected",
    "RTMP handshake done",
    "application accepted",
    "publish accepted",
    "media flowing",
    "server confirms (it answers our pings)",
]


def test_every_step_is_told_with_its_time(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[ReceiverEvent] = []
    key = secrets.token_hex(8)
    with receiving(events) as receiver:
        monkeypatch.setenv("RTMP_URL", receiver.url("live", key))
        said = command("test-stream", "--seconds", "4")
        [audit] = receiver.audits.values()
    assert said.status == 0, said.out + said.err
    lines = [line for line in said.out.splitlines() if line.startswith("✔")]
    assert [line[2:].rstrip(" 0123456789.ms") for line in lines] == STEPS
    assert all(line.endswith((" ms", " s")) for line in lines)
    assert key not in said.out + said.err
    assert audit.publish_count == 1
    assert audit.current.video.frames > 50


def test_without_a_destination_the_built_in_receiver_takes_it(command: Command) -> None:
    said = command("test-stream", "--seconds", "1")
    assert said.status == 0
    assert "set RTMP_URL" in said.out


def test_a_dead_server_is_told_with_step_and_cure(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("RTMP_URL", f"rtmp://127.0.0.1:{held.getsockname()[1]}/live/{secrets.token_hex(8)}")
        said = command("test-stream")
    assert said.status == 1
    assert "✖ tcp:" in said.out
    assert "likely cure: nothing listens there" in said.out


def test_a_refused_publish_is_told_in_the_servers_words(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[ReceiverEvent] = []
    with receiving(events, admit=lambda _request: False, habits=MEDIAMTX) as receiver:
        monkeypatch.setenv("RTMP_URL", receiver.url("live", secrets.token_hex(8)))
        said = command("test-stream")
    assert said.status == 1
    assert "the server says: NetStream.Publish.Unauthorized" in said.out
    assert "likely cure:" in said.out


def test_a_stream_that_the_service_publishes_is_not_disturbed(
    command: Command, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RTMP_URL", f"rtmp://tv.invalid/live/{secrets.token_hex(8)}")
    now = time.time()
    streams = (StreamStatus("camera/tv.invalid", "rtmp://tv.invalid/live/***"),)
    (place / "state").mkdir()
    statusfile.write(place / "state", Status("1", os.getpid(), now, now, (CameraStatus("camera", "/in", streams),)))
    said = command("test-stream")
    assert said.status == 2
    assert "stop it first" in said.err


def test_a_stream_can_be_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RTMP_URL", f"rtmp://tv.invalid/live/{secrets.token_hex(8)}")
    said = command("test-stream", "--stream", "gate/tv")
    assert said.status == 2
    assert "there are camera/tv.invalid" in said.err
