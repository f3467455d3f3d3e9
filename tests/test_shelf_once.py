"""What is prepared of a file is prepared once, also where a session fixes more of it meanwhile."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from tests.support.files import Clip, make
from tests.support.world import eventually

from ftp_stream.core.aac import DEFAULT_AUDIO
from ftp_stream.core.status import Board
from ftp_stream.ledger import Ledger
from ftp_stream.model import FileFact, FileId, Form
from ftp_stream.report import CameraReport
from ftp_stream.shelf import Shelf
from ftp_stream.shell.journal import Journal
from ftp_stream.shell.preparer import Preparer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from ftp_stream.model import PreparedSegment

OPEN = Form(other_audio=DEFAULT_AUDIO)
FIXED = replace(OPEN, audio=DEFAULT_AUDIO)
ALAW = Clip(seconds=0.4, audio="pcm_alaw", sample_rate=8_000)
AAC = Clip(seconds=0.4)  # of one channel: not what is fixed


class Counting(Preparer):
    """A pool that keeps what it was asked for."""

    asked: tuple[Form, ...] = ()

    async def prepare(self, root: Path, file: FileFact, form: Form = OPEN) -> PreparedSegment:
        self.asked = (*self.asked, form)
        return await super().prepare(root, file, form)


@asynccontextmanager
async def at_work(tmp_path: Path) -> AsyncIterator[tuple[Shelf, Counting, list[bool]]]:
    """A shelf, the pool behind it, and what it has told."""
    told: list[bool] = []
    ledger = Ledger(Journal(tmp_path / "journal.db"), time.time)
    report = CameraReport("gate", Board("", 0, time.time()), time.time)
    async with Counting(tmp_path / "state") as preparer:
        shelf = Shelf("gate", root=tmp_path, preparer=preparer, ledger=ledger, report=report, told=told.append)
        await ledger.open("gate", [])
        try:
            yield shelf, preparer, told
        finally:
            shelf.close()
            await ledger.close()


def uploaded(path: Path, clip: Clip) -> FileFact:
    status = make(path, clip).stat()
    return FileFact(path.name, FileId(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


async def test_what_is_in_the_making_is_not_begun_again_for_a_session_that_it_will_suit(tmp_path: Path) -> None:
    file = uploaded(tmp_path / "a.mov", ALAW)
    async with at_work(tmp_path) as (shelf, preparer, told):
        shelf.want(file, [OPEN], newest=False)
        shelf.want(file, [FIXED], newest=False)
        await eventually(lambda: bool(told))
        assert shelf.get(file.id, FIXED) is not None
        assert (preparer.asked, told) == ((OPEN,), [False])


async def test_what_turned_out_not_to_suit_is_prepared_again(tmp_path: Path) -> None:
    file = uploaded(tmp_path / "a.mp4", AAC)
    async with at_work(tmp_path) as (shelf, preparer, told):
        shelf.want(file, [OPEN], newest=False)
        shelf.want(file, [FIXED], newest=False)
        await eventually(lambda: bool(told))
        assert told == [True], "its camera must decide again, to want it anew"
        assert shelf.get(file.id, FIXED) is None
        shelf.want(file, [FIXED], newest=False)
        await eventually(lambda: shelf.get(file.id, FIXED) is not None)
        assert preparer.asked == (OPEN, FIXED)


@pytest.mark.parametrize("forms", [(OPEN, OPEN), (FIXED, FIXED)])
async def test_the_same_is_asked_for_once(tmp_path: Path, forms: tuple[Form, Form]) -> None:
    file = uploaded(tmp_path / "a.mp4", AAC)
    async with at_work(tmp_path) as (shelf, preparer, told):
        for form in forms:
            shelf.want(file, [form], newest=False)
        await eventually(lambda: bool(told))
        assert preparer.asked == forms[:1]
