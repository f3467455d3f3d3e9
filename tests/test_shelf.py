"""What is prepared of a camera's files, in which forms: a real pool, real files, a real journal."""

from __future__ import annotations

import asyncio
import os
import sys
import textwrap
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from tests.support.files import Clip, make
from tests.support.world import eventually

from ftp_stream.core.aac import DEFAULT_AUDIO
from ftp_stream.core.status import Board
from ftp_stream.ledger import Ledger
from ftp_stream.model import FileFact, FileId, Form, VideoCodec
from ftp_stream.report import CameraReport
from ftp_stream.shelf import Shelf
from ftp_stream.shell.journal import Journal
from ftp_stream.shell.preparer import Preparer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from ftp_stream.model import Attempts

CLIP = Clip(seconds=0.4)
ALAW = Clip(seconds=0.4, audio="pcm_alaw", sample_rate=8_000)  # its sound is encoded, and stands aside
HEVC = Clip(seconds=0.4, video="libx265", audio="")
COPY = Form(other_audio=DEFAULT_AUDIO)
ONLY_AVC = Form(copied=frozenset({VideoCodec.AVC}), other_audio=DEFAULT_AUDIO)  # other pictures are refused
AVC_OR_AV1 = Form(copied=frozenset({VideoCodec.AVC, VideoCodec.AV1}), other_audio=DEFAULT_AUDIO)
ENCODED = Form(copied=frozenset({VideoCodec.AVC}), encoded=True, other_audio=DEFAULT_AUDIO)
HANGS = """
import socket, time
from ftp_stream.core.inspection import encode_ready
parent = socket.socket(fileno=0)
for buffer in encode_ready([]):
    parent.sendall(buffer)
while socket.recv_fds(parent, 1 << 16, 2)[1]:
    time.sleep(600)
"""


@dataclass(slots=True)
class Stocked:
    """A shelf, and what was told of it."""

    root: Path
    ledger: Ledger
    shelf: Shelf = field(init=False)
    told: list[bool] = field(default_factory=list)
    then: Callable[[], None] = lambda: None

    def tell(self, needed: bool) -> None:  # noqa: FBT001 - as the shelf calls it
        self.told.append(needed)
        self.then()

    @property
    def attempts(self) -> list[Attempts]:
        return list(self.ledger.state("gate").attempts.values())

    @property
    def sidecars(self) -> list[str]:
        return os.listdir(self.root.parent / "state" / "sidecars")  # noqa: PTH208 - their names will do

    async def after(self, count: int) -> None:
        """Wait until so many files were prepared or refused."""
        await eventually(lambda: len(self.told) >= count)
        assert len(self.told) == count


@asynccontextmanager
async def stocked(tmp_path: Path, **options: object) -> AsyncIterator[Stocked]:
    (tmp_path / "inbox").mkdir()
    ledger = Ledger(Journal(tmp_path / "state" / "journal.db"), time.time)
    await ledger.open("gate", ["gate/one", "gate/two"])
    async with Preparer(tmp_path / "state", **options) as preparer:
        made = Stocked(tmp_path / "inbox", ledger)
        report = CameraReport("gate", Board("", 0, 0.0), time.time)
        made.shelf = Shelf("gate", root=made.root, preparer=preparer, ledger=ledger, report=report, told=made.tell)
        try:
            yield made
        finally:
            made.shelf.close()
            await ledger.close()


def put(stock: Stocked, name: str, clip: Clip = CLIP) -> FileFact:
    return fact(make(stock.root / name, clip))


