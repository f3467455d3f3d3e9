"""The ledger over a real journal: what becomes known, and when."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from ftp_stream.errors import StorageError
from ftp_stream.ledger import Ledger
from ftp_stream.model import Cursor, FileFact, FileId, OrderKey
from ftp_stream.shell.journal import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NOW = 1_767_225_600.0
STREAM = "gate/one"


def file(number: int) -> FileFact:
    return FileFact(f"{number}.mp4", FileId(1, number, 100, int(NOW * 1e9)))


def cursor(number: int, gop: int = 0, *, complete: bool = False) -> Cursor:
    return Cursor(OrderKey(NOW + number, ()), f"{number}.mp4", file(number).id, gop, complete)


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Ledger]:
    ledger = Ledger(Journal(path / "journal.db"), lambda: NOW)
    await ledger.open("gate", [STREAM])
    await ledger.meet("gate", "/inbox", [])
    try:
        yield ledger
    finally:
        await ledger.close()


async def test_before_the_first_segment_there_is_no_cursor(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        assert ledger.cursor(STREAM) is None


async def test_a_cursor_is_known_at_once_and_on_disk_after_a_commit(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        ledger.advance(STREAM, cursor(1, 3))
        assert ledger.cursor(STREAM) == cursor(1, 3)
        await ledger.commit()
        assert rows(tmp_path, "SELECT count(*) FROM cursor") == [(1,)]
    async with opened(tmp_path) as again:
        assert again.cursor(STREAM) == cursor(1, 3)


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    database = sqlite3.connect(path / "journal.db")
    try:
        return list(database.execute(query))
    finally:
        database.close()


async def test_a_delivery_is_seen_only_once_it_is_on_disk(tmp_path: Path) -> None:
    """Until then the stream still has the file, so that nothing can take it for late."""
    async with opened(tmp_path) as ledger:
        ledger.advance(STREAM, cursor(1, 4, complete=True))
        assert ledger.state("gate").delivered.get(STREAM, frozenset()) == frozenset()
        assert ledger.unsaved(STREAM) == {file(1).id}
        await ledger.commit()
        assert ledger.state("gate").delivered[STREAM] == {file(1).id}
        assert ledger.unsaved(STREAM) == frozenset()


@pytest.mark.parametrize("count", [1, 2, 5])
async def test_segments_that_end_between_two_commits_are_all_delivered(tmp_path: Path, count: int) -> None:
    expected = {file(number).id for number in range(count)}
    async with opened(tmp_path) as ledger:
        for number in range(count):
            ledger.advance(STREAM, cursor(number, 4, complete=True))
            ledger.advance(STREAM, cursor(number + 1, 1))
        await ledger.commit()
        assert ledger.state("gate").delivered[STREAM] == expected
    async with opened(tmp_path) as again:
        assert again.state("gate").delivered[STREAM] == expected
        assert again.cursor(STREAM) == cursor(count, 1)


async def test_a_commit_that_fails_loses_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        blocker = sqlite3.connect(tmp_path / "journal.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        ledger.advance(STREAM, cursor(1, 4, complete=True))
        failing = asyncio.create_task(ledger.commit())
        try:
            with pytest.raises(StorageError):
                await failing
        finally:
            blocker.execute("ROLLBACK")
            blocker.close()
        assert ledger.unsaved(STREAM) == {file(1).id}
        await ledger.commit()
        assert ledger.state("gate").delivered[STREAM] == {file(1).id}


async def test_it_writes_by_itself_soon_after_a_segment_has_ended(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        running = asyncio.create_task(ledger.run(lambda error: pytest.fail(str(error))))
        ledger.advance(STREAM, cursor(1, 4, complete=True))
        async with asyncio.timeout(5):
            while not ledger.state("gate").delivered.get(STREAM):  # noqa: ASYNC110 - it sets no event
                await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait({running})


async def test_closing_writes_what_is_left(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        ledger.advance(STREAM, cursor(7, 2))
    async with opened(tmp_path) as again:
        assert again.cursor(STREAM) == cursor(7, 2)


async def test_failures_are_counted_and_survive(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        assert await ledger.fail("gate", file(1), "no key frame") == 1
        assert await ledger.fail("gate", file(1), "no key frame") == 2
        assert ledger.state("gate").attempts[file(1).id].count == 2
    async with opened(tmp_path) as again:
        assert again.state("gate").attempts[file(1).id].reason == "no key frame"


async def test_a_clock_that_stepped_back_makes_the_cursor_forgotten(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        ledger.advance(STREAM, cursor(9, 1))
        await ledger.step_back("gate", [STREAM])
        assert ledger.cursor(STREAM) is None
    async with opened(tmp_path) as again:
        assert again.cursor(STREAM) is None


async def test_opening_again_with_another_stream_keeps_what_the_first_has_not_written_yet(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        ledger.advance(STREAM, cursor(3, 2))
        await ledger.open("gate", [STREAM, "gate/two"])
        assert ledger.cursor(STREAM) == cursor(3, 2)
        assert ledger.cursor("gate/two") is None


async def test_files_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        for number in (1, 2):
            ledger.advance(STREAM, cursor(number, 4, complete=True))
        await ledger.forget_files("gate", [file(2)])
        assert ledger.state("gate").delivered[STREAM] == {file(2).id}
        assert ledger.cursor(STREAM) == cursor(2, 4, complete=True)
