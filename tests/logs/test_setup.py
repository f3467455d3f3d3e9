"""Log lines carry their fields, and never a secret."""

from __future__ import annotations

import io
import json
import logging
import secrets
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import structlog

from ftp_stream import logs


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def key() -> str:
    """A stream key that nothing else contains, with what URLs and JSON spell differently."""
    secret = secrets.token_urlsafe(9) + '"/ä ' + secrets.token_hex(4)
    logs.hide(secret)
    return secret


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_json_line_with_its_fields() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    structlog.get_logger().info("segment_begun", camera="gate", lag=74.5, file=Path("a/b.mp4"))
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {"event": "segment_begun", "level": "info", "camera": "gate", "lag": 74.5, "file": "a/b.mp4"}


def test_a_terminal_gets_readable_text() -> None:
    stream = Terminal()
    logs.configure(stream=stream)
    structlog.get_logger().warning("faulted", code="NetStream.Publish.BadName")
    (text,) = stream.getvalue().splitlines()
    assert "faulted" in text
    assert "NetStream.Publish.BadName" in text
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_the_format_can_be_forced(stream: io.StringIO) -> None:
    logs.configure(log_format="json", stream=stream)
    structlog.get_logger().info("ready")
    assert lines(stream)[0]["event"] == "ready"


def test_below_the_level_nothing_is_written() -> None:
    stream = io.StringIO()
    logs.configure(level="warning", stream=stream)
    structlog.get_logger().info("ready")
    logging.getLogger("asyncio").info("ready")
    assert stream.getvalue() == ""
    structlog.get_logger().warning("late")
    assert [line["event"] for line in lines(stream)] == ["late"]


def test_lines_and_warnings_of_libraries_come_out_alike() -> None:
    stream = io.StringIO()
    logs.configure(stream=stream)
    logging.getLogger("asyncio").error("task %s failed", "x")
    warnings.simplefilter("always")
    warnings.warn("old", stacklevel=1)
    first, second = lines(stream)
    assert (first["event"], first["level"]) == ("task x failed", "error")
    assert "old" in second["event"]


@pytest.mark.parametrize("stream_type", [io.StringIO, Terminal])
def test_a_secret_is_masked_wherever_it_stands(stream_type: type[io.StringIO], key: str) -> None:
    """In an event, a field, a nested field, a name, an object's text and an exception, in every spelling."""
    stream = stream_type()
    logs.configure(stream=stream)
    log = structlog.get_logger()
    sentence = f"connecting to rtmp://host/app/{key}"
    log.info(sentence, url=f"rtmp://host/app/{quote(key)}")
    log.info("nested", words={"a": [{"b": (key, Path(key))}], key: key}, error=OSError(key))
    logging.getLogger("library").warning("said %s", key)
    try:
        int(key)  # says what it was given
    except ValueError:
        log.exception("fault")
    written = stream.getvalue()
    for spelling in (key, quote(key), quote(key, safe=""), json.dumps(key)[1:-1], repr(key)[1:-1]):
        assert spelling not in written
    assert written.count(logs.MASK) >= 8
    assert "rtmp://host/app/***" in written


def test_a_crash_is_told_without_the_secret() -> None:
    key = secrets.token_hex(12)
    program = (
        "import sys; from ftp_stream import logs; logs.hide(sys.stdin.read()); logs.configure();"
        "raise RuntimeError(next(iter(logs.masking._secrets._spellings)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=key, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "RuntimeError: ***" in done.stderr
    assert key not in done.stdout + done.stderr


def test_a_key_that_is_a_common_word_leaves_the_names_of_fields_alone() -> None:
    stream = io.StringIO()
    logs.hide("camera")
    logs.configure(stream=stream)
    structlog.get_logger().info("ready", camera="camera 1")
    (line,) = lines(stream)
    assert line["camera"] == "*** 1"
