"""The reader of due frames, on real files."""

import asyncio
import os
import secrets
from array import array
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.support.descriptors import open_files

from ftp_stream.errors import StorageError
from ftp_stream.model import FrameTable, Row, Source
from ftp_stream.shell import frames
from ftp_stream.shell.frames import FrameReader, MemoryReader

SILENCE = memoryview(b"silence")


def table(*rows: tuple[int, int, int]) -> FrameTable:
    """Make a table of (flags, position, size) rows."""
    count = len(rows)
    return FrameTable(
        flags=bytes(flags for flags, _, _ in rows),
        dts_us=array("q", range(count)),
        cts_us=array("q", [0] * count),
        position=array("q", [position for _, position, _ in rows]),
        size=array("q", [size for _, _, size in rows]),
        gops=(0,),
        duration_us=count,
        audio_end_us=0,
    )


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as threads:
        yield threads


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    data = secrets.token_bytes(300_000)
    (tmp_path / "file").write_bytes(data)
    return data


def reader(tmp_path: Path, pool: Executor, sidecar: str = "", scratch: int = 0) -> FrameReader:
    return FrameReader(os.open(tmp_path / "file", os.O_RDONLY), sidecar, pool, memoryview(bytearray(scratch)))


@pytest.mark.parametrize("nowait", [True, False], ids=["page cache", "thread"])
async def test_each_row_gets_its_own_bytes(
    tmp_path: Path, pool: Executor, content: bytes, *, nowait: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From file, sidecar and silence, near and far, by the quick way and by the thread's."""
    if not nowait:
        monkeypatch.setattr(frames, "_NOWAIT", 0)
    side = secrets.token_bytes(1000)
    (tmp_path / "side").write_bytes(side)
    rows = table(
        (int(Source.FILE), 10, 100),
        (int(Source.FILE), 200_000, 50),
        (int(Source.SIDECAR), 900, 100),
        (int(Row.AUDIO) | int(Source.SILENCE), 0, 7),
        (int(Source.FILE), 110, 1),
    )
    found = await reader(tmp_path, pool, str(tmp_path / "side")).read(rows, 0, 5, SILENCE)
    assert [bytes(view) for view in found] == [
        content[10:110],
        content[200_000:200_050],
        side[900:1000],
        b"silence",
        content[110:111],
    ]


async def test_rows_of_one_read_share_its_memory(tmp_path: Path, pool: Executor, content: bytes) -> None:
    rows = table((int(Source.FILE), 0, 10), (int(Source.FILE), 10, 10))
    first, second = await reader(tmp_path, pool).read(rows, 0, 2, SILENCE)
    assert first.obj is second.obj
    assert bytes(first) + bytes(second) == content[:20]


@pytest.mark.parametrize("scratch", [0, 149_999, 150_000, 150_001])
async def test_what_does_not_fit_the_shared_memory_gets_its_own(
    tmp_path: Path, pool: Executor, content: bytes, scratch: int
) -> None:
    opened = reader(tmp_path, pool, scratch=scratch)
    rows = table((int(Source.FILE), 0, 150_000), (int(Source.FILE), 150_000, 150_000))
    [first] = await opened.read(rows, 0, 1, SILENCE)
    assert bytes(first) == content[:150_000]
    [second] = await opened.read(rows, 1, 2, SILENCE)
    assert bytes(second) == content[150_000:]
    assert (first.obj is second.obj) == (scratch >= 150_000)


async def test_a_deleted_file_stays_readable(tmp_path: Path, pool: Executor, content: bytes) -> None:
    opened = reader(tmp_path, pool)
    (tmp_path / "file").unlink()
    (view,) = await opened.read(table((int(Source.FILE), 0, 300_000)), 0, 1, SILENCE)
    assert bytes(view) == content


@pytest.mark.usefixtures("content")
async def test_a_file_that_became_shorter_is_an_error_of_this_machine(tmp_path: Path, pool: Executor) -> None:
    opened = reader(tmp_path, pool)
    os.truncate(tmp_path / "file", 1000)
    with pytest.raises(StorageError, match="shorter"):
        await opened.read(table((int(Source.FILE), 900, 200)), 0, 1, SILENCE)


@pytest.mark.usefixtures("content")
def test_a_missing_sidecar_is_an_error_that_names_it_and_leaks_nothing(tmp_path: Path, pool: Executor) -> None:
    before = open_files()
    with pytest.raises(StorageError, match="no-such-sidecar"):
        reader(tmp_path, pool, str(tmp_path / "no-such-sidecar"))
    assert open_files() == before


@pytest.mark.usefixtures("content")
async def test_closing_during_a_slow_read_leaves_its_descriptor_to_the_thread(
    tmp_path: Path, pool: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number that is closed and used anew must never be read by a thread that is late."""
    monkeypatch.setattr(frames, "_NOWAIT", 0)
    opened = reader(tmp_path, pool)
    gate = asyncio.Event()
    loop = asyncio.get_running_loop()
    blockers = [loop.run_in_executor(pool, asyncio.run_coroutine_threadsafe(gate.wait(), loop).result) for _ in "12"]
    before = open_files()
    reading = asyncio.ensure_future(opened.read(table((int(Source.FILE), 0, 10)), 0, 1, SILENCE))
    await asyncio.sleep(0)
    opened.close()
    assert open_files() == before, "the waiting read keeps it open"
    gate.set()
    (view,) = await reading
    assert len(view) == 10
    await asyncio.gather(*blockers)


async def test_bytes_at_hand_are_read_in_the_same_way() -> None:
    data = secrets.token_bytes(1000)
    rows = table(
        (int(Source.SIDECAR), 0, 10), (int(Row.AUDIO) | int(Source.SILENCE), 0, 7), (int(Source.SIDECAR), 10, 990)
    )
    memory = MemoryReader(data)
    assert [bytes(each) for each in await memory.read(rows, 0, 3, SILENCE)] == [data[:10], b"silence", data[10:]]
    assert [bytes(each) for each in await memory.read(rows, 2, 3, SILENCE)] == [data[10:]]
    assert await memory.read(rows, 1, 1, SILENCE) == []
    memory.close()
    memory.close()
