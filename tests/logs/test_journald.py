"""Log lines reach the journal as entries with fields; the real journal reads them in tests/booted."""

from __future__ import annotations

import io
import logging
import secrets
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from ftp_stream import logs
from ftp_stream.cli.common import complain
from ftp_stream.logs import journald
from ftp_stream.logs.journald import JournalHandler, encode, fields_of, goes_to_journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def made_of(event: str, level: str = "info", **fields: object) -> dict[str, str]:
    return fields_of({"event": event, "level": level, **fields})


def parse(datagram: bytes) -> dict[str, str]:
    """Read an entry by the words of the protocol's description."""
    found = {}
    while datagram:
        name, separator, _ = datagram.partition(b"\n")[0].partition(b"=")
        if separator:
            value, _, datagram = datagram[len(name) + 1 :].partition(b"\n")
        else:
            length = int.from_bytes(datagram[len(name) + 1 : len(name) + 9], "little")
            value, datagram = datagram[len(name) + 9 :][:length], datagram[len(name) + 9 + length :]
            assert datagram[:1] == b"\n"
            datagram = datagram[1:]
        found[name.decode()] = value.decode()
    return found


def test_an_event_becomes_fields_that_journalctl_can_select() -> None:
    found = made_of("destination_fault", "warning", camera="gate", stream="gate/youtube", retry_in=1.6)
    assert found["EVENT"] == "destination_fault"
    assert found["PRIORITY"] == "4"
    assert found["SYSLOG_IDENTIFIER"] == "ftp-stream"
    assert (found["CAMERA"], found["STREAM"], found["RETRY_IN"]) == ("gate", "gate/youtube", "1.6")
    assert found["MESSAGE"] == "destination_fault camera=gate stream=gate/youtube retry_in=1.6"


@pytest.mark.parametrize(
    ("level", "priority"), [("debug", "7"), ("info", "6"), ("warning", "4"), ("error", "3"), ("critical", "2")]
)
def test_levels_are_the_priorities_of_syslog(level: str, priority: str) -> None:
    assert made_of("ready", level)["PRIORITY"] == priority


def test_a_librarys_sentence_is_no_event() -> None:
    found = made_of("task x failed")
    assert "EVENT" not in found
    assert found["MESSAGE"] == "task x failed"


def test_a_person_reads_values_with_spaces_in_quotes_and_a_traceback_below() -> None:
    found = made_of("crashed", file="a b.mp4", name='"', escape="\x1b[2J", exception="Traceback\n  line\nOSError: x")
    first, *below = found["MESSAGE"].splitlines()
    assert first == 'crashed file="a b.mp4" name="\\"" escape="\\u001b[2J"'
    assert below == ["Traceback", "  line", "OSError: x"]


def test_no_field_takes_the_place_of_the_journals_own() -> None:
    found = made_of("ready", message="mine", priority=0, **{"_pid": 1, "1st": 2, "ä": 3})
    assert found["MESSAGE"].startswith("ready ")
    assert (found["MESSAGE_"], found["PRIORITY"], found["PRIORITY_"]) == ("mine", "6", "0")
    assert (found["PID"], found["ST"], found["FIELD"]) == ("1", "2", "3")


def test_the_datagram_is_that_of_the_protocols_description() -> None:
    """A value of one line after "=", one of several after its length, 64 bits little-endian."""
    assert encode({"MESSAGE": "one", "CAMERA": "gate"}) == b"MESSAGE=one\nCAMERA=gate\n"
    assert encode({"MESSAGE": "a\nb"}) == b"MESSAGE\n\x03\x00\x00\x00\x00\x00\x00\x00a\nb\n"


@given(st.dictionaries(st.sampled_from(["CAMERA", "FILE", "REASON"]), st.text()))
def test_any_text_comes_back(values: dict[str, str]) -> None:
    """But for what is no text at all, which is spelt out."""
    expected = {name: value.encode(errors="backslashreplace").decode() for name, value in values.items()}
    assert parse(encode(values)) == expected


