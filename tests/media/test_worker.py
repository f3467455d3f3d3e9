"""The child's loop: one report per file whatever happens, on a socket that no library can disturb."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from tests.support.files import Clip, make

from ftp_stream.core.aac import DEFAULT_AUDIO
from ftp_stream.core.inspection import (
    PREFIX_BYTES,
    decode,
    decode_encoding_needed,
    decode_failure,
    decode_ready,
    lengths,
)
from ftp_stream.core.request import PrepareRequest, SlateRequest, encode_request
from ftp_stream.core.slate import decode_slate
from ftp_stream.errors import EncodingNeeded, SegmentRefused, StorageError
from ftp_stream.media import worker
from ftp_stream.media.avc import Like, configuration
from ftp_stream.model import Encoder, Form

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MEMORY = 512 * 1024**2
REQUEST = PrepareRequest(Form())


# --- a real child -----------------------------------------------------------------------------------------------------


@contextmanager
def child(*command: str) -> Iterator[tuple[socket.socket, subprocess.Popen[bytes]]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        argv = [sys.executable, "-I", *command]
        # whoever measures coverage would write a file at the end, which the child has given up the right to
        env = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        process = subprocess.Popen(argv, env=env, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        theirs.close()
        try:
            ours.settimeout(30)
            yield ours, process
        finally:
            process.kill()
            process.communicate()


def receive(parent: socket.socket) -> tuple[bytes, bytes]:
    header, columns = lengths(exactly(parent, PREFIX_BYTES))
    return exactly(parent, header), exactly(parent, columns)


def exactly(parent: socket.socket, count: int) -> bytes:
    got = b""
    while len(got) < count:
        more = parent.recv(count - len(got))
        assert more
        got += more
    return got


def ask(parent: socket.socket, path: Path, sidecar: Path, request: PrepareRequest = REQUEST) -> tuple[bytes, bytes]:
    file, aside = os.open(path, os.O_RDONLY), os.open(sidecar, os.O_WRONLY | os.O_CREAT)
    socket.send_fds(parent, [encode_request(request)], [file, aside])
    os.close(file)
    os.close(aside)
    return receive(parent)


def test_a_child_serves_one_file_after_another_until_its_parent_leaves(tmp_path: Path) -> None:
    movie, stream = make(tmp_path / "x.mp4", Clip(seconds=0.4)), make(tmp_path / "x.ts", Clip(seconds=0.4))
    text = tmp_path / "text"
    text.write_text("no video")
    with child("-m", "ftp_stream.media.worker", str(MEMORY)) as (parent, process):
        decode_ready(receive(parent)[0])
        for number, path in enumerate((movie, text, stream, movie)):
            sidecar = tmp_path / f"{number}.aside"
            header, columns = ask(parent, path, sidecar)
            failure = decode_failure(header)
            if path is text:
                assert isinstance(failure, SegmentRefused)
                continue
            assert failure is None
            size = sidecar.stat().st_size
            got = decode(header, columns, file_size=path.stat().st_size, sidecar_limit=size)
            assert (got.sidecar_size > 0) == (path is stream)
            assert got.sidecar_size == size
        parent.close()
        assert process.wait(30) == 0
        assert process.stdout
        assert process.stdout.read() == b""


def test_sound_is_encoded_by_a_child_that_has_given_up_its_rights(tmp_path: Path) -> None:
    """With as little memory as a child has, and twice: the file is opened afresh each time."""
    movie = make(tmp_path / "x.mov", Clip(audio="pcm_alaw", sample_rate=8000))
    request = PrepareRequest(Form(audio=DEFAULT_AUDIO))
    with child("-m", "ftp_stream.media.worker", str(MEMORY)) as (parent, _):
        decode_ready(receive(parent)[0])
        for number in range(2):
            sidecar = tmp_path / f"{number}.aside"
            header, columns = ask(parent, movie, sidecar, request)
            assert decode_failure(header) is None
            size = sidecar.stat().st_size
            got = decode(header, columns, file_size=movie.stat().st_size, sidecar_limit=size)
            assert (got.encoded_audio, got.audio, got.notes) == (True, DEFAULT_AUDIO, ())
            assert got.sidecar_size == size > 0


def test_the_same_child_makes_a_slate() -> None:
    record = configuration(Like(100, 0, 30, 640, 360, (1, 1)), 25, 1)
    nothing = os.open(os.devnull, os.O_RDWR)
    with child("-m", "ftp_stream.media.worker", str(MEMORY)) as (parent, _):
        decode_ready(receive(parent)[0])
        socket.send_fds(parent, [encode_request(SlateRequest(record, 12.0, "x", "es"))], [nothing, nothing])
        slate = decode_slate(*receive(parent))
        assert (slate.video.width, slate.video.height, slate.rate) == (640, 360, 12)
    os.close(nothing)


def test_a_service_that_is_told_to_end_costs_no_file_an_attempt(tmp_path: Path) -> None:
    """systemd sends SIGTERM to all its processes: a child that died of it would blame the file in its hand."""
    movie = make(tmp_path / "x.mp4", Clip(seconds=0.4))
    with child("-m", "ftp_stream.media.worker", str(MEMORY)) as (parent, process):
        decode_ready(receive(parent)[0])
        process.terminate()
        assert decode_failure(ask(parent, movie, tmp_path / "aside")[0]) is None


@pytest.mark.parametrize("encoder", [Encoder.X264, Encoder.NVENC, Encoder.QSV, Encoder.VAAPI, Encoder.V4L2M2M])
def test_a_child_that_may_encode_does_so_with_all_it_gave_up(tmp_path: Path, encoder: Encoder) -> None:
    """With threads; and where a hardware encoder is asked for, with its reason for not being used."""
    movie = make(tmp_path / "x.avi", Clip(video="mjpeg", pixels="yuvj420p", seconds=0.4))
    named = [] if encoder is Encoder.X264 else [encoder.value]
    request = PrepareRequest(Form(encoded=True, encoder=encoder), may_encode=True)
    with child("-m", "ftp_stream.media.worker", str(2 * 1024**3), "encode", *named) as (parent, _):
        decode_ready(receive(parent)[0])
        for number in range(2):
            header, columns = ask(parent, movie, tmp_path / f"{number}.aside", request)
            assert decode_failure(header) is None
            size = (tmp_path / f"{number}.aside").stat().st_size
            got = decode(header, columns, file_size=movie.stat().st_size, sidecar_limit=size)
            assert got.encoded_video
            assert 0 < got.encoding_seconds < 60
            assert len(got.table.gops) == 1
            assert (f"ENCODER={encoder.value}" in " ".join(got.notes)) == bool(named)


def test_a_child_says_that_pictures_must_be_encoded_where_it_may_not(tmp_path: Path) -> None:
    movie = make(tmp_path / "x.avi", Clip(video="mjpeg", pixels="yuvj420p", seconds=0.4))
    with child("-m", "ftp_stream.media.worker", str(MEMORY)) as (parent, _):
        decode_ready(receive(parent)[0])
        header, _ = ask(parent, movie, tmp_path / "aside", PrepareRequest(Form(encoded=True)))
        needed = decode_encoding_needed(header)
        assert isinstance(needed, EncodingNeeded)
        assert "mjpeg" in str(needed)
        assert (tmp_path / "aside").stat().st_size == 0


def test_what_a_library_prints_or_reads_does_not_disturb_the_reports() -> None:
    script = """