def fact(path: Path) -> FileFact:
    status = path.stat()
    return FileFact(path.name, FileId(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


# --- forms ------------------------------------------------------------------------------------------------------------


async def test_a_file_is_prepared_once_for_all_that_need_the_same_of_it(tmp_path: Path) -> None:
    async with stocked(tmp_path) as stock:
        file = put(stock, "10-31.mp4")
        stock.shelf.want(file, [COPY], newest=False)
        stock.shelf.want(file, [COPY], newest=False)
        await stock.after(1)
        stock.shelf.want(file, [COPY, ONLY_AVC, ENCODED], newest=False)
        segments = {id(stock.shelf.get(file.id, form)) for form in (COPY, ONLY_AVC, ENCODED, None)}
        assert len(segments) == 1
        assert stock.shelf.get(file.id, COPY)
        assert (set(stock.shelf.files), stock.shelf.proven) == ({file.id}, {file.id})
        await asyncio.sleep(0)
        assert len(stock.told) == 1


async def test_a_file_that_one_destination_cannot_have_is_ready_for_the_other_and_costs_no_attempt(
    tmp_path: Path,
) -> None:
    """The one passes it, and says why; the other plays it."""
    async with stocked(tmp_path) as stock:
        file = put(stock, "10-31.mp4", HEVC)
        stock.shelf.want(file, [COPY, ONLY_AVC], newest=False)
        await stock.after(2)
        assert stock.shelf.refused(file.id, ONLY_AVC)
        assert stock.shelf.refused(file.id, COPY) == ""
        assert stock.shelf.get(file.id, ONLY_AVC) is None
        assert stock.shelf.get(file.id, COPY) is stock.shelf.get(file.id, None) is not None
        stock.shelf.want(file, [COPY, ONLY_AVC], newest=False)
        await asyncio.sleep(0)
        assert (stock.attempts, len(stock.told)) == ([], 2)


async def test_a_file_that_no_destination_can_have_costs_one_attempt(tmp_path: Path) -> None:
    """However many forms it was tried in; the plan says when it is tried again, as a whole."""
    async with stocked(tmp_path) as stock:
        file = put(stock, "10-31.mp4", HEVC)
        stock.shelf.want(file, [AVC_OR_AV1, ONLY_AVC], newest=False)
        await stock.after(2)
        [attempts] = stock.attempts
        assert attempts.count == 1
        assert "hevc" in attempts.reason.casefold()
        assert {stock.shelf.refused(file.id, form) for form in (AVC_OR_AV1, ONLY_AVC)} == {""}
        stock.shelf.want(file, [AVC_OR_AV1, ONLY_AVC], newest=False)
        await stock.after(4)
        assert [each.count for each in stock.attempts] == [2]


async def test_a_file_that_is_no_video_is_the_same_failure_in_every_form(tmp_path: Path) -> None:
    async with stocked(tmp_path) as stock:
        (stock.root / "10-31.mp4").write_text("no video at all")
        stock.shelf.want(fact(stock.root / "10-31.mp4"), [COPY, ONLY_AVC, ENCODED], newest=False)
        await stock.after(3)
        assert [each.count for each in stock.attempts] == [1]
        assert any(stock.told), "a decision depends on it"


async def test_pictures_that_one_destination_needs_encoded_are_there_twice(tmp_path: Path) -> None:
    """Each stream has its own form of it."""
    async with stocked(tmp_path) as stock:
        file = put(stock, "10-31.mp4", HEVC)
        stock.shelf.want(file, [COPY, ENCODED], newest=False)
        await stock.after(2)
        copied, encoded = stock.shelf.get(file.id, COPY), stock.shelf.get(file.id, ENCODED)
        assert copied
        assert encoded
        assert (copied.video.codec, encoded.video.codec) == (VideoCodec.HEVC, VideoCodec.AVC)
        assert copied.digest == encoded.digest


async def test_when_the_form_that_might_have_done_is_not_wanted_any_more_the_file_is_tried_as_a_whole(
    tmp_path: Path,
) -> None:
    """Else its stream would wait for it for ever: a destination was taken out while its form was in the making."""
    async with stocked(tmp_path) as stock:
        file = put(stock, "10-31.mp4", HEVC)
        stock.then = lambda: stock.shelf.keep(())
        stock.shelf.want(file, [ONLY_AVC, ENCODED], newest=False)
        await stock.after(1)
        assert stock.shelf.refused(file.id, ONLY_AVC)
        assert (stock.shelf.get(file.id, None), stock.attempts) == (None, [])
        stock.shelf.want(file, [ONLY_AVC], newest=False)
        await stock.after(2)
        assert [each.count for each in stock.attempts] == [1]


# --- the newest -------------------------------------------------------------------------------------------------------


async def test_a_newest_file_that_is_not_whole_yet_costs_no_attempt_and_is_not_tried_again_as_it_stands(
    tmp_path: Path,
) -> None:
    async with stocked(tmp_path) as stock:
        path = make(stock.root / "10-31.mp4", CLIP)
        content = path.read_bytes()
        path.write_bytes(content[:-100])
        stock.shelf.want(fact(path), [COPY], newest=True)
        await stock.after(1)
        stock.shelf.want(fact(path), [COPY], newest=True)
        await asyncio.sleep(0)
        assert (stock.attempts, stock.told, stock.shelf.proven) == ([], [True], frozenset())
        path.write_bytes(content)
        stock.shelf.want(fact(path), [COPY], newest=True)
        await stock.after(2)
        assert stock.shelf.proven == {fact(path).id}


async def test_once_it_is_the_newest_no_more_it_is_judged(tmp_path: Path) -> None:
    async with stocked(tmp_path) as stock:
        path = make(stock.root / "10-31.mp4", CLIP)
        path.write_bytes(path.read_bytes()[:-100])
        stock.shelf.want(fact(path), [COPY], newest=True)
        await stock.after(1)
        stock.shelf.want(fact(path), [COPY], newest=False)
        await stock.after(2)
        assert [each.count for each in stock.attempts] == [1]


# --- what is not wanted any more --------------------------------------------------------------------------------------


async def test_what_nobody_wants_any_more_is_broken_off_and_what_is_wanted_is_not(tmp_path: Path) -> None:
    script = tmp_path / "hangs.py"
    script.write_text(textwrap.dedent(HANGS))
    async with stocked(tmp_path, command=[sys.executable, "-I", str(script)]) as stock:
        files = [put(stock, name) for name in ("10-31.mp4", "10-32.mp4")]
        for file in files:
            stock.shelf.want(file, [COPY], newest=False)
        await eventually(lambda: len(stock.sidecars) == 2)
        stock.shelf.keep([files[1].id])
        await eventually(lambda: len(stock.sidecars) == 1)
        assert (stock.told, stock.attempts) == ([], []), "it is no fault of the file"
        stock.shelf.want(files[0], [COPY], newest=False)
        await eventually(lambda: len(stock.sidecars) == 2)


async def test_what_is_prepared_of_a_file_that_is_gone_is_dropped_with_what_stands_aside(tmp_path: Path) -> None:
    async with stocked(tmp_path) as stock:
        gone, stays = (put(stock, name) for name in ("10-31.ts", "10-32.ts"))
        for file in (gone, stays):
            stock.shelf.want(file, [COPY], newest=False)
        await stock.after(2)
        assert len(stock.sidecars) == 2
        stock.shelf.forget({stays.id})
        await eventually(lambda: len(stock.sidecars) == 1)
        assert (stock.shelf.get(gone.id, None), set(stock.shelf.files)) == (None, {stays.id})
        assert stock.shelf.get(stays.id, COPY)


async def test_of_what_is_far_off_only_is_kept_that_it_can_be_played(tmp_path: Path) -> None:
    """What stands aside of it is dropped; its earlier failures count no more, and it is proven whole once for all."""
    async with stocked(tmp_path) as stock:
        far, near = (put(stock, name, ALAW) for name in ("10-31.mov", "10-32.mov"))
        for file in (far, near):
            stock.shelf.want(file, [COPY], newest=True)
        await stock.after(2)
        stock.shelf.keep({near.id})
        await eventually(lambda: len(stock.sidecars) == 1)
        assert (stock.shelf.get(far.id, None), set(stock.shelf.files)) == (None, {far.id, near.id})
        assert stock.shelf.proven == {far.id, near.id}
        stock.shelf.want(far, [COPY], newest=False)
        await stock.after(3)
        assert stock.shelf.get(far.id, COPY)
        stock.shelf.forget({near.id})
        assert set(stock.shelf.files) == stock.shelf.proven == {near.id}


async def test_a_destination_that_cannot_have_a_file_passes_it_also_when_it_comes_long_after_the_other(
    tmp_path: Path,
) -> None:
    async with stocked(tmp_path) as stock:
        file = put(stock, "10-31.mp4", HEVC)
        stock.shelf.want(file, [COPY], newest=False)
        await stock.after(1)
        stock.shelf.keep(())
        stock.shelf.want(file, [ONLY_AVC], newest=False)
        await stock.after(2)
        assert stock.told[-1], "its camera must decide again"
        stock.shelf.want(file, [ONLY_AVC], newest=False)
        await stock.after(3)
        assert stock.shelf.refused(file.id, ONLY_AVC)
        assert stock.shelf.get(file.id, None)
        assert stock.attempts == []


async def test_what_could_be_prepared_once_and_cannot_again_counts_as_failed(tmp_path: Path) -> None:
    async with stocked(tmp_path) as stock:
        file = put(stock, "10-31.mp4")
        stock.shelf.want(file, [COPY], newest=False)
        await stock.after(1)
        stock.shelf.keep(())
        (stock.root / file.path).unlink()
        stock.shelf.want(file, [COPY], newest=False)
        await stock.after(2)
        assert [each.count for each in stock.attempts] == [1]
        assert not stock.shelf.files


async def test_what_was_refused_of_a_file_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    async with stocked(tmp_path) as stock:
        file = put(stock, "10-31.mp4", HEVC)
        stock.shelf.want(file, [COPY, ONLY_AVC], newest=False)
        await stock.after(2)
        stock.shelf.forget(())
        assert (stock.shelf.refused(file.id, ONLY_AVC), len(stock.shelf.files)) == ("", 0)


async def test_an_empty_shelf_leaves_nothing_behind(tmp_path: Path) -> None:
    async with stocked(tmp_path) as stock:
        files = [put(stock, name) for name in ("10-31.ts", "10-32.ts")]
        stock.shelf.want(files[0], [COPY], newest=False)
        await stock.after(1)
        stock.shelf.want(files[1], [COPY], newest=False)
        await asyncio.sleep(0)
        stock.shelf.close()
        await eventually(lambda: not stock.sidecars)
        assert (len(stock.shelf.files), stock.attempts) == (0, [])


@pytest.mark.parametrize("form", [COPY, ONLY_AVC, None])
async def test_of_what_was_never_wanted_there_is_nothing(tmp_path: Path, form: Form | None) -> None:
    async with stocked(tmp_path) as stock:
        file = put(stock, "10-31.mp4")
        assert stock.shelf.get(file.id, form) is None
        assert stock.shelf.refused(file.id, form or COPY) == ""
        stock.shelf.forget(())
        stock.shelf.keep(())