def test_a_very_long_value_is_cut_between_two_characters() -> None:
    assert parse(encode({"MESSAGE": "x" + "ä" * 9000}))["MESSAGE"] == "x" + "ä" * 8191


# --- through the logging of a process ---------------------------------------------------------------------------------


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket in the journal's place."""
    monkeypatch.setattr(journald, "SOCKET", str(tmp_path / "socket"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
        end.bind(journald.SOCKET)
        end.settimeout(10)
        yield end


@pytest.fixture
def stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TextIO]:
    """Connected to the journal, as far as systemd says."""
    with (tmp_path / "stream").open("w") as file:
        status = (tmp_path / "stream").stat()
        monkeypatch.setenv("JOURNAL_STREAM", f"{status.st_dev}:{status.st_ino}")
        yield file


def test_under_systemd_lines_go_to_the_journal_by_themselves(journal: socket.socket, stream: TextIO) -> None:
    """Ours, and those of libraries, without any secret."""
    key = secrets.token_hex(8)
    logs.configure(stream=stream)
    logs.hide(key)
    structlog.get_logger().bind(camera="gate").warning("inbox_problem", problem=f"about {key}")
    found = parse(journal.recv(1 << 20))
    assert (found["CAMERA"], found["EVENT"], found["PRIORITY"]) == ("gate", "inbox_problem", "4")
    assert found["PROBLEM"] == "about ***"
    assert key not in repr(found)
    logging.getLogger("asyncio").error("task %s failed", "x")
    assert parse(journal.recv(1 << 20))["MESSAGE"] == "task x failed"


def test_a_format_that_was_asked_for_is_kept_under_systemd(stream: TextIO, tmp_path: Path) -> None:
    logs.configure(log_format="json", stream=stream)
    structlog.get_logger().info("ready")
    assert '"event": "ready"' in (tmp_path / "stream").read_text()


def test_a_stream_that_is_not_the_journals_is_told_from_it(
    stream: TextIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`JOURNAL_STREAM` is inherited by children whose output goes elsewhere."""
    assert goes_to_journal(stream)
    assert not goes_to_journal(io.StringIO())
    with (tmp_path / "file").open("w") as other:
        assert not goes_to_journal(other)
    monkeypatch.delenv("JOURNAL_STREAM")
    assert not goes_to_journal(stream)


def test_what_a_command_complains_of_has_the_priority_of_an_error(
    stream: TextIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As settings that are unusable: the service cannot start and no logging is set up."""
    monkeypatch.setattr(sys, "stderr", stream)
    complain("MAX_LAG = 'soon'\nMAX_RETRIES = 'many'")
    stream.flush()
    assert (tmp_path / "stream").read_text() == "<3>MAX_LAG = 'soon'\n<3>MAX_RETRIES = 'many'\n"


def test_without_a_journal_the_line_goes_to_the_stream_with_its_priority(stream: TextIO, tmp_path: Path) -> None:
    """As when journald restarts; systemd reads the number before each line."""
    handler = JournalHandler(stream, tmp_path / "nothing")
    record = logging.LogRecord("x", logging.ERROR, "", 0, "two\nlines", None, None)
    add_level, without_meta = structlog.stdlib.add_log_level, structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[add_level, without_meta, handler.render]))
    handler.emit(record)
    handler.close()
    assert (tmp_path / "stream").read_text() == "<3>two\n<3>lines\n"


def test_a_journal_that_stands_still_holds_up_nobody() -> None:
    """Neither its socket nor the stream takes any more: lines are lost, and the service goes on."""
    end, ours = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with end, ours, ours.makefile("w") as stuck:
        handler = JournalHandler(stuck, "/nowhere/socket")
        handler.setFormatter(structlog.stdlib.ProcessorFormatter(processors=[handler.render]))
        record = logging.LogRecord("x", logging.ERROR, "", 0, "x" * 1000, None, None)
        for _ in range(2000):
            handler.emit(record)
        handler.close()
        end.close()
        with suppress(OSError):
            stuck.close()