import os, sys
from ftp_stream.media import worker
from ftp_stream.media.avc import Like, configuration
from ftp_stream.model import Form
parent = worker._take_socket()
print("chatter", flush=True)
os.write(1, b"more")
assert sys.stdin.read() == "" and os.read(0, 1) == b""
parent.sendall(b"report")
"""
    with child("-c", script) as (parent, process):
        assert exactly(parent, 6) == b"report"
        assert parent.recv(1) == b""
        assert process.wait(30) == 0
        assert process.stdout
        assert process.stdout.read() == b"chatter\nmore"


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "reason", "storage"),
    [
        (SegmentRefused("it is odd", truncated=True), "it is odd", False),
        (MemoryError(), "more than the allowed 512 MiB", False),
        (OSError(errno.ENOSPC, "No space left"), "No space left", True),
        (OSError(errno.EDQUOT, "Quota exceeded"), "Quota exceeded", True),
        (OSError(errno.EFBIG, "File too large"), "File too large", False),
        (OSError(errno.EIO, "Input/output error"), "Input/output error", False),
        (ZeroDivisionError("why"), "ZeroDivisionError: why", False),
        (RecursionError(), "RecursionError", False),
    ],
)
def test_whatever_goes_wrong_is_that_files_report(
    tmp_path: Path,
    error: Exception,
    reason: str,
    storage: bool,  # noqa: FBT001 - expected answer
) -> None:
    def serve(*_: object) -> None:
        raise error

    file, aside = os.open(os.devnull, os.O_RDONLY), os.open(tmp_path / "aside", os.O_WRONLY | os.O_CREAT)
    report = b"".join(worker._answer(serve, REQUEST, file, aside, memory=MEMORY))
    failure = decode_failure(report[PREFIX_BYTES:])
    assert isinstance(failure, StorageError if storage else SegmentRefused)
    assert reason in str(failure)
    assert getattr(failure, "truncated", False) is getattr(error, "truncated", False)
    for fileno in (file, aside):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fileno)


def test_a_disk_that_fills_up_with_the_last_bytes_is_a_failed_disk() -> None:
    def serve(_: int, aside: object, __: object) -> None:
        aside.write(b"frames")  # type: ignore[attr-defined]

    file, full = os.open(os.devnull, os.O_RDONLY), os.open("/dev/full", os.O_WRONLY)
    report = b"".join(worker._answer(serve, REQUEST, file, full, memory=MEMORY))
    assert isinstance(decode_failure(report[PREFIX_BYTES:]), StorageError)
