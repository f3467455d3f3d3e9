"""The pool: real files through real children; children that crash, hang, lie; waiters that come and go."""

from __future__ import annotations

import asyncio
import os
import secrets
import struct
import sys
import textwrap
import time
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.files import Clip, make
from tests.support.prepared import prepare_file

from ftp_stream.core.aac import DEFAULT_AUDIO
from ftp_stream.core.request import SlateRequest
from ftp_stream.errors import EncodingNeeded, SegmentRefused, StorageError
from ftp_stream.media.avc import Like, configuration
from ftp_stream.media.slate import make_slate
from ftp_stream.model import Encoder, FileFact, FileId, Form, Source, VideoCodec
from ftp_stream.shell.preparer import Preparer, lanes, slates
from ftp_stream.shell.preparer.descriptor import digest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

CLIP = Clip(seconds=0.4)
SEGFAULT = "os.kill(os.getpid(), signal.SIGSEGV)"


def fact(root: Path, name: str) -> FileFact:
    status = os.lstat(root / name)
    return FileFact(name, FileId(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


@pytest.fixture
def movie(inbox: Path) -> FileFact:
    make(inbox / "movie.mp4", CLIP)
    return fact(inbox, "movie.mp4")


@asynccontextmanager
async def preparing(tmp_path: Path, **options: object) -> AsyncIterator[Preparer]:
    async with Preparer(tmp_path / "state", **options) as preparer:
        yield preparer


def sidecars(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "state" / "sidecars").iterdir())


async def refused(preparer: Preparer, root: Path, file: FileFact) -> SegmentRefused:
    with pytest.raises(SegmentRefused) as caught:
        await preparer.prepare(root, file)
    return caught.value


# --- files ------------------------------------------------------------------------------------------------------------


async def test_a_segment_is_what_the_walk_finds(tmp_path: Path, inbox: Path, movie: FileFact) -> None:
    expected = prepare_file(inbox / movie.path)
    async with preparing(tmp_path) as preparer:
        segment = await preparer.prepare(inbox, movie)
        assert (segment.path, segment.file, segment.sidecar) == (movie.path, movie.id, "")
        assert segment.table == expected.table
        assert (segment.container, segment.whole, segment.notes) == ("mov", True, ())
        assert segment.video.record == expected.found.record
        assert segment.audio
        assert segment.audio.record == expected.found.audio_record
        assert sidecars(tmp_path) == []


async def test_a_sidecar_lives_until_it_is_discarded(tmp_path: Path, inbox: Path) -> None:
    expected = prepare_file(make(inbox / "movie.ts", CLIP))
    async with preparing(tmp_path) as preparer:
        segment = await preparer.prepare(inbox, fact(inbox, "movie.ts"))
        assert sidecars(tmp_path) == [Path(segment.sidecar)]
        aside = sidecars(tmp_path)[0].read_bytes()
        table = segment.table
        assert {flag & 3 for flag in table.flags} == {int(Source.SIDECAR)}
        payloads = [aside[at : at + size] for at, size in zip(table.position, table.size, strict=True)]
        assert payloads == expected.payloads
        preparer.discard(segment)
        preparer.discard(segment)
        await until(lambda: not sidecars(tmp_path))


async def test_no_sidecar_outlives_the_pool_or_a_crash_of_the_service(
    tmp_path: Path, inbox: Path, movie: FileFact
) -> None:
    left = tmp_path / "state" / "sidecars" / secrets.token_hex(4)
    left.parent.mkdir(parents=True)
    left.write_bytes(b"of an earlier run")
    make(inbox / "movie.ts", CLIP)
    async with preparing(tmp_path) as preparer:
        assert sidecars(tmp_path) == []
        await preparer.prepare(inbox, movie)
        await preparer.prepare(inbox, fact(inbox, "movie.ts"))
        assert len(sidecars(tmp_path)) == 1
    assert sidecars(tmp_path) == []


async def test_pictures_are_encoded_by_children_of_their_own(tmp_path: Path, inbox: Path, movie: FileFact) -> None:
    """Once for each form however many ask, and while no other file waits for it."""
    make(inbox / "mjpeg.avi", replace(CLIP, video="mjpeg", pixels="yuvj420p"))
    file, form = fact(inbox, "mjpeg.avi"), Form(encoded=True)
    async with preparing(tmp_path, children=1) as preparer:
        first, second, other = await asyncio.gather(
            preparer.prepare(inbox, file, form), preparer.prepare(inbox, file, form), preparer.prepare(inbox, movie)
        )
        assert first is second
        assert first.encoded_video
        assert not other.encoded_video
        assert (first.form, first.video.codec) == (form, VideoCodec.AVC)
        assert sidecars(tmp_path) == [Path(first.sidecar)]
        assert "mjpeg" in (await refused(preparer, inbox, file)).reason


async def test_who_only_looks_hears_that_it_must_be_encoded(tmp_path: Path, inbox: Path) -> None:
    make(inbox / "a.avi", Clip(video="mjpeg", pixels="yuvj420p", seconds=0.4, width=160, height=120))
    async with preparing(tmp_path, encodes=False) as preparer:
        with pytest.raises(EncodingNeeded, match="mjpeg") as caught:
            await preparer.prepare(inbox, fact(inbox, "a.avi"), Form(encoded=True))
        assert (caught.value.codec, caught.value.width, caught.value.height) == ("mjpeg", 160, 120)
        assert sidecars(tmp_path) == []


async def test_what_is_asked_for_first_is_encoded_first(tmp_path: Path, inbox: Path) -> None:
    """Also where a look at what comes later is quicker: a stream waits for the first."""
    command = misbehaving(
        tmp_path,
        f"""
            from ftp_stream.core.inspection import encode_encoding_needed
            from ftp_stream.errors import EncodingNeeded
            size = os.fstat(files[0]).st_size
            if "encode" in sys.argv:
                with open({str(tmp_path / "order")!r}, "a") as order:
                    order.write(f"{{size}} ")
                say(*encode_failure("done"))
            else:
                if size == 1:
                    time.sleep(0.5)
                say(*encode_encoding_needed(EncodingNeeded("it must be")))""",
    )
    for size in (1, 2):
        (inbox / f"{size}.mp4").write_bytes(bytes(size))
    async with preparing(tmp_path, command=command) as preparer:
        files = [fact(inbox, f"{size}.mp4") for size in (1, 2)]
        await asyncio.gather(*(preparer.prepare(inbox, file) for file in files), return_exceptions=True)
    assert (tmp_path / "order").read_text().split() == ["1", "2"]


@pytest.mark.parametrize(
    ("encoder", "arguments"),
    [(Encoder.AUTO, []), (Encoder.X264, []), (Encoder.NVENC, ["nvenc"]), (Encoder.VAAPI, ["vaapi"])],
)
async def test_a_child_is_told_for_which_encoder_it_keeps_rights(
    tmp_path: Path, inbox: Path, movie: FileFact, encoder: Encoder, arguments: list[str]
) -> None:
    deed = """
            from ftp_stream.core.inspection import encode_encoding_needed
            from ftp_stream.errors import EncodingNeeded
            encodes = "encode" in sys.argv
            needed = encode_encoding_needed(EncodingNeeded("it must be"))
            say(*(encode_failure(" ".join(sys.argv[2:])) if encodes else needed))"""
    async with preparing(tmp_path, children=1, command=misbehaving(tmp_path, deed)) as preparer:
        with pytest.raises(SegmentRefused) as caught:
            await preparer.prepare(inbox, movie, Form(encoder=encoder))
    assert caught.value.reason == " ".join(["encode", *arguments])


@pytest.mark.parametrize(
    "name",
    ["10:30.mp4", "-i.mp4", "a b'ü%d.mp4", "concat:x.mp4", "deep/er/x.mp4", os.fsdecode(b"caf\xe9.mp4"), "fd:.mp4"],
)
async def test_any_name_may_be_a_file(tmp_path: Path, inbox: Path, name: str) -> None:
    made = make(tmp_path / "made.mp4", CLIP)
    (inbox / name).parent.mkdir(parents=True, exist_ok=True)
    made.rename(inbox / name)
    async with preparing(tmp_path) as preparer:
        assert (await preparer.prepare(inbox, fact(inbox, name))).path == name


async def test_what_is_refused_says_why(tmp_path: Path, inbox: Path) -> None:
    whole = make(inbox / "whole.mp4", CLIP).read_bytes()
    (inbox / "cut.mp4").write_bytes(whole[:-100])
    make(inbox / "sound.mp4", Clip(seconds=0.4, video=""))
    (inbox / "text.mp4").write_text("not a video at all")
    (inbox / "empty.mp4").write_bytes(b"")
    async with preparing(tmp_path) as preparer:
        for name, reason, truncated in (
            ("cut.mp4", "cut off", True),
            ("sound.mp4", "no video", False),
            ("text.mp4", "FFmpeg cannot read it", False),
            ("empty.mp4", "it is empty", True),
        ):
            failure = await refused(preparer, inbox, fact(inbox, name))
            assert reason in failure.reason
            assert failure.truncated is truncated
        assert sidecars(tmp_path) == []


async def test_only_a_file_of_the_inbox_is_opened(tmp_path: Path, inbox: Path) -> None:
    """Links, pipes and directories are refused, and none makes the service wait."""
    outside = tmp_path / "outside"
    outside.mkdir()
    make(outside / "x.mp4", CLIP)
    (inbox / "link.mp4").symlink_to(outside / "x.mp4")
    (inbox / "dir").symlink_to(outside)
    os.mkfifo(inbox / "pipe.mp4")
    (inbox / "folder.mp4").mkdir()
    async with preparing(tmp_path) as preparer:
        for name in ("link.mp4", "dir/x.mp4", "pipe.mp4", "folder.mp4", "gone.mp4"):
            known = fact(outside, "x.mp4").id
            failure = await refused(preparer, inbox, FileFact(name, known))
            assert "cannot be opened" in failure.reason or "not a file" in failure.reason


@pytest.mark.parametrize("change", ["mtime", "size", "other"])
async def test_another_version_of_the_file_is_not_taken_for_it(
    tmp_path: Path, inbox: Path, movie: FileFact, change: str
) -> None:
    path = inbox / movie.path
    if change == "mtime":
        os.utime(path, ns=(0, 5))
    elif change == "size":
        with path.open("ab") as file:
            file.write(b"x")
    else:
        content = path.read_bytes()
        path.rename(tmp_path / "old.mp4")
        path.write_bytes(content)
        os.utime(path, ns=(0, movie.id.mtime_ns))
    async with preparing(tmp_path) as preparer:
        failure = await refused(preparer, inbox, movie)
        assert "changed" in failure.reason
        assert failure.truncated


# --- what is the same -------------------------------------------------------------------------------------------------


async def test_the_same_content_has_the_same_digest_under_another_name_and_in_another_form(
    tmp_path: Path, inbox: Path, movie: FileFact
) -> None:
    (inbox / "copy (1).mp4").write_bytes((inbox / movie.path).read_bytes())
    async with preparing(tmp_path) as preparer:
        one = await preparer.prepare(inbox, movie)
        other = await preparer.prepare(inbox, fact(inbox, "copy (1).mp4"))
        again = await preparer.prepare(inbox, movie, Form(other_audio=DEFAULT_AUDIO))
    assert one.file != other.file
    assert one.digest == other.digest == again.digest != b""


@pytest.mark.parametrize("change", ["a byte of a frame", "more bytes"])
async def test_another_content_has_another_digest(tmp_path: Path, inbox: Path, movie: FileFact, change: str) -> None:
    content = bytearray((inbox / movie.path).read_bytes())
    async with preparing(tmp_path) as preparer:
        one = await preparer.prepare(inbox, movie)
        if change == "more bytes":
            content += struct.pack(">I4s", 8, b"free")
        else:
            content[one.table.position[0] + one.table.size[0] - 1] ^= 1
        (inbox / "other.mp4").write_bytes(content)
        other = await preparer.prepare(inbox, fact(inbox, "other.mp4"))
    assert other.table.dts_us == one.table.dts_us
    assert one.digest != other.digest


def test_a_large_file_is_known_by_its_size_and_by_places_all_over_it(tmp_path: Path) -> None:
    """Whatever differs in one of them is another content; so is one byte more or less."""
    path, size = tmp_path / "large", 50_000_000
    with path.open("w+b") as file:
        file.truncate(size)
        whole = digest(file.fileno(), size)
        assert digest(file.fileno(), size) == whole
        places = [(size - 4096) * block // 63 for block in range(64)]
        for at in (0, 4095, *(place + 2048 for place in places), size - 1):
            file.seek(at)
            file.write(b"x")
            file.flush()
            assert digest(file.fileno(), size) != whole
            file.seek(at)
            file.write(b"\0")
            file.flush()
        assert digest(file.fileno(), size) == whole
        for other in (size - 1, size + 1):
            file.truncate(other)
            assert digest(file.fileno(), other) != whole


@pytest.mark.parametrize("size", [1, 4095, 4096, 4097, 100_000])
def test_a_small_file_is_known_by_all_of_it(tmp_path: Path, size: int) -> None:
    content = bytearray(secrets.token_bytes(size))
    found = {digest_of(tmp_path, content)}
    for at in range(0, size, max(1, size // 50)):
        content[at] ^= 1
        found.add(digest_of(tmp_path, content))
        content[at] ^= 1
    assert len(found) == 1 + len(range(0, size, max(1, size // 50)))


def digest_of(tmp_path: Path, content: bytes | bytearray) -> bytes:
    path = tmp_path / "small"
    path.write_bytes(content)
    with path.open("rb") as file:
        return digest(file.fileno(), len(content))


def test_a_disk_that_fails_is_not_the_files_fault(tmp_path: Path) -> None:
    directory = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(StorageError, match="cannot read the segment"):
            digest(directory, 100)
    finally:
        os.close(directory)


# --- waiters ----------------------------------------------------------------------------------------------------------


async def test_a_file_asked_for_twice_at_once_is_prepared_once(tmp_path: Path, inbox: Path) -> None:
    make(inbox / "x.ts", CLIP)
    file = fact(inbox, "x.ts")
    async with preparing(tmp_path) as preparer:
        one, two = await asyncio.gather(preparer.prepare(inbox, file), preparer.prepare(inbox, file))
        assert one is two
        assert len(sidecars(tmp_path)) == 1
        later = await preparer.prepare(inbox, file)
        assert later is not one
        assert later.table == one.table


async def test_many_files_at_once(tmp_path: Path, inbox: Path) -> None:
    names = [f"{number}.mp4" for number in range(12)]
    for name in names:
        make(inbox / name, Clip(seconds=0.2, audio=""))
    async with preparing(tmp_path) as preparer:
        segments = await asyncio.gather(*(preparer.prepare(inbox, fact(inbox, name)) for name in names))
    assert [segment.path for segment in segments] == names


async def test_one_waiter_may_leave(tmp_path: Path, inbox: Path, movie: FileFact) -> None:
    async with preparing(tmp_path) as preparer:
        leaves = asyncio.create_task(preparer.prepare(inbox, movie))
        stays = asyncio.create_task(preparer.prepare(inbox, movie))
        await asyncio.sleep(0)
        leaves.cancel()
        assert (await stays).path == movie.path
        with pytest.raises(asyncio.CancelledError):
            await leaves


async def test_what_is_discarded_last_goes_with_the_pool(tmp_path: Path, inbox: Path) -> None:
    names = [f"{number}.ts" for number in range(4)]
    for name in names:
        make(inbox / name, CLIP)
    async with preparing(tmp_path) as preparer:
        segments = [await preparer.prepare(inbox, fact(inbox, name)) for name in names]
        preparer.discard(segments[0])
        for segment in segments[1:]:
            preparer.discard(segment)
    assert sidecars(tmp_path) == []
    preparer.discard(segments[0])


async def test_all_waiters_may_leave_at_any_moment(tmp_path: Path, inbox: Path) -> None:
    """Nothing is left behind, and the file can be asked for again."""
    make(inbox / "x.ts", Clip(seconds=1))
    file = fact(inbox, "x.ts")
    async with preparing(tmp_path, children=1) as preparer:
        await preparer.prepare(inbox, file)
        for moment in range(8):
            task = asyncio.create_task(preparer.prepare(inbox, file))
            await asyncio.sleep(moment * 0.002)
            task.cancel()
            done, _ = await asyncio.wait([task])
            for each in done:
                if not each.cancelled():
                    preparer.discard(each.result())
        segment = await preparer.prepare(inbox, file)
        assert len(segment.table) > 25
        await until(lambda: len(sidecars(tmp_path)) == 2)


async def until(true: object) -> None:
    deadline = time.monotonic() + 20
    while not true():  # type: ignore[operator]
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


async def test_a_closed_pool_blames_no_file(tmp_path: Path, inbox: Path, movie: FileFact) -> None:
    preparer = Preparer(tmp_path / "state", command=misbehaving(tmp_path, "time.sleep(60)"))
    await preparer.__aenter__()
    tasks = [asyncio.create_task(preparer.prepare(inbox, movie)) for _ in range(2)]
    await until(lambda: sidecars(tmp_path))
    begun = time.monotonic()
    await preparer.__aexit__()
    assert time.monotonic() - begun < 5
    for task in tasks:
        with pytest.raises(StorageError, match="closed"):
            await task
    with pytest.raises(StorageError, match="closed"):
        await preparer.prepare(inbox, movie)


# --- children that misbehave ------------------------------------------------------------------------------------------


def misbehaving(tmp_path: Path, deed: str, *, ready: str = "say(*encode_ready([]))") -> list[str]:
    """The command of a child that is ready, and does the deed when it is given a file."""
    script = tmp_path / f"{secrets.token_hex(4)}.py"
    script.write_text(BEGIN + ready + WAIT + textwrap.indent(textwrap.dedent(deed).strip(), "    "))
    return [sys.executable, "-I", str(script)]


BEGIN = """
import json, os, signal, socket, struct, sys, time
from ftp_stream.core.inspection import encode_failure, encode_ready
parent = socket.socket(fileno=0)
def say(*buffers):
    for buffer in buffers:
        parent.sendall(buffer)
"""
WAIT = """
while len(files := socket.recv_fds(parent, 1 << 16, 2)[1]) == 2:
"""


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        (SEGFAULT, "its inspection crashed: signal 11 (SIGSEGV)"),
        ("os.kill(os.getpid(), 9)", "its inspection crashed: signal 9 (SIGKILL)"),
        ("sys.exit('word')", "its inspection ended with status 1: word"),
        ("os._exit(0)", "its inspection ended with status 0"),
        ("time.sleep(60)", "its inspection did not end within 0.5 s"),
        ("say(b'x'); time.sleep(60)", "its inspection did not end within 0.5 s"),
        ("parent.shutdown(2); time.sleep(60)", "its inspection broke off"),
        ("say(bytes(1000))", "damaged report"),
        ("say(b'\\xff' * 1000)", "damaged report"),
        ("say(struct.pack('=IQ', 2, 0), b'{}')", "damaged report"),
        ("say(struct.pack('=IQ', 2**31, 0))", "damaged report"),
        ("say(struct.pack('=IQ', 2, 2**50))", "damaged report"),
    ],
)
async def test_a_bad_child_is_that_files_failure_and_the_pool_goes_on(
    tmp_path: Path, inbox: Path, movie: FileFact, deed: str, reason: str
) -> None:
    async with preparing(tmp_path, children=1, deadline=0.5, command=misbehaving(tmp_path, deed)) as preparer:
        for _ in range(2):
            failure = await refused(preparer, inbox, movie)
            assert reason in failure.reason
            assert not failure.truncated
            assert sidecars(tmp_path) == []


async def test_after_a_crash_a_fresh_child_serves(tmp_path: Path, inbox: Path, movie: FileFact) -> None:
    deed = f"""
            if os.path.exists({str(tmp_path / "once")!r}):
                say(*encode_failure(str(os.getpid())))
                continue
            open({str(tmp_path / "once")!r}, "w").close()
            {SEGFAULT}"""
    async with preparing(tmp_path, children=1, command=misbehaving(tmp_path, deed)) as preparer:
        assert "signal 11" in (await refused(preparer, inbox, movie)).reason
        fresh = (await refused(preparer, inbox, movie)).reason
        assert fresh.isdigit()
        assert (await refused(preparer, inbox, movie)).reason == fresh  # it is kept


async def test_a_child_is_replaced_after_its_share_of_files(
    tmp_path: Path, inbox: Path, movie: FileFact, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "JOBS", 2)
    command = misbehaving(tmp_path, "say(*encode_failure(str(os.getpid())))")
    async with preparing(tmp_path, children=1, command=command) as preparer:
        pids = [(await refused(preparer, inbox, movie)).reason for _ in range(5)]
    assert pids[0] == pids[1] != pids[2] == pids[3] != pids[4]


async def test_a_report_that_names_bytes_outside_the_file_is_refused(
    tmp_path: Path, inbox: Path, movie: FileFact
) -> None:
    """A child that was taken over gets the service to read nothing."""
    deed = """
            from array import array
            from ftp_stream.core.frames import Columns
            from ftp_stream.core.inspection import Inspection, encode
            from ftp_stream.model import VideoCodec
            far = Columns(bytes([8]), array("q", [0]), array("q", [0]), array("q", [2**40]), array("q", [10]))
            say(*encode(Inspection("x", True, VideoCodec.AVC, b"\\x01", 1, 1, 1.0, b"", far, None, 0, ())))"""
    async with preparing(tmp_path, command=misbehaving(tmp_path, deed)) as preparer:
        assert "outside the file" in (await refused(preparer, inbox, movie)).reason


async def test_a_file_that_changes_under_a_crash_is_not_blamed_for_it(
    tmp_path: Path, inbox: Path, movie: FileFact
) -> None:
    """An upload that starts over cuts the file under the child's hands."""
    path = str(inbox / movie.path)
    deed = f"open({path!r}, 'w').close(); {SEGFAULT}"
    async with preparing(tmp_path, command=misbehaving(tmp_path, deed)) as preparer:
        failure = await refused(preparer, inbox, movie)
        assert "changed" in failure.reason
        assert failure.truncated


@pytest.mark.parametrize(
    ("ready", "words"),
    [
        ("sys.exit('no library')", "no library"),
        ("os.kill(os.getpid(), 11)", "EOFError"),
        ("say(b'garbage' * 9)", "SegmentRefused"),
    ],
)
async def test_a_child_that_cannot_start_is_no_files_fault(
    tmp_path: Path, inbox: Path, movie: FileFact, ready: str, words: str
) -> None:
    async with preparing(tmp_path, command=misbehaving(tmp_path, "pass", ready=ready)) as preparer:
        with pytest.raises(StorageError, match=f"cannot be started: .*{words}"):
            await preparer.prepare(inbox, movie)
        assert sidecars(tmp_path) == []


async def test_a_command_that_is_not_there(tmp_path: Path, inbox: Path, movie: FileFact) -> None:
    async with preparing(tmp_path, command=[str(tmp_path / "none")]) as preparer:
        with pytest.raises(StorageError, match="No such file"):
            await preparer.prepare(inbox, movie)


async def test_too_little_memory_to_start_is_told(tmp_path: Path, inbox: Path, movie: FileFact) -> None:
    async with preparing(tmp_path, memory=60 * 1024**2) as preparer:
        with pytest.raises(StorageError, match="cannot be started"):
            await preparer.prepare(inbox, movie)


async def test_a_full_disk_is_no_files_fault(tmp_path: Path, inbox: Path, movie: FileFact) -> None:
    command = misbehaving(tmp_path, "say(*encode_failure('no space', storage=True))")
    async with preparing(tmp_path, command=command) as preparer:
        with pytest.raises(StorageError, match="no space"):
            await preparer.prepare(inbox, movie)


async def test_a_state_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StorageError, match="cannot use"):
        await Preparer(tmp_path / "state").__aenter__()


# --- slates -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def request_() -> SlateRequest:
    return SlateRequest(
        configuration(Like(77, 0, 30, 320, 180, (1, 1)), 25, 1), 25.0, f"Cámara {secrets.token_hex(2)}", "es"
    )


def a_picture(path: Path, shade: int) -> Path:
    """Write a picture of one grey."""
    path.write_bytes(b"BM" + struct.pack("<IIIIiiHHIIiiII", 66, 0, 54, 40, 2, 2, 1, 24, 0, 0, 0, 0, 0, 0))
    with path.open("ab") as file:
        file.write(bytes([shade] * 6 + [0] * 2) * 2)
    return path


async def test_a_slate_is_made_once_for_all_who_ask_for_the_same(tmp_path: Path, request_: SlateRequest) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    expected = make_slate(nothing, request_)
    os.close(nothing)
    async with preparing(tmp_path) as preparer:
        one, two = await asyncio.gather(preparer.slate(request_), preparer.slate(request_))
        assert one == expected
        assert one is two is await preparer.slate(request_)
        assert await preparer.slate(replace(request_, name="another")) != one


async def test_a_slate_of_the_largest_pictures_finds_room_in_a_childs_memory(tmp_path: Path) -> None:
    record = configuration(Like(100, 0, 51, 3840, 2160, (1, 1)), 30, 1)
    async with preparing(tmp_path) as preparer:
        slate = await preparer.slate(SlateRequest(record, 30.0, "4K", "en"), a_picture(tmp_path / "image", 90))
    assert (slate.video.width, slate.video.height, slate.rate) == (3840, 2160, 30)


async def test_a_users_picture_that_changes_makes_another_slate(tmp_path: Path, request_: SlateRequest) -> None:
    async with preparing(tmp_path) as preparer:
        plain = await preparer.slate(request_)
        dark = await preparer.slate(request_, a_picture(tmp_path / "image", 20))
        assert dark is await preparer.slate(request_, tmp_path / "image")
        a_picture(tmp_path / "image", 200)
        os.utime(tmp_path / "image", (1, 1))
        light = await preparer.slate(request_, tmp_path / "image")
    assert len({repr(each.keys) for each in (plain, dark, light)}) == 3


@pytest.mark.parametrize(
    ("name", "words"),
    [("none", "SLATE_IMAGE=.*none cannot be opened: No such file"), ("", "it is not a file"), ("text", "SLATE_IMAGE")],
)
async def test_a_picture_that_is_none_is_refused_and_tried_again(
    tmp_path: Path, request_: SlateRequest, name: str, words: str
) -> None:
    (tmp_path / "text").write_text("no picture")
    async with preparing(tmp_path) as preparer:
        for _ in range(2):
            with pytest.raises(SegmentRefused, match=words):
                await preparer.slate(request_, tmp_path / name)
        await preparer.slate(request_)


@pytest.mark.parametrize(
    ("deed", "words"),
    [
        (SEGFAULT, "the slate cannot be made: its inspection crashed: signal 11"),
        ("time.sleep(60)", "the slate cannot be made: its inspection did not end within 0.5 s"),
        ("say(struct.pack('=IQ', 2, 0), b'{}')", "the slate cannot be made: .*damaged report"),
        ("say(*encode_failure('why'))", "the slate cannot be made: why"),
    ],
)
async def test_a_bad_child_makes_no_slate_and_the_next_one_may(
    tmp_path: Path, request_: SlateRequest, deed: str, words: str
) -> None:
    async with preparing(tmp_path, children=1, deadline=0.5, command=misbehaving(tmp_path, deed)) as preparer:
        for _ in range(2):
            with pytest.raises(SegmentRefused, match=words):
                await preparer.slate(request_)


async def test_a_slate_that_failed_is_made_when_it_is_asked_for_again(tmp_path: Path, request_: SlateRequest) -> None:
    command = misbehaving(tmp_path, "say(*encode_failure(str(time.monotonic_ns())))")
    async with preparing(tmp_path, command=command) as preparer:
        failures = set()
        for _ in range(2):
            with pytest.raises(SegmentRefused) as caught:
                await preparer.slate(request_)
            failures.add(caught.value.reason)
    assert len(failures) == 2


async def test_a_closed_pool_makes_no_slate(tmp_path: Path, request_: SlateRequest) -> None:
    begun = tmp_path / "begun"
    deed = f"open({str(begun)!r}, 'w').close(); time.sleep(60)"
    preparer = Preparer(tmp_path / "state", children=1, command=misbehaving(tmp_path, deed))
    await preparer.__aenter__()
    tasks = [
        asyncio.create_task(preparer.slate(each)) for each in (request_, request_, replace(request_, name="other"))
    ]
    await until(begun.exists)
    tasks.append(asyncio.create_task(preparer.slate(request_)))
    await asyncio.sleep(0)
    await preparer.__aexit__()
    for task in tasks:
        with pytest.raises(StorageError, match="closed"):
            await task
    with pytest.raises(StorageError, match="closed"):
        await preparer.slate(replace(request_, name="late"))


async def test_whoever_stops_waiting_for_a_slate_leaves_it_to_the_others(
    tmp_path: Path, request_: SlateRequest
) -> None:
    async with preparing(tmp_path) as preparer:
        gone = asyncio.create_task(preparer.slate(request_))
        stays = asyncio.create_task(preparer.slate(request_))
        await asyncio.sleep(0)
        gone.cancel()
        assert (await stays).rate == 25
        with pytest.raises(asyncio.CancelledError):
            await gone


async def test_few_slates_are_kept(tmp_path: Path, request_: SlateRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slates, "KEPT", 2)
    requests = [replace(request_, name=name) for name in "abc"]
    async with preparing(tmp_path) as preparer:
        first = [await preparer.slate(each) for each in requests]
        assert await preparer.slate(requests[1]) is first[1]
        assert await preparer.slate(requests[0]) is not first[0]
        assert await preparer.slate(requests[1]) is first[1]
        assert await preparer.slate(requests[2]) is not first[2]


# --- what a child gets ------------------------------------------------------------------------------------------------


async def test_no_secret_of_our_environment_reaches_a_child(
    tmp_path: Path, inbox: Path, movie: FileFact, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = secrets.token_hex(8)
    monkeypatch.setenv("RTMP_URL", f"rtmp://host/app/{key}")
    told = "say(*encode_failure(json.dumps([dict(os.environ), sys.argv, os.listdir('/proc/self/fd')])))"
    async with preparing(tmp_path, command=misbehaving(tmp_path, told)) as preparer:
        said = (await refused(preparer, inbox, movie)).reason
    assert "PATH" in said
    assert key not in said


async def test_at_most_so_many_work_at_once(tmp_path: Path, inbox: Path) -> None:
    log = tmp_path / "log"
    deed = f"""
            with open({str(log)!r}, "a") as file:
                print("begin", file=file, flush=True)
                time.sleep(0.05)
                print("end", file=file, flush=True)
            say(*encode_failure("done"))"""
    for number in range(8):
        (inbox / f"{number}.mp4").write_bytes(b"x")
    async with preparing(tmp_path, children=2, command=misbehaving(tmp_path, deed)) as preparer:
        files = [fact(inbox, f"{number}.mp4") for number in range(8)]
        await asyncio.gather(*(refused(preparer, inbox, file) for file in files))
    running, most = 0, 0
    for line in log.read_text().split():
        running += 1 if line == "begin" else -1
        most = max(most, running)
    assert most == 2


async def test_a_real_child_gives_up_what_this_system_lets_it(tmp_path: Path, inbox: Path, movie: FileFact) -> None:
    async with preparing(tmp_path) as preparer:
        await preparer.prepare(inbox, movie)
        for words in preparer.kept_rights:
            assert any(cannot in words for cannot in ("not permitted", "not implemented", "not supported", "unknown"))


async def test_children_end_with_the_pool(tmp_path: Path, inbox: Path, movie: FileFact) -> None:
    command = misbehaving(tmp_path, "say(*encode_failure(str(os.getpid())))")
    async with preparing(tmp_path, command=command) as preparer:
        pid = int((await refused(preparer, inbox, movie)).reason)
        os.kill(pid, 0)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
