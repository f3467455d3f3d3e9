"""`receive` shows what any publisher sends."""

from __future__ import annotations

import signal
import socket
from typing import TYPE_CHECKING

import pytest
from tests.cli.program import Program

from ftp_stream.rtmp import flv

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Command


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_publish_is_shown_and_recorded(tmp_path: Path) -> None:
    """The publisher is `test-stream`; the key is shown nowhere."""
    port = free_port()
    (tmp_path / "receiver").mkdir()
    (tmp_path / "publisher").mkdir()
    record = tmp_path / "o.flv"
    with Program(
        tmp_path / "receiver", "receive", "--listen", f"127.0.0.1:{port}", "--record", str(record)
    ) as receiver:
        receiver.says("Publish to")
        url = f"rtmp://127.0.0.1:{port}/cams/gardenkey"
        with Program(tmp_path / "publisher", "test-stream", "--seconds", "3", RTMP_URL=url, STATE_DIR="s") as publisher:
            assert publisher.process.wait(60) == 0, publisher.said
        assert receiver.end(signal.SIGINT) == 0
        said = receiver.said
    assert "cams/***" in said
    assert "avc" in said
    assert "aac" in said
    assert "gardenkey" not in said
    tags = list(flv.read_tags(record.read_bytes()))
    assert len(tags) > 50


@pytest.mark.parametrize("listen", ["", "1935", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536"])
def test_an_address_that_is_none_ends_with_2(command: Command, listen: str) -> None:
    said = command("receive", "--listen", listen)
    assert said.status == 2
    assert "ADDRESS:PORT" in said.err


def test_a_port_in_use_ends_with_2(command: Command) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        said = command("receive", "--listen", f"127.0.0.1:{held.getsockname()[1]}")
    assert said.status == 2
    assert "cannot listen" in said.err
