"""The ledger over a real journal: what becomes known, and when."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import pytest

from ftp_stream.errors import StorageError
from ftp_stream.ledger import Ledger
from ftp_stream.model import Cursor, FileFact, FileId, Footage, OrderKey, Skip
from ftp_stream.shell.journal import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
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


# --- what is left out, what was played, what repeats it ---------------------------------------------------------------


def skip(number: int, first: int = 0, last: int = 2) -> Skip:
    return Skip(f"{number}.mp4", first, last, 2.0 * (last - first), "it lay too far behind")


def footage(number: int) -> Footage:
    begins = NOW + 60 * number
    return Footage(bytes([number]) * 16, f"{number}.mp4", file(number).id, begins, begins + 60, named=True)


SKIPS = "SELECT stream, path, from_gop, to_gop FROM skip ORDER BY id"
CURSORS = "SELECT path, gop FROM cursor"


def skips_of(*numbers: int) -> list[tuple[object, ...]]:
    return [(STREAM, f"{number}.mp4".encode(), 0, 2) for number in numbers]


@contextmanager
def held_up(path: Path) -> Iterator[None]:
    """Another process holds the journal."""
    blocker = sqlite3.connect(path / "journal.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        blocker.execute("ROLLBACK")
        blocker.close()


@contextmanager
def failing(path: Path, table: str) -> Iterator[None]:
    """Whatever writes to a table fails."""
    database = sqlite3.connect(path / "journal.db", isolation_level=None)
    database.execute(f"CREATE TRIGGER broken BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'disk'); END")
    try:
        yield
    finally:
        database.execute("DROP TRIGGER broken")
        database.close()


async def test_skips_and_footage_reach_the_disk_with_the_next_commit(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        ledger.skip(STREAM, skip(1))
        ledger.skip(STREAM, skip(2))
        ledger.play(STREAM, footage(1))
        assert rows(tmp_path, SKIPS) == []
        assert ledger.footage(STREAM) == {footage(1).digest: footage(1)}
        await ledger.commit()
        await ledger.commit()
        assert rows(tmp_path, SKIPS) == skips_of(1, 2)
    async with opened(tmp_path) as again:
        assert again.footage(STREAM) == {footage(1).digest: footage(1)}


async def test_what_was_played_first_with_a_content_is_what_is_known(tmp_path: Path) -> None:
    again = Footage(footage(1).digest, "copy.mp4", file(9).id, NOW, NOW + 60, named=False)
    async with opened(tmp_path) as ledger:
        ledger.play(STREAM, footage(1))
        ledger.play(STREAM, again)
        assert ledger.footage(STREAM)[again.digest] == footage(1)
    async with opened(tmp_path) as after:
        after.play(STREAM, again)
        assert after.footage(STREAM)[again.digest] == footage(1)


async def test_a_skip_is_on_the_disk_before_the_cursor_that_passes_it(tmp_path: Path) -> None:
    """A crash between the two tells of what was left out, and has the cursor before it."""
    async with opened(tmp_path) as ledger:
        ledger.skip(STREAM, skip(1))
        ledger.advance(STREAM, cursor(1, 2))
        with failing(tmp_path, "cursor"), pytest.raises(StorageError):
            await ledger.commit()
        assert (rows(tmp_path, SKIPS), rows(tmp_path, CURSORS)) == (skips_of(1), [])
        await ledger.commit()
        assert (rows(tmp_path, SKIPS), rows(tmp_path, CURSORS)) == (skips_of(1), [(b"1.mp4", 2)])


async def test_where_a_skip_cannot_be_written_no_cursor_passes_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        ledger.skip(STREAM, skip(1))
        ledger.play(STREAM, footage(1))
        ledger.advance(STREAM, cursor(1, 4, complete=True))
        with failing(tmp_path, "skip"), pytest.raises(StorageError):
            await ledger.commit()
        assert (rows(tmp_path, SKIPS), rows(tmp_path, CURSORS)) == ([], [])
        assert ledger.unsaved(STREAM) == {file(1).id}
        ledger.skip(STREAM, skip(2))
        await ledger.commit()
        assert rows(tmp_path, SKIPS) == skips_of(1, 2)
        assert rows(tmp_path, "SELECT path FROM footage") == [(b"1.mp4",)]
        assert ledger.state("gate").delivered[STREAM] == {file(1).id}


async def test_no_commit_overtakes_another(tmp_path: Path) -> None:
    """Else the older one would put its cursor over the newer one's, and a crash would send again what is confirmed."""
    async with opened(tmp_path) as ledger:
        with held_up(tmp_path):
            ledger.skip(STREAM, skip(1))
            ledger.advance(STREAM, cursor(1, 2))
            first = asyncio.create_task(ledger.commit())
            await asyncio.sleep(0)
            ledger.advance(STREAM, cursor(1, 3))
            second = asyncio.create_task(ledger.commit())
            await asyncio.sleep(0)
        await asyncio.gather(first, second)
        assert rows(tmp_path, CURSORS) == [(b"1.mp4", 3)]


async def test_reading_again_keeps_what_is_not_written_yet(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        ledger.play(STREAM, footage(1))
        with held_up(tmp_path):
            tidying = asyncio.create_task(ledger.forget_files("gate", [file(1), file(2)]))
            await asyncio.sleep(0)
            ledger.play(STREAM, footage(2))
            ledger.advance(STREAM, cursor(2, 1))
            writing = asyncio.create_task(ledger.commit())
            await asyncio.sleep(0)
        await asyncio.gather(tidying, writing)
        assert set(ledger.footage(STREAM)) == {footage(1).digest, footage(2).digest}
        assert ledger.cursor(STREAM) == cursor(2, 1)
        await ledger.commit()
        assert rows(tmp_path, "SELECT path FROM footage ORDER BY path") == [(b"1.mp4",), (b"2.mp4",)]


async def test_opening_again_keeps_footage_that_is_not_written_yet(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        ledger.play(STREAM, footage(1))
        await ledger.open("gate", [STREAM, "gate/two"])
        assert ledger.footage(STREAM) == {footage(1).digest: footage(1)}


async def test_footage_of_one_camera_says_nothing_of_another(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.open("yard", ["yard/one"])
        ledger.play(STREAM, footage(1))
        assert ledger.footage("yard/one") == {}
        await ledger.open("yard", ["yard/one"])
        assert ledger.footage("yard/one") == {}


async def test_why_nothing_of_a_file_is_played_is_known_at_once_and_survives(tmp_path: Path) -> None:
    async with opened(tmp_path) as ledger:
        await ledger.repeat("gate", file(2), "its content is that of 1.mp4, which was played")
        assert ledger.state("gate").repeated == {file(2).id: "its content is that of 1.mp4, which was played"}
        await ledger.forget_files("gate", [file(2)])
        assert set(ledger.state("gate").repeated) == {file(2).id}
    async with opened(tmp_path) as again:
        assert set(again.state("gate").repeated) == {file(2).id}
        await again.forget_files("gate", [file(3)])
        assert again.state("gate").repeated == {}


async def test_where_a_recording_ended_is_kept_with_the_cursor(tmp_path: Path) -> None:
    ended = Cursor(OrderKey(NOW, ()), "1.mp4", file(1).id, 4, complete=True, ends_at=NOW + 60.5)
    async with opened(tmp_path) as ledger:
        ledger.advance(STREAM, ended)
    async with opened(tmp_path) as again:
        assert again.cursor(STREAM) == ended
