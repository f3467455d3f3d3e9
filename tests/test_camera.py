"""A camera's turns, where what happens meanwhile could make a decision wrong."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from tests.support.world import World, eventually, make_reel

from ftp_stream.camera import Camera
from ftp_stream.core.status import Board
from ftp_stream.ledger import Ledger
from ftp_stream.pictures import Pictures
from ftp_stream.report import CameraReport
from ftp_stream.shell.journal import Journal
from ftp_stream.shell.preparer import Preparer
from ftp_stream.shell.spool import Spool
from ftp_stream.shell.watcher import Watcher
from ftp_stream.supply import Supply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from tests.support.world import Reel

    from ftp_stream.model import FileFact

STREAM = "gate/one"


@pytest.fixture(scope="module")
def reel(tmp_path_factory: pytest.TempPathFactory) -> Reel:
    return make_reel(tmp_path_factory.mktemp("reel") / "files", 5, seconds=1.0)


@pytest.fixture
def world(tmp_path: Path, reel: Reel) -> World:
    made = World(tmp_path, {"one": "rtmp://127.0.0.1:1/live/nobody"})
    made.upload(*reel.files)
    return made


class Interrupted(Camera):
    """A camera with something that happens once, between a decision and its offers."""

    meanwhile: Callable[[], None] | None = None

    def _forget_segments(self, files: Sequence[FileFact]) -> None:
        super()._forget_segments(files)
        happening, self.meanwhile = self.meanwhile, None
        if happening:
            happening()


@asynccontextmanager
async def at_work(world: World) -> AsyncIterator[tuple[Interrupted, Supply]]:
    """A camera that takes turns, with one stream that nobody plays."""
    settings = world.settings().cameras[0]
    ledger = Ledger(Journal(world.state / "journal.db"), time.time)
    spool = Spool(world.inbox)
    report = CameraReport("gate", Board("", 0, time.time()), time.time)
    with ThreadPoolExecutor(4) as pool, Watcher(lambda _words: None) as watcher:
        async with Preparer(world.state) as preparer:
            camera = Interrupted(
                settings,
                spool=spool,
                watcher=watcher,
                ledger=ledger,
                preparer=preparer,
                pool=pool,
                scratch=memoryview(bytearray(1 << 16)),
                wall=time.time,
                report=report,
                pictures=Pictures(world.state, pool, memoryview(b"")),
            )
            supply = camera.supplies[STREAM] = Supply(STREAM, ledger.advance, camera.wake)
            await ledger.open("gate", [STREAM])
            task = asyncio.create_task(camera.run())
            try:
                yield camera, supply
            finally:
                task.cancel()
                await asyncio.wait({task})
                supply.let_go()
                supply.drop_held()
                await ledger.close()
                spool.close()


async def asked(supply: Supply) -> str:
    """Ask for the next segment and return the path of what is given."""
    had = len(supply.hands)
    supply.ask()
    await eventually(lambda: len(supply.hands) > had)
    return supply.hands[-1].segment.path


async def test_a_stream_is_given_one_segment_after_the_other(world: World, reel: Reel) -> None:
    async with at_work(world) as (_camera, supply):
        assert [await asked(supply) for _ in range(3)] == [path.name for path in reel.files[:3]]


async def test_a_stream_that_begins_anew_in_the_middle_of_a_turn_misses_no_segment(world: World, reel: Reel) -> None:
    """The turn had decided what follows the segments that the stream has now let go of, unconfirmed."""
    async with at_work(world) as (camera, supply):
        await asked(supply)
        await asked(supply)

        def begin_anew() -> None:
            supply.let_go()
            supply.ask()

        camera.meanwhile = begin_anew
        supply.ask()
        await eventually(lambda: camera.meanwhile is None)
        await eventually(lambda: supply.hands)
        assert supply.hands[0].segment.path == reel.files[0].name
